package software

import (
	"context"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

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
