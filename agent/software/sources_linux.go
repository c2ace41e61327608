package software

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on Linux. root is "/", or a directory with a copy of one.
func Sources(root string) []source.Source {
	list := []source.Source{
		{Name: "dpkg", Read: in(root, dpkg)},
		{Name: "apk", Read: in(root, apk)},
		{Name: "pacman", Read: in(root, pacman)},
		{Name: "snap", Read: in(root, snap)},
		{Name: "rpm", Read: in(root, rpm)},
	}
	for i := range list {
		list[i].Section, list[i].Timeout = inventory.SectionSoftware, 30*time.Second
	}
	return list
}

type read func(context.Context) (inventory.Body, error)

// in opens the tree for each look, so that nothing stays open between them.
func in(root string, look func(context.Context, *source.Tree) (inventory.SoftwareList, error)) read {
	return func(ctx context.Context) (inventory.Body, error) {
		tree, err := source.OpenTree(root)
		if err != nil {
			return nil, err
		}
		defer func() { _ = tree.Close() }() // only read
		list, err := look(ctx, tree)
		if list == nil {
			return nil, err // a nil list in the interface would look like a body
		}
		return list, err
	}
}

// distro is the ID in os-release(5), "linux" without one, as there.
func distro(tree *source.Tree) string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		b, err := tree.ReadFile(name, 64<<10)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if id, ok := strings.CutPrefix(line, "ID="); ok {
				return source.Text(strings.Trim(strings.TrimSpace(id), `"'`))
			}
		}
	}
	return "linux"
}

const dpkgDir = "var/lib/dpkg"

func dpkg(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	id := distro(tree)
	list, err := dpkgStatus(tree, id)
	none := errors.Is(err, fs.ErrNotExist)
	if err != nil && !none {
		return nil, err
	}
	// Distroless images have one file a package and no status file.
	for _, name := range tree.Names(dpkgDir+"/status.d", inventory.MaxItems) {
		if strings.HasSuffix(name, ".md5sums") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		more, err := parseDpkgFile(tree, dpkgDir+"/status.d/"+name, id, nil)
		if err != nil {
			return nil, err
		}
		if list, none = append(list, more...), false; len(list) > inventory.MaxItems {
			return nil, errTooMany
		}
	}
	if none {
		return nil, source.Unsupported("no dpkg database: /%s/status does not exist", dpkgDir)
	}
	return list, nil
}

func dpkgStatus(tree *source.Tree, id string) (inventory.SoftwareList, error) {
	info, err := tree.Sub(dpkgDir + "/info")
	if err != nil {
		return parseDpkgFile(tree, dpkgDir+"/status", id, nil)
	}
	defer func() { _ = info.Close() }() // only read
	// dpkg writes a package's list of files anew when it installs or upgrades it, so its
	// time is that of the last of these, not of the first installation.
	return parseDpkgFile(tree, dpkgDir+"/status", id, func(name, arch string) string {
		for _, file := range []string{name + ".list", name + ":" + arch + ".list"} {
			if strings.Contains(file, "/") {
				return ""
			}
			if st, err := info.Lstat(file); err == nil {
				return st.ModTime().UTC().Format(time.DateOnly)
			}
		}
		return ""
	})
}

func parseDpkgFile(tree *source.Tree, name, id string, installed func(name, arch string) string) (inventory.SoftwareList, error) {
	f, err := tree.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	list, err := ParseDpkg(f, id, installed)
	if err != nil {
		return nil, fmt.Errorf("read /%s: %w", name, err)
	}
	if list == nil {
		list = []inventory.Software{} // an empty database is an answer
	}
	return list, nil
}

func apk(_ context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	for _, name := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
		f, err := tree.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read; the loop ends here
		list, err := ParseAPK(f, distro(tree))
		if err != nil {
			return nil, fmt.Errorf("read /%s: %w", name, err)
		}
		return append(inventory.SoftwareList{}, list...), nil
	}
	return nil, source.Unsupported("no apk database: /lib/apk/db/installed does not exist")
}

func pacman(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	const dir = "var/lib/pacman/local"
	entries, err := tree.ReadDir(dir, inventory.MaxItems)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("no pacman database: /%s does not exist", dir)
	}
	if err != nil {
		return nil, err
	}
	id, bad := distro(tree), 0
	list := inventory.SoftwareList{}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !e.IsDir() { // ALPM_DB_VERSION
			continue
		}
		s, err := parsePacmanFile(tree, dir+"/"+e.Name()+"/desc", id)
		if err != nil || s.Name == "" {
			bad++
			continue
		}
		list = append(list, s)
	}
	if bad > 0 {
		return list, source.Partial("%d of %d packages in /%s could not be read", bad, bad+len(list), dir)
	}
	return list, nil
}

func parsePacmanFile(tree *source.Tree, name, id string) (inventory.Software, error) {
	f, err := tree.Open(name)
	if err != nil {
		return inventory.Software{}, err
	}
	defer func() { _ = f.Close() }() // only read
	return ParsePacman(f, id)
}

// snap lists the active revisions, which are those that /snap/<name>/current links to.
func snap(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	if !tree.Exists("var/lib/snapd") {
		return nil, source.Unsupported("no snaps: /var/lib/snapd does not exist")
	}
	list := inventory.SoftwareList{}
	for _, dir := range []string{"snap", "var/lib/snapd/snap"} {
		if link, err := tree.Lstat(dir); err != nil || !link.IsDir() {
			continue // one may link to the other
		}
		for _, name := range tree.Names(dir, 4096) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			current := dir + "/" + name + "/current"
			f, err := tree.Open(current + "/meta/snap.yaml")
			if err != nil {
				continue // bin, README
			}
			s, err := ParseSnap(f)
			_ = f.Close() // only read
			if err != nil || s.Name == "" {
				continue
			}
			if revision, err := tree.Readlink(current); err == nil {
				s.Path = source.Text("/var/lib/snapd/snaps/" + name + "_" + revision + ".snap")
				if file, err := tree.Lstat(s.Path); err == nil {
					s.Bytes = file.Size()
				}
			}
			list = append(list, s)
		}
	}
	return list, nil
}

// rpm says so when packages exist that cannot be read, rather than showing none.
func rpm(_ context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	for _, dir := range []string{"usr/lib/sysimage/rpm", "var/lib/rpm"} {
		for _, file := range []string{"rpmdb.sqlite", "Packages.db", "Packages"} {
			if name := dir + "/" + file; tree.Exists(name) {
				return nil, source.Unsupported("the rpm database /%s is of a format that this version does not read", name)
			}
		}
	}
	return nil, source.Unsupported("no rpm database")
}
