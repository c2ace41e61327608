package software

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Bounds on the search for applications.
const (
	maxInfo       = 1 << 20 // of an Info.plist
	maxAppFolders = 20_000
)

// appFolders are where applications are, and how many folders deep to look for them:
// suites have a folder of their own, with a folder for each program.
var appFolders = []struct {
	path  string
	depth int
}{
	{"Applications", 3}, {"System/Applications", 1}, {"System/Library/CoreServices", 1}, {"Library/CoreServices", 1},
	{"Library/Apple/System/Library/CoreServices", 1}, {"Library/Application Support", 3},
}

// macApps lists the applications of the machine.
func macApps(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	if _, err := tree.ReadDir("Applications", maxNames); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, source.Unsupported("no applications: /Applications does not exist")
		}
		return nil, err
	}
	w := &appWalk{tree: tree, list: inventory.SoftwareList{}}
	for _, f := range appFolders {
		if err := w.walk(ctx, f.path, f.depth); err != nil {
			return nil, err
		}
	}
	return w.answer()
}

// macUserApps lists the applications that people have in their homes.
func macUserApps(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	w := &appWalk{tree: tree, list: inventory.SoftwareList{}}
	for _, user := range tree.Names("Users", maxNames) {
		if err := w.walk(ctx, "Users/"+user+"/Applications", 2); err != nil {
			return nil, err
		}
	}
	return w.answer()
}

type appWalk struct {
	tree    *source.Tree
	list    inventory.SoftwareList
	folders int
	denied  []string
}

func (w *appWalk) answer() (inventory.SoftwareList, error) {
	if len(w.denied) > 0 {
		return w.list, source.Partial("%d folders of applications cannot be read, the first is /%s: give the agent Full Disk Access",
			len(w.denied), w.denied[0])
	}
	return w.list, nil
}

// walk looks into a folder and those below it. Bundles are folders whose name ends in
// ".app"; what is inside one belongs to it. Links are followed only to bundles: Safari's
// is elsewhere since macOS 13.
func (w *appWalk) walk(ctx context.Context, dir string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.folders++; w.folders > maxAppFolders {
		return fmt.Errorf("more than %d folders to look for applications in", maxAppFolders)
	}
	entries, err := w.tree.ReadDir(dir, maxNames)
	switch {
	case errors.Is(err, fs.ErrPermission):
		w.denied = append(w.denied, dir)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	for _, e := range entries {
		name := dir + "/" + e.Name()
		switch isLink := e.Type()&fs.ModeSymlink != 0; {
		case strings.HasSuffix(e.Name(), ".app") && (e.IsDir() || isLink):
			w.bundle(name)
			if len(w.list) > inventory.MaxItems {
				return errTooMany
			}
		case e.IsDir() && depth > 0 && !packaged(e.Name()):
			if err := w.walk(ctx, name, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// packaged says whether a folder is shown as one file.
func packaged(name string) bool {
	for _, end := range []string{".bundle", ".framework", ".plugin", ".kext", ".appex", ".xpc", ".photoslibrary"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// bundle adds an application. One without an Info.plist that can be read is none: there
// are folders with names such as "com.example.app".
func (w *appWalk) bundle(dir string) {
	info, err := w.tree.ReadFile(dir+"/Contents/Info.plist", maxInfo)
	contents := dir + "/Contents"
	if err != nil { // an application for iPads
		contents = dir + "/WrappedBundle"
		if info, err = w.tree.ReadFile(contents+"/Info.plist", maxInfo); err != nil {
			return
		}
	}
	b, err := parseBundle(info)
	if err != nil {
		return
	}
	place := placeOf("/" + dir)
	s := inventory.Software{
		Source: "app", Name: macName(dir), Version: b.version, Publisher: b.publisher, Path: source.Text("/" + dir),
		Kind: place.kind, User: source.Text(place.user),
	}
	if s.Name == "" {
		return
	}
	if strings.HasPrefix(dir, "Library/Application Support/") { // what programs keep for themselves
		s.Kind = inventory.KindSystemComponent
	}
	if b.executable != "" && !strings.ContainsRune(b.executable, '/') {
		s.Arch = w.arch(contents + "/MacOS/" + b.executable)
	}
	if receipt, err := w.tree.Lstat(dir + "/Contents/_MASReceipt/receipt"); err == nil {
		s.Source, s.Installed = "mas", macDay(receipt.ModTime())
	} else if st, err := w.tree.Lstat(dir); err == nil {
		s.Installed = macDay(st.ModTime())
	}
	w.list = append(w.list, s)
}

func (w *appWalk) arch(name string) string {
	f, err := w.tree.Open(name)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, machoHead)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return ""
	}
	return machoArch(head[:n])
}
