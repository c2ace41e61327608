// Package wiretest is a collector for tests: a real TLS server with an authority of its own
// that enrols, renews and takes reports the way the contract asks for, and that can be made
// to misbehave. It keeps everything in memory. Tests of internal/wire, agent and scanner use
// it; nothing else does.
package wiretest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// Collector is the server. Set its fields before the first call, or under Lock.
type Collector struct {
	sync.Mutex
	URL string
	// Life is that of the certificates it issues.
	Life time.Duration
	// Wrap, where set, stands before every route.
	Wrap func(next http.Handler) http.Handler
	// Answer, where set, may change or replace the answer to a report.
	Answer func(req *musterv1.ReportRequest, res *musterv1.ReportResponse) (*musterv1.ReportResponse, error)
	// Requests are the reports that were answered, Hellos the enrolments.
	Requests []*musterv1.ReportRequest
	Hellos   []*musterv1.EnrollRequest
	// Renewals counts renewed certificates, Reports all contacts with a report.
	Renewals, Reports int

	ca       *x509.Certificate
	caKey    *ecdsa.PrivateKey
	server   *httptest.Server
	shown    tls.Certificate // the server's own
	maxTLS   uint16
	sections map[string]map[string]*musterv1.Section // by native key and name
	digests  map[string][]byte
	seen     map[[2]int64]bool
	newest   [2]int64
}

// New starts a collector that ends with the test.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{Life: 30 * 24 * time.Hour}
	c.Forget()
	c.caKey = newKey(t)
	c.ca = c.issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}, &c.caKey.PublicKey)
	c.Show(t, func(*x509.Certificate) {})

	rpc := connect.NewServer()
	musterv1connect.RegisterEnrolmentServiceHandler(rpc, c)
	musterv1connect.RegisterIngestServiceHandler(rpc, c)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, rpc, connecthttp.WithReadMaxBytes(32<<20))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	c.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.Lock()
		wrap := c.Wrap
		c.Unlock()
		var h http.Handler = mux
		if wrap != nil {
			h = wrap(mux)
		}
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, r.TLS.PeerCertificates)))
	}))
	c.server.TLS = &tls.Config{GetConfigForClient: c.handshake}
	c.server.EnableHTTP2 = true
	c.server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are what tests are after
	c.server.StartTLS()
	t.Cleanup(c.server.Close)
	c.URL = c.server.URL
	return c
}

func (c *Collector) handshake(*tls.ClientHelloInfo) (*tls.Config, error) {
	c.Lock()
	defer c.Unlock()
	conf := &tls.Config{
		ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{c.shown}, NextProtos: []string{"h2", "http/1.1"},
		MinVersion: tls.VersionTLS10, MaxVersion: c.maxTLS, // what it refuses is not what is tested
	}
	return conf, nil
}

// Show gives the server a certificate of its own that differs from a good one by a change.
func (c *Collector) Show(t testing.TB, change func(*x509.Certificate)) {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotAfter: time.Now().Add(time.Hour),
	}
	change(template)
	leaf := c.issue(t, template, &key.PublicKey)
	c.Lock()
	defer c.Unlock()
	c.shown = tls.Certificate{Certificate: [][]byte{leaf.Raw, c.ca.Raw}, PrivateKey: key}
}

// SpeakAtMost bounds the version of TLS.
func (c *Collector) SpeakAtMost(version uint16) {
	c.Lock()
	defer c.Unlock()
	c.maxTLS = version
}

type peerKey struct{}

// Fingerprint is the authority's, as tokens carry it.
func (c *Collector) Fingerprint() string {
	sum := sha256.Sum256(c.ca.Raw)
	return hex.EncodeToString(sum[:])
}

// Token is one that the collector accepts any number of times.
func (c *Collector) Token() inventory.Secret {
	return inventory.Secret("mst_t1_open_sesame_" + c.Fingerprint())
}

// Forget loses everything that was reported, as a collector restored from nothing would.
func (c *Collector) Forget() {
	c.Lock()
	defer c.Unlock()
	c.sections = map[string]map[string]*musterv1.Section{}
	c.digests = map[string][]byte{}
	c.seen = map[[2]int64]bool{}
	c.newest = [2]int64{}
}

// Close ends the server before the test does.
func (c *Collector) Close() { c.server.Close() }

// Section is what the collector has of a section, nil when it has no body of it.
func (c *Collector) Section(nativeKey, name string) *musterv1.Section {
	c.Lock()
	defer c.Unlock()
	return c.sections[nativeKey][name]
}

