package software

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const portageDir = "var/db/pkg"

func portage(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	categories, err := tree.ReadDir(portageDir, 4096)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("no Portage database: /%s does not exist", portageDir)
	}
	if err != nil {
		return nil, err
	}
	list := inventory.SoftwareList{}
	for _, category := range categories {
		if !category.IsDir() || strings.HasPrefix(category.Name(), ".") {
			continue
		}
		packages, err := tree.ReadDir(portageDir+"/"+category.Name(), inventory.MaxItems)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			// "-MERGING-name" is being installed.
			if !p.IsDir() || strings.HasPrefix(p.Name(), "-") || strings.HasPrefix(p.Name(), ".") {
				continue
			}
			if len(list) == inventory.MaxItems {
				return nil, errTooMany
			}
			list = append(list, portagePackage(tree, category.Name(), p.Name()))
		}
	}
	return list, nil
}

func portagePackage(tree *source.Tree, category, name string) inventory.Software {
	s := PortagePackage(category, name)
	dir := portageDir + "/" + category + "/" + name
	s.Arch = portageArch(tree.Text(dir + "/CHOST"))
	if n, err := strconv.ParseInt(tree.Text(dir+"/SIZE"), 10, 62); err == nil && n > 0 {
		s.Bytes = n
	}
	if counter, err := tree.Lstat(dir + "/COUNTER"); err == nil { // written when it is merged
		s.Installed = counter.ModTime().UTC().Format(time.DateOnly)
	}
	return s
}
