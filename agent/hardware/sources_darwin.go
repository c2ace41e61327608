package hardware

import (
	"context"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on macOS. root is not used.
func Sources(_ string) []source.Source {
	list := []source.Source{
		{Section: inventory.SectionDevice, Name: "identity", Read: readDevice},
		{Section: inventory.SectionOS, Name: "sysctl", Read: readOS},
		{Section: inventory.SectionHardware, Name: "system", Read: readHardware},
		{Section: inventory.SectionInterfaces, Name: "interfaces", Read: readNICs(nicKind)},
		{Section: inventory.SectionFilesystems, Name: "mounts", Read: readVolumes},
		unsupported(inventory.SectionMemory, "memory", "memory modules are known to IOKit, which this version does not ask"),
		unsupported(inventory.SectionDisks, "disks", "disks are known to IOKit, which this version does not ask"),
		unsupported(inventory.SectionUsers, "users", "users are in Directory Services, which this version does not ask"),
	}
	for i := range list {
		list[i].Timeout = 20 * time.Second
	}
	return list
}

// sysctl is a kernel value as text, "" when there is none.
func sysctl(name string) string {
	s, err := unix.Sysctl(name)
	if err != nil {
		return ""
	}
	return source.Text(s)
}

func sysctlNumber(name string) int64 {
	if n, err := unix.SysctlUint64(name); err == nil {
		return int64(n)
	}
	if n, err := unix.SysctlUint32(name); err == nil {
		return int64(n)
	}
	return 0
}

func readDevice(context.Context) (inventory.Body, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	d := &inventory.Device{Role: inventory.RoleHost, Vendor: "Apple Inc.", Model: sysctl("hw.model")}
	d.Name, d.Domain = hostName(host, "")
	switch {
	case sysctlNumber("kern.hv_vmm_present") == 1:
		d.Class, d.Virtual = inventory.ClassVM, "unknown"
	case strings.HasPrefix(d.Model, "MacBook"):
		d.Class = inventory.ClassLaptop
	default:
		d.Class = inventory.ClassDesktop
	}
	return d, source.Partial("serial number and platform UUID are known to IOKit, which this version does not ask")
}

func readOS(context.Context) (inventory.Body, error) {
	out := &inventory.OS{
		Family: "darwin", Name: "macOS", Version: sysctl("kern.osproductversion"), Build: sysctl("kern.osversion"),
		Kernel: sysctl("kern.osrelease"), Arch: runtime.GOARCH,
	}
	if t, err := unix.SysctlTimeval("kern.boottime"); err == nil {
		out.BootTime = time.Unix(t.Sec, 0).UTC().Round(time.Minute)
	}
	if target, err := os.Readlink("/etc/localtime"); err == nil {
		_, zone, _ := strings.Cut(target, "zoneinfo/")
		out.Timezone = source.Text(zone)
	}
	return out, nil
}

func readHardware(ctx context.Context) (inventory.Body, error) {
	return &inventory.Hardware{
		SystemVendor: "Apple Inc.", SystemModel: sysctl("hw.model"),
		CPUModel: sysctl("machdep.cpu.brand_string"), CPUVendor: cpuVendor(sysctl("machdep.cpu.brand_string")),
		CPUSockets: int(sysctlNumber("hw.packages")), CPUCores: int(sysctlNumber("hw.physicalcpu")),
		CPUThreads: int(sysctlNumber("hw.logicalcpu")), MemoryBytes: sysctlNumber("hw.memsize"), SwapBytes: swap(ctx),
	}, nil
}

// nicKind goes by Apple's names; en0 can be of any kind.
func nicKind(name string) inventory.InterfaceType {
	switch strings.TrimRight(name, "0123456789") {
	case "utun", "ppp", "ipsec", "gif", "stf":
		return inventory.IfVPN
	case "bridge":
		return inventory.IfBridge
	case "bond":
		return inventory.IfBond
	case "vlan":
		return inventory.IfVLAN
	case "awdl", "llw", "ap", "anpi", "feth", "vmenet":
		return inventory.IfVirtual
	}
	return ""
}

// readVolumes lists mounted local file systems; MNT_NOWAIT gives the sizes that the
// kernel remembers and never waits for a server.
func readVolumes(context.Context) (inventory.Body, error) {
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return nil, err
	}
	stats := make([]unix.Statfs_t, min(n+8, maxList))
	if n, err = unix.Getfsstat(stats, unix.MNT_NOWAIT); err != nil {
		return nil, err
	}
	list := inventory.Filesystems{}
	for _, st := range stats[:n] {
		if st.Flags&unix.MNT_DONTBROWSE != 0 && st.Flags&unix.MNT_ROOTFS == 0 {
			continue // the system's own parts of the same disk
		}
		fs := inventory.Filesystem{
			Device: unix.ByteSliceToString(st.Mntfromname[:]), Mountpoint: unix.ByteSliceToString(st.Mntonname[:]),
			Type: unix.ByteSliceToString(st.Fstypename[:]),
		}
		if st.Flags&unix.MNT_LOCAL != 0 {
			block := int64(st.Bsize)
			fs.Bytes = int64(st.Blocks) * block
			fs.UsedBytes = roundUsed(int64(st.Blocks-st.Bfree)*block, fs.Bytes)
		}
		list = append(list, *clean(&fs))
	}
	return list, nil
}
