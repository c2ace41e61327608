package software

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// slackware reads the records of installed packages; /var/log/packages is where they were
// before Slackware 15 and links to the other one since.
func slackware(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	for _, dir := range []string{"var/lib/pkgtools/packages", "var/log/packages"} {
		entries, err := tree.ReadDir(dir, inventory.MaxItems)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list, bad := inventory.SoftwareList{}, 0
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			s, err := slackwarePackage(tree, dir, e.Name())
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
	return nil, source.Unsupported("no Slackware packages: /var/lib/pkgtools/packages does not exist")
}

func slackwarePackage(tree *source.Tree, dir, name string) (inventory.Software, error) {
	f, err := tree.Open(dir + "/" + name)
	if err != nil {
		return inventory.Software{}, err
	}
	defer func() { _ = f.Close() }() // only read
	s, err := ParseSlackware(name, f)
	if info, statErr := f.Stat(); statErr == nil {
		s.Installed = info.ModTime().UTC().Format(time.DateOnly)
	}
	return s, err
}
