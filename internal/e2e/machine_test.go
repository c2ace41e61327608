package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a booted system on a copy of this one's files: packages can be installed in it and
// their services run under a real systemd with all restrictions.
type machine struct {
	t   *testing.T
	pid string // of its systemd
	dir string // where its file system is, in its own mount namespace
}

// need skips the test where programs are missing that make setup installs; in CI it fails.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			refuse(t, "%s is missing: make setup", p)
		}
	}
}

func refuse(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func bootMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		refuse(t, "namespaces need root")
	}
	need(t, "unshare", "nsenter", "dpkg", "/lib/systemd/systemd", "systemctl")
	groups := ownGroups(t)
	m := &machine{t: t, dir: t.TempDir()}
	var log bytes.Buffer
	// The shell moves into control groups of the test's before it becomes unshare.
	enter := ""
	for _, g := range groups {
		enter += fmt.Sprintf("echo $$ > %s/cgroup.procs; ", g)
	}
	cmd := exec.Command("sh", "-c", enter+`exec unshare --fork --kill-child --mount --pid --uts --ipc --cgroup testdata/machine.sh "$0"`, m.dir)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // takes its child, the first process, and with it the machine
		_ = cmd.Wait()
		for _, g := range groups {
			removeGroup(g)
		}
	})
	for range 600 {
		if m.pid == "" {
			children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid))
			m.pid = strings.TrimSpace(string(children))
		}
		if comm, _ := os.ReadFile("/proc/" + m.pid + "/comm"); m.pid != "" && string(comm) == "systemd\n" {
			if state, _ := m.try("systemctl", "is-system-running"); strings.Contains(state, "running") || strings.Contains(state, "degraded") {
				return m
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	state, _ := m.try("systemctl", "list-jobs")
	t.Fatalf("the machine did not start: %s\n%s", log.String(), state)
	return nil
}

// ownGroups makes control groups for one machine, one in each hierarchy that its systemd uses.
func ownGroups(t *testing.T) (dirs []string) {
	t.Helper()
	parents := []string{"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		parents = []string{"/sys/fs/cgroup"}
	}
	for _, parent := range parents {
		if _, err := os.Stat(filepath.Join(parent, "cgroup.procs")); err != nil {
			continue
		}
		dir := filepath.Join(parent, fmt.Sprintf("muster-test-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-")))
		if err := os.Mkdir(dir, 0o755); err != nil {
			refuse(t, "control groups: %v", err)
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

// removeGroup removes a control group with those that systemd made in it, once they are empty.
func removeGroup(dir string) {
	for range 50 {
		var inner []string
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				inner = append(inner, path)
			}
			return nil
		})
		for i := len(inner) - 1; i >= 0; i-- {
			_ = os.Remove(inner[i])
		}
		if _, err := os.Stat(dir); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (m *machine) command(args ...string) *exec.Cmd {
	line := append([]string{"-t", m.pid, "--mount", "--pid", "--uts", "--ipc", "--root", "--wd", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"}, args...)
	return exec.Command("nsenter", line...)
}

func (m *machine) try(args ...string) (string, error) {
	out, err := m.command(args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// run runs a program in the machine and gives what it said.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%q: %v\n%s\n%s", args, err, out, m.journal())
	}
	return out
}

func (m *machine) sh(script string) string {
	m.t.Helper()
	return m.run("sh", "-c", script)
}

// write puts a file into the machine.
func (m *machine) write(path, mode string, data []byte) {
	m.t.Helper()
	cmd := m.command("sh", "-c", `umask 077; cat > "$0" && chmod "$1" "$0"`, path, mode)
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("write %s: %v\n%s", path, err, out)
	}
}

// copyIn copies a file of this system into the machine's /root.
func (m *machine) copyIn(path string) string {
	m.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	to := "/root/" + filepath.Base(path)
	m.write(to, "644", data)
	return to
}

func (m *machine) journal() string {
	out, _ := m.try("journalctl", "--no-pager", "-n", "40", "-o", "cat")
	return out
}

// until waits until a shell command succeeds, as long as a slow machine may need.
func (m *machine) until(what, script string) {
	m.t.Helper()
	for range 600 {
		if _, err := m.try("sh", "-c", script); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	m.t.Fatalf("%s did not come about\n%s", what, m.journal())
}
