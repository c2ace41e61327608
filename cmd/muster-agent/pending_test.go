package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/internal/wire/wiretest"
)

func TestParsePending(t *testing.T) {
	const collector, token = "https://c:8443", "mst_a_hunter2_b"
	tests := []struct{ name, text, want string }{
		{"plain", "MUSTER_COLLECTOR=https://c:8443\nMUSTER_ENROLL_TOKEN=mst_a_hunter2_b\n", ""},
		{"from Windows", "\ufeffMUSTER_COLLECTOR=https://c:8443\r\nMUSTER_ENROLL_TOKEN=mst_a_hunter2_b\r\n", ""},
		{"quoted, spaced, commented", "# one\n\n MUSTER_COLLECTOR = 'https://c:8443' \nMUSTER_ENROLL_TOKEN=\"mst_a_hunter2_b\"", ""},
		{"empty", "", "both needed"},
		{"no collector", "MUSTER_ENROLL_TOKEN=mst_a_hunter2_b", "both needed"},
		{"empty token", "MUSTER_COLLECTOR=https://c:8443\nMUSTER_ENROLL_TOKEN=''", "both needed"},
		{"no pair", "MUSTER_COLLECTOR=https://c:8443\nmst_a_hunter2_b", "line 2 is not"},
		{"twice", "MUSTER_ENROLL_TOKEN=hunter2\nMUSTER_ENROLL_TOKEN=hunter2", "line 2: MUSTER_ENROLL_TOKEN is given twice"},
		{"unknown key", "hunter2=MUSTER_ENROLL_TOKEN", "line 1: there are"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parsePending([]byte(tt.text))
			if tt.want == "" {
				if err != nil || c.collector != collector || c.token.Reveal() != token {
					t.Errorf("%q %q, %v", c.collector, c.token.Reveal(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || inventory.CodeOf(err) != inventory.CodeInvalid {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a value is in %q", err)
			}
		})
	}
}

func FuzzPending(f *testing.F) {
	f.Add([]byte("MUSTER_COLLECTOR=https://c:1\nMUSTER_ENROLL_TOKEN='x'\n"))
	f.Add([]byte("\ufeff# c\r\nA==\""))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := parsePending(text); err == nil && (c.collector == "" || c.token == "") {
			t.Errorf("%q gives %+v", text, c)
		}
	})
}

// running is muster-agent run in the background.
type running struct {
	*console
	state string
	log   *testkit.Log
	end   func() int
}

func (c *console) background(t *testing.T) *running {
	t.Helper()
	r := &running{console: c, state: c.env["MUSTER_AGENT_STATE_DIR"], log: &testkit.Log{}}
	service := *c.program
	service.err = r.log
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- service.main(ctx, []string{"run"}) }()
	r.end = sync.OnceValue(func() int { cancel(); return <-code })
	t.Cleanup(func() { r.end() })
	return r
}

// until waits until cond holds, as long as a slow machine may need.
func (r *running) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for range 3000 {
		if cond() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s did not come about:\n%s", what, r.log)
}

func (r *running) said(text string) func() bool {
	return func() bool { return strings.Contains(r.log.String(), text) }
}

