package software

import (
	"context"
	"io"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// appImages finds AppImages where people put programs. They are single files, installed
// nowhere; a search of whole disks would cost more than it finds.
func appImages(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	var patterns, owners []string
	add := func(owner string, dirs ...string) {
		for _, dir := range dirs {
			patterns, owners = append(patterns, dir+"/*"), append(owners, owner)
		}
	}
	add("", "opt", "opt/*", "usr/local/bin", "usr/local/share/appimages", "Applications")
	for _, h := range homes(tree) {
		add(h.user, h.dir+"/Applications", h.dir+"/AppImages", h.dir+"/.local/bin", h.dir+"/bin")
	}
	list := inventory.SoftwareList{}
	known := map[string]bool{}
	for i, pattern := range patterns {
		for _, name := range glob(tree, pattern) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if !strings.HasSuffix(strings.ToLower(name), ".appimage") {
				continue
			}
			s, ok := appImage(tree, name)
			s.User = owners[i]
			if key := s.Name + "|" + s.Version + "|" + s.User; ok && !known[key] && len(list) < inventory.MaxItems {
				known[key] = true
				list = append(list, s)
			}
		}
	}
	if len(list) == 0 {
		return nil, source.Unsupported("no AppImages in /opt, /usr/local/bin and the users' directories for programs")
	}
	return list, nil
}

func appImage(tree *source.Tree, name string) (inventory.Software, bool) {
	f, err := tree.Open(name)
	if err != nil {
		return inventory.Software{}, false
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, appImageHeader)
	if _, err := io.ReadFull(f, head); err != nil {
		return inventory.Software{}, false
	}
	s, ok := ParseAppImage(name[strings.LastIndexByte(name, '/')+1:], head)
	s.Path = source.Text("/" + name)
	if info, err := f.Stat(); err == nil {
		s.Bytes = info.Size()
	}
	return s, ok
}
