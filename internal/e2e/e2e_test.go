// Package e2e_test runs the built programs against each other as a user would.
package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/testkit"
)

// programs builds all programs once and returns their folder.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "muster-e2e-")
	if err != nil {
		return "", err
	}
	for _, build := range []struct{ cgo, pkgs string }{
		{"1", "./cmd/muster-collector ./cmd/muster-scanner ./cmd/muster"}, {"0", "./cmd/muster-agent ./cmd/muster-agent-upgrade ./cmd/muster-release"},
	} {
		cmd := exec.Command("go", append([]string{"build", "-trimpath", "-o", dir + "/"}, strings.Fields(build.pkgs)...)...)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+build.cgo)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := programs(); err == nil {
		_ = os.RemoveAll(dir)
	}
	if builtPackages != "" {
		_ = os.RemoveAll(builtPackages)
	}
	os.Exit(code)
}

func program(t *testing.T, name string) string {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// collector is a running muster-collector with its data.
type collector struct {
	t    *testing.T
	data string
	addr string
	wrap []string // command to run it through, such as ip netns exec
	cmd  *exec.Cmd
}

// startCollector starts a collector on addr, HOST:0 for any port, and waits until it is ready.
func startCollector(t *testing.T, data, addr string, wrap ...string) *collector {
	t.Helper()
	c := &collector{t: t, data: data, addr: addr, wrap: wrap}
	c.start()
	t.Cleanup(c.kill)
	return c
}

func (c *collector) start() {
	c.t.Helper()
	args := append(append([]string{}, c.wrap...), program(c.t, "muster-collector"), "serve", "--data-dir", c.data, "--listen", c.addr, "--metrics-listen", "off")
	c.cmd = exec.Command(args[0], args[1:]...)
	logs := &testkit.Log{}
	c.cmd.Stderr, c.cmd.Stdout = logs, logs
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	line := ""
	for deadline := time.Now().Add(time.Minute); line == ""; time.Sleep(20 * time.Millisecond) {
		if line = readyLine(logs.String()); line == "" && time.Now().After(deadline) {
			c.t.Fatalf("the collector is not ready:\n%s", logs)
		}
	}
	if _, after, ok := strings.Cut(line, c.host()+":"); ok && strings.HasSuffix(c.addr, ":0") {
		port := strings.FieldsFunc(after, func(r rune) bool { return r < '0' || r > '9' })[0]
		c.addr = net.JoinHostPort(c.host(), port)
	}
}

// readyLine is the line of a collector's log that says where it listens.
func readyLine(log string) string {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "msg=ready") && strings.HasSuffix(line, "\n") {
			return line
		}
	}
	return ""
}

func (c *collector) host() string { h, _, _ := net.SplitHostPort(c.addr); return h }
func (c *collector) url() string  { return "https://" + c.addr }

// kill ends the collector as a crash would: SIGKILL.
func (c *collector) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

// token is a new enrolment token.
func (c *collector) token(args ...string) string {
	c.t.Helper()
	return strings.TrimSpace(run(c.t, program(c.t, "muster-collector"), append([]string{"token", "create", "--data-dir", c.data}, args...)...))
}

// ask runs the administrator's command line with -o json and decodes the answer into out.
func (c *collector) ask(out any, args ...string) {
	c.t.Helper()
	token, err := os.ReadFile(filepath.Join(c.data, "admin.token"))
	if err != nil {
		c.t.Fatal(err)
	}
	line := append(append([]string{}, c.wrap...), program(c.t, "muster"))
	line = append(append(line, args...), "-o", "json")
	cmd := exec.CommandContext(c.t.Context(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "MUSTER_URL="+c.url(), "MUSTER_TOKEN="+strings.TrimSpace(string(token)), "MUSTER_CA="+filepath.Join(c.data, "ca.pem"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("muster %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	if err := json.Unmarshal(text, out); err != nil {
		c.t.Fatalf("muster %s: %v\n%.400s", strings.Join(args, " "), err, text)
	}
}

// run runs a command to its end and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s %s: %v\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out, stderr.String())
		}
		t.Fatal(err)
	}
	return string(out)
}

// asset is what scripts rely on in muster's answers.
type asset struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Class     string   `json:"class"`
	Serial    string   `json:"serial"`
	Addresses []string `json:"addresses"`
	MACs      []string `json:"macs"`
	Sources   []string `json:"sources"`
	FirstSeen string   `json:"first_seen"`
	LastSeen  string   `json:"last_seen"`
	Memory    int64    `json:"memory_bytes"`
	MachineID string   `json:"machine_id"`

	Software []struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Source  string `json:"source"`
	} `json:"software"`
	Interfaces []map[string]any `json:"interfaces"`
	Disks      []map[string]any `json:"disks"`
	Records    []struct {
		ID     string `json:"id"`
		Source string `json:"source_kind"`
	} `json:"records"`
	Links []struct {
		Type       string `json:"type"`
		LocalPort  string `json:"local_port"`
		Asset      string `json:"asset"`
		Name       string `json:"name"`
		RemotePort string `json:"remote_port"`
		Via        string `json:"via"`
	} `json:"links"`
}
