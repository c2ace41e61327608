package wire_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/internal/wire/wiretest"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

func one() wire.Report {
	return wire.Report{Observations: []inventory.Observation{{Epoch: 1, Seq: 1, Sections: []inventory.Section{
		{Name: inventory.SectionOS, Status: inventory.StatusOK, Body: &inventory.OS{Name: "Debian"}},
	}}}}
}

func TestReport(t *testing.T) {
	c := wiretest.New(t)
	receipt, err := open(t, enrolled(t, c)).Report(t.Context(), one())
	if err != nil {
		t.Fatal(err)
	}
	if len(receipt.Acks) != 1 || receipt.Acks[0].Outcome != wire.OutcomeAccepted || receipt.ServerTime.IsZero() {
		t.Errorf("receipt %+v", receipt)
	}
	if got := section(t, c, "", inventory.SectionOS).Body; got.(*inventory.OS).Name != "Debian" {
		t.Errorf("collector has %+v", got)
	}
	if c.Requests[0].GetVersion() != "test" {
		t.Errorf("version %q", c.Requests[0].GetVersion())
	}
}

func TestReportIsCompressed(t *testing.T) {
	c := wiretest.New(t)
	client := open(t, enrolled(t, c))
	var encoding string
	c.Wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			encoding = r.Header.Get("Content-Encoding")
			next.ServeHTTP(w, r)
		})
	}
	r := one()
	r.Observations[0].Sections[0].Body = &inventory.OS{Name: strings.Repeat("x", 2000)}
	if _, err := client.Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if encoding != "gzip" {
		t.Errorf("sent as %q", encoding)
	}
}

// The next connection goes on where the last one ended, and shows the same certificate.
func TestConnectionsResume(t *testing.T) {
	c := wiretest.New(t)
	client := open(t, enrolled(t, c))
	var resumed []bool
	c.Wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			resumed = append(resumed, r.TLS.DidResume && len(r.TLS.PeerCertificates) > 0)
			next.ServeHTTP(w, r)
		})
	}
	for range 2 {
		if _, err := client.Report(t.Context(), one()); err != nil {
			t.Fatal(err)
		}
		client.Close()
	}
	if len(resumed) != 2 || resumed[0] || !resumed[1] {
		t.Errorf("resumed: %v", resumed)
	}
}

