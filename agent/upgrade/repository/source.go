package repository

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/internal/inventory"
)

// source opens the files of a repository; one that is not there is fs.ErrNotExist.
type source interface {
	open(ctx context.Context, name string) (io.ReadCloser, error)
}

func newSource(l release.Location) source {
	if l.URL == nil {
		return folder(l.Dir)
	}
	return &server{location: l, http: &http.Client{
		Transport: &http.Transport{
			// No proxy: what the environment of a service holds is seldom known to who set up the repository.
			DialContext:            (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    15 * time.Second,
			ResponseHeaderTimeout:  30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
		},
		// A folder of files has nowhere to send anybody.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type server struct {
	location release.Location
	http     *http.Client
}

func (s *server) open(ctx context.Context, name string) (io.ReadCloser, error) {
	at := s.location.URL.JoinPath(name)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", at, err)
	}
	req.Header.Set("User-Agent", "muster-agent-upgrade")
	res, err := s.http.Do(req)
	if err != nil {
		return nil, &inventory.Error{Code: inventory.CodeUnavailable, Message: "fetch " + name, Err: err}
	}
	switch {
	case res.StatusCode == http.StatusOK:
		return res.Body, nil
	case res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusForbidden: // object stores say 403
		err = fs.ErrNotExist
	case res.StatusCode/100 == 3:
		err = fmt.Errorf("redirects are not followed, this one goes to %.200q", res.Header.Get("Location"))
	default:
		err = errors.New("the server says " + res.Status)
	}
	return nil, errors.Join(&inventory.Error{Code: inventory.CodeUnavailable, Message: "fetch " + at.String(), Err: err}, res.Body.Close())
}

// folder is a repository on disk or on a share. Names and links stay in it.
type folder string

func (f folder) open(_ context.Context, name string) (_ io.ReadCloser, err error) {
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return nil, &inventory.Error{Code: inventory.CodeUnavailable, Message: "open repository", Err: err}
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	info, err := root.Stat(filepath.FromSlash(name))
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	var file *os.File
	if err == nil {
		file, err = root.Open(filepath.FromSlash(name))
	}
	if err != nil {
		return nil, &inventory.Error{Code: inventory.CodeUnavailable, Message: "open " + name + " of the repository", Err: err}
	}
	return file, nil
}

// read takes a file of at most limit bytes.
func read(ctx context.Context, s source, name string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	r, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, &inventory.Error{Code: inventory.CodeUnavailable, Message: "read " + name, Err: err}
	}
	if int64(len(data)) > limit {
		return nil, inventory.Errorf(inventory.CodeTooLarge, "%s is larger than %d bytes", name, limit)
	}
	return data, nil
}
