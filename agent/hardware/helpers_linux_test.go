package hardware_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

// plant writes files beneath a new root; a value that begins with "-> " is a link, a name
// that ends in a slash a directory.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if len(text) > 3 && text[:3] == "-> " {
			link(t, text[3:], filepath.Join(root, name))
			continue
		}
		write(t, filepath.Join(root, name), text)
	}
	return root
}

func look(t *testing.T, root, name string) (inventory.Body, error) {
	t.Helper()
	for _, s := range hardware.Sources(root) {
		if s.Name == name {
			return s.Read(t.Context())
		}
	}
	t.Fatalf("no source %q", name)
	return nil, nil
}

func collect(t *testing.T, root, name string) inventory.Body {
	t.Helper()
	body, err := look(t, root, name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// asNobody runs what looks beneath root without root's rights: all files are open to
// everybody but those that are secret.
func asNobody(t *testing.T, root string, secret []string, run func()) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		inside, _ := filepath.Rel(root, name) // both are absolute
		switch {
		case err != nil || e.Type()&fs.ModeSymlink != 0:
			return err
		case slices.Contains(secret, inside):
			return os.Chmod(name, 0)
		case e.IsDir():
			return os.Chmod(name, 0o755)
		}
		return os.Chmod(name, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		run()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		const nobody = 65534
		if err := unix.Setfsuid(nobody); err != nil { // takes CAP_DAC_OVERRIDE and its like as well (capabilities(7))
			t.Error(err)
			return
		}
		run()
	}()
	<-done
}
