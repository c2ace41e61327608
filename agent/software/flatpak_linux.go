package software

import (
	"context"
	"io"
	"path"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// flatpak lists what is deployed in the system's installations.
func flatpak(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	owners := map[string]string{"var/lib/flatpak": ""}
	for _, dir := range flatpakInstallations(tree) {
		owners[dir] = ""
	}
	return flatpakIn(ctx, tree, owners)
}

// flatpakUsers lists what is deployed in users' own installations.
func flatpakUsers(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	owners := map[string]string{}
	people, partial := homes(tree)
	for _, h := range people {
		owners[h.dir+"/.local/share/flatpak"] = h.user
	}
	list, err := flatpakIn(ctx, tree, owners)
	return orPartial(list, err, partial)
}

// flatpakIn lists what is deployed in installations, which have owners.
func flatpakIn(ctx context.Context, tree *source.Tree, owners map[string]string) (inventory.SoftwareList, error) {
	var list inventory.SoftwareList
	for _, base := range sortedKeys(owners) {
		if !tree.Exists(base) {
			continue
		}
		if list == nil {
			list = inventory.SoftwareList{}
		}
		for _, pattern := range []string{"/app/*/*/*/active", "/runtime/*/*/*/active"} {
			for _, dir := range glob(tree, base+pattern) {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				if len(list) == inventory.MaxItems {
					return nil, errTooMany
				}
				if s, ok := flatpakDeployed(tree, dir); ok {
					s.User = owners[base]
					list = append(list, s)
				}
			}
		}
	}
	if list == nil {
		return nil, source.Unsupported("no flatpak: there is no /var/lib/flatpak, or no ~/.local/share/flatpak for users")
	}
	return list, nil
}

// flatpakInstallations are the further directories that an administrator set up
// (flatpak-installation(5)).
func flatpakInstallations(tree *source.Tree) (dirs []string) {
	for _, name := range glob(tree, "etc/flatpak/installations.d/*") {
		b, err := tree.ReadFile(name, 64<<10)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if dir, ok := strings.CutPrefix(strings.TrimSpace(line), "Path="); ok {
				dirs = append(dirs, strings.TrimPrefix(path.Clean("/"+dir), "/"))
			}
		}
	}
	return dirs
}

// flatpakDeployed looks at <base>/app|runtime/<id>/<arch>/<branch>/active.
func flatpakDeployed(tree *source.Tree, dir string) (inventory.Software, bool) {
	parts := strings.Split(dir, "/")
	kind, id, arch, branch := parts[len(parts)-5], parts[len(parts)-4], parts[len(parts)-3], parts[len(parts)-2]
	b, err := tree.ReadFile(dir+"/deploy", 1<<20)
	if err != nil {
		return inventory.Software{}, false // being removed
	}
	version, size, _ := ParseFlatpakDeploy(b) // what a damaged one would tell is not known
	publisher := ""
	for _, name := range []string{"metainfo/" + id + ".metainfo.xml", "appdata/" + id + ".appdata.xml", "metainfo/" + id + ".appdata.xml"} {
		f, err := tree.Open(dir + "/files/share/" + name)
		if err != nil {
			continue
		}
		newest, developer, err := ParseMetainfo(io.LimitReader(f, 4<<20))
		_ = f.Close() // only read
		if err != nil {
			continue
		}
		if publisher = developer; version == "" {
			version = newest
		}
		break
	}
	s := flatpakSoftware(kind, id, arch, branch, version)
	s.Publisher, s.Bytes = publisher, size
	if resolved, err := tree.Resolve(dir); err == nil {
		if info, err := tree.Lstat(resolved + "/deploy"); err == nil {
			s.Installed = info.ModTime().UTC().Format(time.DateOnly)
		}
	}
	return s, s.Name != ""
}
