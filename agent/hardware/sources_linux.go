package hardware

import (
	"context"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on Linux. root is "/", or a directory with a copy of one;
// what has to be asked of the kernel is left out for a copy.
func Sources(root string) []source.Source {
	live := root == "/"
	list := []source.Source{
		{Section: inventory.SectionDevice, Name: "identity", Read: in(root, readDevice)},
		{Section: inventory.SectionOS, Name: "os-release", Read: in(root, readOS)},
		{Section: inventory.SectionHardware, Name: "system", Read: in(root, readHardware)},
		{Section: inventory.SectionMemory, Name: "memory", Read: in(root, readMemory)},
		{Section: inventory.SectionDisks, Name: "block", Read: in(root, readDisks)},
		{Section: inventory.SectionFilesystems, Name: "mounts", Read: in(root, volumeReader{root}.read)},
		{Section: inventory.SectionInterfaces, Name: "netlink", Read: in(root, nicReader{live}.read)},
		{Section: inventory.SectionPCI, Name: "pci", Read: in(root, readPCI)},
		{Section: inventory.SectionUsers, Name: "passwd", Read: in(root, readUsers)},
	}
	for i := range list {
		list[i].Timeout = 20 * time.Second
	}
	return list
}

// in opens the tree for each look, so that nothing stays open between them.
func in(root string, look func(context.Context, *source.Tree) (inventory.Body, error)) func(context.Context) (inventory.Body, error) {
	return func(ctx context.Context) (inventory.Body, error) {
		tree, err := source.OpenTree(root)
		if err != nil {
			return nil, err
		}
		defer func() { _ = tree.Close() }() // only read
		return look(ctx, tree)
	}
}
