package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// maxPage bounds what a probe reads of whatever answers.
const maxPage = 64 << 10

// Probe is what a look at the way to a collector found. What could not be reached is zero.
type Probe struct {
	Remote      string               // the address that took the connection: the collector's or the proxy's
	TLS         *tls.ConnectionState // nil when there was no handshake
	Status      int
	ContentType string
	Page        []byte
	Date        time.Time // the answerer's clock, to the second
	SentAt      time.Time // ours, half way between request and answer
	Err         error
}

// ProbeCollector asks a collector whether it is there, with the identity of the state folder where it
// has one, and sends nothing of the machine. Without an identity there is no authority to
// trust, and so no server passes for the right one: the probe then ends with the handshake.
func ProbeCollector(ctx context.Context, proxy ProxyFunc, collector, stateDir string) (Probe, error) {
	base, err := collectorURL(collector)
	if err != nil {
		return Probe{}, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: base.Hostname(), RootCAs: x509.NewCertPool()}
	if _, err := LoadIdentity(stateDir); err == nil {
		if conf.RootCAs, err = readPool(filepath.Join(stateDir, caFile)); err != nil {
			return Probe{}, err
		}
	} else if inventory.CodeOf(err) != inventory.CodeNotFound {
		return Probe{}, err
	}
	c := newCaller(base.String(), conf, proxy, new(atomic.Int64))
	defer c.close()
	ctx, cancel := context.WithTimeout(ctx, callTimeout/2)
	defer cancel()
	var p Probe
	var mu sync.Mutex // connections are tried side by side
	remote, shaken := "", (*tls.ConnectionState)(nil)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, address string, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil && remote == "" {
				remote = address
			}
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			if mu.Lock(); err == nil {
				shaken = &state
			}
			mu.Unlock()
		},
	})
	p.Err = p.get(ctx, c.http, base.String()+"/healthz")
	mu.Lock()
	defer mu.Unlock()
	p.Remote, p.TLS = remote, shaken
	return p, nil
}

func (p *Probe) get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	start := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // only read
	p.SentAt = start.Add(time.Since(start) / 2)
	p.Status, p.ContentType = res.StatusCode, res.Header.Get("Content-Type")
	p.Date, _ = http.ParseTime(res.Header.Get("Date")) // zero when there is none
	p.Page, err = io.ReadAll(io.LimitReader(res.Body, maxPage))
	return err
}
