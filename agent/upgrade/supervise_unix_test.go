//go:build unix

package upgrade_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/upgrade"
	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/agent/upgrade/repository"
	"github.com/muster-itam/muster/internal/publish"
	"github.com/muster-itam/muster/internal/testkit"
)

// TestMain is also the supervisor that is killed at a step.
func TestMain(m *testing.M) {
	if dir := os.Getenv("KILL_DIR"); dir != "" {
		h := &host{dir: dir}
		s := h.supervisor()
		left := len(os.Getenv("KILL_AT_NTH"))
		s.Step = func(name string) {
			if name != os.Getenv("KILL_AT") {
				return
			}
			if left--; left <= 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
		fmt.Println("not killed:", s.Run(context.Background()))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// host is a machine whose agents are scripts: each writes into a log that it was started, and
// the good ones that a report of theirs was accepted.
type host struct {
	t      *testing.T
	dir    string
	repo   *publish.Repository
	change func(*upgrade.Supervisor)
	logs   testkit.Log
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir()}
	h.repo = &publish.Repository{
		Dir: filepath.Join(h.dir, "repo"), Keys: filepath.Join(h.dir, "keys"), RootKeys: filepath.Join(h.dir, "keys"),
		Lives: publish.DefaultLives, Now: time.Now,
	}
	h.must(h.repo.Init(1, 1))
	root, err := os.ReadFile(filepath.Join(h.repo.Dir, "metadata/1.root.json"))
	h.must(err)
	h.must(os.WriteFile(filepath.Join(h.dir, "root.json"), root, 0o600))
	h.must(os.WriteFile(filepath.Join(h.dir, "muster-agent"), h.script("1.0.0", good), 0o700))
	return h
}

const (
	good    = "printf %[1]s >%[2]s/reported; cat >/dev/null"
	silent  = "cat >/dev/null"
	crashes = "exit 3"
	deaf    = "printf %[1]s >%[2]s/reported; while :; do sleep 1; done"
)

func (h *host) script(version, does string) []byte {
	if strings.Contains(does, "%") {
		does = fmt.Sprintf(does, version, h.dir)
	}
	return []byte(fmt.Sprintf("#!/bin/sh\necho %s >>%s/started\n%s\n", version, h.dir, does))
}

func (h *host) publish(version, does string) { h.publishBytes(version, h.script(version, does)) }

func (h *host) publishBytes(version string, data []byte) {
	h.t.Helper()
	file := filepath.Join(h.t.TempDir(), "muster-agent")
	h.must(os.WriteFile(file, data, 0o600))
	h.must(h.repo.Add(release.Release{Version: version, Channel: "stable", OS: runtime.GOOS, Arch: runtime.GOARCH}, file))
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) supervisor() *upgrade.Supervisor {
	s := &upgrade.Supervisor{
		Config: upgrade.Config{
			Enabled: true, Repository: filepath.Join(h.dir, "repo"), Root: filepath.Join(h.dir, "root.json"), Channel: "stable",
			Window: 50 * time.Millisecond, Trial: time.Minute,
		},
		Dir: filepath.Join(h.dir, "upgrade"), Program: filepath.Join(h.dir, "muster-agent"), Version: "v1.0.0", ID: "4b1d",
		Fetch: func(ctx context.Context, q release.Request) (release.Result, error) {
			return repository.Check(ctx, q, runtime.GOOS, runtime.GOARCH, time.Now()), nil
		},
		Reported: func() (upgrade.Reported, error) {
			by, err := os.ReadFile(filepath.Join(h.dir, "reported"))
			return upgrade.Reported{Accepted: err == nil, By: string(by)}, nil
		},
		Out: &h.logs, Err: &h.logs, Now: time.Now, Log: slog.New(slog.NewTextHandler(&h.logs, nil)),
		Pace: upgrade.Pace{Poll: 10 * time.Millisecond, Backoff: 10 * time.Millisecond, Grace: 2 * time.Second},
	}
	if h.change != nil {
		h.change(s)
	}
	return s
}

// until runs a supervisor until something is so, and ends it in order.
func (h *host) until(what string, so func() bool) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.supervisor().Run(ctx) }()
	deadline := time.After(2 * time.Minute)
	for !so() {
		select {
		case err := <-ended:
			h.t.Fatalf("ended before %s: %v\n%s", what, err, h.logs.String())
		case <-deadline:
			h.t.Fatalf("waited in vain for %s; status %+v\n%s", what, h.status(), h.logs.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) status() upgrade.Status {
	s := h.supervisor()
	status, err := upgrade.ReadStatus(s.Dir, s.Config, s.Version)
	if err != nil {
		return upgrade.Status{Problem: err.Error()}
	}
	return *status
}

func (h *host) settled(version string) func() bool {
	return func() bool {
		s := h.status()
		return s.Running == version && s.Stage == upgrade.StageSettled
	}
}

// looked: another check has come to this end since.
func (h *host) looked(outcome release.Outcome) func() bool {
	return func() bool {
		s := h.status()
		return s.Check != nil && s.Check.Outcome == outcome
	}
}

func (h *host) started() string {
	text, _ := os.ReadFile(filepath.Join(h.dir, "started"))
	return strings.Join(strings.Fields(string(text)), " ")
}

func (h *host) wantStarted(want string) {
	h.t.Helper()
	if diff := cmp.Diff(want, h.started()); diff != "" {
		h.t.Errorf("started (-want +got):\n%s\n%s", diff, h.logs.String())
	}
}

func TestUpgrade(t *testing.T) {
	h := newHost(t)
	h.until("a check", h.looked(release.OutcomeCurrent))
	h.publish("1.1.0", good)
	h.until("the upgrade", h.settled("1.1.0"))
	h.wantStarted("1.0.0 1.0.0 1.1.0")
	h.publish("1.2.0", good)
	h.until("the next", h.settled("1.2.0"))
	h.wantStarted("1.0.0 1.0.0 1.1.0 1.1.0 1.2.0")
	entries, err := os.ReadDir(filepath.Join(h.dir, "upgrade/versions"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "1.2.0" {
		t.Errorf("versions kept: %v, %v", entries, err)
	}
	// A newer package counts before an older upgrade.
	h.change = func(s *upgrade.Supervisor) { s.Version = "2.0.0" }
	h.must(os.WriteFile(filepath.Join(h.dir, "muster-agent"), h.script("2.0.0", good), 0o700))
	h.until("the package", func() bool { return strings.HasSuffix(h.started(), "2.0.0") })
	if s := h.status(); s.Stage != upgrade.StagePackaged || s.Running != "2.0.0" {
		t.Errorf("status %+v", s)
	}
}

func TestA39NewVersionFails(t *testing.T) {
	for name, tt := range map[string]struct {
		does   string
		starts int
		why    string
	}{
		"crashes":       {crashes, 3, "ended 3 times"},
		"ends":          {"exit 0", 3, "ended 3 times"},
		"never reports": {silent, 1, "no report was accepted within"},
		"no program":    {"", 0, "start"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			impatient := func(s *upgrade.Supervisor) { s.Config.Trial = time.Second }
			if h.change = impatient; tt.starts != 1 {
				h.change = nil
			}
			if tt.does == "" {
				h.publishBytes("1.1.0", []byte("\x7fELF nonsense"))
			} else {
				h.publish("1.1.0", tt.does)
			}
			back := "1.0.0 " + strings.Repeat("1.1.0 ", tt.starts) + "1.0.0"
			h.until("the return", func() bool { return h.started() == back && h.looked(release.OutcomeCurrent)() })
			s := h.status()
			if s.Running != "1.0.0" || len(s.Bad) != 1 || s.Bad[0].Version != "1.1.0" || !strings.Contains(s.Bad[0].Reason, tt.why) {
				t.Errorf("status %+v", s)
			}
			if !strings.Contains(s.Check.Reason, "tried here and did not report") {
				t.Errorf("check %+v", s.Check)
			}
			h.change = nil
			h.publish("1.1.1", good)
			h.until("the mended version", h.settled("1.1.1"))
			if tt.starts == 0 {
				return
			}
			if h.publish("1.2.0", tt.does); tt.starts == 1 {
				h.change = impatient
			}
			back += " 1.0.0 1.1.1 1.1.1 " + strings.Repeat("1.2.0 ", tt.starts) + "1.1.1"
			h.until("the return to an upgrade", func() bool { return h.started() == back })
		})
	}
}

// Orderly stops, as of a laptop that is shut down often, are no failure.
func TestTrialOverRestarts(t *testing.T) {
	h := newHost(t)
	h.publish("1.1.0", silent)
	for range 5 {
		n := strings.Count(h.started(), "1.1.0")
		h.until("a start on trial", func() bool { return strings.Count(h.started(), "1.1.0") > n })
	}
	if s := h.status(); s.Running != "1.1.0" || s.Stage != upgrade.StageTrial || len(s.Bad) != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestA39RefusedWhileRunning(t *testing.T) {
	for name, attack := range map[string]func(h *host){
		"tampered": func(h *host) {
			files, _ := filepath.Glob(filepath.Join(h.repo.Dir, "targets/stable/1.1.0/*/*"))
			h.must(os.WriteFile(files[0], h.script("1.1.1", good), 0o600))
		},
		"unsigned": func(h *host) {
			h.must(os.WriteFile(filepath.Join(h.repo.Dir, "metadata/timestamp.json"), []byte(`{"signed":{},"signatures":[]}`), 0o600))
		},
		"frozen": func(h *host) {
			h.repo.Now = func() time.Time { return time.Now().Add(-8 * 24 * time.Hour) }
			h.must(h.repo.Refresh())
		},
		"signed by another": func(h *host) {
			h.must(os.RemoveAll(h.repo.Dir))
			h.repo.Keys, h.repo.RootKeys = h.t.TempDir(), h.t.TempDir()
			h.must(h.repo.Init(1, 1))
			h.publish("1.1.0", good)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.publish("1.1.0", good)
			attack(h)
			h.until("the refusal", h.looked(release.OutcomeRefused))
			h.wantStarted("1.0.0") // and it ran all the time
			if s := h.status(); s.Running != "1.0.0" || s.Check.Reason == "" {
				t.Errorf("status %+v", s)
			}
			if !strings.Contains(h.logs.String(), "upgrade refused") {
				t.Error("the log does not tell")
			}
		})
	}
}

func TestPin(t *testing.T) {
	h := newHost(t)
	h.publish("0.9.0", good)
	h.publish("1.1.0", good)
	h.publish("1.2.0", good)
	for _, step := range []struct{ pin, want string }{{"1.1.0", "1.1.0"}, {"", "1.2.0"}, {"0.9.0", "0.9.0"}, {"1.1.0", "1.1.0"}} {
		h.change = func(s *upgrade.Supervisor) { s.Config.Pin = step.pin }
		h.until("pin "+step.pin, h.settled(step.want))
	}
	h.change = func(s *upgrade.Supervisor) { s.Config.Pin = "1.0.0" } // the package's own
	n := strings.Count(h.started(), "1.0.0")
	h.until("the package", func() bool { return strings.Count(h.started(), "1.0.0") > n })
	h.change = func(s *upgrade.Supervisor) { s.Config.Pin = "7.0.0" }
	h.until("a check for what is not there", func() bool {
		s := h.status()
		return s.Check != nil && strings.Contains(s.Check.Reason, "pinned version 7.0.0 is not in channel stable")
	})
}

// Nothing is changed while reports do not arrive: a new version could not show that it works.
func TestNoCheckWithoutReports(t *testing.T) {
	h := newHost(t)
	h.publish("1.1.0", good)
	h.change = func(s *upgrade.Supervisor) {
		s.Reported = func() (upgrade.Reported, error) { return upgrade.Reported{By: "1.0.0"}, nil }
		s.Fetch = func(context.Context, release.Request) (release.Result, error) {
			t.Error("looked for an upgrade")
			return release.Result{}, errors.New("no")
		}
	}
	wait := time.Now().Add(300 * time.Millisecond) // six windows
	h.until("some windows", func() bool { return time.Now().After(wait) })
	h.wantStarted("1.0.0")
}

// A repository that is away is not asked all the time.
func TestFailedCheckIsNotRepeatedAtOnce(t *testing.T) {
	h := newHost(t)
	looks := 0
	h.change = func(s *upgrade.Supervisor) {
		s.Fetch = func(context.Context, release.Request) (release.Result, error) {
			looks++
			return release.Result{}, errors.New("no route")
		}
	}
	h.until("a check", h.looked(release.OutcomeFailed))
	h.change = nil
	if s := h.status(); looks != 1 || s.Check.Reason != "no route" {
		t.Errorf("%d looks, status %+v", looks, s)
	}
}

func TestVersionsEndInOrder(t *testing.T) {
	h := newHost(t)
	h.must(os.WriteFile(filepath.Join(h.dir, "muster-agent"), h.script("1.0.0", deaf), 0o700))
	h.change = func(s *upgrade.Supervisor) { s.Pace.Grace = 50 * time.Millisecond }
	h.publish("1.1.0", good)
	h.until("the upgrade of one that does not listen", h.settled("1.1.0"))
	h.change = func(s *upgrade.Supervisor) { s.Version = "9.0.0" }
	h.must(os.WriteFile(filepath.Join(h.dir, "muster-agent"), h.script("9.0.0", crashes), 0o700))
	if err := h.supervisor().Run(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("an agent that fails by itself: %v", err)
	}
}

// What was changed on disk after it was verified, or could have been, is not started.
func TestA39SettledVersionChanged(t *testing.T) {
	for name, change := range map[string]func(h *host, path string){
		"other bytes": func(h *host, path string) { h.must(os.WriteFile(path, h.script("6.6.6", good), 0o700)) },
		"gone":        func(h *host, path string) { h.must(os.RemoveAll(filepath.Dir(path))) },
		"writable":    func(h *host, path string) { h.must(os.Chmod(path, 0o777)) },
		"no state":    func(h *host, _ string) { h.must(os.Remove(filepath.Join(h.dir, "upgrade/state.json"))) },
		"damaged state": func(h *host, _ string) {
			h.must(os.WriteFile(filepath.Join(h.dir, "upgrade/state.json"), []byte(`{"settled":`), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.publish("1.1.0", good)
			h.until("the upgrade", h.settled("1.1.0"))
			path := filepath.Join(h.dir, "upgrade/versions/1.1.0/muster-agent")
			h.must(os.Chmod(path, 0o700))
			change(h, path)
			h.until("the package, then the upgrade again", func() bool { return h.started() == "1.0.0 1.1.0 1.0.0 1.1.0" && h.settled("1.1.0")() })
		})
	}
}

// A kill at each step leaves an agent that runs, and the upgrade is made in the end.
func TestA39KilledAtEachStep(t *testing.T) {
	for step, nth := range map[string]string{
		"check": "1", "note": "1", "switch": "1", "count": "1", "settle": "1",
		"start": "11", // the second one is that of the new version
	} {
		t.Run(step, func(t *testing.T) {
			h := newHost(t)
			h.publish("1.1.0", good)
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "KILL_DIR="+h.dir, "KILL_AT="+step, "KILL_AT_NTH="+nth)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("not killed: %v\n%s", err, out)
			}
			h.until("the upgrade", h.settled("1.1.0"))
			if s := h.status(); len(s.Bad) != 0 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestOneSupervisor(t *testing.T) {
	h := newHost(t)
	h.until("a start", func() bool {
		if h.started() == "" {
			return false
		}
		if err := h.supervisor().Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another process") {
			t.Errorf("a second supervisor: %v", err)
		}
		return true
	})
	h.change = func(s *upgrade.Supervisor) { s.Version = "dev" }
	if err := h.supervisor().Run(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be upgraded") {
		t.Errorf("a build without a version: %v", err)
	}
}

func TestFetchWith(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for name, tt := range map[string]struct{ script, want string }{
		"installed":   {`cat >"$0.asked"; echo '{"outcome":"installed","version":"1.1.0","sha256":"` + sum + `","bytes":3}'`, ""},
		"fails":       {"echo out of memory >&2; exit 2", "exit status 2: out of memory"},
		"endless":     {"while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done | head -c 300000", "answer of the program"},
		"nonsense":    {"echo '{\"outcome\":\"fine\"}'", `outcome "fine"`},
		"no hash":     {`echo '{"outcome":"installed","version":"1.1.0","bytes":3}'`, "sha256"},
		"bad version": {`echo '{"outcome":"installed","version":"../x","sha256":"` + sum + `","bytes":3}'`, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "fetch")
			if err := os.WriteFile(path, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			ask := release.Request{Channel: "stable", Running: "1.0.0", Bad: []string{"1.0.1"}}
			r, err := upgrade.FetchWith(path)(t.Context(), ask)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want %q", err, tt.want)
				}
				return
			}
			var asked release.Request
			text, readErr := os.ReadFile(path + ".asked")
			if err := errors.Join(err, readErr, json.Unmarshal(text, &asked)); err != nil {
				t.Fatal(err)
			}
			if r.Version != "1.1.0" || !cmp.Equal(asked, ask) {
				t.Errorf("result %+v, asked %+v", r, asked)
			}
			if err := os.Chmod(path, 0o777); err != nil {
				t.Fatal(err)
			}
			if _, err := upgrade.FetchWith(path)(t.Context(), ask); err == nil {
				t.Error("a program was run that others may write")
			}
		})
	}
}
