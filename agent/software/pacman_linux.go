package software

import (
	"context"
	"errors"
	"io/fs"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

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
