package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/muster-itam/muster/internal/inventory"
)

// maxLinks bounds symbolic links on the way to one file, as the kernel does (40).
const maxLinks = 40

// Tree reads files beneath one directory: "/" of the running machine, or a copy of it.
//
// Symbolic links are followed as if the directory were the root of the file system, so
// none leads out of it. Opening a FIFO or a device returns an error at once. Every read
// states the most it takes. Names are slash-separated, with or without a leading slash.
type Tree struct {
	root *os.Root
	fast beneath
}

// OpenTree opens the directory. The caller closes the tree.
func OpenTree(dir string) (*Tree, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open root directory %q: %w", dir, err)
	}
	return &Tree{root: r, fast: openBeneath(dir)}, nil
}

// Sub opens a directory of the tree as a tree of its own, for reading many files in it.
func (t *Tree) Sub(dir string) (*Tree, error) {
	resolved, err := t.resolve(dir)
	if err != nil {
		return nil, err
	}
	r, err := t.root.OpenRoot(resolved)
	if err != nil {
		return nil, err
	}
	return &Tree{root: r, fast: t.fast.sub(dir)}, nil
}

// Close releases the directory.
func (t *Tree) Close() error {
	t.fast.close()
	return t.root.Close()
}

// Open opens a regular file for reading.
func (t *Tree) Open(name string) (*os.File, error) {
	f, err := t.open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at %s: %w", name, err), f.Close())
	}
	if !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("open %s: not a regular file but %s", name, info.Mode().Type()), f.Close())
	}
	return f, nil
}

// ReadFile reads a regular file of at most limit bytes; a longer one is an error.
func (t *Tree) ReadFile(name string, limit int64) ([]byte, error) {
	if t.fast.usable() {
		return t.fast.read(name, limit)
	}
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("read %s: more than %d bytes", name, limit)
	}
	return b, nil
}

// Text is the content of a small text file, such as an attribute in sysfs, fit to be
// reported; "" when it cannot be read.
func (t *Tree) Text(name string) string {
	b, err := t.ReadFile(name, inventory.MaxText)
	if err != nil {
		return ""
	}
	return Text(string(b))
}

// ReadDir lists a directory by name; more than limit entries are an error.
func (t *Tree) ReadDir(name string, limit int) ([]fs.DirEntry, error) {
	f, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	list, err := f.ReadDir(limit + 1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("list %s: %w", name, err)
	case len(list) > limit:
		return nil, fmt.Errorf("list %s: more than %d entries", name, limit)
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// Names are the names in a directory, sorted; none when it cannot be listed whole.
func (t *Tree) Names(dir string, limit int) []string {
	list, err := t.ReadDir(dir, limit)
	if err != nil {
		return nil
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names
}

// Exists says whether name can be seen. A link that leads nowhere does not exist.
func (t *Tree) Exists(name string) bool {
	if t.fast.usable() {
		return t.fast.exists(name)
	}
	_, err := t.root.Stat(local(name))
	if escapes(err) {
		var resolved string
		if resolved, err = t.resolve(name); err == nil {
			_, err = t.root.Lstat(resolved)
		}
	}
	return err == nil
}

// Lstat looks at name itself, not at what it links to.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) {
	if name = local(name); t.fast.usable() && !strings.Contains(name, "/") {
		return t.fast.lstat(name)
	}
	return t.root.Lstat(name)
}

// Readlink is the text of a symbolic link.
func (t *Tree) Readlink(name string) (string, error) { return t.root.Readlink(local(name)) }

// Links visits the targets of the symbolic links in a directory, of at most limit, in no
// order. A target is only valid during the visit. It is for the open files of processes, of
// which there are many; it ends at the first link that may not be read.
func (t *Tree) Links(dir string, limit int, visit func(target []byte)) error {
	if t.fast.usable() {
		return t.fast.links(dir, limit, visit)
	}
	sub, err := t.Sub(dir)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }() // only read
	list, err := sub.ReadDir(".", limit)
	if err != nil {
		return err
	}
	for _, e := range list {
		switch target, err := sub.Readlink(e.Name()); {
		case errors.Is(err, fs.ErrPermission):
			return err
		case err == nil:
			visit([]byte(target))
		}
	}
	return nil
}

// Resolve is name with all links on the way followed, relative to the tree.
func (t *Tree) Resolve(name string) (string, error) { return t.resolve(name) }

// open opens anything without waiting for it: a FIFO without a writer would block.
func (t *Tree) open(name string) (*os.File, error) {
	if t.fast.usable() {
		return t.fast.open(name)
	}
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	f, err := t.root.OpenFile(local(name), flags, 0)
	if !escapes(err) {
		return f, err
	}
	resolved, err := t.resolve(name)
	if err != nil {
		return nil, err
	}
	return t.root.OpenFile(resolved, flags, 0)
}

// resolve follows links by hand, because os.Root refuses absolute ones.
func (t *Tree) resolve(name string) (string, error) {
	rest := strings.Split(local(name), "/")
	done, links := ".", 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			done = path.Dir(done) // of "." is "."
			continue
		}
		next := path.Join(done, part)
		info, err := t.root.Lstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("resolve %s: more than %d symbolic links", name, maxLinks)
		}
		target, err := t.root.Readlink(next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			done = "."
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return done, nil
}

// escapes says whether err is os.Root's refusal to follow a link: it has no error value
// of its own, so what is left after the kernel's errors is taken for it. A wrong guess
// costs one more look.
func escapes(err error) bool {
	var number syscall.Errno
	return err != nil && !errors.As(err, &number)
}

func local(name string) string {
	if name = strings.TrimLeft(name, "/"); name == "" {
		return "."
	}
	return name
}

// Text makes s fit to be reported: valid UTF-8 without control characters or
// surrounding space, at most inventory.MaxText bytes. Sources pass everything that
// comes from outside through it, because one bad byte would cost the whole report.
func Text(s string) string {
	s = strings.TrimSpace(s)
	plain := len(s) <= inventory.MaxText
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	for len(s) > inventory.MaxText {
		cut := inventory.MaxText
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	return strings.TrimSpace(s)
}