// Enroll implements the service.
func (c *Collector) Enroll(_ context.Context, req *musterv1.EnrollRequest) (*musterv1.EnrollResponse, error) {
	c.Lock()
	defer c.Unlock()
	c.Hellos = append(c.Hellos, req)
	if req.GetToken() != c.Token().Reveal() {
		return nil, connect.NewError(connect.CodeUnauthenticated, "token not accepted")
	}
	return c.certify(req.GetCsr())
}

// Renew implements the service.
func (c *Collector) Renew(ctx context.Context, req *musterv1.RenewRequest) (*musterv1.EnrollResponse, error) {
	if err := c.authenticate(ctx, true); err != nil {
		return nil, err
	}
	c.Lock()
	defer c.Unlock()
	c.Renewals++
	return c.certify(req.GetCsr())
}

// Report implements the service.
func (c *Collector) Report(ctx context.Context, req *musterv1.ReportRequest) (*musterv1.ReportResponse, error) {
	c.Lock()
	defer c.Unlock()
	c.Reports++
	if err := c.authenticate(ctx, false); err != nil {
		return nil, err
	}
	res := &musterv1.ReportResponse{ServerTime: timestamppb.Now()}
	for _, o := range req.GetObservations() {
		res.Acknowledgements = append(res.Acknowledgements, c.take(o))
	}
	if c.Answer != nil {
		var err error
		if res, err = c.Answer(req, res); err != nil {
			return nil, err
		}
	}
	c.Requests = append(c.Requests, req)
	return res, nil
}

func (c *Collector) take(o *musterv1.Observation) *musterv1.Acknowledgement {
	ack := &musterv1.Acknowledgement{Epoch: o.GetEpoch(), Seq: o.GetSeq(), Outcome: musterv1.Outcome_OUTCOME_ACCEPTED}
	at := [2]int64{o.GetEpoch(), o.GetSeq()}
	switch {
	case c.seen[at]:
		ack.Outcome = musterv1.Outcome_OUTCOME_DUPLICATE
		return ack
	case at[0] < c.newest[0] || (at[0] == c.newest[0] && at[1] < c.newest[1]):
		ack.Outcome = musterv1.Outcome_OUTCOME_STALE
		return ack
	}
	c.seen[at], c.newest = true, at
	have := c.sections[o.GetNativeKey()]
	if have == nil {
		have = map[string]*musterv1.Section{}
		c.sections[o.GetNativeKey()] = have
	}
	if len(o.GetSections()) == 0 && string(c.digests[o.GetNativeKey()]) != string(o.GetDigest()) {
		for _, name := range inventory.Sections() {
			ack.NeededSections = append(ack.NeededSections, string(name))
		}
	}
	if len(o.GetSections()) > 0 {
		c.digests[o.GetNativeKey()] = o.GetDigest()
	}
	for _, s := range o.GetSections() {
		switch {
		case s.GetBody() != nil:
			have[s.GetName()] = s
		case len(s.GetHash()) > 0 && string(have[s.GetName()].GetHash()) != string(s.GetHash()):
			ack.NeededSections = append(ack.NeededSections, s.GetName())
		}
	}
	return ack
}

// authenticate wants a certificate of this authority, for a renewal also an expired one.
func (c *Collector) authenticate(ctx context.Context, expired bool) error {
	refused := connect.NewError(connect.CodeUnauthenticated, "no valid certificate")
	peers, ok := ctx.Value(peerKey{}).([]*x509.Certificate)
	if !ok || len(peers) == 0 {
		return refused
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.ca)
	opts := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if expired {
		opts.CurrentTime = earlier(time.Now(), peers[0].NotAfter)
	}
	if _, err := peers[0].Verify(opts); err != nil {
		return refused
	}
	return nil
}

func (c *Collector) certify(der []byte) (*musterv1.EnrollResponse, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, "csr").WithCause(err)
	}
	name := &url.URL{Scheme: "muster", Host: "hq", Path: "/agent/4b1d"}
	cert, err := c.sign(&x509.Certificate{
		URIs: []*url.URL{name}, NotAfter: time.Now().Add(c.Life),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, csr.PublicKey)
	if err != nil {
		return nil, err
	}
	return &musterv1.EnrollResponse{
		Id: "4b1d", Site: "hq", Certificate: cert.Raw, Authorities: [][]byte{c.ca.Raw}, NotAfter: timestamppb.New(cert.NotAfter),
	}, nil
}

func (c *Collector) issue(t testing.TB, template *x509.Certificate, public any) *x509.Certificate {
	t.Helper()
	cert, err := c.sign(template, public)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (c *Collector) sign(template *x509.Certificate, public any) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	if template.NotBefore.IsZero() {
		template.NotBefore = earlier(time.Now(), template.NotAfter).Add(-time.Hour)
	}
	parent := c.ca
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, c.caKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
