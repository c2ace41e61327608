package collector_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a real collector on a port of its own, and its data directory opened a second time.
type rig struct {
	*collector.Base
	t     testing.TB
	clock *clock
	dir   string
	url   string
	log   *testkit.Log
	stop  func()
}

func start(t *testing.T) *rig {
	t.Helper()
	return startWith(t, t.TempDir(), &clock{now: time.Now()}, nil)
}

func startWith(t testing.TB, dir string, ck *clock, mount func(collector.Env) error) *rig {
	t.Helper()
	return startOn(t, "", dir, ck, mount)
}

// startOn starts a collector on a store; "" is a file in dir.
func startOn(t testing.TB, dsn, dir string, ck *clock, mount func(collector.Env) error) *rig {
	t.Helper()
	r := &rig{t: t, clock: ck, dir: dir, log: &testkit.Log{}}
	config := collector.DefaultConfig()
	config.Store, config.DataDir, config.Listen, config.MetricsListen = dsn, dir, "127.0.0.1:0", "off"
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- collector.Run(ctx, config, collector.Deps{
			Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Now: ck.Now, Ready: func(address string) { ready <- address }, Mount: mount,
		})
	}()
	select {
	case address := <-ready:
		r.url = "https://" + address
	case err := <-ended:
		t.Fatalf("the collector did not start: %v", err)
	}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the collector ended with: %v", err)
		}
	})
	t.Cleanup(r.stop)
	base, err := collector.Open(t.Context(), config, ck.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = base.Close() })
	r.Base = base
	return r
}

// client is an HTTPS client, with a certificate or without.
func (r *rig) client(certs ...tls.Certificate) *http.Client {
	tr := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{RootCAs: r.Authority.Pool(), Certificates: certs, Time: r.clock.Now, MinVersion: tls.VersionTLS12},
	}
	r.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (r *rig) rpc(c *http.Client) *connect.Client {
	return connect.NewClient(connecthttp.NewTransport(c, r.url))
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
}

// post sends a body to a path.
func (r *rig) post(c *http.Client, path, contentType string, body io.Reader, headers ...string) reply {
	r.t.Helper()
	return r.do(c, http.MethodPost, path, contentType, body, headers...)
}

func (r *rig) do(c *http.Client, method, path, contentType string, body io.Reader, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatalf("%s %s: read answer: %v", method, path, err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

// call sends a message to a procedure as bytes on the wire.
func (r *rig) call(c *http.Client, procedure string, message proto.Message) reply {
	r.t.Helper()
	body, err := proto.Marshal(message)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.post(c, procedure, "application/proto", bytes.NewReader(body))
}

// token makes an enrolment token as the command line does.
func (r *rig) token(site, class string, uses int, ttl time.Duration) string {
	r.t.Helper()
	text, token, err := r.Authority.NewToken(site, class, uses, ttl, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.Store.AddToken(r.t.Context(), token); err != nil {
		r.t.Fatal(err)
	}
	return text.Reveal()
}

// admin is the bootstrap administrator's token.
func (r *rig) admin() string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, collector.AdminTokenFile))
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func csrFor(t testing.TB, key any, template x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// source is an enrolled agent or scanner.
type source struct {
	id     string
	site   string
	cert   tls.Certificate
	client *http.Client
}

func (r *rig) enrol(kind inventory.SourceKind, site string) source {
	r.t.Helper()
	key := newKey(r.t)
	res, err := musterv1connect.NewEnrolmentServiceClient(r.rpc(r.client())).Enroll(r.t.Context(), &musterv1.EnrollRequest{
		Token: r.token(site, "", 1, time.Hour), Csr: csrFor(r.t, key, x509.CertificateRequest{}), Kind: string(kind), Hostname: "host",
	})
	if err != nil {
		r.t.Fatalf("enrol: %v", err)
	}
	return r.sourceOf(res, key)
}

func (r *rig) sourceOf(res *musterv1.EnrollResponse, key *ecdsa.PrivateKey) source {
	cert := tls.Certificate{Certificate: [][]byte{res.GetCertificate()}, PrivateKey: key}
	return source{id: res.GetId(), site: res.GetSite(), cert: cert, client: r.client(cert)}
}

func (r *rig) report(s source, req *musterv1.ReportRequest) (*musterv1.ReportResponse, error) {
	return musterv1connect.NewIngestServiceClient(r.rpc(s.client)).Report(r.t.Context(), req)
}

// rows is the first column of what a query over the inventory's file gives.
func (r *rig) rows(query string) []string {
	r.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(r.dir, "muster.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(r.t.Context(), query)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func observation(seq int64, name string) *musterv1.Observation {
	return &musterv1.Observation{Epoch: 1, Seq: seq, Complete: true, Sections: []*musterv1.Section{{
		Name: "device", Status: musterv1.Status_STATUS_OK, Hash: []byte(name),
		Body: &musterv1.Section_Device{Device: &musterv1.Device{Name: name, Identifiers: []*musterv1.Identifier{
			{Type: "serial", Value: "SN-12345-A", Scope: "Dell Inc.", Part: "system"},
			{Type: "smbios_uuid", Value: "4c4c4544-0031-4b10-8054-b4c04f4d3732"},
		}}},
	}}}
}

func scanJob(site string) store.ScanJob {
	return store.ScanJob{ScanSpec: store.ScanSpec{Site: site, Targets: []string{"192.0.2.0/24"}}, CreatedBy: "test"}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func durationOf(d time.Duration) *durationpb.Duration { return durationpb.New(d) }
