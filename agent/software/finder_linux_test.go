package software_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// What cannot be read is told, beside what can.
func TestPlacesInTrouble(t *testing.T) {
	const modules = "usr/local/lib/node_modules/"
	good := map[string]string{modules + "good/package.json": `{"name":"good","version":"1"}`}
	tests := []struct {
		name   string
		make   func(t *testing.T, root string)
		status inventory.Status
		reason string
	}{
		{"nothing odd", func(*testing.T, string) {}, inventory.StatusOK, ""},
		{"no JSON", func(t *testing.T, root string) {
			write(t, filepath.Join(root, modules, "bad/package.json"), "{")
		}, inventory.StatusPartial, "npm packages: 1 could not be read, the first of them /usr/local/lib/node_modules/bad/package.json: parse package.json"},
		{"too long", func(t *testing.T, root string) {
			write(t, filepath.Join(root, modules, "bad/package.json"), strings.Repeat(" ", 600<<10))
		}, inventory.StatusPartial, "more than 524288 bytes"},
		{"a FIFO", func(t *testing.T, root string) {
			if err := os.Mkdir(filepath.Join(root, modules, "bad"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(filepath.Join(root, modules, "bad/package.json"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, inventory.StatusPartial, "not a regular file"},
		{"out of the tree", func(t *testing.T, root string) {
			link(t, "/../../etc/passwd", filepath.Join(root, modules, "out/package.json"))
		}, inventory.StatusOK, ""},
		{"a loop", func(t *testing.T, root string) {
			link(t, "loop", filepath.Join(root, modules, "loop"))
		}, inventory.StatusPartial, "symbolic links"},
		{"a deep one", func(t *testing.T, root string) {
			write(t, filepath.Join(root, modules, "bad/package.json"), strings.Repeat(`{"name":`, 20_000))
		}, inventory.StatusPartial, "max depth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := plant(t, good)
			tt.make(t, root)
			body, err := look(t, root, "npm")
			status, reason := source.Status(err)
			if status != tt.status || !strings.Contains(reason, tt.reason) || body == nil || body.Len() != 1 {
				t.Errorf("got %v, %s %q, want %s %q", body, status, reason, tt.status, tt.reason)
			}
		})
	}
}

func TestPlacesWithoutRights(t *testing.T) {
	const modules = "usr/local/lib/node_modules"
	root := plant(t, map[string]string{modules + "/a/package.json": `{"name":"a"}`, "opt/x/lib/node_modules/": ""})
	for _, name := range []string{filepath.Dir(root), root, filepath.Join(root, modules, "a/package.json")} {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(root, "opt/x"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, "opt/x"), 0o755) }) // so that the folder can be removed
	asNobody(t)
	body, err := look(t, root, "npm")
	status, reason := source.Status(err)
	if status != inventory.StatusPartial || !strings.Contains(reason, "/opt/x/lib/node_modules: permission denied") || body == nil || body.Len() != 1 {
		t.Errorf("got %v, %s %q", body, status, reason)
	}
}

// More files than a source opens end the look, and what was found is kept.
func TestPlacesBounds(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "var/lib/gems/3.1.0/specifications")
	write(t, filepath.Join(dir, "a.gemspec"), "# stub: a 1 ruby lib\n")
	for i := range 20_000 {
		if err := os.Link(filepath.Join(dir, "a.gemspec"), filepath.Join(dir, fmt.Sprintf("x%d.gemspec", i))); err != nil {
			t.Fatal(err)
		}
	}
	body, err := look(t, root, "gem")
	if status, reason := source.Status(err); status != inventory.StatusPartial || !strings.Contains(reason, "more than 20000 entries") || body.Len() != 0 {
		t.Errorf("a folder above its bound: %v, %s %q", body, status, reason)
	}
	second := filepath.Join(root, "var/lib/gems/3.2.0/specifications")
	if err := os.MkdirAll(second, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		name := fmt.Sprintf("x%d.gemspec", i)
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(second, name)); err != nil {
			t.Fatal(err)
		}
	}
	body, err = look(t, root, "gem")
	if status, reason := source.Status(err); status != inventory.StatusPartial || !strings.Contains(reason, "more than 20000 files") || body.Len() != 1 {
		t.Errorf("more files than the bound: %v, %s %q", body, status, reason)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if body, err := lookIn(ctx, t, root, "gem"); err == nil || body != nil {
		t.Errorf("after its deadline: %v, %v", body, err)
	}
}

func TestAlternatives(t *testing.T) {
	tests := []struct {
		pattern string
		want    []string
	}{
		{"a/*/b", []string{"a/*/b"}},
		{"{a,b}/{,c/}d", []string{"a/d", "a/c/d", "b/d", "b/c/d"}},
		{"open{a", []string{"open{a"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, software.Alternatives(tt.pattern)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.pattern, diff)
		}
	}
}

// Two looks at what does not change are the same.
func TestPlacesAreStable(t *testing.T) {
	for _, s := range software.Sources("/") {
		first, err := s.Read(t.Context())
		if status, reason := source.Status(err); status == inventory.StatusFailed {
			t.Errorf("%s: %s", s.Name, reason)
		}
		second, _ := s.Read(t.Context()) // it was told above
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("%s: -first +second:\n%s", s.Name, diff)
		}
	}
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func BenchmarkSources(b *testing.B) {
	for _, s := range software.Sources("/") {
		b.Run(s.Name, func(b *testing.B) {
			start := processorTime(b)
			for b.Loop() {
				if _, err := s.Read(b.Context()); err != nil {
					if status, reason := source.Status(err); status == inventory.StatusFailed {
						b.Fatal(reason)
					}
				}
			}
			b.ReportMetric(float64(processorTime(b)-start)/float64(b.N), "cpu-ns/op")
		})
	}
}
