package collector_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/server"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// A1: whatever is wrong with a token, the answer is the same, nothing is enrolled, the
// audit knows why, and the address has to wait after a few tries.
func TestA01_EnrolmentTokens(t *testing.T) {
	r := start(t)
	good := r.token("a", "", 1, time.Hour)
	parts := strings.Split(good, "_")
	revoked := r.token("a", "", 1, time.Hour)
	if err := r.Store.RevokeToken(t.Context(), strings.Split(revoked, "_")[1], "test", r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	usedUp := r.token("a", "", 1, time.Hour)
	csr := csrFor(t, newKey(t), x509.CertificateRequest{})
	enrol := func(token string) reply {
		return r.call(r.client(), musterv1connect.EnrolmentServiceEnrollProcedure, &musterv1.EnrollRequest{Token: token, Csr: csr, Kind: "agent"})
	}
	if got := enrol(usedUp); got.status != http.StatusOK {
		t.Fatalf("a good token: %d %s", got.status, got.body)
	}
	expired := r.token("a", "", 1, time.Minute)
	r.clock.Add(2 * time.Minute)
	scannerOnly := r.token("a", "scanner", 1, time.Hour)
	const identities = `select id from identity order by id`
	before := r.rows(identities)
	var answers []string
	for _, c := range []struct{ name, token string }{
		{"none", ""},
		{"garbage", "mst_"},
		{"huge", strings.Repeat("mst_", 10_000)},
		{"unknown id", "mst_000000000000_" + parts[2] + "_" + parts[3]},
		{"wrong secret", "mst_" + parts[1] + "_" + strings.Repeat("a", len(parts[2])) + "_" + parts[3]},
		{"other's secret", "mst_" + strings.Split(scannerOnly, "_")[1] + "_" + parts[2] + "_" + parts[3]},
		{"expired", expired},
		{"used up", usedUp},
		{"revoked", revoked},
		{"for another kind", scannerOnly},
	} {
		r.clock.Add(10 * time.Second) // past the throttle
		got := enrol(c.token)
		if got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s, want 401", c.name, got.status, got.body)
		}
		answers = append(answers, got.body)
	}
	if slices.Sort(answers); answers[0] != answers[len(answers)-1] {
		t.Errorf("the answers differ: %q", slices.Compact(answers))
	}
	if diff := cmp.Diff(before, r.rows(identities)); diff != "" {
		t.Errorf("sources were added: %s", diff)
	}
	want := []string{"expired", "not for kind agent", "revoked", "unknown", "unknown", "unknown", "unknown", "used up", "wrong secret", "wrong secret"}
	if diff := cmp.Diff(want, r.rows(`select detail from audit where action = 'enrol refused' order by detail`)); diff != "" {
		t.Errorf("audit: %s", diff)
	}
	if strings.Contains(r.log.String(), parts[2]) {
		t.Error("a secret is in the log")
	}
	for range 20 {
		enrol("")
	}
	got := enrol(good)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("after many failures: %d %s", got.status, got.body)
	}
	r.clock.Add(5 * time.Minute)
	if got := enrol(good); got.status != http.StatusOK {
		t.Errorf("a good token later: %d %s", got.status, got.body)
	}
}

