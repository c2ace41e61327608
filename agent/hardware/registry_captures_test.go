package hardware_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/registrytest"
	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/internal/inventory"
)

const windowsCaptures = "../../../shared/endpoints/captures/win32/"

// exported reads captured exports as one registry.
func exported(t *testing.T, names ...string) *registrytest.Tree {
	t.Helper()
	var exports [][]byte
	for _, name := range names {
		b, err := os.ReadFile(windowsCaptures + name)
		if err != nil {
			t.Fatal(err)
		}
		exports = append(exports, b)
	}
	tree, err := registrytest.Parse(exports...)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// answers reads what wmic prints with /format:list: "Name=Value" lines, an empty one between objects.
func answers(t *testing.T, name string) []map[string]string {
	t.Helper()
	b, err := os.ReadFile(windowsCaptures + name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if len(b) > 1 && (b[1] == 0 || b[1] == 0xfe) { // some lost their mark
		text = strings.TrimPrefix(registry.UTF16(b), "\ufeff")
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r", ""), "&amp;", "&")
	var out []map[string]string
	for block := range strings.SplitSeq(text, "\n\n") {
		object := map[string]string{}
		for line := range strings.Lines(block) {
			if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				object[k] = v
			}
		}
		if len(object) > 1 {
			out = append(out, object)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s: no objects", name)
	}
	return out
}

// softwareOf runs a software source over a captured registry.
func softwareOf(t *testing.T, r registry.Reader, source string) inventory.SoftwareList {
	t.Helper()
	for _, s := range software.RegistrySources(r, "amd64") {
		if s.Name == source {
			body, err := s.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return body.(inventory.SoftwareList)
		}
	}
	t.Fatalf("no source %q", source)
	return nil
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// counts are the numbers of programs of each kind.
func counts(list inventory.SoftwareList) map[inventory.SoftwareKind]int {
	out := map[inventory.SoftwareKind]int{}
	for _, s := range list {
		out[s.Kind]++
	}
	return out
}

// cpuOf, ids and serials are claims that several captures share.
func cpuOf(file, model, vendor string, mhz int) func(*testing.T) {
	return func(t *testing.T) {
		m, v, n := hardware.RegistryCPU(exported(t, "registry/"+file))
		same(t, []any{model, vendor, mhz}, []any{m, v, n})
	}
}

func lastUserOf(file, want string) func(*testing.T) {
	return func(t *testing.T) { same(t, want, hardware.LastUser(exported(t, "registry/"+file))) }
}

func devicesOf(file string, pci, usb int) func(*testing.T) {
	return func(t *testing.T) {
		seen := map[string]bool{}
		var ids []string
		for _, object := range answers(t, "wmi/"+file) {
			if id := object["PNPDeviceID"]; id != "" && !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
		pciList, usbList := hardware.ByIDs(exported(t), ids...)
		same(t, []int{pci, usb}, []int{len(pciList), len(usbList)})
		for _, d := range pciList {
			if len(d.VendorID) != 4 || len(d.DeviceID) != 4 {
				t.Errorf("%+v", d)
			}
		}
		for _, p := range usbList {
			if len(p.VendorID) != 4 || len(p.ProductID) != 4 || p.Serial == "" && p.Address == "" {
				t.Errorf("%+v", p)
			}
		}
	}
}

// kindsOf wants the number of adapters of each type. WMI's class does not tell the medium.
func kindsOf(file string, want map[inventory.InterfaceType]int) func(*testing.T) {
	return func(t *testing.T) {
		got := map[inventory.InterfaceType]int{}
		for _, object := range answers(t, "wmi/"+file) {
			if id := object["PNPDeviceID"]; id != "" {
				got[hardware.KindOf(object["Description"], id, 6, 0)]++
			}
		}
		same(t, want, got)
	}
}

func usbOf(file string, want map[string]int, printer inventory.Peripheral) func(*testing.T) {
	return func(t *testing.T) {
		got := map[string]int{}
		for _, p := range hardware.PresentPeripherals(exported(t, "registry/"+file)) {
			got[p.Class]++
			if p.Class == "printer" {
				same(t, printer, p)
			}
		}
		same(t, want, got)
	}
}

func serialsOf(file string, bus uint32, want ...string) func(*testing.T) {
	return func(t *testing.T) {
		var got []string
		for _, object := range answers(t, "wmi/"+file) {
			got = append(got, hardware.StorageSerial(object["SerialNumber"], bus))
		}
		same(t, want, got)
	}
}

var claimed = map[string]func(*testing.T){
	"registry/2003-CentralProcessor.reg":          cpuOf("2003-CentralProcessor.reg", "Intel(R) Xeon(TM) CPU 3.06GHz", "GenuineIntel", 3065),
	"registry/2003R2-Hotfix-CentralProcessor.reg": cpuOf("2003R2-Hotfix-CentralProcessor.reg", "Intel Core 2 Duo P9xxx (Penryn Class Core 2)", "GenuineIntel", 3000),
	"registry/2003SP2-CentralProcessor.reg":       cpuOf("2003SP2-CentralProcessor.reg", "Intel(R) Xeon(R) CPU E5440 @ 2.83GHz", "GenuineIntel", 2833),
	"registry/2019-amd-epyc-CentralProcessor.reg": cpuOf("2019-amd-epyc-CentralProcessor.reg", "AMD EPYC 7302 16-Core Processor", "AuthenticAMD", 2994),
	"registry/7-CentralProcessor.reg":             cpuOf("7-CentralProcessor.reg", "Intel(R) Core(TM) i5-2300 CPU @ 2.80GHz", "GenuineIntel", 2809),

	"registry/7-AD-LogonUI.reg":          lastUserOf("7-AD-LogonUI.reg", `AD\teclib`),
	"registry/10-StandAlone-LogonUI.reg": lastUserOf("10-StandAlone-LogonUI.reg", "teclib"),
	"registry/11-AzureAD-LogonUI.reg":    lastUserOf("11-AzureAD-LogonUI.reg", `AzureAD\JohnDoe`),

	"registry/intel+nvidia-{4d36e968-e325-11ce-bfc1-08002be10318}.reg": func(t *testing.T) {
		same(t, inventory.GPUs{
			{Name: "NVIDIA GeForce GTX 950", Vendor: "NVIDIA", Bytes: 2 << 30, DriverVersion: "30.0.15.1215"},
			{Name: "Intel(R) HD Graphics 4600", Vendor: "Intel", DriverVersion: "20.19.15.4624"},
			{Name: "Microsoft Remote Display Adapter", Vendor: "Microsoft", DriverVersion: "10.0.19041.1865"},
			{Name: "Microsoft Remote Display Adapter", Vendor: "Microsoft", DriverVersion: "10.0.19041.1865"},
			{Name: "Microsoft Remote Display Adapter", Vendor: "Microsoft", DriverVersion: "10.0.19041.1865"},
		}, hardware.PresentGPUs(exported(t, "registry/intel+nvidia-{4d36e968-e325-11ce-bfc1-08002be10318}.reg"), false))
	},
	"registry/amd-radeon-rx6600xt-{4d36e968-e325-11ce-bfc1-08002be10318}.reg": func(t *testing.T) {
		var names []string
		for _, g := range hardware.PresentGPUs(exported(t, "registry/amd-radeon-rx6600xt-{4d36e968-e325-11ce-bfc1-08002be10318}.reg"), false) {
			if g.Vendor != "Microsoft" {
				names = append(names, fmt.Sprintf("%s, %s, %d MiB, driver %s", g.Vendor, g.Name, g.Bytes>>20, g.DriverVersion))
			}
		}
		const radeon = "AMD, AMD Radeon RX 6600 XT, 8176 MiB, driver 30.0.21023.1015"
		same(t, []string{"NVIDIA, NVIDIA GeForce GTX 960, 4096 MiB, driver 27.21.14.5671", radeon, radeon}, names)
	},

	"registry/7-USB.reg": usbOf("7-USB.reg", map[string]int{"camera": 1, "hub": 2, "input": 2, "other": 3, "phone": 1, "printer": 1, "storage": 7},
		inventory.Peripheral{
			Bus: "usb", Class: "printer", VendorID: "03f0", ProductID: "6004", Model: "Prise en charge d’impression USB", Serial: "MY26K1K34C2L", Version: "1.00",
		}),
	"registry/7bis-USB.reg": usbOf("7bis-USB.reg", map[string]int{"camera": 1, "input": 3, "other": 2, "printer": 1, "storage": 2},
		inventory.Peripheral{
			Bus: "usb", Class: "printer", VendorID: "03f0", ProductID: "5c17", Model: "Périphérique USB composite", Serial: "S163EJM", Version: "0.01",
		}),
	"registry/7-USBPRINT.reg": func(t *testing.T) {
		maker, model, serial := hardware.USBPrinterAt(exported(t, "registry/7-USB.reg", "registry/7-USBPRINT.reg"), "USB001")
		same(t, []string{"HP", "hp deskjet 5550 series (HPA)", "MY26K1K34C2L"}, []string{maker, model, serial})
	},
	"registry/7bis-USBPRINT.reg": func(t *testing.T) {
		maker, model, serial := hardware.USBPrinterAt(exported(t, "registry/7bis-USB.reg", "registry/7bis-USBPRINT.reg"), "USB001")
		same(t, []string{"HP", "HP Universal Printing PCL 6", "S163EJM"}, []string{maker, model, serial})
	},
	"registry/7ter-USBPRINT.reg": func(t *testing.T) {
		maker, model, serial := hardware.USBPrinterAt(exported(t, "registry/7ter-USBPRINT.reg"), "USB001")
		same(t, []string{"EPSON", "Epson Universal Laser P6", ""}, []string{maker, model, serial})
	},
	"registry/xppro2-USBPRINT.reg": func(t *testing.T) {
		maker, model, serial := hardware.USBPrinterAt(exported(t, "registry/xppro2-USBPRINT.reg"), "USB003")
		same(t, []string{"HP", "HP Color LaserJet 1600", ""}, []string{maker, model, serial})
	},

	"registry/mssql-Setup.reg": func(t *testing.T) {
		same(t, inventory.SoftwareList{{
			Source: "sqlserver", Name: "Microsoft SQL Server 2008 R2 Database Engine (QUINTIQSQL)", Version: "10.53.6000.34", Edition: "Standard Edition",
			Publisher: "Microsoft Corporation", Path: `D:\MSSQL\MSSQL10_50.QUINTIQSQL\MSSQL`,
		}}, softwareOf(t, exported(t, "registry/mssql-Setup.reg"), "microsoft"))
	},
	"registry/mssql_engine-Setup.reg": func(t *testing.T) {
		same(t, inventory.SoftwareList{{
			Source: "sqlserver", Name: "Microsoft SQL Server 2012 Database Engine (SQLEXPRESS)", Version: "11.0.2100.60", Edition: "Express Edition",
			Publisher: "Microsoft Corporation", Path: `D:\MSSQL\MSSQL11.SQLEXPRESS\MSSQL`,
		}}, softwareOf(t, exported(t, "registry/mssql_engine-Setup.reg"), "microsoft"))
	},
	"registry/mssql_engine-Uninstall.reg": func(t *testing.T) {
		same(t, inventory.SoftwareList{
			{Source: "registry", Name: "SQL Server 2011 Database Engine Services", Version: "11.0.2100.60", Arch: "amd64", Publisher: "Microsoft", Path: `C:\Program Files\MS SQL Engine`},
			{Source: "registry", Name: "SQL Server Database Engine Services", Version: "17.77.6700.34", Arch: "amd64", Publisher: "Microsoft", Path: `C:\Program Files\MS SQL Engine 2017`},
		}, softwareOf(t, exported(t, "registry/mssql_engine-Uninstall.reg"), "programs"))
	},
	"registry/mssql-Uninstall.reg": func(t *testing.T) {
		same(t, map[inventory.SoftwareKind]int{"": 7}, counts(softwareOf(t, exported(t, "registry/mssql-Uninstall.reg"), "programs")))
	},
	"registry/xp-Uninstall.reg": func(t *testing.T) {
		list := softwareOf(t, exported(t, "registry/xp-Uninstall.reg"), "programs")
		same(t, map[inventory.SoftwareKind]int{"": 57, inventory.KindSystemComponent: 47, inventory.KindUpdate: 316}, counts(list))
		dated := 0
		for _, s := range list {
			if s.Installed != "" {
				dated++
			}
		}
		if dated < 200 {
			t.Errorf("%d of %d have a day of installation", dated, len(list))
		}
	},

	"wmi/7-CIM_LogicalDevice.wmi":                                 devicesOf("7-CIM_LogicalDevice.wmi", 24, 6),
	"wmi/xppro2-CIM_LogicalDevice.wmi":                            devicesOf("xppro2-CIM_LogicalDevice.wmi", 15, 6),
	"wmi/amd-radeon-rx6600xt-Win32_VideoController.wmi":           devicesOf("amd-radeon-rx6600xt-Win32_VideoController.wmi", 1, 0),
	"wmi/intel-hd-graphics-Win32_VideoController.wmi":             devicesOf("intel-hd-graphics-Win32_VideoController.wmi", 1, 0),
	"wmi/intel+nvidia-Win32_VideoController.wmi":                  devicesOf("intel+nvidia-Win32_VideoController.wmi", 2, 0),
	"wmi/nvidia-geforce-rtx-2060-super-Win32_VideoController.wmi": devicesOf("nvidia-geforce-rtx-2060-super-Win32_VideoController.wmi", 1, 0),

	"wmi/10-Win32_NetworkAdapter.wmi":       kindsOf("10-Win32_NetworkAdapter.wmi", map[inventory.InterfaceType]int{inventory.IfEthernet: 1, inventory.IfVirtual: 3}),
	"wmi/10-net-Win32_NetworkAdapter.wmi":   kindsOf("10-net-Win32_NetworkAdapter.wmi", map[inventory.InterfaceType]int{inventory.IfBluetooth: 1, inventory.IfEthernet: 1, inventory.IfUSB: 1, inventory.IfVirtual: 13, inventory.IfVPN: 1}),
	"wmi/vpn-down-Win32_NetworkAdapter.wmi": kindsOf("vpn-down-Win32_NetworkAdapter.wmi", map[inventory.InterfaceType]int{inventory.IfBluetooth: 1, inventory.IfEthernet: 1, inventory.IfUSB: 1, inventory.IfVirtual: 11, inventory.IfVPN: 2}),
	"wmi/vpn-up-Win32_NetworkAdapter.wmi":   kindsOf("vpn-up-Win32_NetworkAdapter.wmi", map[inventory.InterfaceType]int{inventory.IfBluetooth: 1, inventory.IfEthernet: 1, inventory.IfUSB: 1, inventory.IfVirtual: 11, inventory.IfVPN: 2}),
	"wmi/xp-Win32_NetworkAdapter.wmi":       kindsOf("xp-Win32_NetworkAdapter.wmi", map[inventory.InterfaceType]int{inventory.IfEthernet: 1, inventory.IfVirtual: 11}),
	"wmi/vpn-down-MSFT_NetAdapter.wmi":      netAdapters,

	"wmi/latitude-7480-Win32_DiskDrive.wmi":       serialsOf("latitude-7480-Win32_DiskDrive.wmi", 17, "ACE4_2E61_9000_7804."),
	"wmi/win7-sp1-x64-Win32_DiskDrive.wmi":        serialsOf("win7-sp1-x64-Win32_DiskDrive.wmi", 3, "VB2cff0f95-b2f7db11", ""),
	"wmi/win10-edu-2020-fr-MSFT_PhysicalDisk.wmi": serialsOf("win10-edu-2020-fr-MSFT_PhysicalDisk.wmi", 11, "VB56f85924-28919b73"),
	"wmi/10-StandAlone-Win32_UserAccount.wmi":     userAccounts,
}

// netAdapters checks the medium and the burned-in address, which only this class tells.
func netAdapters(t *testing.T) {
	numbers := map[string]uint32{"6": 6, "71": 71, "9": 9, "10": 10, "14": 14}
	got := map[string]inventory.InterfaceType{}
	for _, object := range answers(t, "wmi/vpn-down-MSFT_NetAdapter.wmi") {
		got[object["Name"]] = hardware.KindOf(object["InterfaceDescription"], object["PnPDeviceID"], numbers[object["InterfaceType"]], numbers[object["NdisPhysicalMedium"]])
	}
	same(t, map[string]inventory.InterfaceType{
		"Connexion réseau Bluetooth": inventory.IfBluetooth, "Ethernet 2": inventory.IfVPN, "Ethernet 3": inventory.IfVPN,
		"Ethernet 4": inventory.IfUSB, "Wi-Fi": inventory.IfWiFi,
	}, got)
}

func userAccounts(t *testing.T) {
	list := inventory.Users{}
	for _, object := range answers(t, "wmi/10-StandAlone-Win32_UserAccount.wmi") {
		flags := uint32(0)
		if object["Disabled"] == "TRUE" {
			flags = 2
		}
		if u, ok := hardware.AccountUser(exported(t), object["Name"], object["FullName"], object["SID"], flags); ok {
			u.ID = u.ID[strings.LastIndexByte(u.ID, '-'):]
			list = append(list, u)
		}
	}
	same(t, inventory.Users{
		{Name: "Administrateur", ID: "-500", Disabled: true}, {Name: "Invité", ID: "-501", Disabled: true}, {Name: "teclib", ID: "-1001"},
	}, list)
}

// unclaimed says of each other capture why no parser of muster's reads its like.
var unclaimed = map[string]string{
	"registry/10-DNSRegisteredAdapters.reg":                                       "addresses are the network stack's to tell",
	"registry/7_firewall-DNSRegisteredAdapters.reg":                               "addresses are the network stack's to tell",
	"registry/10-Interfaces.reg":                                                  "addresses are the network stack's to tell",
	"registry/10-DomainProfile.reg":                                               "the firewall's state is not part of the inventory",
	"registry/10-PublicProfile.reg":                                               "the firewall's state is not part of the inventory",
	"registry/7_firewall-DomainProfile.reg":                                       "the firewall's state is not part of the inventory",
	"registry/10-NetworkList.reg":                                                 "networks that the machine was in say where its owner was",
	"registry/11-AzureAD-S-1-12-1-1778064242-1251273316-772277320-2482684374.reg": "a person's mail address is not collected; the account's name is",
	"registry/glpi-agent-audit-test.reg":                                          "settings of another agent",
	"registry/office_2010_2.reg":                                                  "lists what could be activated, installed or not; the list of programs says what is installed",
	"registry/office_2016_02.reg":                                                 "lists what could be activated, installed or not; the list of programs says what is installed",

	"powershell/10_russian.txt":        "the output of a script of another agent",
	"powercfg/windows-10-notebook.xml": "the output of a program; batteries are asked through their driver",
}

// unclaimedWMI says the same for classes of WMI, which muster does not ask.
var unclaimedWMI = map[string]string{
	"Win32_Processor": "SMBIOS and the registry", "Win32_PhysicalMemory": "SMBIOS", "Win32_PhysicalMemoryArray": "SMBIOS", "Win32_Bios": "SMBIOS",
	"Win32_ComputerSystem": "SMBIOS", "Win32_OperatingSystem": "the kernel and the registry", "Win32_LogicalDisk": "GetVolumeInformation",
	"Win32_Volume": "GetVolumeInformation", "Win32_EncryptableVolume": "a property of the shell", "Win32_NetworkAdapterConfiguration": "GetAdaptersAddresses",
	"Win32_QuickFixEngineering": "the servicing stack's registry keys", "Win32_CDROMDrive": "optical drives are not part of the inventory",
	"MSVM_ComputerSystem": "guests are seen by their own agents", "MSVM_MemorySettingData": "guests are seen by their own agents",
	"MSVM_ProcessorSettingData": "guests are seen by their own agents", "SoftwareLicensingProduct": "licences and keys are not collected from machines",
}

func TestWindowsCaptures(t *testing.T) {
	for name, claim := range claimed {
		t.Run(name, claim)
	}
	var files []string
	for _, pattern := range []string{"*/*.reg", "*/*.wmi", "*/*.txt", "*/*.xml"} {
		list, err := filepath.Glob(windowsCaptures + pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, list...)
	}
	if len(files) < 70 {
		t.Fatalf("only %d captures", len(files))
	}
	for _, file := range files {
		name := strings.TrimPrefix(filepath.ToSlash(file), windowsCaptures)
		class := strings.TrimSuffix(name[strings.LastIndexByte(name, '-')+1:], ".wmi")
		if claimed[name] == nil && unclaimed[name] == "" && unclaimedWMI[class] == "" {
			t.Errorf("%s is neither read nor is there a reason why not", name)
		}
		if strings.HasSuffix(name, ".reg") { // whoever reads it, it is an export
			exported(t, name)
		}
	}
}
