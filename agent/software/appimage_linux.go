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
	list, err := appImagesIn(ctx, tree, "", "opt", "opt/*", "usr/local/bin", "usr/local/share/appimages", "Applications")
	return found(list, err)
}

// appImagesUsers finds those in users' homes.
func appImagesUsers(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	list := inventory.SoftwareList{}
	people, partial := homes(tree)
	for _, h := range people {
		theirs, err := appImagesIn(ctx, tree, h.user, h.dir+"/Applications", h.dir+"/AppImages", h.dir+"/.local/bin", h.dir+"/bin")
		if err != nil {
			return nil, err
		}
		if list = append(list, theirs...); len(list) > inventory.MaxItems {
			return nil, errTooMany
		}
	}
	list, err := found(list, nil)
	return orPartial(list, err, partial)
}

// found says so when there is none: they may be elsewhere.
func found(list inventory.SoftwareList, err error) (inventory.SoftwareList, error) {
	if err == nil && len(list) == 0 {
		return nil, source.Unsupported("no AppImages in the usual directories for programs")
	}
	return list, err
}

func appImagesIn(ctx context.Context, tree *source.Tree, owner string, dirs ...string) (inventory.SoftwareList, error) {
	list := inventory.SoftwareList{}
	known := map[string]bool{}
	for _, dir := range dirs {
		for _, name := range glob(tree, dir+"/*") {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if !strings.HasSuffix(strings.ToLower(name), ".appimage") {
				continue
			}
			s, ok := appImage(tree, name)
			s.User = owner
			if key := s.Name + "|" + s.Version + "|" + s.Arch; ok && !known[key] && len(list) < inventory.MaxItems {
				known[key] = true
				list = append(list, s)
			}
		}
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
