package hardware

import (
	"strings"

	"github.com/muster-itam/muster/agent/hardware/smbios"
	"github.com/muster-itam/muster/internal/inventory"
)

// hypervisors are beginnings of the texts that virtual firmware puts into SMBIOS, as
// maker or product of system, board or BIOS.
var hypervisors = [...]struct{ text, name string }{
	{"Amazon EC2", "aws"}, {"Google Compute Engine", "gcp"}, {"DigitalOcean", "digitalocean"},
	{"Hetzner", "hetzner"}, {"Alibaba Cloud", "alibaba"}, {"Vultr", "vultr"}, {"UpCloud", "upcloud"},
	{"Scaleway", "scaleway"}, {"OpenStack", "openstack"}, {"Apache CloudStack", "cloudstack"},
	{"VMware", "vmware"}, {"VMW", "vmware"}, {"innotek GmbH", "virtualbox"}, {"VirtualBox", "virtualbox"},
	{"Parallels", "parallels"}, {"BHYVE", "bhyve"}, {"Apple Virtualization", "apple"}, {"Nutanix AHV", "nutanix"},
	{"oVirt", "ovirt"}, {"RHEV Hypervisor", "rhev"}, {"Xen", "xen"}, {"HVM domU", "xen"}, {"Bochs", "bochs"},
	{"QEMU", "kvm"}, {"KVM", "kvm"}, {"SeaBIOS", "kvm"},
}

// hypervisor names what runs the machine, by its firmware's texts; "" for real hardware.
func hypervisor(info *smbios.Info) string {
	if info == nil {
		return ""
	}
	s := info.System
	if s.Vendor == "Amazon EC2" && strings.Contains(s.Product, "metal") {
		return "" // a whole machine
	}
	if s.Vendor == "Microsoft Corporation" && strings.HasPrefix(s.Product, "Virtual Machine") {
		return "hyper-v"
	}
	texts := []string{s.Vendor, s.Product, info.BIOS.Vendor}
	for _, b := range info.Boards {
		texts = append(texts, b.Vendor, b.Product)
	}
	for _, h := range hypervisors { // the outer loop, so that a cloud's name beats its hypervisor's
		for _, t := range texts {
			if strings.HasPrefix(t, h.text) {
				return h.name
			}
		}
	}
	return ""
}

// kernelSigns are what tells of a hypervisor without SMBIOS.
type kernelSigns struct {
	flag         bool   // "hypervisor" in the flags of /proc/cpuinfo
	clockSources string // the kernel's clocks: kvm-clock, hyperv_clocksource_tsc_page, xen
	xen          bool   // /sys/hypervisor/type says xen; on the controlling domain too
	release      string // the kernel's release
}

func (k kernelSigns) hypervisor() string {
	switch {
	case strings.Contains(strings.ToLower(k.release), "microsoft"): // Windows Subsystem for Linux
		return "wsl"
	case strings.Contains(k.clockSources, "kvm-clock"):
		return "kvm"
	case strings.Contains(k.clockSources, "hyperv"):
		return "hyper-v"
	case k.xen:
		return "xen"
	case k.flag:
		return "unknown"
	}
	return ""
}

// chassisClass is the class that a chassis type (DSP0134 7.4.1) stands for; "" when it tells none.
func chassisClass(kind int) inventory.Class {
	switch kind {
	case 0x03, 0x04, 0x05, 0x06, 0x07, 0x0d, 0x0f, 0x10, 0x18, 0x23, 0x24:
		return inventory.ClassDesktop
	case 0x08, 0x09, 0x0a, 0x0e, 0x1f, 0x20:
		return inventory.ClassLaptop
	case 0x0b, 0x1e:
		return inventory.ClassTablet
	case 0x11, 0x17, 0x19, 0x1a, 0x1b, 0x1c, 0x1d:
		return inventory.ClassServer
	}
	return ""
}
