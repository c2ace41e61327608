package hardware_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
)

// seedMac adds captures of at most 32 KiB, which mutate quickly.
func seedMac(f *testing.F, patterns ...string) {
	f.Helper()
	for _, p := range patterns {
		names, err := filepath.Glob(captures + "macos/" + p)
		if err != nil || len(names) == 0 {
			f.Fatalf("no captures at %s: %v", p, err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(b) <= 32<<10 {
				f.Add(b)
			}
		}
	}
}

// FuzzMacReport feeds reports of system_profiler to all that read them.
func FuzzMacReport(f *testing.F) {
	seedMac(f, "system_profiler/10*", "system_profiler/*.xml", "system_profiler/charging*")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := profiler.Parse(b)
		if err != nil {
			return
		}
		_, _, h := hardware.MacOverview(r)
		valid(t, &inventory.Hardware{MemoryBytes: h.MemoryBytes})
		disks := hardware.MacDisks(r, nil)
		for _, d := range disks {
			if d.Bytes < 0 {
				t.Errorf("disk of %d bytes", d.Bytes)
			}
		}
		for _, body := range []inventory.Body{
			hardware.MacModules(r), disks, hardware.MacGPUs(r), hardware.MacMonitors(r, nil), hardware.MacBatteries(nil, r), hardware.MacPrinters(r),
			hardware.ReportUSB(r), hardware.ReportPCI(r), hardware.MacThunderbolt(r), hardware.MacBluetooth(r), hardware.JoinServices(nil, r),
			hardware.MacSecurity(r, true, false),
		} {
			valid(t, body)
		}
		_ = hardware.MacSoftware(r)
	})
}

// FuzzRegistry feeds answers of ioreg, lists and drawn trees.
func FuzzRegistry(f *testing.F) {
	seedMac(f, "ioreg/Apple[BD]*")
	f.Add([]byte("+-o A@1  <class IOUSBDevice, id 0x1>\n  | {\n  |   \"idVendor\" = 1\n  |   \"bDeviceClass\" = 0\n  |   \"locationID\" = 18446744073664528384\n"))
	f.Add(xmlList(array(node("IOPCIDevice", 1, pairsOf("vendor-id", "<data>hoAAAA==</data>", "pcidebug", "0:31:2")))))
	f.Add(xmlList(array(node("AppleSmartBattery", 1, pairsOf("DesignCapacity", integer(1), "ManufactureDate", integer(-1), "Voltage", integer(1<<62))))))
	f.Fuzz(func(t *testing.T, b []byte) {
		nodes, err := hardware.ParseRegistry(b)
		if err != nil {
			return
		}
		for _, body := range []inventory.Body{
			hardware.RegistryUSB(nodes), hardware.RegistryPCI(nodes), hardware.MacMonitors(nil, nodes), hardware.MacDisks(nil, nodes), hardware.MacBatteries(nodes, nil),
		} {
			valid(t, body)
		}
		_, _ = hardware.Expert(nodes), hardware.Marketing(nodes)
	})
}

// FuzzMacText feeds what the smaller programs print.
func FuzzMacText(f *testing.F) {
	seedMac(f, "ifconfig/*")
	f.Add([]byte("\t"))
	f.Add([]byte("MDM enrollment: Yes\nMDM server: https://a/b\n  SSID : x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := hardware.ParseIfconfig(b)
		if err != nil {
			return
		}
		hardware.JoinPorts(list, hardware.ParsePorts(b))
		valid(t, list)
		_, _ = hardware.MacEnrolment(b)
		_, _, _ = hardware.ParseSSID(b), hardware.Gatekeeper(b), hardware.FileVault(b)
	})
}

// FuzzMacLists feeds property lists of the system's files and programs.
func FuzzMacLists(f *testing.F) {
	f.Add(xmlList(pairs("Containers", array(pairs("ContainerReference", "disk3", "CapacityCeiling", integer(9), "CapacityFree", integer(-1),
		"Volumes", array(pairs("DeviceIdentifier", "disk3s1", "FileVault", "<true/>")))))))
	f.Add(xmlList(array(pairs("dsAttrTypeStandard:RecordName", array("<string>a</string>"), "dsAttrTypeStandard:UniqueID", array("<string>501</string>")))))
	f.Add(xmlList(pairs("Interfaces", array(pairs("BSD Name", "en0", "Active", "<true/>", "IOMACAddress", "<data>PCL7ESIz</data>")))))
	f.Add(xmlList(pairs("ProductName", "macOS", "ProductVersion", "10.15", "lastUserName", "a", "module options", pairs("ActiveDirectory", pairs("domain", "d")))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := hardware.ParseAPFS(b); err == nil {
			valid(t, a.Containers())
			list := inventory.Filesystems{{Device: "/dev/disk3s1s1", Bytes: 100}}
			a.Join(list)
			valid(t, list)
			_ = a.Encryption("/dev/disk3s1")
		}
		if users, err := hardware.MacUsers(b, xmlList(pairs())); err == nil {
			valid(t, users)
		}
		if ports, err := hardware.SettingsPorts(b); err == nil {
			list := inventory.Interfaces{{Name: "en0"}}
			hardware.JoinPorts(list, ports)
			valid(t, list)
		}
		_, _ = hardware.MacVersion(b)
		_, _ = hardware.MacHostName(b)
		_, _ = hardware.MacLastUser(b)
		_, _ = hardware.MacAttributes(b, "a")
		_, _ = hardware.MacDirectory("a.plist", b)
	})
}
