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
	return parseDpkgFile(tree, dpkgDir+"/status", id, func(name string) string {
		if strings.Contains(name, "/") {
			return ""
		}
		st, err := info.Lstat(name + ".list")
		if err != nil {
			return ""
		}
		return st.ModTime().UTC().Format(time.DateOnly)
	})
}

func parseDpkgFile(tree *source.Tree, name, id string, installed func(name string) string) (inventory.SoftwareList, error) {
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
