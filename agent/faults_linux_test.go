package agent_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/internal/wire/wiretest"
)

const insideEnv = "MUSTER_TEST_INSIDE"

// inside runs body in a process of its own that may mount file systems for itself, and as root
// of its own user namespace where we are not root.
func inside(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		body(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("inside: %v\n%s", err, out)
	}
}

// fill writes until the disk takes no more.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{64 << 10, 512, 1} {
		for chunk := make([]byte, size); err == nil; {
			_, err = f.Write(chunk)
		}
		err = nil
	}
	_ = f.Close()
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// With a full disk the agent goes on, its key stays whole, its spool stays small, and when
// there is room again everything is as before.
func TestF04_FullDisk(t *testing.T) {
	inside(t, func(t *testing.T) {
		disk := t.TempDir()
		if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=2m,mode=0700"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(disk, 0) })
		c := wiretest.New(t)
		dir := filepath.Join(disk, "state")
		if _, err := wire.Enroll(t.Context(), wire.EnrollConfig{StateDir: dir, Collector: c.URL, Token: c.Token(), Kind: inventory.KindAgent, Version: "test"}); err != nil {
			t.Fatal(err)
		}
		extra := 0
		changing := source.Source{Section: inventory.SectionSoftware, Name: "dpkg", Read: func(context.Context) (inventory.Body, error) {
			return packages(2000 + extra), nil
		}}
		open := func() *agent.Agent {
			a, err := agent.Open(agent.Config{}, dir, "1", []source.Source{changing}, time.Now, quiet)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		a := open()
		key := read(t, dir, "key.pem")
		down := func(is bool) {
			c.Lock()
			defer c.Unlock()
			if c.Wrap = nil; is {
				c.Wrap = pageOf(503)
			}
		}
		down(true)
		if _, err := a.Report(t.Context()); inventory.CodeOf(err) != inventory.CodeUnavailable {
			t.Fatal(err)
		}
		fill(t, filepath.Join(disk, "full"))
		for range 5 {
			extra++
			if last, err := a.Report(t.Context()); inventory.CodeOf(err) != inventory.CodeUnavailable || last.Outcome != agent.OutcomeWaiting {
				t.Errorf("report %d on a full disk: %+v, %v", extra, last.Outcome, err)
			}
		}
		if state, err := wire.ReadSpool(dir); err != nil || state.Bytes > 2<<20 {
			t.Errorf("spool %+v, %v", state, err)
		}
		down(false)
		if last, err := a.Report(t.Context()); err != nil || last.Outcome != agent.OutcomeAccepted {
			t.Errorf("on a full disk: %+v, %v", last.Outcome, err)
		}
		fill(t, filepath.Join(disk, "more")) // what was sent made room
		if client, err := wire.Open(dir, "1"); err != nil {
			t.Error(err)
		} else {
			if err := client.Renew(t.Context()); err == nil {
				t.Error("renewed without a place for the key")
			}
			client.Close()
		}
		if read(t, dir, "key.pem") != key {
			t.Error("the key was touched")
		}
		_ = a.Close() // it cannot write its counter, and says so
		for _, name := range []string{"full", "more"} {
			if err := os.Remove(filepath.Join(disk, name)); err != nil {
				t.Fatal(err)
			}
		}
		a = open()
		defer closeAgent(t, a)
		if last, err := a.Report(t.Context()); err != nil || last.Outcome != agent.OutcomeAccepted {
			t.Errorf("with room again: %+v, %v", last.Outcome, err)
		}
		if section(t, c, "", inventory.SectionSoftware).Body.Len() != 2005 {
			t.Errorf("the collector has %d packages", section(t, c, "", inventory.SectionSoftware).Body.Len())
		}
	})
}

// A log that cannot be written stops nothing.
func TestF29_LogDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	if _, err := io.WriteString(full, "x"); err == nil {
		t.Fatal("/dev/full takes what is written")
	}
	c := wiretest.New(t)
	dir := enrolled(t, c)
	panics := source.Source{Section: inventory.SectionPCI, Name: "pci", Read: nil} // a log line with a stack
	a, err := agent.Open(agent.Config{}, dir, "1", append(machine(), panics), time.Now, slog.New(slog.NewTextHandler(full, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	defer closeAgent(t, a)
	for range 2 {
		if last, err := a.Report(t.Context()); err != nil || last.Outcome != agent.OutcomeAccepted {
			t.Errorf("%+v, %v", last, err)
		}
	}
}

// An unprivileged user of the machine gets at nothing in the state folder. It needs root to
// become one.
func TestA35_AnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("becoming another user needs root")
		}
		t.Skip("becoming another user needs root")
	}
	c := wiretest.New(t)
	// The test's own folder is closed to others: only the state folder's rights are to count.
	base, err := os.MkdirTemp("", "muster-a35-") //nolint:usetesting // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "state")
	if _, err := wire.Enroll(t.Context(), wire.EnrollConfig{StateDir: dir, Collector: c.URL, Token: c.Token(), Kind: inventory.KindAgent, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	a := openAgent(t, dir, time.Now)
	if _, err := a.Report(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeAgent(t, a)
	as := func(command string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), command, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s %q worked: %s", command, args, out)
		}
		return string(out)
	}
	for _, name := range []string{"key.pem", "identity.json", "status.json", "runtime.json", "spool/counter", "spool/known"} {
		path := filepath.Join(dir, name)
		if read(t, path) == "" {
			t.Errorf("%s is empty", name)
		}
		if out := as("/bin/cat", path); !strings.Contains(out, "ermission denied") {
			t.Errorf("cat %s: %s", name, out)
		}
		as("/bin/cp", "/dev/null", path)
		as("/bin/mv", path, base)
	}
	as("/bin/ls", dir)
	as("/bin/mkdir", filepath.Join(dir, "spool", "planted"))
}