// A2: no credential opens a route that is not for it. The routes come from the table.
func TestA02_ForeignRoutes(t *testing.T) {
	r := start(t)
	agent, scanner := r.enrol(inventory.KindAgent, "a"), r.enrol(inventory.KindScanner, "a")
	readerText, reader, err := identity.NewAccess("eve", identity.Reader, time.Hour, r.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Store.AddAccess(t.Context(), reader, "test"); err != nil {
		t.Fatal(err)
	}
	type credential struct {
		name   string
		accept identity.Accept
		role   identity.Role
		client *http.Client
		header []string
	}
	credentials := []credential{
		{"none", 0, 0, r.client(), nil},
		{"agent", identity.Agent, 0, agent.client, nil},
		{"scanner", identity.Scanner, 0, scanner.client, nil},
		{"reader", identity.Person, identity.Reader, r.client(), []string{"Authorization", "Bearer " + readerText.Reveal()}},
		{"administrator", identity.Person, identity.Administrator, r.client(), []string{"Authorization", "Bearer " + r.admin()}},
		{"wrong bearer", 0, 0, r.client(), []string{"Authorization", "Bearer mta_000000000000_aaaa"}},
		{"enrolment token as bearer", 0, 0, r.client(), []string{"Authorization", "Bearer " + r.token("a", "", 9, time.Hour)}},
	}
	foreign := 0
	for pattern, policy := range server.Policies() {
		if policy.Accept&identity.Anyone != 0 {
			continue
		}
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = http.MethodPost, pattern
		}
		r.clock.Add(time.Minute) // past the throttle
		for _, c := range credentials {
			allowed := policy.Accept&c.accept != 0 && c.role >= policy.Role
			got := r.do(c.client, method, path, "application/proto", nil, c.header...)
			denied := got.status == http.StatusUnauthorized || got.status == http.StatusForbidden
			switch {
			case allowed && denied:
				t.Errorf("%s on %s: %d, want it let in", c.name, path, got.status)
			case !allowed && !denied && got.status != http.StatusNotFound:
				t.Errorf("%s on %s: %d %s, want 401 or 403", c.name, path, got.status, got.body)
			case !allowed:
				foreign++
			}
		}
	}
	if foreign < 50 {
		t.Errorf("only %d pairs of foreign credential and route", foreign)
	}
	for _, path := range []string{"/no/such/route", "/metrics", "/debug/pprof/", "/muster.v1.IngestService/", "/muster.v1.IngestService/Nothing"} {
		if got := r.do(r.client(), http.MethodGet, path, "", nil, "Authorization", "Bearer "+r.admin()); got.status != http.StatusNotFound {
			t.Errorf("%s, which is not there: %d", path, got.status)
		}
	}
}

// A4: reports need a client certificate; what a proxy would say of one is not heard.
func TestA04_ForgedClientCertificateHeaders(t *testing.T) {
	r := start(t)
	victim := r.enrol(inventory.KindAgent, "a")
	uri := "muster://a/agent/" + victim.id
	pem := url.QueryEscape(string(victim.cert.Certificate[0]))
	for _, headers := range [][]string{
		nil,
		{"X-Client-Cert", pem}, {"X-SSL-Client-Cert", pem}, {"X-SSL-Client-Verify", "SUCCESS", "X-SSL-Client-S-DN", "CN=" + victim.id},
		{"X-Forwarded-Client-Cert", "By=" + uri + ";Hash=00;URI=" + uri}, {"Client-Cert", ":" + pem + ":"},
		{"X-Forwarded-For", "127.0.0.1"}, {"Forwarded", "for=127.0.0.1"}, {"X-Forwarded-Tls-Client-Cert", pem},
	} {
		got := r.post(r.client(), musterv1connect.IngestServiceReportProcedure, "application/proto", nil, headers...)
		if got.status != http.StatusUnauthorized {
			t.Errorf("%v: %d %s, want 401", headers, got.status, got.body)
		}
	}
}

