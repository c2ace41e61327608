package hardware_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
)

// xmlList makes a property list of the inside of its top element.
func xmlList(inside string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">` + inside + `</plist>`)
}

// pairs makes a dictionary of keys and elements, which begin with "<", or texts.
func pairs(kv ...string) string {
	var b strings.Builder
	b.WriteString("<dict>")
	for i := 0; i+1 < len(kv); i += 2 {
		value := kv[i+1]
		if !strings.HasPrefix(value, "<") {
			value = "<string>" + value + "</string>"
		}
		b.WriteString("<key>" + kv[i] + "</key>" + value)
	}
	return b.String() + "</dict>"
}

func array(items ...string) string { return "<array>" + strings.Join(items, "") + "</array>" }

func integer(n int64) string { return fmt.Sprintf("<integer>%d</integer>", n) }

// dataType is an entry of a report.
func dataType(name string, items ...string) string {
	return pairs("_dataType", name, "_items", array(items...))
}

func report(t *testing.T, types ...string) profiler.Report {
	t.Helper()
	r, err := profiler.Parse(xmlList(array(types...)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ioRegistry(t *testing.T, nodes ...string) []*hardware.RegNode {
	t.Helper()
	list, err := hardware.ParseRegistry(xmlList(array(nodes...)))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAppleSilicon(t *testing.T) {
	r := report(t, dataType("SPHardwareDataType", pairs(
		"_name", "hardware_overview", "machine_model", "MacBookPro18,3", "machine_name", "MacBook Pro", "model_number", "Z15G000ABD/A",
		"chip_type", "Apple M1 Pro", "number_processors", "proc 10:8:2", "physical_memory", "32 GB", "boot_rom_version", "10151.101.3",
		"serial_number", "ABCDEF1234", "platform_UUID", "11111111-2222-3333-4444-555555555555")),
		dataType("SPMemoryDataType", pairs("SPMemoryDataType", "32 GB", "dimm_manufacturer", "Hynix", "dimm_type", "LPDDR5")),
		dataType("SPNVMeDataType", pairs("_name", "Apple SSD Controller", "_items", array(pairs(
			"_name", "APPLE SSD AP1024R", "bsd_name", "disk0", "device_model", "APPLE SSD AP1024R", "device_serial", "0ba01234567890",
			"device_revision", "387.100.", "detachable_drive", "no", "size", "1 TB", "size_in_bytes", integer(1000555581440),
			"smart_status", "Verified", "spnvme_trim_support", "Yes",
			"volumes", array(pairs("_name", "disk0s1", "bsd_name", "disk0s1", "size_in_bytes", integer(524288000))))))),
		dataType("SPDisplaysDataType", pairs("_name", "kHW_AppleM1ProItem", "sppci_model", "Apple M1 Pro", "sppci_cores", "16",
			"spdisplays_vendor", "sppci_vendor_Apple", "sppci_bus", "spdisplays_builtin", "spdisplays_ndrvs", array(
				pairs("_name", "Color LCD", "_spdisplays_pixels", "3024 x 1964", "spdisplays_connection_type", "spdisplays_internal",
					"_spdisplays_display-vendor-id", "610", "_spdisplays_display-product-id", "a045", "_spdisplays_display-serial-number", "fd626d62"),
				pairs("_name", "DELL U2720Q", "_spdisplays_pixels", "3840 x 2160", "_spdisplays_display-vendor-id", "10ac",
					"_spdisplays_display-product-id", "a0f0", "_spdisplays_display-year", "2020", "_spdisplays_display-week", "12")))))
	serial, uuid, h := hardware.MacOverview(r)
	wantHardware := inventory.Hardware{
		SystemVendor: "Apple Inc.", SystemModel: "MacBookPro18,3", SystemFamily: "MacBook Pro", SystemSKU: "Z15G000ABD/A",
		BIOSVendor: "Apple Inc.", BIOSVersion: "10151.101.3", CPUModel: "Apple M1 Pro", CPUVendor: "Apple", CPUSockets: 1, CPUCores: 10, MemoryBytes: 32 << 30,
	}
	if diff := cmp.Diff(wantHardware, h); diff != "" || serial != "ABCDEF1234" || uuid != "11111111-2222-3333-4444-555555555555" {
		t.Errorf("%s %s -want +got:\n%s", serial, uuid, diff)
	}
	compare(t, inventory.MemoryModules{{Bytes: 32 << 30, Type: "LPDDR5", Vendor: "Hynix"}}, hardware.MacModules(r))
	compare(t, inventory.GPUs{{Name: "Apple M1 Pro (16 cores)", Vendor: "Apple"}}, hardware.MacGPUs(r))

	disks := ioRegistry(t, node("IONVMeBlockStorageDevice", 1, pairsOf("Device Characteristics", pairs("Product Name", "APPLE SSD AP1024R"),
		"Protocol Characteristics", pairs("Physical Interconnect", "Apple Fabric")), medium("disk0", 1000555581440)),
		node("IOBlockStorageServices", 10, pairsOf("Device Characteristics", pairs("Product Name", "PSSD T7", "Vendor Name", "Samsung ", "Serial Number", "S5SX"),
			"Protocol Characteristics", pairs("Physical Interconnect", "USB")), medium("disk4", 500107862016)),
		node("AppleDiskImageDevice", 20, pairsOf("Protocol Characteristics",
			pairs("Physical Interconnect", "Virtual Interface", "Physical Interconnect Location", "File")), medium("disk5", 1<<30)))
	compare(t, inventory.Disks{
		{Name: "disk0", Bus: "nvme", Vendor: "Apple", Model: "APPLE SSD AP1024R", Serial: "0ba01234567890", Firmware: "387.100.", Bytes: 1000555581440, Health: "ok"},
		{Name: "disk4", Bus: "usb", Vendor: "Samsung", Model: "PSSD T7", Serial: "S5SX", Bytes: 500107862016},
	}, hardware.MacDisks(r, disks))

	screen := ioRegistry(t, node("IOMobileFramebufferShim", 30, pairsOf("DisplayAttributes", pairs(
		"MaxHorizontalImageSize", integer(60), "MaxVerticalImageSize", integer(34), "NativeFormatHorizontalPixels", integer(3840), "NativeFormatVerticalPixels", integer(2160),
		"ProductAttributes", pairs("ManufacturerID", "DEL", "ProductName", "DELL U2720Q", "AlphanumericSerialNumber", "CN0X1", "LegacyManufacturerID", integer(0x10ac),
			"ProductID", integer(0xa0f0), "YearOfManufacture", integer(2020), "WeekOfManufacture", integer(12))))))
	compare(t, inventory.Monitors{
		{Vendor: "Dell", Model: "DELL U2720Q", Serial: "CN0X1", Manufactured: "2020-W12", WidthMM: 600, HeightMM: 340, Resolution: "3840x2160"},
		{Vendor: "Apple", Model: "Color LCD", Resolution: "3024x1964", Port: "built-in"},
	}, hardware.MacMonitors(r, screen))
}

// node is an entry of the registry with properties and entries below.
func node(class string, id int64, properties []string, children ...string) string {
	kv := append([]string{"IOObjectClass", class, "IORegistryEntryName", class, "IORegistryEntryID", integer(id)}, properties...)
	if len(children) > 0 {
		kv = append(kv, "IORegistryEntryChildren", array(children...))
	}
	return pairs(kv...)
}

func pairsOf(kv ...string) []string { return kv }

func medium(name string, size int64) string {
	return node("IOBlockStorageDriver", size+1, nil, node("IOMedia", size, pairsOf("Whole", "<true/>", "BSD Name", name, "Size", integer(size))))
}

func compare[T any](t *testing.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if body, ok := any(got).(inventory.Body); ok {
		valid(t, body)
	}
}

func TestMacBattery(t *testing.T) {
	health := report(t, dataType("SPPowerDataType", pairs("_name", "spbattery_information",
		"sppower_battery_health_info", pairs("sppower_battery_health_maximum_capacity", "87%"))))
	battery := func(kv ...string) []*hardware.RegNode { return ioRegistry(t, node("AppleSmartBattery", 1, kv)) }
	// What goes up and down while the machine is in use must not change the answer.
	silicon := func(voltage, raw, charge int64) []*hardware.RegNode {
		return battery("DesignCapacity", integer(6249), "AppleRawMaxCapacity", integer(raw), "NominalChargeCapacity", integer(5502), "MaxCapacity", integer(100),
			"CurrentCapacity", integer(charge), "Voltage", integer(voltage), "CycleCount", integer(212), "Serial", "F8Y1", "DeviceName", "bq40z651",
			"BatteryInstalled", "<true/>", "BatteryData", pairs("CellVoltage", array(integer(4000), integer(4001), integer(4002))))
	}
	want := inventory.Batteries{{
		Name: "InternalBattery", Model: "bq40z651", Serial: "F8Y1", Chemistry: "Li-ion", Cycles: 212, DesignMWh: 71240, FullMWh: 62690, HealthPercent: 87,
	}}
	compare(t, want, hardware.MacBatteries(silicon(12900, 5480, 100), health))
	compare(t, want, hardware.MacBatteries(silicon(10900, 5530, 12), health))
	// Intel: no list of cells, a coded date, no figure in the report.
	compare(t, inventory.Batteries{{
		Name: "InternalBattery", Vendor: "SMP", Model: "bq20z451", Serial: "D86", Chemistry: "Li-ion", Cycles: 125, Manufactured: "2017-05-14",
		DesignMWh: 49770, FullMWh: 46790, HealthPercent: 94,
	}}, hardware.MacBatteries(battery("DesignCapacity", integer(4366), "MaxCapacity", integer(4104), "Voltage", integer(12997), "CycleCount", integer(125),
		"Manufacturer", "SMP", "DeviceName", "bq20z451", "BatterySerialNumber", "D86", "ManufactureDate", integer((2017-1980)<<9|5<<5|14)), nil))
	compare(t, inventory.Batteries{}, hardware.MacBatteries(battery("DesignCapacity", integer(4366), "BatteryInstalled", "<false/>"), nil))
}

func TestMacPeripherals(t *testing.T) {
	device := func(id int64, name string, location, class int64, more ...string) string {
		return node("IOUSBHostDevice", id, append([]string{
			"idVendor", integer(0x046d), "idProduct", integer(0x085e), "bcdDevice", integer(0x0317), "bDeviceClass", integer(class),
			"locationID", integer(location), "USB Product Name", name, "USB Vendor Name", "Logitech",
		}, more...))
	}
	webcam := device(1, "BRIO", 0x01132000, 0xef, "kUSBSerialNumberString", "ABC1")
	compare(t, inventory.Peripherals{
		{Bus: "usb", Address: "1-1.3.2", Class: "camera", VendorID: "046d", ProductID: "085e", Vendor: "Logitech", Model: "BRIO", Serial: "ABC1", Version: "3.17"},
		{Bus: "usb", Address: "1-1", Class: "hub", VendorID: "046d", ProductID: "085e", Vendor: "Logitech", Model: "USB2.0 Hub", Version: "3.17"},
	}, hardware.RegistryUSB(ioRegistry(t, webcam, device(2, "USB2.0 Hub", 0x01100000, 9, "USB Serial Number", "000000"), webcam,
		node("IOUSBHostInterface", 3, pairsOf("bInterfaceClass", integer(14), "bInterfaceSubClass", integer(1), "locationID", integer(0x01132000))))))

	r := report(t, dataType("SPThunderboltDataType", pairs("_name", "thunderboltusb4_bus_0", "device_name_key", "MacBook Pro", "_items", array(pairs(
		"_name", "CalDigit TS4 dock", "device_name_key", "TS4 dock", "vendor_name_key", "CalDigit, Inc.", "vendor_id_key", "0x3D", "device_id_key", "0x9",
		"switch_uid_key", "0x003D0011", "switch_version_key", "38.1", "route_string_key", "1")))),
		dataType("SPBluetoothDataType", pairs(
			"controller_properties", pairs("controller_address", "AA:00:00:00:00:01", "controller_chipset", "BCM_4387"),
			"device_connected", array(pairs("Ann's Magic Mouse", pairs("device_address", "AA:BB:CC:00:11:22", "device_minorType", "Mouse", "device_vendorID", "0x004C",
				"device_productID", "0x0269", "device_firmwareVersion", "3.1.2", "device_batteryLevelMain", "64%"))),
			"device_not_connected", array(pairs("Ann's AirPods", pairs("device_address", "AA:BB:CC:00:11:23", "device_minorType", "Headphones"))))))
	compare(t, inventory.Peripherals{{
		Bus: "thunderbolt", Address: "1", Class: "dock", VendorID: "003d", ProductID: "0009", Vendor: "CalDigit, Inc.", Model: "TS4 dock", Serial: "0x003D0011", Version: "38.1",
	}}, hardware.MacThunderbolt(r))
	compare(t, inventory.Peripherals{
		{Bus: "bluetooth", Class: "input", VendorID: "004c", ProductID: "0269", Model: "Mouse", Serial: "aa:bb:cc:00:11:22", Version: "3.1.2"},
		{Bus: "bluetooth", Class: "audio", Model: "Headphones", Serial: "aa:bb:cc:00:11:23"},
	}, hardware.MacBluetooth(r))
}

func TestMacPrinters(t *testing.T) {
	r := report(t, dataType("SPPrintersDataType",
		pairs("_name", "Hall", "uri", "ipps://ann:secret@print.example/ipp/print", "ppd", "HP LaserJet", "default", "no", "shared", "yes"),
		pairs("_name", "Desk", "uri", "usb://Brother/HL-L2350DW%20series?serial=E78283", "ppd", "Brother HL-L2350DW", "default", "yes"),
		pairs("_name", "status", "status", "")))
	compare(t, inventory.Printers{
		{Name: "Hall", Model: "HP LaserJet", URI: "ipps://print.example/ipp/print", Shared: true, Network: true},
		{Name: "Desk", Vendor: "Brother", Serial: "E78283", Model: "Brother HL-L2350DW", URI: "usb://Brother/HL-L2350DW%20series", Default: true},
	}, hardware.MacPrinters(r))
}

func TestMacPCI(t *testing.T) {
	// Data is in base64, the least significant byte first: 8086, 1901, class 060400.
	compare(t, inventory.PCIDevices{{Address: "0000:00:1f.2", VendorID: "8086", DeviceID: "1901", Class: "PCI bridge"}},
		hardware.RegistryPCI(ioRegistry(t, node("IOPCIDevice", 1, pairsOf("vendor-id", "<data>hoAAAA==</data>", "device-id", "<data>ARkAAA==</data>",
			"class-code", "<data>AAQGAA==</data>", "pcidebug", "0:31:2(1:6)", "IOName", "pci8086,1901")))))
}

func TestMacNetwork(t *testing.T) {
	list, err := hardware.ParseIfconfig([]byte(`en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
	ether 7a:11:22:33:44:55
	inet6 fe80::1c2d%en0 prefixlen 64 secured scopeid 0xe
	inet6 2001:db8::1 prefixlen 64 autoconf secured
	inet6 2001:db8::abcd prefixlen 64 autoconf temporary
	inet 192.0.2.7 netmask 0xffffff00 broadcast 192.0.2.255
	media: autoselect
	status: active
en7: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 9000
	ether 00:e0:4c:68:00:01
	media: autoselect (10Gbase-T <full-duplex>)
	status: active
utun3: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1380
	inet6 fe80::9%utun3 prefixlen 64 scopeid 0x10
utun5: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1380
	inet 10.8.0.6 --> 10.8.0.5 netmask 0xffffffff
awdl0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500
	ether 1a:00:00:00:00:01
	inet6 fe80::5%awdl0 prefixlen 64 scopeid 0x11
`))
	if err != nil {
		t.Fatal(err)
	}
	ports, err := hardware.SettingsPorts(xmlList(pairs("Interfaces", array(
		pairs("BSD Name", "en0", "Active", "<true/>", "SCNetworkInterfaceType", "IEEE80211", "IOMACAddress", "<data>PCL7ESIz</data>",
			"SCNetworkInterfaceInfo", pairs("UserDefinedName", "Wi-Fi")),
		pairs("BSD Name", "en7", "Active", "<true/>", "SCNetworkInterfaceType", "Ethernet", "IOMACAddress", "<data>AOBMaAAB</data>",
			"SCNetworkInterfaceInfo", pairs("UserDefinedName", "USB 10G LAN")),
		pairs("BSD Name", "en7", "Active", "<false/>", "SCNetworkInterfaceType", "Ethernet", "IOMACAddress", "<data>AOBMaAAC</data>")))))
	if err != nil {
		t.Fatal(err)
	}
	hardware.JoinPorts(list, ports)
	list = hardware.JoinServices(list, report(t, dataType("SPNetworkDataType", pairs("_name", "Wi-Fi", "interface", "en0",
		"IPv4", pairs("Router", "192.0.2.1"), "IPv6", pairs("Router", "fe80::1"), "DNS", pairs("ServerAddresses", array("<string>192.0.2.53</string>", "<string>192.0.2.1</string>"))))))
	compare(t, inventory.Interfaces{
		{
			Name: "en0", MAC: "7a:11:22:33:44:55", PermanentMAC: "3c:22:fb:11:22:33", Type: inventory.IfWiFi, MTU: 1500, Up: true, Description: "Wi-Fi",
			Addresses: []netip.Prefix{netip.MustParsePrefix("fe80::1c2d/64"), netip.MustParsePrefix("2001:db8::1/64"), netip.MustParsePrefix("192.0.2.7/24")},
			Gateways:  []string{"192.0.2.1", "fe80::1"}, DNS: []string{"192.0.2.53", "192.0.2.1"},
		},
		{Name: "en7", MAC: "00:e0:4c:68:00:01", PermanentMAC: "00:e0:4c:68:00:01", Type: inventory.IfUSB, MTU: 9000, SpeedMbps: 10000, Up: true, Description: "USB 10G LAN"},
		{Name: "utun5", Type: inventory.IfVPN, MTU: 1380, Up: true, Addresses: []netip.Prefix{netip.MustParsePrefix("10.8.0.6/32")}},
	}, list)
	for text, want := range map[string]string{
		"  SSID : Corp WLAN\n  Security : WPA2\n": "Corp WLAN", "  BSSID : 00:11\n  SSID : <redacted>\n": "", "": "",
	} {
		if got := hardware.ParseSSID([]byte(text)); got != want {
			t.Errorf("%q: SSID %q, want %q", text, got, want)
		}
	}
}

func TestMacSecurity(t *testing.T) {
	bridge := func(level, sip string) profiler.Report {
		return report(t, dataType("SPiBridgeDataType", pairs("_name", "Controller Information", "ibridge_secure_boot", level, "ibridge_sb_sip", sip)))
	}
	tests := []struct {
		name           string
		report         profiler.Report
		intel, virtual bool
		want           inventory.Security
	}{
		{"Apple silicon", bridge("Full Security", "Enabled"), false, false, inventory.Security{TPMVersion: "none", SecureBoot: "full", MandatoryAccess: "sip:enabled"}},
		{"lowered", bridge("Permissive Security", "Disabled"), false, false, inventory.Security{TPMVersion: "none", SecureBoot: "permissive", MandatoryAccess: "sip:disabled"}},
		{"in another language", bridge("Volle Sicherheit", "Aktiviert"), false, false, inventory.Security{TPMVersion: "none"}},
		{"T2", bridge("Medium Security", ""), true, false, inventory.Security{TPMVersion: "none", FirmwareMode: "uefi", SecureBoot: "enabled"}},
		{"T2 switched off", bridge("No Security", ""), true, false, inventory.Security{TPMVersion: "none", FirmwareMode: "uefi", SecureBoot: "disabled"}},
		{"Intel without T2", report(t, dataType("SPiBridgeDataType"), dataType("SPSoftwareDataType", pairs("_name", "os_overview", "system_integrity", "integrity_enabled"))),
			true, false, inventory.Security{TPMVersion: "none", FirmwareMode: "uefi", SecureBoot: "unsupported", MandatoryAccess: "sip:enabled"}},
		{"not told", nil, true, false, inventory.Security{TPMVersion: "none", FirmwareMode: "uefi"}},
		{"virtual", nil, true, true, inventory.Security{FirmwareMode: "uefi"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { compare(t, &tt.want, hardware.MacSecurity(tt.report, tt.intel, tt.virtual)) })
	}
	for text, want := range map[string]string{"assessments enabled\n": "gatekeeper:enabled", "assessments disabled\n": "gatekeeper:disabled", "": ""} {
		if got := hardware.Gatekeeper([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for inside, want := range map[string]string{pairs("enabled", "no"): "gatekeeper:disabled", pairs("enabled", "yes"): "gatekeeper:enabled", pairs(): "", "<array/>": ""} {
		if got := hardware.GatekeeperPrefs(xmlList(inside)); got != want {
			t.Errorf("%s: %q, want %q", inside, got, want)
		}
	}
	for text, want := range map[string]string{"FileVault is On.\n": "filevault", "FileVault is Off.\n": "none", "Error": ""} {
		if got := hardware.FileVault([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAPFS(t *testing.T) {
	volume := func(device, name, role string, vault bool, used int64) string {
		return pairs("DeviceIdentifier", device, "Name", name, "APFSVolumeUUID", "UUID-"+device, "Roles", array("<string>"+role+"</string>"),
			"FileVault", fmt.Sprintf("<%v/>", vault), "CapacityInUse", integer(used))
	}
	list := func(vault bool) []byte {
		return xmlList(pairs("Containers", array(pairs("ContainerReference", "disk3", "APFSContainerUUID", "C-1", "CapacityCeiling", integer(1000), "CapacityFree", integer(613),
			"PhysicalStores", array(pairs("DeviceIdentifier", "disk0s2")),
			"Volumes", array(volume("disk3s1", "Macintosh HD", "System", false, 100), volume("disk3s5", "Data", "Data", vault, 250))))))
	}
	a, err := hardware.ParseAPFS(list(true))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, inventory.Volumes{{
		Type: "apfs_container", Name: "disk3", UUID: "C-1", State: "active", Bytes: 1000, FreeBytes: 600, Members: []string{"disk0s2"},
	}}, a.Containers())
	mounted := inventory.Filesystems{
		{Device: "/dev/disk3s1s1", Mountpoint: "/", Type: "apfs", Bytes: 1000}, {Device: "/dev/disk3s5", Mountpoint: "/System/Volumes/Data", Type: "apfs", Bytes: 1000},
		{Device: "/dev/disk3s50", Mountpoint: "/x", Type: "apfs"},
	}
	a.Join(mounted)
	compare(t, inventory.Filesystems{
		{Device: "/dev/disk3s1s1", Mountpoint: "/", Type: "apfs", Bytes: 1000, UsedBytes: 100, UUID: "UUID-disk3s1", Label: "Macintosh HD"},
		{Device: "/dev/disk3s5", Mountpoint: "/System/Volumes/Data", Type: "apfs", Bytes: 1000, UsedBytes: 250, UUID: "UUID-disk3s5", Label: "Data", Encryption: "filevault"},
		{Device: "/dev/disk3s50", Mountpoint: "/x", Type: "apfs"},
	}, mounted)
	off, err := hardware.ParseAPFS(list(false))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, []string{"filevault", "none", ""}, []string{a.Encryption("/dev/disk3s1s1"), off.Encryption("/dev/disk3s1s1"), a.Encryption("/dev/disk9s1")})
	if _, err := hardware.ParseAPFS([]byte("no list")); err == nil {
		t.Error("no error for what is no list")
	}
}

func TestMacUsers(t *testing.T) {
	user := func(name, id, shell, authority, hidden string) string {
		text := func(s string) string { return array("<string>" + s + "</string>") }
		const standard = "dsAttrTypeStandard:"
		kv := []string{standard + "RecordName", text(name), standard + "UniqueID", text(id), standard + "RealName", text("R " + name),
			standard + "NFSHomeDirectory", text("/Users/" + name), standard + "UserShell", text(shell), standard + "AuthenticationAuthority", text(authority)}
		if hidden != "" {
			kv = append(kv, "dsAttrTypeNative:IsHidden", text(hidden))
		}
		return pairs(kv...)
	}
	const vault = ";ShadowHash;HASHLIST:"
	users := xmlList(array(
		user("ann", "501", "/bin/zsh", vault, ""), user("bob", "502", "/bin/zsh", vault+";DisabledUser;", ""), user("_mysql", "74", "/usr/bin/false", "", ""),
		user("setup", "503", "/bin/zsh", vault, "1"), user("root", "0", "/bin/sh", "", ""), user("daemon", "1", "/usr/bin/false", "", ""), user("nobody", "-2", "/usr/bin/false", "", "")))
	admins := xmlList(pairs("dsAttrTypeStandard:GroupMembership", array("<string>root</string>", "<string>ann</string>")))
	got, err := hardware.MacUsers(users, admins)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, inventory.Users{
		{Name: "ann", ID: "501", FullName: "R ann", Shell: "/bin/zsh", Home: "/Users/ann", Admin: true},
		{Name: "bob", ID: "502", FullName: "R bob", Shell: "/bin/zsh", Home: "/Users/bob", Disabled: true},
	}, got)
	rooted, err := hardware.MacUsers(xmlList(user("root", "0", "/bin/sh", vault, "")), admins)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, inventory.Users{{Name: "root", ID: "0", FullName: "R root", Shell: "/bin/sh", Home: "/Users/root", Admin: true}}, rooted)
	if _, err := hardware.MacUsers([]byte("x"), admins); err == nil || !strings.Contains(err.Error(), "dscl") {
		t.Errorf("error %v for what is no list", err)
	}
}

func TestMacIdentity(t *testing.T) {
	os, err := hardware.MacVersion(xmlList(pairs("ProductName", "macOS", "ProductVersion", "14.4.1", "ProductBuildVersion", "23E224")))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, inventory.OS{Family: "darwin", Name: "macOS Sonoma", Version: "14.4.1", Build: "23E224"}, os)
	for _, tt := range [][3]string{
		{"macOS", "26.1", "macOS Tahoe"}, {"Mac OS X", "10.15.7", "Mac OS X Catalina"}, {"macOS", "99.0", "macOS"}, {"", "", "macOS"}, {"x", "10.999", "x"}, {"x", "10.-1", "x"},
	} {
		if got := hardware.MacOSName(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%s %s: %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
	for _, tt := range []struct {
		present bool
		texts   []string
		want    string
	}{
		{true, []string{"VirtualMac2,1"}, "apple"}, {true, []string{"VMware20,1"}, "vmware"}, {true, []string{"Parallels-ARM"}, "parallels"},
		{false, []string{"Macmini9,1"}, ""}, {true, []string{"iMac19,1"}, "unknown"}, {false, []string{"MacPro7,1", "Acidanthera"}, ""},
	} {
		if got := hardware.MacHypervisor(tt.present, tt.texts...); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.texts, got, tt.want)
		}
	}
	for _, tt := range []struct {
		virtual, model, family string
		want                   inventory.Class
	}{
		{"", "Mac14,2", "MacBook Air (M2, 2022)", inventory.ClassLaptop}, {"", "Mac14,3", "Mac mini (2023)", inventory.ClassDesktop},
		{"vmware", "VMware20,1", "", inventory.ClassVM}, {"", "Xserve3,1", "", inventory.ClassServer}, {"", "MacBookPro18,3", "", inventory.ClassLaptop}, {"", "", "", ""},
	} {
		if got := hardware.MacClass(tt.virtual, tt.model, tt.family); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.model, tt.family, got, tt.want)
		}
	}
	name, err := hardware.MacHostName(xmlList(pairs("System", pairs("Network", pairs("HostNames", pairs("LocalHostName", "anns-mac")), "System", pairs("ComputerName", "Ann's Mac")))))
	if err != nil || name != "anns-mac" {
		t.Errorf("name %q, %v", name, err)
	}
	enrolled, server := hardware.MacEnrolment([]byte("Enrolled via DEP: Yes\nMDM enrollment: Yes (User Approved)\nMDM server: https://mdm.example:8443/mdm/ServerURL\n"))
	if !enrolled || server != "mdm.example:8443" {
		t.Errorf("enrolled %v at %q", enrolled, server)
	}
	if enrolled, _ := hardware.MacEnrolment([]byte("Enrolled via DEP: No\nMDM enrollment: No\n")); enrolled {
		t.Error("enrolled without an enrolment")
	}
	realm, domain := hardware.MacDirectory("CORP.plist", xmlList(pairs("module options", pairs("ActiveDirectory", pairs("domain", "corp.example", "forest", "example")))))
	if realm != "corp.example" || domain != "corp.example" {
		t.Errorf("directory %q %q", realm, domain)
	}
	if realm, domain = hardware.MacDirectory("CORP.plist", nil); realm != "CORP" || domain != "" {
		t.Errorf("directory without rights: %q %q", realm, domain)
	}
	product := ioRegistry(t, pairs("IORegistryEntryName", "product", "product-name", "<data>TWFjIG1pbmkAAAA=</data>"))
	if got := hardware.Marketing(product); got != "Mac mini" {
		t.Errorf("marketing name %q", got)
	}
	model, err := hardware.MacAttributes(xmlList(pairs("iMac19,1", pairs("_LOCALIZABLE_", pairs("marketingModel", "iMac (27-inch, 2019)")))), "iMac19,1")
	if err != nil || model != "iMac (27-inch, 2019)" {
		t.Errorf("marketing name %q, %v", model, err)
	}
}

func TestMemoryMakers(t *testing.T) {
	for text, want := range map[string]string{
		"0x80CE": "Samsung", "0x80AD": "SK hynix", "0xAD00000000000000": "SK hynix", "0x7F98000000000000": "Kingston", "0x802C": "Micron",
		"0x0198": "Kingston", "Hynix": "Hynix", "0x0000": "", "0xABCD": "0xABCD", "0xzz": "0xzz", "Unknown": "", "": "",
	} {
		if got := hardware.MacMemoryMaker(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestRegistryText(t *testing.T) {
	nodes, err := hardware.ParseRegistry([]byte("+-o A  <class X, id 0x1, ok>\n  | {\n  |   \"a=b\" = {\"k\"=(1,Yes,\"t\",<00ff>)}\n  |   \"odd\" = {\"k\"=\n  | }\n  +-o B@1  <class Y, id 0x2>\n"))
	if err != nil || len(nodes) != 1 {
		t.Fatalf("%d entries, %v", len(nodes), err)
	}
	if _, err := hardware.ParseRegistry([]byte("<plist><array>")); err == nil {
		t.Error("no error for half a list")
	}
	if nodes, err := hardware.ParseRegistry([]byte("\n")); err != nil || len(nodes) != 0 {
		t.Errorf("no answer means nothing: %d entries, %v", len(nodes), err)
	}
}

func TestShared(t *testing.T) {
	now, runs, problem := time.Now(), 0, error(nil)
	read := func(context.Context) (int, error) { runs++; return runs, problem }
	look := hardware.NewShared(time.Minute, func() time.Time { return now }, read)
	get := func(want int) {
		t.Helper()
		if got, err := hardware.Get(look, t.Context()); got != want || err != nil {
			t.Errorf("got %d, %v; want %d", got, err, want)
		}
	}
	get(1)
	get(1)
	now = now.Add(time.Hour)
	get(2)
	now, problem = now.Add(time.Hour), errors.New("no such program")
	if _, err := hardware.Get(look, t.Context()); !errors.Is(err, problem) {
		t.Errorf("error %v", err)
	}
	problem = nil
	get(4) // failures are not kept
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	blocked := hardware.NewShared(0, time.Now, func(ctx context.Context) (int, error) {
		_, err := hardware.Get(look, ctx)
		return 0, err
	})
	for range 20 { // either way: it does not hang
		_, _ = hardware.Get(blocked, ended)
	}
}
