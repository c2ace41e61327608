package software

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Places says where software lies that no package manager of the operating system knows.
// There is one for each system: linuxPlaces, darwinPlaces, windowsPlaces. All are tested
// on all systems, over trees of files.
type Places struct {
	homes func(*finder) []home
	// Patterns for finder.glob by the name of what is looked for, in all of the machine and
	// beneath the home of each user.
	machine, user map[string][]string
	// Folders that installers fill which keep records of their own. What is found there is
	// listed by another source too: it tells more here, yet must not count twice.
	recorded []string
	// drive is "C:" on Windows, where paths are shown with it.
	drive string
}

// wanted is something that is looked for in folders (or files) which patterns name.
type wanted struct {
	name string // in Places, and of the source
	what string // in the plural, for people
	look func(f *finder, place string) []inventory.Software
}

func libraries() []wanted {
	return []wanted{
		{"pip", "Python packages", pip},
		{"conda", "Conda packages", conda},
		{"npm", "npm packages", npm},
		{"gem", "Ruby gems", gems},
		{"cargo", "Cargo packages", cargo},
		{"composer", "Composer packages", composer},
		{"maven", "Java libraries", javaLibraries},
	}
}

func programs() []wanted {
	return []wanted{
		{"go", "Go programs", goPrograms},
		{"jvm", "Java runtimes", javaRuntime},
		{"dotnet", ".NET runtimes", dotnet},
		{"database", "database engines", databases},
	}
}

func extensions() []wanted {
	return []wanted{
		{"chromium", "browser extensions", chromium},
		{"mozilla", "Mozilla extensions", mozilla},
		{"vscode", "editor extensions", vscode},
		{"jetbrains", "JetBrains plugins", jetbrains},
	}
}

// placeSources lists the sources that look in places. What lies in homes has sources of
// its own, so that it can be switched off: libraries-users, programs-users and extensions.
func placeSources(root string, p Places) []source.Source {
	var list []source.Source
	add := func(name, what string, category source.Category, look func(*finder) inventory.SoftwareList) {
		list = append(list, source.Source{
			Section: inventory.SectionSoftware, Name: name, Category: category, Timeout: 30 * time.Second,
			Read: func(ctx context.Context) (inventory.Body, error) { return p.read(ctx, root, what, look) },
		})
	}
	machine := func(all []wanted, category source.Category) {
		for _, w := range all {
			if patterns := p.machine[w.name]; len(patterns) > 0 {
				add(w.name, w.what, category, func(f *finder) inventory.SoftwareList { return p.mark(w.in(f, patterns, "")) })
			}
		}
	}
	user := func(name, what string, all ...wanted) {
		add(name, what, source.CategoryUserSoftware, func(f *finder) inventory.SoftwareList { return p.inHomes(f, all) })
	}
	machine(libraries(), source.CategoryLibraries)
	machine(programs(), source.CategoryBasic)
	user("libraries-users", "libraries in homes", libraries()...)
	user("programs-users", "programs in homes", programs()...)
	for _, w := range extensions() {
		user(w.name, w.what, w)
	}
	return list
}

func (p Places) read(ctx context.Context, root, what string, look func(*finder) inventory.SoftwareList) (inventory.Body, error) {
	tree, err := source.OpenTree(root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tree.Close() }() // only read
	f := newFinder(ctx, tree)
	list, err := f.answer(look(f), what)
	if list == nil {
		return nil, err // a nil list in the interface would look like a body
	}
	for i := range list {
		if p.drive != "" && strings.HasPrefix(list[i].Path, "/") {
			list[i].Path = p.drive + strings.ReplaceAll(list[i].Path, "/", `\`)
		}
	}
	return list, err
}

// in looks in all places that match the patterns.
func (w wanted) in(f *finder, patterns []string, user string) inventory.SoftwareList {
	var list inventory.SoftwareList
	for _, place := range f.globs(patterns) {
		if f.done() || len(list) > maxFound {
			break
		}
		for _, s := range w.look(f, place) {
			if s.Name != "" {
				s.User = user
				list = append(list, s)
			}
		}
	}
	return list
}

// mark makes components of programs which an installer has recorded.
func (p Places) mark(list inventory.SoftwareList) inventory.SoftwareList {
	for i := range list {
		recorded := slices.ContainsFunc(p.recorded, func(dir string) bool { return strings.HasPrefix(list[i].Path, "/"+dir+"/") })
		if recorded && list[i].Kind == "" {
			list[i].Kind = inventory.KindSystemComponent
		}
	}
	return list
}

func (p Places) inHomes(f *finder, all []wanted) inventory.SoftwareList {
	var list inventory.SoftwareList
	for _, h := range p.homes(f) {
		f.within(h.dir, func(f *finder) {
			f.own = true
			for _, w := range all {
				list = append(list, w.in(f, p.user[w.name], h.user)...)
			}
		})
	}
	return list
}

// foldersIn are the homes in a folder that holds nothing else, but for those named.
func foldersIn(f *finder, dir string, but ...string) []home {
	var list []home
	for _, e := range f.list(dir) {
		if name := e.Name(); e.IsDir() && !strings.HasPrefix(name, ".") && !slices.Contains(but, name) {
			list = append(list, home{source.Text(name), path.Join(dir, name)})
		}
	}
	return list
}

// linuxHomes are the homes of people in passwd(5), and what else is in /home, which is
// where accounts of a directory service have theirs. Homes on network file systems are
// another machine's and not looked into.
func linuxHomes(f *finder) []home {
	list, err := homes(f.tree)
	if err != nil {
		f.reasons = append(f.reasons, err.Error())
	}
	list = append(list, foldersIn(f, "home", "lost+found")...)
	network, seen := networkMounts(f), map[string]bool{}
	return slices.DeleteFunc(list, func(h home) bool {
		double := seen[h.dir]
		seen[h.dir] = true
		return double || slices.ContainsFunc(network, func(m string) bool { return strings.HasPrefix(h.dir+"/", m+"/") })
	})
}

// networkMounts are the mount points of network file systems and of automounters
// (proc_pid_mountinfo(5)), relative to the root.
func networkMounts(f *finder) []string {
	var list []string
	for line := range strings.Lines(string(f.read("proc/self/mountinfo", 4<<20))) {
		before, after, _ := strings.Cut(line, " - ")
		field, kind := strings.Fields(before), strings.Fields(after)
		if len(field) < 5 || len(kind) == 0 {
			continue
		}
		switch name, _, _ := strings.Cut(kind[0], "."); name {
		case "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "lustre", "gpfs", "autofs", "ncpfs", "fuse":
			if m := strings.Trim(field[4], "/"); m != "" {
				list = append(list, m)
			}
		}
	}
	return list
}

func darwinHomes(f *finder) []home {
	return append(foldersIn(f, "Users", "Shared", "Guest"), home{"root", "private/var/root"})
}

func windowsHomes(f *finder) []home {
	return foldersIn(f, "Users", "Public", "Default", "Default User", "All Users")
}
