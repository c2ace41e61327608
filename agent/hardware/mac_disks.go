package hardware

import (
	"strings"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/plist"
)

// macBuses are the data types that list disks.
var macBuses = []struct{ dataType, bus string }{
	{"SPNVMeDataType", "nvme"}, {"SPSerialATADataType", "sata"}, {"SPParallelATADataType", "ata"}, {"SPSASDataType", "sas"},
	{"SPFibreChannelDataType", "fibre channel"}, {"SPCardReaderDataType", "mmc"}, {"SPUSBDataType", "usb"},
	{"SPFireWireDataType", "firewire"},
}

// macDisks are the disks that the report tells of and those that only the registry knows:
// virtual ones, and those of USB since macOS 26, whose report holds no media.
func macDisks(r profiler.Report, registry []*regNode) inventory.Disks {
	list := inventory.Disks{}
	known := map[string]int{}
	add := func(d inventory.Disk) {
		if i, ok := known[d.Name]; ok && d.Name != "" {
			macFillDisk(&list[i], d)
			return
		}
		known[d.Name] = len(list)
		list = append(list, *clean(&d))
	}
	for _, b := range macBuses {
		for _, item := range r.Type(b.dataType).Entries {
			macCollectDisks(item, item, b.bus, add)
		}
	}
	for _, n := range allNodes(registry) {
		if d, ok := registryDisk(n); ok {
			add(d)
		}
	}
	return list
}

// macCollectDisks finds entries that are disks: they have a name in /dev, and no file system.
// What names maker and serial number is the entry itself, or what it hangs on (a USB
// device whose medium it is). Drives for exchangeable discs have no capacity.
func macCollectDisks(e, device *profiler.Entry, bus string, add func(inventory.Disk)) {
	if e.Get("device_model", "model", "d_serial_num", "serial_num", "serial number", "product id", "a_product_id") != "" {
		device = e
	}
	name := e.Get("bsd_name", "bsd name")
	if name == "" {
		for _, c := range e.Entries {
			macCollectDisks(c, device, bus, add)
		}
		return
	}
	if e.Get("file_system", "file system") != "" || !macWholeDisk(name) {
		return
	}
	capacity := first(e.Get("size_in_bytes"), e.Get("size", "capacity"))
	if bus == "mmc" {
		device = e // the card's own, not the reader's
	}
	// Before sizes were exact, in Mac OS X 10.6, a GB was 2 to the power of 30 bytes.
	d := inventory.Disk{
		Name: name, Bus: bus, Bytes: profiler.Bytes(capacity, 1024),
		Model:     first(device.Get("device_model", "model"), device.Name),
		Serial:    device.Get("device_serial", "serial number", "d_serial_num", "serial_num", "spcardreader_card_serialnumber"),
		Firmware:  device.Get("device_revision", "revision"),
		Removable: bus == "mmc" || bus == "usb" || profiler.Yes(e.Get("removable_media", "removable media")),
		Health:    macSMART(e.Get("smart_status", "s.m.a.r.t. status")),
		Rotational: strings.Contains(e.Get("spsata_medium_type", "medium type"), "Rotational") ||
			e.Get("spsata_rpm", "rotational rate") != "",
	}
	if bus == "usb" {
		d.Vendor = device.Get("f_manufacturer", "manufacturer")
	}
	if strings.HasPrefix(d.Model, "APPLE ") {
		d.Vendor = "Apple"
	}
	if strings.HasPrefix(d.Model, "0x") { // FireWire has a number there
		d.Model = device.Name
	}
	if d.Bytes > 0 && !strings.Contains(d.Model, "Optical") && !strings.Contains(d.Model, "DVD") { // what is in a drive for discs
		add(d)
	}
}

// macWholeDisk tells disk1 from its part disk1s2.
func macWholeDisk(name string) bool {
	number, ok := strings.CutPrefix(name, "disk")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

func macSMART(text string) string {
	switch strings.ToLower(text) {
	case "verified":
		return "ok"
	case "failing", "failed":
		return "failing"
	}
	return ""
}

// macFillDisk takes from another view of a disk what the first did not have.
func macFillDisk(d *inventory.Disk, more inventory.Disk) {
	clean(&more)
	d.Model, d.Vendor, d.Serial = first(d.Model, more.Model), first(d.Vendor, more.Vendor), first(d.Serial, more.Serial)
	d.Firmware, d.Health = first(d.Firmware, more.Firmware), first(d.Health, more.Health)
	if d.Bytes == 0 {
		d.Bytes = more.Bytes
	}
}

// registryDisk reads an entry of class IOBlockStorageDevice or one derived from it, below
// which is its medium. Images are files, not disks.
func registryDisk(n *regNode) (inventory.Disk, bool) {
	device, protocol := n.props.Dict("Device Characteristics"), n.props.Dict("Protocol Characteristics")
	if protocol == nil || protocol.Text("Physical Interconnect Location") == "File" {
		return inventory.Disk{}, false
	}
	medium := wholeMedium(n)
	if medium == nil || medium.Int("Size") <= 0 {
		return inventory.Disk{}, false
	}
	d := inventory.Disk{
		Name: medium.Text("BSD Name"), Bytes: medium.Int("Size"), Removable: medium.Bool("Removable"),
		Model: device.Text("Product Name"), Vendor: device.Text("Vendor Name"), Firmware: device.Text("Product Revision Level"),
		Serial: first(device.Text("Serial Number"), n.props.Text("Serial Number")), Rotational: device.Text("Medium Type") == "Rotational",
		Bus: registryBus(protocol.Text("Physical Interconnect"), n.class),
	}
	return d, d.Name != ""
}

func registryBus(interconnect, class string) string {
	switch interconnect {
	case "USB":
		return "usb"
	case "SATA":
		return "sata"
	case "PCI-Express", "Apple Fabric", "PCI":
		if strings.Contains(class, "NVMe") {
			return "nvme"
		}
	case "Secure Digital":
		return "mmc"
	case "SAS":
		return "sas"
	case "Fibre Channel Interface":
		return "fibre channel"
	}
	if strings.Contains(class, "VirtIO") {
		return "virtio"
	}
	return ""
}

// wholeMedium is the medium right below a device, before its partitions.
func wholeMedium(n *regNode) plist.Dict {
	for _, c := range allNodes(n.children) {
		if strings.HasSuffix(c.class, "DVDMedia") || strings.HasSuffix(c.class, "CDMedia") || strings.HasSuffix(c.class, "BDMedia") {
			return nil
		}
		if c.props.Bool("Whole") && c.props.Text("BSD Name") != "" {
			return c.props // the nearest comes first
		}
	}
	return nil
}
