package software

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// opkg reads the status files of OpenWrt, of embedded distributions made with Yocto, and
// of Entware beside another system.
func opkg(_ context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	var all inventory.SoftwareList
	for _, name := range []string{"usr/lib/opkg/status", "var/lib/opkg/status", "opt/lib/opkg/status"} {
		f, err := tree.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list, err := ParseOpkg(f)
		_ = f.Close() // only read
		if err != nil {
			return nil, fmt.Errorf("read /%s: %w", name, err)
		}
		if all = append(append(inventory.SoftwareList{}, all...), list...); len(all) > inventory.MaxItems {
			return nil, errTooMany
		}
	}
	if all == nil {
		return nil, source.Unsupported("no opkg database: /usr/lib/opkg/status does not exist")
	}
	return all, nil
}
