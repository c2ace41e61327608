package hardware

import (
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on macOS. root is not used.
func Sources(_ string) []source.Source {
	t := newTools()
	list := []source.Source{
		{Section: inventory.SectionDevice, Name: "identity", Read: t.device},
		{Section: inventory.SectionDevice, Name: "directory", Read: readDirectory},
		{Section: inventory.SectionDevice, Name: "enrolment", Read: t.enrolment},
		{Section: inventory.SectionDevice, Name: "last-user", Category: source.CategoryLastUser, Read: readLastUser},
		{Section: inventory.SectionOS, Name: "version", Read: readOS},
		{Section: inventory.SectionHardware, Name: "system", Read: t.hardware},
		{Section: inventory.SectionSecurity, Name: "security", Read: t.security},
		{Section: inventory.SectionMemory, Name: "memory", Read: t.memory},
		{Section: inventory.SectionDisks, Name: "disks", Read: t.disks},
		{Section: inventory.SectionFilesystems, Name: "mounts", Read: t.filesystems},
		{Section: inventory.SectionVolumes, Name: "apfs", Read: t.volumes},
		{Section: inventory.SectionInterfaces, Name: "interfaces", Read: t.nics},
		{Section: inventory.SectionPCI, Name: "pci", Read: readPCI},
		{Section: inventory.SectionGPUs, Name: "graphics", Read: t.gpus},
		{Section: inventory.SectionMonitors, Name: "monitors", Read: t.monitors},
		{Section: inventory.SectionBatteries, Name: "battery", Read: t.batteries},
		{Section: inventory.SectionPrinters, Name: "printers", Read: t.printers},
		{Section: inventory.SectionPeripherals, Name: "usb", Read: readUSB},
		{Section: inventory.SectionPeripherals, Name: "thunderbolt-bluetooth", Read: t.plugs},
		{Section: inventory.SectionUsers, Name: "users", Read: readUsers},
	}
	for i := range list {
		list[i].Timeout = 60 * time.Second // one waits for system_profiler, which looks at everything it can find
	}
	return list
}
