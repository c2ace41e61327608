package hardware

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
)

// registryPCI are the entries of class IOPCIDevice.
func registryPCI(registry []*regNode) inventory.PCIDevices {
	list := inventory.PCIDevices{}
	for _, n := range allNodes(registry) {
		p := n.props
		if n.class != "IOPCIDevice" || p["vendor-id"] == nil {
			continue
		}
		d := inventory.PCIDevice{
			Address: macPCIAddress(p.Text("pcidebug")), VendorID: macHex(p.Int("vendor-id")), DeviceID: macHex(p.Int("device-id")),
			Class: macPCIClass(p.Int("class-code") >> 8), DeviceName: first(p.Text("model"), p.Text("IOName")),
		}
		if strings.HasPrefix(d.DeviceName, "pci") { // ids once more
			d.DeviceName = ""
		}
		list = append(list, *clean(&d))
	}
	return list
}

// macPCIAddress makes 0000:00:1f.2 of "0:31:2", behind which may be what a bridge leads to.
func macPCIAddress(text string) string {
	text, _, _ = strings.Cut(text, "(")
	parts := strings.Split(strings.TrimSpace(text), ":")
	if len(parts) != 3 {
		return ""
	}
	var n [3]uint64
	for i, part := range parts {
		var err error
		if n[i], err = strconv.ParseUint(part, 10, 8); err != nil {
			return ""
		}
	}
	return fmt.Sprintf("0000:%02x:%02x.%x", n[0], n[1], n[2])
}

// macPCIClass names a base class and subclass (PCI Code and ID Assignment Specification).
func macPCIClass(code int64) string {
	names := map[int64]string{
		0x0101: "IDE interface", 0x0106: "SATA controller", 0x0108: "Non-Volatile memory controller", 0x0200: "Ethernet controller",
		0x0280: "Network controller", 0x0300: "VGA compatible controller", 0x0302: "3D controller", 0x0380: "Display controller",
		0x0401: "Multimedia audio controller", 0x0403: "Audio device", 0x0480: "Multimedia controller", 0x0600: "Host bridge",
		0x0601: "ISA bridge", 0x0604: "PCI bridge", 0x0780: "Communication controller", 0x0805: "SD Host controller",
		0x0880: "System peripheral", 0x0c00: "FireWire (IEEE 1394)", 0x0c03: "USB controller", 0x0c05: "SMBus", 0x0c04: "Fibre Channel",
		0x0107: "Serial Attached SCSI controller", 0x0100: "SCSI storage controller", 0x1180: "Signal processing controller",
	}
	if name := names[code&0xffff]; name != "" {
		return name
	}
	return macHex(code)
}

// reportPCI are the cards of a report, where the registry cannot be read.
func reportPCI(r profiler.Report) inventory.PCIDevices {
	list := inventory.PCIDevices{}
	for _, e := range r.Type("SPPCIDataType").Entries {
		vendor, device := e.Get("sppci_vendor-id", "vendor id"), e.Get("sppci_device-id", "device id")
		if vendor == "" {
			continue
		}
		d := inventory.PCIDevice{
			Address: e.Get("sppci_slot_name", "sppci_slot-name", "slot"), VendorID: macHexID(vendor), DeviceID: macHexID(device),
			Class: profiler.Word(e.Get("sppci_device_type", "type")), DeviceName: e.Name,
		}
		list = append(list, *clean(&d))
	}
	return list
}
