package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"
	"google.golang.org/protobuf/proto"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// line is an agent's connection to its collector: the same TLS and HTTP/1.1 messages that an
// agent sends, written with as little work as can be, because the agents share the machine
// with the collector that is measured.
type line struct {
	address string
	from    net.Addr // of this machine's many, for one has only so many ports
	config  *tls.Config
	conn    *tls.Conn
	in      *bufio.Reader
}

// newLine takes the identity in a state folder.
func newLine(n int, stateDir, collector string, known *certificates) (*line, error) {
	u, err := url.Parse(collector)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(stateDir, "cert.pem"), filepath.Join(stateDir, "key.pem"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(stateDir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &line{address: u.Host, from: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}, config: &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: u.Hostname(), Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: true, // VerifyConnection does
		VerifyConnection:   func(s tls.ConnectionState) error { return known.verify(s, roots) },
	}}, nil
}

// certificates are those of collectors that were verified: what a thousand agents have to
// find out each, one process needs to only once.
type certificates struct{ good sync.Map }

func (c *certificates) verify(s tls.ConnectionState, roots *x509.CertPool) error {
	leaf := s.PeerCertificates[0]
	if _, ok := c.good.Load(string(leaf.Raw)); ok {
		return nil
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: s.ServerName})
	if err == nil {
		c.good.Store(string(leaf.Raw), true)
	}
	return err
}

// close ends the connection; the next report makes another.
func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// busyError is the collector's request to come later.
type busyError struct{ after time.Duration }

func (e *busyError) Error() string { return "the collector is busy" }

// request is a contact's HTTP/1.1 request.
func (l *line) request(req *musterv1.ReportRequest) ([]byte, error) {
	body, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	encoding := ""
	if len(body) > 1024 { // as agents do
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(body); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		body, encoding = packed.Bytes(), "Content-Encoding: gzip\r\n"
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/proto\r\nConnect-Protocol-Version: 1\r\n%sContent-Length: %d\r\n\r\n",
		musterv1connect.IngestServiceReportProcedure, l.address, encoding, len(body))
	return slices.Concat([]byte(head), body), nil
}

// report makes one contact.
func (l *line) report(ctx context.Context, request []byte) (*musterv1.ReportResponse, error) {
	if l.conn != nil {
		res, err := l.exchange(request)
		if err == nil || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			return res, err
		}
		l.close() // it was idle for too long: as an agent's HTTP client does, again on a new one
	}
	return l.fresh(ctx, request)
}

// fresh sends the request on a new connection.
func (l *line) fresh(ctx context.Context, request []byte) (*musterv1.ReportResponse, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Minute, LocalAddr: l.from}, Config: l.config}
	conn, err := dialer.DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, errors.Join(&busyError{}, err) // a queue that is full: the agent comes again
	}
	l.conn, _ = conn.(*tls.Conn) // a tls.Dialer makes nothing else
	l.in = bufio.NewReaderSize(conn, 2048)
	res, err := l.exchange(request)
	if err != nil {
		l.close()
	}
	return res, err
}

// exchange sends the request and reads its answer.
func (l *line) exchange(request []byte) (*musterv1.ReportResponse, error) {
	_ = l.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := l.conn.Write(request); err != nil {
		return nil, errors.Join(&busyError{}, err)
	}
	res, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return nil, errors.Join(&busyError{}, err)
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, errors.Join(&busyError{}, err)
	}
	switch {
	case res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusTooManyRequests:
		after, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return nil, &busyError{time.Duration(after) * time.Second}
	case res.StatusCode != http.StatusOK:
		return nil, inventory.Errorf(inventory.CodeInternal, "%s: %s", res.Status, answer)
	}
	out := &musterv1.ReportResponse{}
	return out, proto.Unmarshal(answer, out)
}
