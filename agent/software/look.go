package software

import (
	"context"
	"errors"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

type read func(context.Context) (inventory.Body, error)

// in opens the tree for each look, so that nothing stays open between them.
func in[L interface {
	~[]T
	inventory.Body
}, T any](root string, look func(context.Context, *source.Tree) (L, error)) read {
	return func(ctx context.Context) (inventory.Body, error) {
		tree, err := source.OpenTree(root)
		if err != nil {
			return nil, err
		}
		defer func() { _ = tree.Close() }() // only read
		list, err := look(ctx, tree)
		if list == nil {
			return nil, err // a nil list in the interface would look like a body
		}
		return list, err
	}
}

// orPartial is the answer of a source that found what it could, though not everywhere.
func orPartial(list inventory.SoftwareList, err, partial error) (inventory.SoftwareList, error) {
	var unsupported *source.UnsupportedError
	if partial == nil || err != nil && !errors.As(err, &unsupported) {
		return list, err
	}
	return append(inventory.SoftwareList{}, list...), partial
}

// distro is the ID in os-release(5), "linux" without one, as there.
func distro(tree *source.Tree) string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		b, err := tree.ReadFile(name, 64<<10)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if id, ok := strings.CutPrefix(line, "ID="); ok {
				return source.Text(strings.Trim(strings.TrimSpace(id), `"'`))
			}
		}
	}
	return "linux"
}
