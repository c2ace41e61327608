package software

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// maxApplicationState bounds one person's file.
const maxApplicationState = 1 << 20

// gnomeUsage reads what GNOME's shell remembers for each person.
func gnomeUsage(_ context.Context, tree *source.Tree) (inventory.Usages, error) {
	people, partial := homes(tree)
	list := inventory.Usages{}
	found := false
	for _, p := range people {
		home, err := tree.Sub(p.dir) // what lies in it is the person's: a link out of it is not followed
		if err != nil {
			continue
		}
		b, err := home.ReadFile(".local/share/gnome-shell/application_state", maxApplicationState)
		_ = home.Close() // only read
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found = true
		if err == nil {
			var uses inventory.Usages
			uses, err = ParseApplicationState(bytes.NewReader(b))
			list = append(list, uses...)
		}
		if err != nil {
			partial = source.Partial("GNOME's application_state of %s: %v", p.user, err)
		}
	}
	if !found && partial == nil {
		return nil, source.Unsupported("nobody here has used GNOME, which alone remembers when programs were used")
	}
	if len(list) > inventory.MaxItems {
		return nil, fmt.Errorf("usage: %w", errTooMany)
	}
	return lastUses(list), partial
}
