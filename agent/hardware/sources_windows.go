package hardware

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/mem"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on Windows. root is not used.
func Sources(_ string) []source.Source {
	list := []source.Source{
		{Section: inventory.SectionDevice, Name: "identity", Read: readDevice},
		{Section: inventory.SectionOS, Name: "registry", Read: readOS},
		{Section: inventory.SectionHardware, Name: "system", Read: readHardware},
		{Section: inventory.SectionMemory, Name: "memory", Read: readMemory},
		{Section: inventory.SectionInterfaces, Name: "interfaces", Read: readNICs(func(string) inventory.InterfaceType { return "" })},
		{Section: inventory.SectionFilesystems, Name: "volumes", Read: readVolumes},
		unsupported(inventory.SectionDisks, "disks", "disks are known to the storage driver, which this version does not ask"),
		unsupported(inventory.SectionUsers, "users", "local users are in the account database, which this version does not ask"),
	}
	for i := range list {
		list[i].Timeout = 20 * time.Second
	}
	return list
}

func readFindings() (f findings, problem string) {
	f.smbios, problem = readSMBIOS()
	// Windows shows a hypervisor's firmware; other signs are not needed.
	f.machineID = registryText(`SOFTWARE\Microsoft\Cryptography`, "MachineGuid")
	return f, problem
}

func readDevice(context.Context) (inventory.Body, error) {
	f, problem := readFindings()
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	f.hostname = host
	d := clean(f.device())
	d.Domain = first(d.Domain, computerDomain())
	if problem != "" {
		return d, source.Partial("%s", problem)
	}
	return d, nil
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

// registryText reads a text of HKEY_LOCAL_MACHINE in its 64-bit view, "" when there is none.
func registryText(key, value string) string {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return ""
	}
	defer func() { _ = k.Close() }() // only read
	s, _, err := k.GetStringValue(value)
	if err != nil {
		return ""
	}
	return source.Text(s)
}

func readOS(context.Context) (inventory.Body, error) {
	const key = `SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	v := windows.RtlGetVersion()
	out := &inventory.OS{
		Family: "windows", Name: registryText(key, "ProductName"), Edition: registryText(key, "EditionID"),
		Version: first(registryText(key, "DisplayVersion"), registryText(key, "ReleaseId")),
		Kernel:  fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber),
		Build:   fmt.Sprint(v.BuildNumber), Arch: runtime.GOARCH,
		BootTime: time.Now().Add(-windows.DurationSinceBoot()).UTC().Round(time.Minute),
		Timezone: registryText(`SYSTEM\CurrentControlSet\Control\TimeZoneInformation`, "TimeZoneKeyName"),
	}
	if v.BuildNumber >= 22000 { // Windows 11 kept the old name in the registry
		out.Name = strings.Replace(out.Name, "Windows 10", "Windows 11", 1)
	}
	return out, nil
}

func readHardware(ctx context.Context) (inventory.Body, error) {
	const key = `HARDWARE\DESCRIPTION\System\CentralProcessor\0`
	f, problem := readFindings()
	h := &inventory.Hardware{}
	f.fill(h)
	cpu := cpuInfo{model: registryText(key, "ProcessorNameString"), vendor: registryText(key, "VendorIdentifier")}
	setCPU(h, cpu, topology{threads: int(windows.GetActiveProcessorCount(0xffff))}, f.smbios, f.physical()) // in all groups
	if m, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		h.MemoryBytes = int64(m.Total) >> 20 << 20
	}
	h.SwapBytes = swap(ctx)
	clean(h)
	if problem != "" {
		return h, source.Partial("%s", problem)
	}
	return h, nil
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
	for drive := range strings.SplitSeq(strings.TrimRight(string(utf16Runes(buffer[:min(int(n), len(buffer))])), "\x00"), "\x00") {
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
		list = append(list, *clean(&fs))
	}
	return list, nil
}

func utf16Runes(s []uint16) []rune {
	out := make([]rune, len(s))
	for i, c := range s { // drive names are ASCII
		out[i] = rune(c)
	}
	return out
}
