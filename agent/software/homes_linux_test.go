package software_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// asNobody lets the rest of a test look without root's rights: who is root sees all.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Setfsuid(0)
		runtime.UnlockOSThread()
	})
}

// What users keep to themselves is not reported as absent.
func TestClosedHomes(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/etc/passwd", "open:x:1000:1000::/home/open:/bin/sh\nclosed:x:1001:1001::/home/closed:/bin/sh\ngone:x:1002:1002::/home/gone:/bin/sh\n")
	write(t, root+"/home/open/bin/a-1.0.AppImage", elf(t, 2, 62))
	write(t, root+"/home/closed/bin/b-1.0.AppImage", elf(t, 2, 62))
	for _, name := range []string{"/etc/passwd", "/home/open/bin/a-1.0.AppImage"} {
		if err := os.Chmod(root+name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{root, filepath.Dir(root)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root+"/home/closed", 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(root+"/home/closed", 0o700) })
	asNobody(t)
	for _, s := range software.Sources(root) {
		if s.Category != source.CategoryUserSoftware {
			continue
		}
		body, err := s.Read(t.Context())
		status, reason := source.Status(err)
		switch {
		case s.Name == "guix-users" || s.Name == "nix-users": // none here, whoever looks
		case status != inventory.StatusPartial || !strings.Contains(reason, "1 home directories"):
			t.Errorf("%s: %s, %q", s.Name, status, reason)
		case s.Name == "appimage-users" && body.Len() != 1:
			t.Errorf("AppImages: %v", body)
		}
	}
}
