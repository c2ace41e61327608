package source_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// plant makes a tree with files and links, beside a secret outside it.
func plant(t *testing.T) *source.Tree {
	t.Helper()
	base := t.TempDir()
	root := filepath.Join(base, "root")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(root, "etc/real"), 0o755),
		os.WriteFile(filepath.Join(base, "secret"), []byte("outside"), 0o600),
		os.WriteFile(filepath.Join(root, "etc/real/id"), []byte("inside\n"), 0o600),
		os.Symlink("real/id", filepath.Join(root, "etc/relative")),
		os.Symlink("/etc/real/id", filepath.Join(root, "etc/absolute")),
		os.Symlink("/etc/real", filepath.Join(root, "etc/dir")),
		os.Symlink("../../secret", filepath.Join(root, "etc/out")),
		os.Symlink(filepath.Join(base, "secret"), filepath.Join(root, "etc/far")),
		os.Symlink("/etc/loop", filepath.Join(root, "etc/loop")),
		syscall.Mkfifo(filepath.Join(root, "etc/fifo"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tree, err := source.OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return tree
}

func TestA38_TreeReadFile(t *testing.T) {
	tree := plant(t)
	tests := []struct {
		name, want string
		ok         bool
	}{
		{"etc/real/id", "inside\n", true},
		{"/etc/real/id", "inside\n", true},
		{"etc/relative", "inside\n", true},
		{"etc/absolute", "inside\n", true},
		{"etc/dir/id", "inside\n", true},
		{"etc/out", "", false},
		{"etc/far", "", false},
		{"../secret", "", false},
		{"etc/loop", "", false},
		{"etc/fifo", "", false},
		{"etc/real", "", false},
		{"etc/missing", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := tree.ReadFile(tt.name, 100)
			if string(b) != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %q, %v", b, err)
			}
		})
	}
}

func TestTreeLimits(t *testing.T) {
	tree := plant(t)
	if b, err := tree.ReadFile("etc/real/id", 6); err == nil {
		t.Errorf("a file above its limit was read: %q", b)
	}
	if _, err := tree.ReadDir("etc", 3); err == nil {
		t.Error("a directory above its limit was listed")
	}
	if names := tree.Names("etc/dir", 10); len(names) != 1 || names[0] != "id" {
		t.Errorf("names through an absolute link: %q", names)
	}
	if !tree.Exists("etc/absolute") || tree.Exists("etc/far") || tree.Exists("etc/loop") {
		t.Error("Exists is wrong about a link")
	}
	if got := tree.Text("etc/absolute"); got != "inside" {
		t.Errorf("Text: %q", got)
	}
	sub, err := tree.Sub("/etc/dir")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := sub.Lstat("id"); err != nil || info.Size() != 7 {
		t.Errorf("file in a sub-tree: %v, %v", info, err)
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	if _, err := tree.Sub("etc/out"); err == nil {
		t.Error("a sub-tree outside was opened")
	}
	if got, err := tree.Resolve("etc/dir/id"); got != "etc/real/id" || err != nil {
		t.Errorf("Resolve: %q, %v", got, err)
	}
}

// What stands in a folder that a user can write to leads nowhere else, and costs little.
func TestA38_HostileFolder(t *testing.T) {
	root := t.TempDir()
	home := filepath.Join(root, "home/anna")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(root, "etc"), 0o755),
		os.MkdirAll(home, 0o755),
		os.WriteFile(filepath.Join(root, "etc/shadow"), []byte("root:secret"), 0o600),
		os.Symlink("/etc/shadow", filepath.Join(home, "absolute")),
		os.Symlink("../../etc/shadow", filepath.Join(home, "relative")),
		os.Symlink("/dev/zero", filepath.Join(home, "endless")),
		os.Symlink("/proc/self/fd/0", filepath.Join(home, "terminal")),
		syscall.Mkfifo(filepath.Join(home, "fifo"), 0o600),
		os.WriteFile(filepath.Join(home, "sparse"), nil, 0o600),
		os.Truncate(filepath.Join(home, "sparse"), 10<<30),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tree, err := source.OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.Close() }()
	sub, err := tree.Sub("home/anna")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Close() }()
	for _, name := range []string{"absolute", "relative", "endless", "terminal", "fifo", "sparse"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b, err := sub.ReadFile(name, 1<<20)
		runtime.ReadMemStats(&after)
		if err == nil || len(b) > 0 {
			t.Errorf("%s was read: %.20q", name, b)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
			t.Errorf("%s cost %d MiB", name, grown>>20)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct{ in, want string }{
		{"  plain \n", "plain"},
		{"two\nlines\tand\x00nul", "two lines andnul"},
		{"bad \xff byte", "bad \ufffd byte"},
		{"Müller\u0085", "Müller"},
		{strings.Repeat("ä", inventory.MaxText), strings.Repeat("ä", inventory.MaxText/2)},
	}
	for _, tt := range tests {
		if got := source.Text(tt.in); got != tt.want {
			t.Errorf("Text(%.20q) = %.40q, want %.40q", tt.in, got, tt.want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x00\xff\u0085b")
	f.Fuzz(func(t *testing.T, s string) {
		got := source.Text(s)
		if !utf8.ValidString(got) || strings.ContainsRune(got, 0) || len(got) > inventory.MaxText {
			t.Errorf("Text(%q) = %q", s, got)
		}
	})
}

// Links lead where they say, not where they could: nothing is followed but the folder.
func TestTreeLinks(t *testing.T) {
	root := t.TempDir()
	want := []string{"/dev/zero", "nowhere", "socket:[7]"}
	for _, target := range want {
		if err := os.Symlink(target, filepath.Join(root, filepath.Base(target))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := source.OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.Close() }()
	var got []string
	if err := tree.Links(".", 100, func(target []byte) { got = append(got, string(target)) }); err != nil {
		t.Error(err)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := tree.Links("missing", 100, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is missing: %v", err)
	}
}