func (r *running) leave(t *testing.T, collector, token string) {
	t.Helper()
	if err := os.MkdirAll(r.state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := keepPending(r.state, pending{collector: collector, token: inventory.Secret(token)}); err != nil {
		t.Fatal(err)
	}
}

func TestServiceWaitsForItsEnrolment(t *testing.T) {
	server, c := wiretest.New(t), newConsole(t)
	r := c.background(t)
	r.until(t, "the word that it waits", r.said("not enrolled: waiting"))
	if out := c.ok(t, "status"); !strings.Contains(out, "not enrolled") {
		t.Errorf("status:\n%s", out)
	}

	token := server.Token().Reveal()
	r.leave(t, server.URL, token+"0")
	r.until(t, "the refusal of a damaged token", r.said("enrolment failed"))
	r.until(t, "its status", func() bool { return readWaiting(r.state) != nil })
	if out := c.ok(t, "status"); !strings.Contains(out, "cut off") || !strings.Contains(out, "next try") {
		t.Errorf("status of a failed enrolment:\n%s", out)
	}
	var status struct {
		Enrolled  bool     `json:"enrolled"`
		Enrolling *waiting `json:"enrolling"`
	}
	if err := json.Unmarshal([]byte(c.ok(t, "status", "-o", "json")), &status); err != nil || status.Enrolled || status.Enrolling == nil {
		t.Errorf("status -o json: %+v, %v", status, err)
	}

	r.leave(t, server.URL, token) // corrected: it does not wait for the next try
	r.until(t, "the first report", r.said("outcome=accepted"))
	if out := c.ok(t, "status"); !strings.Contains(out, "4b1d") || strings.Contains(out, "next try") {
		t.Errorf("status:\n%s", out)
	}
	for _, name := range []string{pendingFile, waitingFile} {
		if _, err := os.Lstat(filepath.Join(r.state, name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	if code := r.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if n := strings.Count(r.log.String(), "waiting for"); n != 1 {
		t.Errorf("said %d times that it waits", n)
	}
	if strings.Contains(r.log.String(), strings.Split(token, "_")[2]) {
		t.Error("the token's secret is in the log")
	}
}

func TestServiceIsEnrolledByHand(t *testing.T) {
	server, c := wiretest.New(t), newConsole(t)
	r := c.background(t)
	r.until(t, "the word that it waits", r.said("not enrolled: waiting"))
	c.ok(t, "enroll", "--collector", server.URL, "--token", server.Token().Reveal())
	r.until(t, "the first report", r.said("outcome=accepted"))
}

func TestServiceStopsWhileItWaits(t *testing.T) {
	r := newConsole(t).background(t)
	r.until(t, "the word that it waits", r.said("not enrolled: waiting"))
	if code := r.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestDamagedIdentityIsNotWaitedFor(t *testing.T) {
	c := newConsole(t)
	state := c.env["MUSTER_AGENT_STATE_DIR"]
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "identity.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := c.do(t, "run"); code == 0 || !strings.Contains(errs, "identity.json") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestUnattendedEnrolment(t *testing.T) {
	server, c := wiretest.New(t), newConsole(t)
	token := server.Token().Reveal()
	args := []string{"enroll", "--unattended", "--collector", server.URL, "--token", token}
	if out := c.ok(t, args...); !strings.Contains(out, "Enrolled as 4b1d") {
		t.Errorf("said %q", out)
	}
	if out := c.ok(t, args...); !strings.Contains(out, "Enrolled before as 4b1d") {
		t.Errorf("the second time it said %q", out)
	}
	if len(server.Hellos) != 1 {
		t.Errorf("%d enrolments", len(server.Hellos))
	}

	wrong := newConsole(t)
	refused := strings.Replace(token, "open", "shut", 1)
	if code, _, errs := wrong.do(t, "enroll", "--unattended", "--collector", server.URL, "--token", refused); code != exitForbidden {
		t.Errorf("a wrong token: exit %d, %s", code, errs)
	}
	if _, err := os.Lstat(filepath.Join(wrong.env["MUSTER_AGENT_STATE_DIR"], pendingFile)); !os.IsNotExist(err) {
		t.Errorf("a wrong token is kept: %v", err)
	}

	away := newConsole(t)
	server.Close()
	if code, _, errs := away.do(t, args...); code != 0 || !strings.Contains(errs, "goes on trying") {
		t.Errorf("collector away: exit %d, %s", code, errs)
	}
	path := filepath.Join(away.env["MUSTER_AGENT_STATE_DIR"], pendingFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := parsePending(text); err != nil || left.collector != server.URL || left.token.Reveal() != token {
		t.Errorf("left to the service: %+v, %v", left, err)
	}
}