// Whatever answers, only the collector's own word on exactly what was sent is an acknowledgement.
func TestF10_WhatIsNoAcknowledgement(t *testing.T) {
	status := func(code int, headers ...string) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					t.Error(err)
				}
				for i := 0; i < len(headers); i += 2 {
					w.Header().Set(headers[i], headers[i+1])
				}
				w.WriteHeader(code)
				_, _ = io.WriteString(w, "<html>Welcome to Airport WiFi</html>")
			})
		}
	}
	answer := func(change func(*musterv1.ReportResponse)) func(*musterv1.ReportRequest, *musterv1.ReportResponse) (*musterv1.ReportResponse, error) {
		return func(_ *musterv1.ReportRequest, res *musterv1.ReportResponse) (*musterv1.ReportResponse, error) {
			change(res)
			return res, nil
		}
	}
	tests := []struct {
		name  string
		wrap  func(http.Handler) http.Handler
		alter func(*musterv1.ReportRequest, *musterv1.ReportResponse) (*musterv1.ReportResponse, error)
		code  inventory.Code
		after time.Duration
	}{
		{name: "captive portal", wrap: status(200, "Content-Type", "text/html"), code: inventory.CodeInternal},
		{name: "portal that imitates the type", wrap: status(200, "Content-Type", "application/proto"), code: inventory.CodeInvalid},
		{name: "redirect", wrap: status(302, "Location", "/login"), code: inventory.CodeInternal},
		{name: "busy", wrap: status(503, "Retry-After", "90"), code: inventory.CodeUnavailable, after: 90 * time.Second},
		{name: "throttled until", wrap: status(429, "Retry-After", "Mon, 02 Jan 2006 15:05:05 GMT", "Date", "Mon, 02 Jan 2006 15:04:05 GMT"), code: inventory.CodeUnavailable, after: time.Minute},
		{name: "busy for a year", wrap: status(503, "Retry-After", "31536000"), code: inventory.CodeUnavailable, after: 24 * time.Hour},
		{name: "busy without a time", wrap: status(503), code: inventory.CodeUnavailable},
		{name: "too large", wrap: status(413), code: inventory.CodeTooLarge},
		{name: "who are you", wrap: status(401), code: inventory.CodeUnauthenticated},
		{name: "not you", wrap: status(403), code: inventory.CodeForbidden},
		{name: "no acknowledgement", alter: answer(func(r *musterv1.ReportResponse) { r.Acknowledgements = nil }), code: inventory.CodeInternal},
		{name: "another's acknowledgement", alter: answer(func(r *musterv1.ReportResponse) { r.Acknowledgements[0].Seq++ }), code: inventory.CodeInternal},
		{name: "no outcome", alter: answer(func(r *musterv1.ReportResponse) { r.Acknowledgements[0].Outcome = 0 }), code: inventory.CodeInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := wiretest.New(t)
			client := open(t, enrolled(t, c))
			c.Wrap, c.Answer = tt.wrap, tt.alter
			_, err := client.Report(t.Context(), one())
			if err == nil {
				t.Fatal("taken for an acknowledgement")
			}
			if got := inventory.CodeOf(err); got != tt.code {
				t.Errorf("%v: code %s, want %s", err, got, tt.code)
			}
			if got := wire.RetryAfter(err); got != tt.after {
				t.Errorf("%v: retry after %v, want %v", err, got, tt.after)
			}
		})
	}
}

func TestF27_OutcomeOfANewerCollector(t *testing.T) {
	c := wiretest.New(t)
	c.Answer = func(_ *musterv1.ReportRequest, res *musterv1.ReportResponse) (*musterv1.ReportResponse, error) {
		res.Acknowledgements[0].Outcome = 77
		return res, nil
	}
	receipt, err := open(t, enrolled(t, c)).Report(t.Context(), one())
	if err != nil || receipt.Acks[0].Outcome != wire.OutcomeQuarantined {
		t.Errorf("%+v, %v", receipt, err)
	}
}

func TestAnswerWithoutEnd(t *testing.T) {
	c := wiretest.New(t)
	client := open(t, enrolled(t, c))
	c.Wrap = func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/proto")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			chunk := make([]byte, 1<<20)
			for range 64 {
				if _, err := z.Write(chunk); err != nil {
					return
				}
			}
		})
	}
	if _, err := client.Report(t.Context(), one()); err == nil {
		t.Fatal("accepted")
	}
}

