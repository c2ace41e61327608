package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

const (
	// callTimeout bounds every call: a connection that is half open must not hold a source up.
	callTimeout = 60 * time.Second
	// maxAnswer bounds what a source reads of an answer.
	maxAnswer = 4 << 20
	// maxRetryAfter bounds how long a collector can silence a source.
	maxRetryAfter = 24 * time.Hour
)

// caller makes bounded calls to one collector.
type caller struct {
	http *http.Client
	rpc  *connect.Client
}

// ProxyFunc names the proxy of a request, nil for none, as in [http.Transport].
type ProxyFunc = func(*http.Request) (*url.URL, error)

// newCaller connects through what proxy says, nil being the proxy of the environment, as for
// other programs on the host. TLS goes through to the collector in any case. What the
// connections carry is added to traffic.
func newCaller(baseURL string, conf *tls.Config, proxy ProxyFunc, traffic *atomic.Int64) *caller {
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	c := &http.Client{
		Transport: &http.Transport{
			Proxy:                 proxy,
			DialContext:           counted(traffic),
			TLSClientConfig:       conf,
			Protocols:             http1(),
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: callTimeout,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   2,
		},
		// No route of the contract redirects; whoever does is not the collector.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &caller{http: c, rpc: connect.NewClient(connecthttp.NewTransport(c, baseURL,
		connecthttp.WithSendGzip(), connecthttp.WithCompressMinBytes(1024), connecthttp.WithReadMaxBytes(maxAnswer)))}
}

// http1 is HTTP/1.1 alone: a source makes one call at a time, mostly one a connection, for
// which HTTP/2 costs both sides more. Agents are built without it.
func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

func (c *caller) close() { c.http.CloseIdleConnections() }

// call runs one call under a deadline and gives its error a code and, where the collector
// asked for one, the time to wait.
func (c *caller) call(ctx context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ctx, info := connect.NewClientContext(ctx)
	err := fn(ctx)
	if err == nil {
		return nil
	}
	err = FromConnect(err)
	wait := parseRetryAfter(info.ResponseHeader().Get("Retry-After"), info.ResponseHeader().Get("Date"))
	status := 0
	if h, ok := info.TransportInfo.(*connecthttp.ClientInfo); ok {
		status = h.ResponseStatus()
	}
	switch {
	case wait > 0:
		return &retryError{err: &inventory.Error{Code: inventory.CodeUnavailable, Message: "the collector is busy", Err: err}, after: wait}
	case status == http.StatusRequestEntityTooLarge:
		return &inventory.Error{Code: inventory.CodeTooLarge, Message: "the collector refused the size", Err: err}
	}
	return err
}

// retryError is an error with the time after which the collector wants to hear again.
type retryError struct {
	err   error
	after time.Duration
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// RetryAfter is how long the collector asked to wait, 0 when it did not.
func RetryAfter(err error) time.Duration {
	var r *retryError
	if errors.As(err, &r) {
		return r.after
	}
	return 0
}

// parseRetryAfter reads the header (RFC 9110 §10.2.3): seconds or a date, which is compared
// with the answer's own Date because our clock may be wrong.
func parseRetryAfter(value, date string) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if until, err := http.ParseTime(value); err == nil {
		if now, err := http.ParseTime(date); err == nil {
			wait = until.Sub(now)
		}
	}
	return min(max(wait, 0), maxRetryAfter)
}

// Client is an enrolled source's connection to its collector. It is safe for concurrent use.
type Client struct {
	dir, version string
	proxy        ProxyFunc
	traffic      atomic.Int64
	session      atomic.Pointer[session]
}

// session is what one certificate gives: it is replaced as a whole by a renewal.
type session struct {
	id Identity
	*caller
}

// Open loads the identity of a state folder. It does not connect. Version is the program's,
// for the administrator to see. The proxy is that of the environment.
func Open(stateDir, version string) (*Client, error) { return OpenVia(nil, stateDir, version) }

// OpenVia is Open for who knows the proxy.
func OpenVia(proxy ProxyFunc, stateDir, version string) (*Client, error) {
	c := &Client{dir: stateDir, version: version, proxy: proxy}
	return c, c.load()
}

func (c *Client) load() error {
	id, err := LoadIdentity(c.dir)
	if err != nil {
		return err
	}
	if err := CheckState(c.dir); err != nil {
		return err
	}
	base, err := collectorURL(id.Collector)
	if err != nil {
		return err
	}
	pair, err := loadKeyPair(c.dir)
	if err != nil {
		return err
	}
	roots, err := readPool(filepath.Join(c.dir, caFile))
	if err != nil {
		return err
	}
	conf := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: base.Hostname(),
		RootCAs:    roots,
		// A report an hour is a connection each: one that goes on where the last one ended costs neither
		// side a signature. The collector looks at the certificate as always.
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
		// Always offered, also when expired: the collector takes that for a renewal.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
	}
	old := c.session.Swap(&session{id: id, caller: newCaller(base.String(), conf, c.proxy, &c.traffic)})
	if old != nil {
		old.close()
	}
	return nil
}

// Identity is who the client is.
func (c *Client) Identity() Identity { return c.session.Load().id }

// Traffic is how many bytes the client's connections have carried, both ways, with TLS and all.
func (c *Client) Traffic() int64 { return c.traffic.Load() }

// Close ends idle connections.
func (c *Client) Close() { c.session.Load().close() }

// Report delivers observations in order and returns once they are durable at the collector.
// Most callers want an [Outbox], which repeats what fails and leaves out what is known.
func (c *Client) Report(ctx context.Context, r Report) (Receipt, error) {
	req := &musterv1.ReportRequest{
		Observations:  make([]*musterv1.Observation, len(r.Observations)),
		Version:       c.version,
		Nonce:         r.Nonce,
		PreviousNonce: r.PreviousNonce,
		SentAt:        timestamppb.Now(),
	}
	for i, o := range r.Observations {
		req.Observations[i] = ToProto(o)
	}
	var res *musterv1.ReportResponse
	s := c.session.Load()
	err := s.call(ctx, func(ctx context.Context) (err error) {
		res, err = musterv1connect.NewIngestServiceClient(s.rpc).Report(ctx, req)
		return err
	})
	if err != nil {
		return Receipt{}, fmt.Errorf("report to %s: %w", s.id.Collector, err)
	}
	receipt, err := receiptFromProto(r.Observations, res)
	if err != nil {
		return Receipt{}, fmt.Errorf("report to %s: %w", s.id.Collector, err)
	}
	return receipt, nil
}