// otherCA makes certificates as an attacker would.
type otherCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (o otherCA) issue(t *testing.T, template x509.Certificate, key *ecdsa.PrivateKey) tls.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotBefore.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := o.cert, o.key
	if parent == nil {
		parent, signer = &template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A5: certificates that are not ours, not for clients, expired, revoked or of another key.
func TestA05_BadClientCertificates(t *testing.T) {
	r := start(t)
	victim := r.enrol(inventory.KindAgent, "a")
	uri := &url.URL{Scheme: "muster", Host: "a", Path: "/agent/" + victim.id}
	key := newKey(t)
	foreign := otherCA{key: newKey(t)}
	root := foreign.issue(t, x509.Certificate{IsCA: true, BasicConstraintsValid: true, Subject: pkix.Name{CommonName: "muster root"}}, foreign.key)
	foreign.cert, _ = x509.ParseCertificate(root.Certificate[0])
	client := x509.Certificate{URIs: []*url.URL{uri}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	// refusedTLS says whether the connection itself fails.
	refusedTLS := func(name string, cert tls.Certificate) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+musterv1connect.IngestServiceReportProcedure, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := r.client()
		// A client of good manners would not show it: the server names the authorities it takes.
		c.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &cert, nil
		}
		res, err := c.Do(req)
		if err == nil {
			_ = res.Body.Close()
			t.Errorf("%s: %d, want the connection refused", name, res.StatusCode)
		}
	}
	refusedTLS("other authority", foreign.issue(t, client, key))
	refusedTLS("self-signed", otherCA{}.issue(t, client, key))
	mixed := victim.cert
	mixed.PrivateKey = key
	refusedTLS("key mismatch", mixed)
	serverCert, err := r.Authority.NewServerCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	own, err := serverCert.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	refusedTLS("the server's own certificate", *own)

	report := func(s source) reply {
		return r.call(s.client, musterv1connect.IngestServiceReportProcedure, &musterv1.ReportRequest{})
	}
	renew := func(s source) reply {
		return r.call(s.client, musterv1connect.EnrolmentServiceRenewProcedure, &musterv1.RenewRequest{Csr: csrFor(t, newKey(t), x509.CertificateRequest{})})
	}
	if got := report(victim); got.status != http.StatusOK {
		t.Fatalf("a good certificate: %d %s", got.status, got.body)
	}
	r.clock.Add(identity.ClientLife + time.Minute)
	if got := report(victim); got.status != http.StatusUnauthorized {
		t.Errorf("expired: %d %s, want 401", got.status, got.body)
	}
	if got := renew(victim); got.status != http.StatusOK {
		t.Errorf("renewal of an expired certificate: %d %s", got.status, got.body)
	}
	r.clock.Add(identity.RenewGrace)
	if got := renew(victim); got.status != http.StatusUnauthorized {
		t.Errorf("renewal after the grace: %d %s, want 401", got.status, got.body)
	}
	// Revocation is felt on the open connection, within the cache's life.
	fresh := r.enrol(inventory.KindAgent, "a")
	if got := report(fresh); got.status != http.StatusOK {
		t.Fatalf("before revocation: %d %s", got.status, got.body)
	}
	if err := r.Store.RevokeSource(t.Context(), fresh.id, "test", "lost", r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	r.clock.Add(6 * time.Second)
	for name, got := range map[string]reply{"report": report(fresh), "renewal": renew(fresh)} {
		if got.status != http.StatusUnauthorized {
			t.Errorf("%s when revoked: %d %s, want 401", name, got.status, got.body)
		}
	}
}

// A6: the collector's own profile, whatever a request asks for; weak keys are refused.
func TestA06_CertificateRequests(t *testing.T) {
	r := start(t)
	ca, err := asn1.Marshal(struct {
		IsCA bool
	}{true})
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	greedy := csrFor(t, key, x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "admin", Organization: []string{"muster"}},
		DNSNames: []string{"collector", "localhost"},
		URIs:     []*url.URL{{Scheme: "muster", Host: "other", Path: "/scanner/11111111-1111-4111-8111-111111111111"}},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: ca},
		},
	})
	enrol := func(csr []byte) (*musterv1.EnrollResponse, error) {
		return musterv1connect.NewEnrolmentServiceClient(r.rpc(r.client())).Enroll(t.Context(), &musterv1.EnrollRequest{
			Token: r.token("a", "", 1, time.Hour), Csr: csr, Kind: "agent",
		})
	}
	res, err := enrol(greedy)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(res.GetCertificate())
	if err != nil {
		t.Fatal(err)
	}
	switch want := "muster://a/agent/" + res.GetId(); {
	case cert.IsCA, len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.EmailAddresses) > 0:
		t.Errorf("the certificate is an authority (%v) or has names %v", cert.IsCA, cert.DNSNames)
	case len(cert.URIs) != 1 || cert.URIs[0].String() != want:
		t.Errorf("URIs %v, want %s alone", cert.URIs, want)
	case len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || cert.KeyUsage != x509.KeyUsageDigitalSignature:
		t.Errorf("usages %v %v", cert.KeyUsage, cert.ExtKeyUsage)
	case cert.Subject.CommonName != res.GetId() || len(cert.Subject.Organization) > 0:
		t.Errorf("subject %v", cert.Subject)
	case cert.NotAfter.After(r.clock.Now().Add(identity.ClientLife + time.Minute)):
		t.Errorf("lasts until %v", cert.NotAfter)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // weak on purpose
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	broken := slices.Clone(greedy)
	broken[len(broken)-3] ^= 1
	for name, csr := range map[string][]byte{
		"weak RSA":        csrFor(t, weak, x509.CertificateRequest{}),
		"other curve":     csrFor(t, p384, x509.CertificateRequest{}),
		"wrong signature": broken,
		"empty":           nil,
		"garbage":         []byte("not a request"),
		"too large":       csrFor(t, key, x509.CertificateRequest{DNSNames: []string{strings.Repeat("a", 10_000)}}),
	} {
		if _, err := enrol(csr); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: %v, want it invalid", name, err)
		}
	}
}

