package software

import (
	"context"
	"time"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// fromRegistry reads software out of a registry; arch is the machine's architecture.
type fromRegistry func(ctx context.Context, r registry.Reader, arch string) (inventory.SoftwareList, error)

// RegistrySources lists what is read from a Windows registry: the running system's, or an
// export of one. Win32_Product is not asked: it checks and repairs each product it lists.
func RegistrySources(r registry.Reader, arch string) []source.Source {
	list := []source.Source{
		{Name: "programs", Read: with(r, arch, machinePrograms)},
		{Name: "user programs", Category: source.CategoryUserSoftware, Read: with(r, arch, ofUsers(userPrograms))},
		{Name: "store apps", Read: with(r, arch, storeApps)},
		{Name: "updates", Read: with(r, arch, updates)},
		{Name: "features", Read: with(r, arch, features)},
		{Name: "microsoft", Read: with(r, arch, microsoftProducts)},
		{Name: "wsl", Category: source.CategoryUserSoftware, Read: with(r, arch, ofUsers(wsl))},
	}
	for i := range list {
		list[i].Section, list[i].Timeout = inventory.SectionSoftware, 60*time.Second
	}
	return list
}

func with(r registry.Reader, arch string, look fromRegistry) func(context.Context) (inventory.Body, error) {
	return func(ctx context.Context) (inventory.Body, error) {
		list, err := look(ctx, r, arch)
		if list == nil {
			return nil, err // a nil list in the interface would look like a body
		}
		return list, err
	}
}
