package hardware

import (
	"encoding/binary"
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

// diskBus finds how a disk is attached in the path of its device in sysfs, which has a
// part for each controller on the way; the first of this list that is there decides.
func diskBus(path string) string {
	for _, b := range []struct{ part, bus string }{
		{"/nvme", "nvme"}, {"/usb", "usb"}, {"/mmc_host/", "mmc"}, {"/ata", "sata"}, {"/end_device-", "sas"},
		{"/rport-", "fibre channel"}, {"/session", "iscsi"}, {"/virtio", "virtio"}, {"/vbd-", "xen"},
		{"/VMBUS:", "hyper-v"}, {"/host", "scsi"},
	} {
		if strings.Contains(path, b.part) {
			return b.bus
		}
	}
	return ""
}

// notDisks are beginnings of names of block devices that are made of memory, files or
// other disks, or that hold exchangeable media without a disk.
var notDisks = [...]string{"loop", "ram", "zram", "dm-", "md", "nbd", "sr", "fd", "zd", "drbd", "rbd", "bcache"}

// isDisk decides by name and by place in sysfs. Multipath NVMe disks are virtual there.
func isDisk(name, path string) bool {
	for _, prefix := range notDisks {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	if strings.HasPrefix(name, "mmcblk") && strings.Trim(name[6:], "0123456789") != "" {
		return false // boot and replay-protected areas of a card: mmcblk0boot0
	}
	return !strings.Contains("/"+path, "/devices/virtual/") || strings.Contains(path, "/nvme-subsystem/")
}

// vpdSerial reads the serial number in SCSI vital product data page 80 hex (SPC-4 7.8.15):
// device type, page, length as two bytes, text.
func vpdSerial(page []byte) string {
	if len(page) < 4 || page[1] != 0x80 {
		return ""
	}
	n := int(binary.BigEndian.Uint16(page[2:]))
	return source.Text(string(page[4:min(4+n, len(page))]))
}

// worldWideName keeps an identifier in wwid that is unique in the world: a name of
// NAA or EUI-64 kind, or a UUID. Others are vendor, model and serial number once more.
func worldWideName(wwid string) string {
	for _, kind := range []string{"naa.", "eui.", "uuid."} {
		if strings.HasPrefix(wwid, kind) {
			return wwid
		}
	}
	return ""
}

// parseUdev reads a record of udev's database: lines such as "E:ID_SERIAL_SHORT=...",
// and "S:disk/by-label/..." for links.
func parseUdev(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if property, ok := strings.CutPrefix(strings.TrimSpace(line), "E:"); ok {
			if key, value, ok := strings.Cut(property, "="); ok && len(out) < 512 {
				out[key] = source.Text(value)
			}
		}
	}
	return out
}