// A7: a source speaks for itself alone: what it sends counts as its own, and others' jobs are not its.
func TestA07_OtherSourcesIdentity(t *testing.T) {
	r := start(t)
	a, b := r.enrol(inventory.KindScanner, "a"), r.enrol(inventory.KindScanner, "a")
	elsewhere := r.enrol(inventory.KindScanner, "b")
	job, err := r.Store.CreateScan(t.Context(), scanJob("a"), r.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	jobs := func(s source) musterv1connect.ScanJobServiceClient {
		return musterv1connect.NewScanJobServiceClient(r.rpc(s.client))
	}
	if got, err := jobs(elsewhere).FetchJob(t.Context(), &musterv1.FetchJobRequest{}); err != nil || got.GetJob() != nil {
		t.Errorf("a scanner of another site got %v, %v", got, err)
	}
	got, err := jobs(a).FetchJob(t.Context(), &musterv1.FetchJobRequest{})
	if err != nil || got.GetJob().GetId() != job.ID {
		t.Fatalf("the site's scanner got %v, %v", got, err)
	}
	done := &musterv1.UpdateJobRequest{Id: job.ID, State: "done", Message: "forged"}
	if res, err := jobs(b).UpdateJob(t.Context(), done); err != nil || !res.GetCancel() {
		t.Errorf("another scanner of the site: %v, %v, want it told to stop", res, err)
	}
	if _, err := jobs(elsewhere).UpdateJob(t.Context(), done); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("a scanner of another site: %v, want not found", err)
	}
	scans, err := r.Store.Scans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if scans[0].State != "running" || scans[0].Message != "" || scans[0].Scanner != a.id {
		t.Errorf("the job is %+v", scans[0])
	}
	// B replays A's numbers: they are B's own, and A's next report is as new as ever.
	req := &musterv1.ReportRequest{Observations: []*musterv1.Observation{observation(5, "x")}}
	req.Observations[0].NativeKey = "02:00:00:00:00:01"
	for _, s := range []source{a, b} {
		res, err := r.report(s, proto.CloneOf(req))
		if err != nil || res.GetAcknowledgements()[0].GetOutcome() != musterv1.Outcome_OUTCOME_ACCEPTED {
			t.Errorf("%s: %v, %v", s.id, res, err)
		}
	}
}
