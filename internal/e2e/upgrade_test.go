package e2e_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/testkit"
)

// upgradeStatus is what scripts rely on in muster-agent status.
type upgradeStatus struct {
	Upgrade struct {
		Running string `json:"running"`
		Stage   string `json:"stage"`
		Check   struct {
			Outcome string `json:"outcome"`
			Reason  string `json:"reason"`
		} `json:"check"`
	} `json:"upgrade"`
	Last struct {
		AcceptedAt      time.Time `json:"accepted_at"`
		AcceptedVersion string    `json:"accepted_version"`
	} `json:"last"`
}

// buildAgent builds an agent that says it is a version.
func buildAgent(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "muster-agent")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+version, "-o", path, "./cmd/muster-agent")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o700)) // a program
}

// Two real agents, a real collector, and a repository made by muster-release: a tampered
// update is refused while the old version goes on reporting, the true one is taken, reports,
// and stays over a kill.
func TestA39UpgradeOfARealAgent(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs agents for half a minute")
	}
	dir := t.TempDir()
	old, upgraded := buildAgent(t, "v1.0.0"), buildAgent(t, "v1.1.0")
	bin, state, repo, keys := filepath.Join(dir, "bin"), filepath.Join(dir, "state"), filepath.Join(dir, "repo"), filepath.Join(dir, "keys")
	must(t, os.Mkdir(bin, 0o755))
	agent := filepath.Join(bin, "muster-agent")
	copyFile(t, old, agent)
	copyFile(t, program(t, "muster-agent-upgrade"), filepath.Join(bin, "muster-agent-upgrade"))
	releases := func(args ...string) string {
		return run(t, program(t, "muster-release"), append([]string{"--repo", repo, "--keys", keys, "--root-keys", keys + "-offline"}, args...)...)
	}
	releases("init", "--root-key-count", "3", "--root-threshold", "2")
	copyFile(t, filepath.Join(repo, "metadata/1.root.json"), filepath.Join(dir, "root.json"))
	releases("rotate", "timestamp")
	at := strings.TrimSpace(releases("add", "--release", "1.1.0", upgraded))
	if want := "stable/1.1.0/linux-" + runtime.GOARCH + "/muster-agent"; at != want {
		t.Fatalf("published as %s, want %s", at, want)
	}
	tampered := atomic.Bool{}
	tampered.Store(true)
	files := http.FileServerFS(os.DirFS(repo))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if data, err := os.ReadFile(filepath.Join(repo, filepath.FromSlash(r.URL.Path))); err == nil && tampered.Load() && strings.HasPrefix(r.URL.Path, "/targets/") {
			data[len(data)/2] ^= 1
			_, _ = w.Write(data)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()

	c := startCollector(t, filepath.Join(dir, "collector"), "127.0.0.1:0")
	config := filepath.Join(dir, "agent.yaml")
	must(t, os.WriteFile(config, []byte("interval: 10s\nupgrade:\n  enabled: true\n  window: 10s\n  repository: "+server.URL+"\n  root: "+filepath.Join(dir, "root.json")+"\n"), 0o600))
	t.Setenv("MUSTER_AGENT_CONFIG", config)
	t.Setenv("MUSTER_AGENT_STATE_DIR", state)
	run(t, agent, "enroll", "--collector", c.url(), "--token", c.token("--class", "agent"))
	service := startAgent(t, agent)
	status := func() (s upgradeStatus) {
		must(t, json.Unmarshal([]byte(run(t, agent, "status", "-o", "json")), &s))
		return s
	}
	waitFor(t, service, "the refusal", func() bool { return status().Upgrade.Check.Outcome == "refused" })
	refused := status()
	if !strings.Contains(refused.Upgrade.Check.Reason, "is not what was signed") || refused.Upgrade.Running != "1.0.0" {
		t.Errorf("status after a tampered update: %+v", refused)
	}
	waitFor(t, service, "the old version's next report", func() bool {
		s := status()
		return s.Last.AcceptedVersion == "v1.0.0" && s.Last.AcceptedAt.After(refused.Last.AcceptedAt)
	})
	tampered.Store(false)
	waitFor(t, service, "the upgrade", func() bool { s := status().Upgrade; return s.Running == "1.1.0" && s.Stage == "settled" })
	var sources []struct {
		Version string `json:"version"`
	}
	c.ask(&sources, "sources")
	if len(sources) != 1 || sources[0].Version != "v1.1.0" {
		t.Errorf("the collector knows %+v", sources)
	}

	must(t, service.cmd.Process.Kill()) // the versions end with it, or the next would not get the state folder
	<-service.done
	before := status().Last.AcceptedAt
	service = startAgent(t, agent)
	waitFor(t, service, "a report after the kill", func() bool {
		s := status()
		return s.Last.AcceptedVersion == "v1.1.0" && s.Last.AcceptedAt.After(before)
	})
	must(t, service.cmd.Process.Signal(syscall.SIGTERM))
	<-service.done
	if service.err != nil {
		t.Errorf("ended with %v\n%s", service.err, service.log())
	}
}

// agentService is "muster-agent run" as a service's manager runs it: started again when it ends.
type agentService struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
	log  func() string
}

func startAgent(t *testing.T, path string) *agentService {
	t.Helper()
	logs := &testkit.Log{}
	s := &agentService{cmd: exec.Command(path, "run"), done: make(chan struct{}), log: logs.String}
	s.cmd.Stderr = logs
	must(t, s.cmd.Start())
	go func() {
		defer close(s.done)
		s.err = s.cmd.Wait()
	}()
	t.Cleanup(func() {
		if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-s.done
	})
	return s
}

func waitFor(t *testing.T, s *agentService, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); {
		select {
		case <-s.done:
			t.Fatalf("the agent ended before %s: %v\n%s", what, s.err, s.log())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s\n%s", what, s.log())
		}
	}
}
