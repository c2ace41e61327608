package software

import "github.com/muster-itam/muster/internal/inventory"

var (
	MachineID   = machineID
	VMwareFiles = vmwareFiles
)

// ParseVirtualBox reads a registry, and one text as the settings of every machine in it.
func ParseVirtualBox(registry, settings []byte) inventory.Containers {
	var list inventory.Containers
	entries, _ := parseVirtualBoxRegistry(registry) // what came before an error
	for _, e := range entries {
		c, _ := e.parseVirtualBox(settings) // the same
		list = append(list, e.machine(), c)
	}
	return list
}