// A server that is not the collector gets no report, and no token.
func TestA12_WrongServers(t *testing.T) {
	tests := []struct {
		name  string
		wrong func(t *testing.T, c *wiretest.Collector)
		says  string
	}{
		{"another name", func(t *testing.T, c *wiretest.Collector) {
			c.Show(t, func(cert *x509.Certificate) { cert.IPAddresses, cert.DNSNames = nil, []string{"elsewhere.example"} })
		}, "elsewhere.example|IP SANs"},
		{"expired", func(t *testing.T, c *wiretest.Collector) {
			c.Show(t, func(cert *x509.Certificate) { cert.NotAfter = time.Now().Add(-time.Minute) })
		}, "expired"},
		{"for clients", func(t *testing.T, c *wiretest.Collector) {
			c.Show(t, func(cert *x509.Certificate) { cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
		}, "key usage"},
		{"TLS 1.1", func(_ *testing.T, c *wiretest.Collector) { c.SpeakAtMost(tls.VersionTLS11) }, "protocol version"},
		{"TLS 1.0", func(_ *testing.T, c *wiretest.Collector) { c.SpeakAtMost(tls.VersionTLS10) }, "protocol version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := wiretest.New(t)
			client := open(t, enrolled(t, c))
			tt.wrong(t, c)
			_, report := client.Report(t.Context(), one())
			_, enrol := wire.Enroll(t.Context(), enrollConfig(t, c))
			for what, err := range map[string]error{"report": report, "renewal": client.Renew(t.Context()), "enrolment": enrol} {
				if err == nil || !regexp.MustCompile(tt.says).MatchString(err.Error()) {
					t.Errorf("%s: %v, want %q", what, err, tt.says)
				}
			}
			if c.Reports != 0 || c.Renewals != 0 || len(c.Hellos) != 1 {
				t.Errorf("%d reports, %d renewals and %d enrolments went out", c.Reports, c.Renewals, len(c.Hellos)-1)
			}
		})
	}
	t.Run("another authority", func(t *testing.T) {
		c, other := wiretest.New(t), wiretest.New(t)
		dir, otherDir := enrolled(t, c), enrolled(t, other)
		// Same host and key material, but the other authority's certificates are trusted.
		if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(readFile(t, filepath.Join(otherDir, "ca.pem"))), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := open(t, dir).Report(t.Context(), one())
		if err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("got %v", err)
		}
		if c.Reports != 0 {
			t.Error("the report went out")
		}
	})
}

// relay carries bytes to a collector until it is told to swallow them.
type relay struct {
	net.Listener
	to    string
	holes atomic.Int64 // connections up to this number stay open and carry nothing
}

func (r *relay) serve() {
	for number := int64(1); ; number++ {
		near, err := r.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		copyTo := func(to, from net.Conn) {
			defer func() { _ = to.Close() }()
			buf := make([]byte, 32<<10)
			for {
				n, err := from.Read(buf)
				if err != nil {
					return
				}
				if number > r.holes.Load() {
					_, _ = to.Write(buf[:n])
				}
			}
		}
		go copyTo(near, far)
		go copyTo(far, near)
	}
}

// A connection that went dead without a word costs one call, not the next one too.
func TestF10_HalfOpenConnection(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: strings.TrimPrefix(c.URL, "https://")}
	t.Cleanup(func() { _ = l.Close() })
	go r.serve()
	identity := strings.Replace(readFile(t, filepath.Join(dir, "identity.json")), c.URL, "https://"+l.Addr().String(), 1)
	if err := os.WriteFile(filepath.Join(dir, "identity.json"), []byte(identity), 0o600); err != nil {
		t.Fatal(err)
	}
	client := open(t, dir)
	if _, err := client.Report(t.Context(), one()); err != nil {
		t.Fatal(err)
	}
	r.holes.Store(1)
	next := one()
	next.Observations[0].Seq = 2
	impatient, cancel := context.WithTimeout(t.Context(), time.Second) // that a call ends by itself is TestF10_DeadlineOfCalls
	defer cancel()
	if _, err := client.Report(impatient, next); inventory.CodeOf(err) != inventory.CodeUnavailable {
		t.Errorf("over a dead connection: %v", err)
	}
	if _, err := client.Report(t.Context(), next); err != nil {
		t.Errorf("the dead connection is used again: %v", err)
	}
}

func TestNotEnrolled(t *testing.T) {
	_, err := wire.Open(t.TempDir(), "test")
	var domain *inventory.Error
	if !errors.As(err, &domain) || domain.Code != inventory.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

func TestAdminClientRefuses(t *testing.T) {
	for name, call := range map[string]func() error{
		"plain http": func() error { _, err := wire.AdminClient("http://collector:1", "secret", ""); return err },
		"no token":   func() error { _, err := wire.AdminClient("https://collector:1", "", ""); return err },
		"no file": func() error {
			_, err := wire.AdminClient("https://collector:1", "secret", filepath.Join(t.TempDir(), "none"))
			return err
		},
	} {
		if err := call(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
