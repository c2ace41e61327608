package hardware

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const blockDir = "sys/block"

func (r diskReader) read(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	entries, err := tree.ReadDir(blockDir, maxEntries)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("this machine has no block devices")
	}
	if err != nil {
		return nil, err
	}
	list := inventory.Disks{}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		device, err := tree.Resolve(blockDir + "/" + e.Name())
		if err != nil || !isDisk(e.Name(), device) || tree.Text(device+"/hidden") == "1" {
			continue
		}
		if d := readDisk(tree, e.Name(), device); d.Bytes > 0 { // a card reader without a card has no size
			r.setLife(tree, &d, device)
			list = append(list, d)
		}
	}
	return list, nil
}

// readDisk reads the attributes of a disk in sysfs (Documentation/ABI/stable/sysfs-block),
// which differ between drivers, and fills gaps from udev's database.
func readDisk(tree *source.Tree, name, device string) inventory.Disk {
	text := func(attribute string) string { return tree.Text(device + "/" + attribute) }
	udev := parseUdev(contents(tree, "run/udev/data/b"+text("dev")))
	d := inventory.Disk{
		Name:     source.Text(name),
		Bus:      diskBus("/" + device),
		Model:    first(text("device/model"), text("device/name"), strings.ReplaceAll(udev["ID_MODEL"], "_", " ")),
		Vendor:   text("device/vendor"),
		Firmware: first(text("device/firmware_rev"), text("device/rev"), text("device/fwrev"), udev["ID_REVISION"]),
		WWN:      first(worldWideName(text("wwid")), worldWideName(text("device/wwid")), udev["ID_WWN_WITH_EXTENSION"]),
		Bytes:    sectors(text("size")),
	}
	page, _ := tree.ReadFile(device+"/device/vpd_pg80", 512) // no page, no serial
	d.Serial = first(text("device/serial"), text("serial"), vpdSerial(page), udev["ID_SERIAL_SHORT"], usbSerial(tree, device))
	if d.Vendor == "ATA" || strings.HasPrefix(d.Vendor, "0x") { // the translation layer's and the bus's, not the disk's
		d.Vendor = ""
	}
	// Virtual disks say that they rotate, which is the kernel's default.
	d.Rotational = text("queue/rotational") == "1" && d.Bus != "virtio" && d.Bus != "xen" && d.Bus != "hyper-v"
	d.Removable = text("removable") == "1" || d.Bus == "usb"
	return d
}

// usbSerial is the serial number of the USB device that a disk belongs to: the nearest
// directory above it that has a vendor's number.
func usbSerial(tree *source.Tree, device string) string {
	if !strings.Contains(device, "/usb") {
		return ""
	}
	for dir := path.Dir(device); dir != "." && dir != "sys"; dir = path.Dir(dir) {
		if tree.Exists(dir + "/idVendor") {
			return tree.Text(dir + "/serial")
		}
	}
	return ""
}

// sectors converts a size in sysfs, which counts 512 bytes whatever the disk's own
// sectors are.
func sectors(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/512 {
		return 0
	}
	return n * 512
}
