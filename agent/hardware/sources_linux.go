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
		{Section: inventory.SectionDevice, Name: "last-user", Category: source.CategoryLastUser, Read: in(root, readLastUser)},
		{Section: inventory.SectionOS, Name: "os-release", Read: in(root, osReader{root}.read)},
		{Section: inventory.SectionHardware, Name: "system", Read: in(root, readHardware)},
		{Section: inventory.SectionMemory, Name: "memory", Read: in(root, ofHost("memory modules", readMemory))},
		{Section: inventory.SectionComponents, Name: "slots", Read: in(root, ofHost("slots and power supplies", readComponents))},
		{Section: inventory.SectionDisks, Name: "block", Read: in(root, ofHost("disks", diskReader{live, map[string]life{}}.read))},
		{Section: inventory.SectionFilesystems, Name: "mounts", Read: in(root, volumeReader{root}.read)},
		{Section: inventory.SectionInterfaces, Name: "netlink", Read: in(root, nicReader{live}.read)},
		{Section: inventory.SectionInterfaces, Name: "fibre-channel", Read: in(root, ofHost("Fibre Channel ports", readFibreChannel))},
		{Section: inventory.SectionPCI, Name: "pci", Read: in(root, ofHost("PCI devices", readPCI))},
		{Section: inventory.SectionGPUs, Name: "graphics", Read: in(root, ofHost("graphics processors", readGPUs))},
		{Section: inventory.SectionMonitors, Name: "edid", Read: in(root, ofHost("monitors", readMonitors))},
		{Section: inventory.SectionPeripherals, Name: "usb", Read: in(root, ofHost("USB devices", readPeripherals))},
		{Section: inventory.SectionSecurity, Name: "security", Read: in(root, ofHost("TPM, firmware and disks", readSecurity))},
		{Section: inventory.SectionVolumes, Name: "storage", Read: in(root, ofHost("volumes", readStorage))},
		{Section: inventory.SectionBatteries, Name: "power", Read: in(root, ofHost("batteries", readBatteries))},
		{Section: inventory.SectionPrinters, Name: "cups", Read: in(root, readPrinters)},
		{Section: inventory.SectionUsers, Name: "passwd", Read: in(root, readUsers)},
		{Section: inventory.SectionPorts, Name: "listeners", Read: in(root, listenerReader{live}.read)},
	}
	if live {
		// Before identity, because the cloud's name for the model says more than the firmware's.
		list = append([]source.Source{{
			Section: inventory.SectionDevice, Name: "cloud-metadata", Category: source.CategoryCloudMetadata,
			Read: in(root, newMetadata(metadataAddress).read),
		}}, list...)
	}
	for i := range list {
		list[i].Timeout = 20 * time.Second
	}
	return list
}

// look reads one thing beneath a tree.
type look func(context.Context, *source.Tree) (inventory.Body, error)

// ofHost keeps a look from what a container sees and does not own.
func ofHost(what string, read look) look {
	return func(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
		if c := readContainer(tree); c.kind != "" {
			return nil, source.Unsupported("%s belong to the host of this container", what)
		}
		return read(ctx, tree)
	}
}

// in opens the tree for each look, so that nothing stays open between them.
func in(root string, read look) func(context.Context) (inventory.Body, error) {
	return func(ctx context.Context) (inventory.Body, error) {
		tree, err := source.OpenTree(root)
		if err != nil {
			return nil, err
		}
		defer func() { _ = tree.Close() }() // only read
		return read(ctx, tree)
	}
}
