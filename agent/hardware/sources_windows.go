package hardware

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on Windows. root is not used.
//
// WMI is never asked: its providers load each other, wake disks and hang, and what they
// know comes from the places that are read here.
func Sources(_ string) []source.Source {
	devices := &deviceList{}
	list := []source.Source{
		{Section: inventory.SectionDevice, Name: "identity", Read: readDevice},
		{Section: inventory.SectionDevice, Name: "last user", Category: source.CategoryLastUser, Read: readLastUser},
		{Section: inventory.SectionOS, Name: "registry", Read: readOS},
		{Section: inventory.SectionHardware, Name: "system", Read: readHardware},
		{Section: inventory.SectionSecurity, Name: "security", Read: readSecurity},
		{Section: inventory.SectionMemory, Name: "memory", Read: readMemory},
		{Section: inventory.SectionDisks, Name: "disks", Read: readDisks},
		{Section: inventory.SectionFilesystems, Name: "volumes", Read: readVolumes},
		{Section: inventory.SectionInterfaces, Name: "interfaces", Read: readNICs},
		{Section: inventory.SectionPCI, Name: "pci", Read: devices.read(func(_ registry.Reader, found []pnpDevice) (inventory.Body, error) {
			return pciDevices(found), nil
		})},
		{Section: inventory.SectionGPUs, Name: "graphics", Read: devices.read(func(r registry.Reader, found []pnpDevice) (inventory.Body, error) {
			return gpus(r, found), nil
		})},
		{Section: inventory.SectionMonitors, Name: "monitors", Read: devices.read(func(r registry.Reader, found []pnpDevice) (inventory.Body, error) {
			return monitors(r, found), nil
		})},
		{Section: inventory.SectionBatteries, Name: "batteries", Read: devices.read(func(_ registry.Reader, found []pnpDevice) (inventory.Body, error) {
			return batteries(found)
		})},
		{Section: inventory.SectionPrinters, Name: "printers", Category: source.CategoryPrinters, Read: devices.read(func(r registry.Reader, found []pnpDevice) (inventory.Body, error) {
			list, err := printers(r, found)
			if err != nil {
				return nil, err
			}
			return list, nil
		})},
		{Section: inventory.SectionPeripherals, Name: "peripherals", Category: source.CategoryPeripherals, Read: devices.read(func(_ registry.Reader, found []pnpDevice) (inventory.Body, error) {
			return peripherals(found), nil
		})},
		{Section: inventory.SectionUsers, Name: "users", Category: source.CategoryUsers, Read: readUsers},
	}
	for i := range list {
		list[i].Timeout = 20 * time.Second
	}
	return list
}

// read makes a source of what looks at the present devices.
func (l *deviceList) read(look func(registry.Reader, []pnpDevice) (inventory.Body, error)) func(context.Context) (inventory.Body, error) {
	return func(context.Context) (inventory.Body, error) {
		found, err := l.get()
		if err != nil {
			return nil, err
		}
		return look(registry.System{}, found)
	}
}

func readFindings() (f findings, problem string) {
	f.smbios, problem = readSMBIOS()
	// Windows shows a hypervisor's firmware; other signs are not needed.
	f.machineID = registry.Text(registry.System{}, `HKLM\SOFTWARE\Microsoft\Cryptography`, "MachineGuid")
	return f, problem
}

func readDevice(context.Context) (inventory.Body, error) {
	f, problem := readFindings()
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	f.hostname = host
	d := f.device()
	d.Domain = first(d.Domain, computerDomain())
	setDirectory(d, registry.System{}, joinState())
	clean(d)
	if problem != "" {
		return d, source.Partial("%s", problem)
	}
	return d, nil
}

func readLastUser(context.Context) (inventory.Body, error) {
	return &inventory.Device{User: lastUser(registry.System{})}, nil
}

// computerDomain is the DNS domain that the computer belongs to.
func computerDomain() string {
	var buffer [256]uint16
	n := uint32(len(buffer))
	if windows.GetComputerNameEx(windows.ComputerNamePhysicalDnsDomain, &buffer[0], &n) != nil {
		return ""
	}
	return source.Text(windows.UTF16ToString(buffer[:]))
}

