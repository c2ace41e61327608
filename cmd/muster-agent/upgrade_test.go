package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/upgrade"
	"github.com/muster-itam/muster/internal/wire/wiretest"
)

const upgradeConfig = "upgrade: {enabled: true, repository: https://updates.example.org/muster, root: /etc/muster/root.json, channel: beta, pin: v1.2.0}\n"

func TestUpgradeConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		upgradeConfig: "",
		"upgrade: {enabled: false, repository: nonsense}":                        "",
		"upgrade: {enabled: true}":                                               "repository",
		"upgrade: {enabled: true, repository: https://example.org}":              "root",
		strings.Replace(upgradeConfig, "https", "http", 1):                       "want https",
		strings.Replace(upgradeConfig, "v1.2.0", "newest", 1):                    "pin",
		strings.Replace(upgradeConfig, "enabled", "enable", 1):                   "enable",
		strings.Replace(upgradeConfig, "channel: beta", "window: 1s", 1):         "window",
		"upgrade: {enabled: true, repository: /srv/muster, root: /etc/r.json}\n": "",
	} {
		c := newConsole(t)
		c.env["MUSTER_AGENT_CONFIG"] = writeFile(t, "agent.yaml", text)
		code, _, errs := c.do(t, "status")
		if want == "" && code != 0 || want != "" && (code != exitInvalid || !strings.Contains(errs, want)) {
			t.Errorf("%s: exit %d, %s", text, code, errs)
		}
	}
}

func TestUpgradeStatus(t *testing.T) {
	defer func(v string) { version = v }(version)
	c := newConsole(t)
	if out := c.ok(t, "status"); strings.Contains(out, "channel") {
		t.Errorf("upgrades are off:\n%s", out)
	}
	c.env["MUSTER_AGENT_CONFIG"] = writeFile(t, "agent.yaml", upgradeConfig)
	if out := c.ok(t, "status"); !strings.Contains(out, `none: version "dev"`) {
		t.Errorf("a build without a version:\n%s", out)
	}
	version = "v1.0.0"
	if out := c.ok(t, "status"); !strings.Contains(out, "1.0.0, as installed") || !strings.Contains(out, "channel beta, pinned to 1.2.0") || !strings.Contains(out, "never") {
		t.Errorf("before the first check:\n%s", out)
	}
	dir := filepath.Join(c.env["MUSTER_AGENT_STATE_DIR"], "upgrade")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	state := `{"trial": {"version": "1.2.0", "starts": 1}, "bad": [{"version": "1.1.0", "reason": "ended \u001b[31m", "at": "2026-01-02T03:04:05Z"}],
		"check": {"at": "2026-02-02T03:04:05Z", "outcome": "refused", "reason": "timestamp.json expired"}}`
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(state)
	out := c.ok(t, "status")
	for _, want := range []string{
		"1.2.0, on trial until it has reported", "2026-02-02T03:04:05Z, refused: timestamp.json expired", `1.1.0 at 2026-01-02T03:04:05Z: ended \x1b[31m`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	write(strings.Replace(state, "trial", "settled", 1))
	var s agent.Status
	if err := json.Unmarshal([]byte(c.ok(t, "status", "-o", "json")), &s); err != nil {
		t.Fatal(err)
	}
	if u := s.Upgrade; u == nil || u.Running != "1.2.0" || u.Stage != upgrade.StageSettled || len(u.Bad) != 1 || u.Check.Outcome != "refused" {
		t.Errorf("status %+v", u)
	}
	write("{")
	if code, out, errs := c.do(t, "status"); code != 0 || !strings.Contains(errs, "damaged") || !strings.Contains(out, "1.0.0, as installed") {
		t.Errorf("with a damaged state: %d, %s\n%s", code, errs, out)
	}
}

// A version that is supervised ends in order when whoever supervises it is gone.
func TestSupervisedRunEndsWithItsInput(t *testing.T) {
	server, c := wiretest.New(t), newConsole(t)
	c.ok(t, "enroll", "--collector", server.URL, "--token", server.Token().Reveal())
	c.ok(t, "report", "--once")
	read, write := io.Pipe()
	c.in = read
	c.env["MUSTER_AGENT_CONFIG"] = writeFile(t, "agent.yaml", upgradeConfig) // it must not supervise again
	code := make(chan int)
	go func() { code <- c.main(t.Context(), []string{"run", "--supervised"}) }()
	select {
	case n := <-code:
		t.Fatalf("ended before its input with %d: %s", n, c.err.String())
	default:
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if n := <-code; n != 0 || !strings.Contains(c.err.String(), "agent stopped") {
		t.Errorf("exit %d: %s", n, c.err.String())
	}
}
