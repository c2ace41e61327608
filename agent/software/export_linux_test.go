package software

import (
	"context"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// RPMWith reads rpm's database beneath root with another program as the last resort.
func RPMWith(ctx context.Context, root, program string) (inventory.SoftwareList, error) {
	tree, err := source.OpenTree(root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tree.Close() }()
	return rpmWith(ctx, tree, root, program)
}