func readOS(context.Context) (inventory.Body, error) {
	v := windows.RtlGetVersion()
	out := windowsOS(registry.System{}, windowsVersion{v.MajorVersion, v.MinorVersion, v.BuildNumber})
	out.Arch = nativeArch()
	out.BootTime = time.Now().Add(-windows.DurationSinceBoot()).UTC().Round(time.Minute)
	return out, nil
}

// nativeArch is the machine's architecture, also for a program that runs emulated.
func nativeArch() string {
	var process, machine uint16
	const amd64, arm64 = 0x8664, 0xaa64
	if windows.IsWow64Process2(windows.CurrentProcess(), &process, &machine) == nil {
		switch machine {
		case amd64:
			return "amd64"
		case arm64:
			return "arm64"
		}
	}
	return runtime.GOARCH
}

func readHardware(context.Context) (inventory.Body, error) {
	f, problem := readFindings()
	h := &inventory.Hardware{}
	f.fill(h)
	cpu, mhz := registryCPU(registry.System{})
	setCPU(h, cpu, topology{threads: int(windows.GetActiveProcessorCount(0xffff))}, f.smbios, f.physical()) // in all groups
	h.CPUMaxMHz = first0(h.CPUMaxMHz, mhz)
	h.MemoryBytes, h.SwapBytes = memoryStatus()
	clean(h)
	if problem != "" {
		return h, source.Partial("%s", problem)
	}
	return h, nil
}

// memoryStatus is what the system can use, in whole MiB, and the size of its page files, which
// it changes by itself, in whole GiB (MEMORYSTATUSEX, sysinfoapi.h).
func memoryStatus() (memory, swap int64) {
	var status struct {
		length, load                                                                       uint32
		totalPhys, availPhys, totalPage, availPage, totalVirtual, availVirtual, availExtra uint64
	}
	status.length = uint32(unsafe.Sizeof(status))
	get := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if get.Find() != nil {
		return 0, 0
	}
	if ok, _, _ := get.Call(uintptr(unsafe.Pointer(&status))); ok == 0 {
		return 0, 0
	}
	if status.totalPage > status.totalPhys { // the limit of what can be promised: both together
		swap = int64(status.totalPage-status.totalPhys+1<<29) >> 30 << 30
	}
	return int64(status.totalPhys) >> 20 << 20, swap
}

func readMemory(context.Context) (inventory.Body, error) {
	info, problem := readSMBIOS()
	if info == nil || len(info.Memory) == 0 {
		return nil, source.Unsupported("memory modules are unknown: %s", first(problem, "the SMBIOS table lists none"))
	}
	if problem != "" {
		return modules(info), source.Partial("%s", problem)
	}
	return modules(info), nil
}

// readVolumes lists fixed drives with a letter.
func readVolumes(ctx context.Context) (inventory.Body, error) {
	buffer := make([]uint16, 512)
	n, err := windows.GetLogicalDriveStrings(uint32(len(buffer)), &buffer[0])
	if err != nil {
		return nil, fmt.Errorf("list drives: %w", err)
	}
	list := inventory.Filesystems{}
	for drive := range strings.SplitSeq(strings.TrimRight(windowsText(buffer[:min(int(n), len(buffer))]), "\x00"), "\x00") {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		path, err := windows.UTF16PtrFromString(drive)
		if err != nil || windows.GetDriveType(path) != windows.DRIVE_FIXED {
			continue
		}
		fs := inventory.Filesystem{Device: drive, Mountpoint: drive}
		var label, kind [windows.MAX_PATH + 1]uint16
		var serial uint32
		if windows.GetVolumeInformation(path, &label[0], uint32(len(label)), &serial, nil, nil, &kind[0], uint32(len(kind))) == nil {
			fs.Label, fs.Type = windows.UTF16ToString(label[:]), windows.UTF16ToString(kind[:])
			fs.UUID = fmt.Sprintf("%04X-%04X", serial>>16, serial&0xffff)
		}
		var total, free uint64
		if windows.GetDiskFreeSpaceEx(path, nil, &total, &free) == nil {
			fs.Bytes, fs.UsedBytes = int64(total), roundUsed(int64(total-free), int64(total))
		}
		fs.Encryption, _ = bitLocker(protectionOf(drive))
		list = append(list, *clean(&fs))
	}
	return list, nil
}

// windowsText decodes a list of names, which are ASCII.
func windowsText(s []uint16) string {
	out := make([]rune, len(s))
	for i, c := range s {
		out[i] = rune(c)
	}
	return string(out)
}
