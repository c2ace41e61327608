package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/internal/wire/wiretest"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// page answers everything with a text.
func page(status int, contentType, text string, headers ...string) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		})
	}
}

// rewire changes the address of an enrolled agent's collector.
func (c *console) rewire(t *testing.T, collector string) {
	t.Helper()
	path := filepath.Join(c.env["MUSTER_AGENT_STATE_DIR"], "identity.json")
	text := `{"id":"4b1d","kind":"agent","site":"hq","collector":"` + collector + `"}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// answers is a server that says one thing to whoever connects, and closes.
func answers(t *testing.T, text string) (address string) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
			_, _ = io.CopyN(io.Discard, conn, 1)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestDoctor(t *testing.T) {
	state := func(c *console) string { return c.env["MUSTER_AGENT_STATE_DIR"] }
	tests := []struct {
		name    string
		trouble func(t *testing.T, server *wiretest.Collector, c *console)
		check   string
		verdict agent.Verdict
		says    string
	}{
		{"nothing", func(*testing.T, *wiretest.Collector, *console) {}, "answer", agent.VerdictOK, "the collector's"},
		{"nobody listens", func(_ *testing.T, server *wiretest.Collector, _ *console) { server.Close() },
			"connection", agent.VerdictFail, "refused"},
		{"no such name", func(t *testing.T, _ *wiretest.Collector, c *console) { c.rewire(t, "https://collector.invalid:8443") },
			"name", agent.VerdictFail, "collector.invalid"},
		{"captive portal within TLS", func(_ *testing.T, server *wiretest.Collector, _ *console) {
			server.Wrap = page(200, "text/html", "<html>Welcome to Airport WiFi</html>")
		}, "answer", agent.VerdictFail, "a web page with status 200"},
		{"captive portal without TLS", func(t *testing.T, _ *wiretest.Collector, c *console) {
			c.rewire(t, "https://"+answers(t, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Welcome"))
		}, "tls", agent.VerdictFail, "HTTP"},
		{"another web server", func(_ *testing.T, server *wiretest.Collector, _ *console) {
			server.Wrap = page(404, "text/plain", "no such page")
		}, "answer", agent.VerdictFail, "status 404"},
		{"busy", func(_ *testing.T, server *wiretest.Collector, _ *console) { server.Wrap = page(503, "text/plain", "") },
			"answer", agent.VerdictWarn, "busy"},
		{"another authority", func(t *testing.T, _ *wiretest.Collector, c *console) { c.rewire(t, wiretest.New(t).URL) },
			"tls", agent.VerdictFail, "not of the collector's authority"},
		{"another name", func(t *testing.T, server *wiretest.Collector, _ *console) {
			server.Show(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"elsewhere.example"} })
		}, "tls", agent.VerdictFail, "for another name"},
		{"expired server", func(t *testing.T, server *wiretest.Collector, _ *console) {
			server.Show(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
		}, "tls", agent.VerdictFail, "not valid at this time"},
		{"old TLS", func(_ *testing.T, server *wiretest.Collector, _ *console) { server.SpeakAtMost(tls.VersionTLS11) },
			"tls", agent.VerdictFail, "protocol version"},
		{"clock wrong by an hour", func(_ *testing.T, server *wiretest.Collector, _ *console) {
			server.Wrap = page(200, "text/plain", "ok\n", "Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		}, "clock", agent.VerdictWarn, "from the collector's"},
		{"clock wrong by days", func(_ *testing.T, server *wiretest.Collector, _ *console) {
			server.Wrap = page(200, "text/plain", "ok\n", "Date", time.Now().Add(-72*time.Hour).UTC().Format(http.TimeFormat))
		}, "clock", agent.VerdictFail, "72h"},
		{"state folder open", func(t *testing.T, _ *wiretest.Collector, c *console) {
			if err := os.Chmod(state(c), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "state folder", agent.VerdictFail, "open to other users"},
		{"key readable by others", func(t *testing.T, _ *wiretest.Collector, c *console) {
			if err := os.Chmod(filepath.Join(state(c), "key.pem"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "state folder", agent.VerdictFail, "key.pem is open"},
		{"damaged identity", func(t *testing.T, _ *wiretest.Collector, c *console) {
			if err := os.WriteFile(filepath.Join(state(c), "identity.json"), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "identity", agent.VerdictFail, "identity.json"},
		{"certificate due", func(_ *testing.T, _ *wiretest.Collector, c *console) {
			c.now = func() time.Time { return time.Now().Add(25 * 24 * time.Hour) }
		}, "certificate", agent.VerdictWarn, "due for renewal"},
		{"certificate expired", func(_ *testing.T, _ *wiretest.Collector, c *console) {
			c.now = func() time.Time { return time.Now().Add(40 * 24 * time.Hour) }
		}, "certificate", agent.VerdictWarn, "expired"},
		{"certificate long expired", func(_ *testing.T, _ *wiretest.Collector, c *console) {
			c.now = func() time.Time { return time.Now().Add(400 * 24 * time.Hour) }
		}, "certificate", agent.VerdictFail, "too long ago"},
		{"damage in the spool", func(t *testing.T, _ *wiretest.Collector, c *console) {
			if err := os.WriteFile(filepath.Join(state(c), "spool", "1.rec.damaged"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "spool", agent.VerdictWarn, "1 damaged"},
		{"key on two machines", func(t *testing.T, server *wiretest.Collector, c *console) {
			server.Answer = func(_ *musterv1.ReportRequest, res *musterv1.ReportResponse) (*musterv1.ReportResponse, error) {
				res.Rekey = true
				return res, nil
			}
			c.ok(t, "report", "--once")
		}, "identity", agent.VerdictFail, "two machines"},
		{"silence for days", func(_ *testing.T, _ *wiretest.Collector, c *console) {
			c.now = func() time.Time { return time.Now().Add(5 * 24 * time.Hour) }
		}, "reports", agent.VerdictFail, "none accepted since"},
		{"no service", func(*testing.T, *wiretest.Collector, *console) {}, "reports", agent.VerdictWarn, "no agent is running"},
		{"a wrong proxy", func(_ *testing.T, _ *wiretest.Collector, c *console) { c.env["HTTPS_PROXY"] = "ftp://proxy" },
			"proxy", agent.VerdictFail, "ftp"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, c := wiretest.New(t), newConsole(t)
			c.now = time.Now
			c.ok(t, "enroll", "--collector", server.URL, "--token", server.Token().Reveal())
			c.ok(t, "report", "--once")
			tt.trouble(t, server, c)
			code, out, errs := c.do(t, "doctor", "-o", "json")
			var checks []agent.Check
			if err := json.Unmarshal([]byte(out), &checks); err != nil {
				t.Fatalf("%v in %s%s", err, out, errs)
			}
			failed, found := false, false
			for _, check := range checks {
				failed = failed || check.Verdict == agent.VerdictFail
				if (check.Verdict == agent.VerdictOK) != (check.Fix == "") {
					t.Errorf("%+v: what is not ok has a fix, and nothing else", check)
				}
				if check.Name == tt.check && check.Verdict == tt.verdict && strings.Contains(check.Detail, tt.says) {
					found = true
				}
			}
			if !found {
				t.Errorf("no check %q says %s %q in %s", tt.check, tt.verdict, tt.says, out)
			}
			if want := map[bool]int{true: exitFailed}[failed]; code != want {
				t.Errorf("exit code %d, want %d", code, want)
			}
		})
	}
}

func TestDoctorBeforeEnrolment(t *testing.T) {
	server, c := wiretest.New(t), newConsole(t)
	for _, args := range [][]string{{"doctor"}, {"doctor", "--collector", server.URL}} {
		out := c.ok(t, args...)
		if !strings.Contains(out, "warn") || !strings.Contains(out, "muster-agent enroll") || !strings.Contains(out, "sources") {
			t.Errorf("%q says\n%s", args, out)
		}
		if len(args) > 1 && !strings.Contains(out, "there is a TLS server") {
			t.Errorf("%q says\n%s", args, out)
		}
	}
	if code, out, _ := c.do(t, "doctor", "--collector", "http://collector"); code != exitFailed {
		t.Errorf("exit %d:\n%s", code, out)
	}
}
