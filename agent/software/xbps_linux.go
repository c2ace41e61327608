package software

import (
	"context"
	"fmt"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func xbps(_ context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	const dir = "var/db/xbps"
	for _, name := range tree.Names(dir, 4096) {
		// The number is the format's version: pkgdb-0.38.plist, since 2014.
		if !strings.HasPrefix(name, "pkgdb-") || !strings.HasSuffix(name, ".plist") {
			continue
		}
		f, err := tree.Open(dir + "/" + name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read; the loop ends here
		list, err := ParseXBPS(f)
		if err != nil {
			return nil, fmt.Errorf("read /%s/%s: %w", dir, name, err)
		}
		return list, nil
	}
	return nil, source.Unsupported("no XBPS database: /%s has no pkgdb", dir)
}
