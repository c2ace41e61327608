package software

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Bounds on one source that looks for files in many folders.
const (
	maxFiles   = 20_000 // opened
	maxFolders = 20_000 // listed
	maxEntries = 20_000 // in one folder
	maxFound   = 50_000 // items
)

// finder looks for files beneath known folders of one tree, within bounds, and remembers
// what it could not see. What does not exist is nothing to remember.
type finder struct {
	tree *source.Tree
	dir  string // where tree is in the file system, "" at its root
	own  bool   // in somebody's home
	*progress
}

// progress is shared by a finder and those for its sub-folders.
type progress struct {
	stop           func() error // of the context
	files, folders int
	denied, bad    failures
	over           string   // the bound that ended the look
	reasons        []string // others why it is not whole
}

// failures counts what went wrong and keeps the first case as the example.
type failures struct {
	n     int
	first string
}

func (t *failures) add(name string, err error) {
	if t.n++; t.n == 1 {
		t.first = fmt.Sprintf("/%s: %v", strings.TrimLeft(name, "/"), plainError(err))
	}
}

// plainError is err without the operation and name that it carries; both are told anyway.
func plainError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func newFinder(ctx context.Context, tree *source.Tree) *finder {
	return &finder{tree: tree, progress: &progress{stop: ctx.Err}}
}

// within calls visit with a finder whose names begin in dir: cheaper for many files there.
func (f *finder) within(dir string, visit func(*finder)) {
	if f.done() {
		return
	}
	sub, err := f.tree.Sub(dir)
	if err != nil {
		f.note(dir, err)
		return
	}
	defer func() { _ = sub.Close() }() // only read
	visit(&finder{tree: sub, dir: path.Join(f.dir, dir), own: f.own, progress: f.progress})
}

// done says that the look has to end: by its context or by a bound.
func (f *finder) done() bool { return f.over != "" || f.stop() != nil }

func (f *finder) note(name string, err error) {
	switch name = path.Join(f.dir, name); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
	case errors.Is(err, fs.ErrPermission):
		f.denied.add(name, err)
	default:
		f.bad.add(name, err)
	}
}

// list is what is in a folder, sorted by name.
func (f *finder) list(dir string) []fs.DirEntry {
	if f.done() {
		return nil
	}
	list, err := f.tree.ReadDir(dir, maxEntries)
	if err != nil {
		f.note(dir, err)
		return nil
	}
	if f.folders++; f.folders > maxFolders {
		f.over = fmt.Sprintf("more than %d folders", maxFolders)
		return nil
	}
	return list
}

// glob gives the folders and files that match a pattern, in which an element is a name or
// a pattern for path.Match. Elements that begin with a dot have to be named.
func (f *finder) glob(pattern string) []string {
	found := []string{""}
	elements := strings.Split(pattern, "/")
	for i, element := range elements {
		if !strings.ContainsAny(element, "*?[") {
			for j := range found {
				found[j] = path.Join(found[j], element)
			}
			continue
		}
		var next []string
		for _, dir := range found {
			for _, e := range f.list(cmp.Or(dir, ".")) {
				if ok, err := path.Match(element, e.Name()); err != nil || !ok || strings.HasPrefix(e.Name(), ".") {
					continue
				}
				if i == len(elements)-1 || !e.Type().IsRegular() {
					next = append(next, path.Join(dir, e.Name()))
				}
			}
		}
		found = next
	}
	if strings.ContainsAny(elements[len(elements)-1], "*?[") {
		return found
	}
	return slices.DeleteFunc(found, func(name string) bool { return !f.sees(name) })
}

// sees says whether name exists. What may be behind a closed folder is noted.
func (f *finder) sees(name string) bool {
	info, err := f.tree.Lstat(name)
	switch {
	case err == nil && info.Mode()&fs.ModeSymlink == 0:
		return true
	case errors.Is(err, fs.ErrNotExist):
		return false
	case errors.Is(err, fs.ErrPermission):
		f.note(name, err)
		return false
	}
	return f.tree.Exists(name) // by a link
}

func (f *finder) globs(patterns []string) []string {
	var found []string
	for _, p := range patterns {
		found = append(found, f.glob(p)...)
	}
	return found
}

// open opens a file; the caller closes it. There is none (nil) when it does not exist or
// cannot be read.
func (f *finder) open(name string) *os.File {
	if f.done() {
		return nil
	}
	file, err := f.tree.Open(name)
	if err != nil {
		f.note(name, err)
		return nil
	}
	if f.files++; f.files > maxFiles {
		f.over = fmt.Sprintf("more than %d files", maxFiles)
		_ = file.Close() // only read
		return nil
	}
	return file
}

// read gives a file of at most limit bytes; nil when there is none or it cannot be read.
func (f *finder) read(name string, limit int64) []byte {
	file := f.open(name)
	if file == nil {
		return nil
	}
	defer func() { _ = file.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	if err != nil {
		f.note(name, err)
		return nil
	}
	return b
}

// head gives the beginning of a file.
func (f *finder) head(name string, limit int) []byte {
	file := f.open(name)
	if file == nil {
		return nil
	}
	defer func() { _ = file.Close() }() // only read
	b := make([]byte, limit)
	n, err := io.ReadFull(file, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		f.note(name, err)
		return nil
	}
	return b[:n]
}

// at is the place of a name in the file system, for Software.Path.
func (f *finder) at(name string) string { return source.Text("/" + path.Join(f.dir, name)) }

// answer makes a source's answer of what was found, without doubles. what is what was
// looked for, in the plural.
func (f *finder) answer(list inventory.SoftwareList, what string) (inventory.SoftwareList, error) {
	if err := f.stop(); err != nil {
		return nil, err
	}
	list = distinct(list)
	if len(list) > maxFound {
		list, f.over = list[:maxFound], fmt.Sprintf("more than %d %s", maxFound, what)
	}
	err := f.trouble(what)
	if err == nil && len(list) == 0 {
		return nil, source.Unsupported("no %s in the folders where they are looked for", what)
	}
	return append(inventory.SoftwareList{}, list...), err
}

// trouble is a partial error when something could not be seen.
func (f *finder) trouble(what string) error {
	reasons := slices.Clone(f.reasons)
	if f.over != "" {
		reasons = append(reasons, "the look ended early: "+f.over)
	}
	if f.denied.n > 0 {
		reasons = append(reasons, fmt.Sprintf("%d could not be opened, the first of them %s: run as root or with CAP_DAC_READ_SEARCH",
			f.denied.n, f.denied.first))
	}
	if f.bad.n > 0 {
		reasons = append(reasons, fmt.Sprintf("%d could not be read, the first of them %s", f.bad.n, f.bad.first))
	}
	if len(reasons) == 0 {
		return nil
	}
	return source.Partial("%s: %s", what, strings.Join(reasons, "; "))
}

// distinct leaves one of those that tell the same: a package that is in several
// environments of one user, an extension in two profiles. Folders are listed in order, so
// it is the same one the next time.
func distinct(list inventory.SoftwareList) inventory.SoftwareList {
	type key struct{ source, name, version, arch, user string }
	seen := make(map[key]bool, len(list))
	return slices.DeleteFunc(list, func(s inventory.Software) bool {
		k := key{s.Source, s.Name, s.Version, s.Arch, s.User}
		double := seen[k]
		seen[k] = true
		return double
	})
}
