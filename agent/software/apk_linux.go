package software

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func apk(_ context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	for _, name := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
		f, err := tree.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read; the loop ends here
		list, err := ParseAPK(f, distro(tree))
		if err != nil {
			return nil, fmt.Errorf("read /%s: %w", name, err)
		}
		return append(inventory.SoftwareList{}, list...), nil
	}
	return nil, source.Unsupported("no apk database: /lib/apk/db/installed does not exist")
}
