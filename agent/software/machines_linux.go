package software

import (
	"path"
	"slices"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	machinesDir       = "virtual-machines" // of Incus and LXD
	proxmoxMachineDir = "etc/pve/qemu-server"
	proxmoxContainers = "etc/pve/lxc"
	maxMachineFile    = 4 << 20
)

// libvirtMachines lists the system's domains: those defined, and those that run, some of
// which are defined nowhere. libvirt has a file of status for each that is not shut off.
func libvirtMachines(f *finder) (inventory.Body, error) {
	defined := libvirtDomains(f, "etc/libvirt/qemu", "etc/libvirt/lxc", "etc/libvirt/libxl")
	if !f.tree.Exists("etc/libvirt") {
		return nil, source.Unsupported("no libvirt: /etc/libvirt does not exist")
	}
	running := libvirtDomains(f, "run/libvirt/qemu", "run/libvirt/lxc", "run/libvirt/libxl")
	return joinDomains(defined, running), nil
}

func libvirtDomains(f *finder, dirs ...string) inventory.Containers {
	list := inventory.Containers{}
	for _, dir := range dirs {
		for _, name := range f.glob(dir + "/*.xml") {
			b := f.read(name, maxMachineFile)
			if b == nil {
				continue
			}
			c, err := ParseLibvirt(b)
			switch {
			case err != nil:
				f.note(name, err)
			case c.ID != "":
				list = append(list, c)
			}
		}
	}
	return list
}

func joinDomains(defined, running inventory.Containers) inventory.Containers {
	for i := range defined {
		defined[i].State = "stopped"
	}
	for _, r := range running {
		i := slices.IndexFunc(defined, func(c inventory.Container) bool { return c.ID == r.ID })
		if i < 0 {
			defined = append(defined, r)
			continue
		}
		defined[i].State = r.State
	}
	return defined
}

// proxmoxMachines lists what this node of Proxmox VE has; /etc/pve shows the cluster's other
// nodes as well.
func proxmoxMachines(f *finder) (inventory.Body, error) {
	if !f.tree.Exists("etc/pve") {
		return nil, source.Unsupported("no Proxmox VE: /etc/pve does not exist")
	}
	list := inventory.Containers{}
	for _, kind := range []struct {
		dir, running, suffix string
		vm                   bool
	}{
		{proxmoxMachineDir, "run/qemu-server/", ".pid", true}, {proxmoxContainers, "sys/fs/cgroup/lxc/", "", false},
	} {
		for _, name := range f.glob(kind.dir + "/*.conf") {
			b := f.read(name, maxMachineFile)
			if b == nil {
				continue
			}
			number := strings.TrimSuffix(path.Base(name), ".conf")
			c := ParseProxmox(number, kind.vm, b)
			switch {
			case c.State != "":
			case f.tree.Exists(kind.running + number + kind.suffix):
				c.State = "running"
			default:
				c.State = "stopped"
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// openVZContainers lists the containers of OpenVZ. The host's own number is 0, and samples
// have names instead of numbers.
func openVZContainers(f *finder) (inventory.Body, error) {
	const dir = "etc/vz/conf"
	if !f.tree.Exists(dir) {
		return nil, source.Unsupported("no OpenVZ: /%s does not exist", dir)
	}
	list := inventory.Containers{}
	for _, name := range f.glob(dir + "/[0-9a-f]*.conf") {
		number := strings.TrimSuffix(path.Base(name), ".conf")
		if number == "0" || strings.Trim(number, "0123456789abcdef-") != "" {
			continue
		}
		if b := f.read(name, 1<<20); b != nil {
			list = append(list, ParseOpenVZ(number, b))
		}
	}
	return list, nil
}

// xenMachines lists the domains that the host's administrator has described.
func xenMachines(f *finder) (inventory.Body, error) {
	const dir = "etc/xen"
	if !f.tree.Exists(dir) {
		return nil, source.Unsupported("no Xen: /%s does not exist", dir)
	}
	list := inventory.Containers{}
	for _, name := range append(f.glob(dir+"/*.cfg"), f.glob(dir+"/auto/*.cfg")...) {
		c := ParseXen(f.read(name, 1<<20))
		known := func(other inventory.Container) bool { return other.ID == c.ID } // links in auto
		if c.ID != "" && !slices.ContainsFunc(list, known) {
			list = append(list, c)
		}
	}
	return list, nil
}

// userMachines lists the virtual machines of people: VirtualBox and VMware keep theirs by person,
// libvirt those of its sessions, where GNOME Boxes has them, too.
func userMachines(f *finder) (inventory.Body, error) {
	list := inventory.Containers{}
	for _, h := range linuxHomes(f) {
		f.within(h.dir, func(f *finder) {
			list = append(list, virtualBox(f)...)
			list = append(list, vmware(f)...)
			list = append(list, libvirtDomains(f, ".config/libvirt/qemu", ".var/app/org.gnome.Boxes/config/libvirt/qemu")...)
		})
	}
	if len(list) == 0 && len(f.reasons) == 0 && f.denied.n == 0 && f.bad.n == 0 {
		return nil, source.Unsupported("no virtual machines of VirtualBox or libvirt in homes")
	}
	return list, nil
}

// virtualBox lists the machines of the home in which the finder looks. Settings elsewhere
// are not opened: a person may have named any file of the system.
func virtualBox(f *finder) inventory.Containers {
	var list inventory.Containers
	for _, dir := range []string{".config/VirtualBox", ".VirtualBox"} {
		name := dir + "/VirtualBox.xml"
		b := f.read(name, maxMachineFile)
		if b == nil {
			continue
		}
		entries, err := parseVirtualBoxRegistry(b)
		if err != nil {
			f.note(name, err)
		}
		for _, e := range entries {
			list = append(list, settledMachine(f, dir, e))
		}
	}
	return list
}

func settledMachine(f *finder, dir string, e vboxEntry) inventory.Container {
	inside, ok := f.inside(dir, e.file)
	if !ok {
		return e.machine()
	}
	b := f.read(inside, maxMachineFile)
	if b == nil {
		return e.machine()
	}
	c, err := e.parseVirtualBox(b)
	if err != nil {
		f.note(inside, err)
	}
	return c
}

// inside is a file's name in the finder's folder, where it is one; named from dir, unless
// it is absolute.
func (f *finder) inside(dir, file string) (string, bool) {
	if !path.IsAbs(file) {
		file = path.Join("/", f.dir, dir, file)
	}
	return strings.CutPrefix(path.Clean(file), "/"+f.dir+"/")
}

// vmware lists the machines of VMware Workstation and Player in the finder's home.
func vmware(f *finder) inventory.Containers {
	var list inventory.Containers
	const dir = ".vmware"
	for _, file := range vmwareFiles(f.read(dir+"/inventory.vmls", maxMachineFile)) {
		inside, ok := f.inside(dir, file)
		if !ok {
			continue
		}
		if c := ParseVMware(f.read(inside, maxMachineFile)); c.ID != "" {
			list = append(list, c)
		}
	}
	return list
}
