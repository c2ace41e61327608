package hardware_test

import (
	"os"
	"path/filepath"
	"testing"

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

// plant writes files beneath a new root; a value that begins with "-> " is a link.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
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
