package hardware

import (
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/hardware/smbios"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// fill takes what the firmware or the device tree says of system, board, chassis and BIOS.
func (f *findings) fill(h *inventory.Hardware) {
	h.SystemModel = f.board.model
	h.SystemVendor, _, _ = strings.Cut(f.board.compatible, ",")
	if f.smbios == nil {
		return
	}
	s, board, chassis := f.smbios.System, f.mainBoard(), f.chassis()
	h.SystemVendor, h.SystemModel = first(s.Vendor, h.SystemVendor), first(s.Product, h.SystemModel)
	h.SystemVersion, h.SystemFamily, h.SystemSKU = s.Version, s.Family, s.SKU
	h.BoardVendor, h.BoardModel, h.BoardSerial = board.Vendor, board.Product, board.Serial
	h.ChassisType, h.ChassisSerial = smbios.ChassisName(chassis.Type), chassis.Serial
	h.BIOSVendor, h.BIOSVersion, h.BIOSDate = f.smbios.BIOS.Vendor, f.smbios.BIOS.Version, f.smbios.BIOS.Date
}

// modules are the memory modules of the firmware's table.
func modules(info *smbios.Info) inventory.MemoryModules {
	list := make(inventory.MemoryModules, 0, len(info.Memory))
	for _, m := range info.Memory {
		list = append(list, inventory.MemoryModule{
			Slot: source.Text(first(m.Locator, m.Bank)), Bytes: m.Bytes, Type: m.Type, SpeedMTs: m.SpeedMTs,
			Vendor: source.Text(memoryMaker(m.Vendor)), Serial: source.Text(m.Serial), PartNumber: source.Text(m.Part),
		})
	}
	return list
}

// parseMeminfo reads /proc/meminfo. The total is what the kernel can use, which is less
// than what is installed and differs a little between kernels; whole MiB are reported.
func parseMeminfo(text string) (total, swap int64) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kib, err := strconv.ParseInt(f[1], 10, 50)
		if err != nil || kib < 0 {
			continue
		}
		switch f[0] {
		case "MemTotal:":
			total = kib >> 10 << 20
		case "SwapTotal:":
			swap = kib >> 10 << 20
		}
	}
	return total, swap
}
