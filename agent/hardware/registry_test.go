package hardware_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/registrytest"
	"github.com/muster-itam/muster/internal/inventory"
)

// tree is a registry out of an export's text.
func tree(t testing.TB, export string) *registrytest.Tree {
	t.Helper()
	r, err := registrytest.Parse([]byte("Windows Registry Editor Version 5.00\n" + export))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	localMachine = `[HKEY_LOCAL_MACHINE\`
	control      = localMachine + `SYSTEM\CurrentControlSet\`
)

func TestWindowsOS(t *testing.T) {
	const nt = localMachine + `SOFTWARE\Microsoft\Windows NT\CurrentVersion]
`
	zone := func(key string) string {
		return "\n" + control + `Control\TimeZoneInformation]` + "\n" + `"TimeZoneKeyName"="` + key + `"`
	}
	tests := []struct {
		name, export        string
		major, minor, build uint32
		want                inventory.OS
	}{
		{"10", nt + `"ProductName"="Windows 10 Pro"
"EditionID"="Professional"
"DisplayVersion"="22H2"
"ReleaseId"="2009"
"UBR"=dword:00000edb
"InstallDate"=dword:65920080` + zone("W. Europe Standard Time"), 10, 0, 19045, inventory.OS{
			Name: "Windows 10 Pro", Edition: "Professional", Version: "22H2", Build: "10.0.19045.3803", Kernel: "10.0.19045",
			Timezone: "Europe/Berlin", Installed: "2024-01-01",
		}},
		{"11", nt + `"ProductName"="Windows 10 Enterprise"
"InstallationType"="Client"` + zone("Marquesas Standard Time"), 10, 0, 22631, inventory.OS{
			Name: "Windows 11 Enterprise", Build: "10.0.22631", Kernel: "10.0.22631", Timezone: "Marquesas Standard Time",
		}},
		{"server", nt + `"ProductName"="Windows Server 2025 Standard"
"InstallationType"="Server"`, 10, 0, 26100, inventory.OS{Name: "Windows Server 2025 Standard", Build: "10.0.26100", Kernel: "10.0.26100"}},
		{"nothing", "", 6, 1, 7601, inventory.OS{Build: "6.1.7601", Kernel: "6.1.7601"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Family = "windows"
			same(t, &tt.want, hardware.WindowsOSOf(tree(t, tt.export), hardware.Version(tt.major, tt.minor, tt.build)))
		})
	}
}

func TestSecureBoot(t *testing.T) {
	const state = control + `Control\SecureBoot\State]` + "\n" + `"UEFISecureBootEnabled"=dword:`
	for _, tt := range []struct{ export, mode, want string }{
		{state + "1", "uefi", "enabled"}, {state + "0", "uefi", "disabled"}, {"", "bios", "unsupported"}, {"", "uefi", ""}, {"", "", ""},
	} {
		if got := hardware.SecureBoot(tree(t, tt.export), tt.mode); got != tt.want {
			t.Errorf("%q, %s: %q, want %q", tt.export, tt.mode, got, tt.want)
		}
	}
}

// certificateBlob is a certificate of that name as the system's store has it, behind another property.
func certificateBlob(t testing.TB, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Unix(2e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	b := append(le32(3, 1, 4), "hash"...)
	return append(append(b, le32(32, 1, uint32(len(der)))...), der...)
}

func le32(list ...uint32) []byte {
	var b []byte
	for _, n := range list {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

func hexValue(b []byte) string {
	parts := make([]string, len(b))
	for i := range b {
		parts[i] = hex.EncodeToString(b[i : i+1])
	}
	return "hex:" + strings.Join(parts, ",")
}

func TestWindowsDirectory(t *testing.T) {
	const tenant, device = "11111111-2222-3333-4444-555555555555", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	entra := control + `Control\CloudDomainJoin\JoinInfo\ABCD]
"TenantId"="` + tenant + `"
"UserEmail"="jane@example.com"
` + localMachine + `SOFTWARE\Microsoft\SystemCertificates\MY\Certificates\ABCD]
"Blob"=` + hexValue(certificateBlob(t, strings.ToUpper(device))) + "\n"
	intune := localMachine + `SOFTWARE\Microsoft\Enrollments\{1}]
"ProviderID"="MS DM Server"
"EnrollmentState"=dword:1
` + localMachine + `SOFTWARE\Microsoft\Enrollments\{1}\DMClient\MS DM Server]
"EntDMID"="mdm-1"
` + localMachine + `SOFTWARE\Microsoft\Enrollments\{2}]
"ProviderID"="MS DM Server"
"EnrollmentState"=dword:0
`
	const workgroup, domain = 2, 3
	inTenant := inventory.Identifier{Type: inventory.IDDirectory, Value: device, Scope: tenant}
	tests := []struct {
		name, export string
		status       uint32
		join         string
		want         inventory.Device
	}{
		{"workgroup", "", workgroup, "WORKGROUP", inventory.Device{Directory: "workgroup", DirectoryName: "WORKGROUP"}},
		{"domain", "", domain, "CORP", inventory.Device{Directory: "active_directory", DirectoryName: "CORP"}},
		{"entra", entra + intune, workgroup, "WORKGROUP", inventory.Device{
			Directory: "entra_id", DirectoryName: tenant, Identifiers: []inventory.Identifier{inTenant, {Type: inventory.IDMDM, Value: "mdm-1"}},
		}},
		{"both", entra, domain, "CORP", inventory.Device{Directory: "hybrid", DirectoryName: "CORP", Identifiers: []inventory.Identifier{inTenant}}},
		{"guest", localMachine + `SOFTWARE\Microsoft\Virtual Machine\Guest\Parameters]
"VirtualMachineId"="AAAA-1"`, 0, "", inventory.Device{Identifiers: []inventory.Identifier{{Type: inventory.IDVMInstance, Value: "aaaa-1"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { same(t, tt.want, hardware.Directory(tree(t, tt.export), tt.status, tt.join)) })
	}
	if got := hardware.DeviceOfCert(certificateBlob(t, "not a device")); got != "" {
		t.Errorf("another certificate's name was taken: %q", got)
	}
}

func TestRegistryDevices(t *testing.T) {
	const pci = control + `Enum\PCI\VEN_10DE&DEV_1F06&SUBSYS_1339196E&REV_A1\4&2F503515&0&0019]`
	r := tree(t, pci+`
"DeviceDesc"="@oem1.inf,%nvidia%;NVIDIA Test"
"Mfg"="@oem1.inf,%nv%;NVIDIA"
"Service"="nvlddmkm"
"Driver"="{4d36e968-e325-11ce-bfc1-08002be10318}\\0001"
"ClassGUID"="{4D36E968-E325-11CE-BFC1-08002BE10318}"
"LocationInformation"="@System32\\drivers\\pci.sys,#65536;PCI bus %1, device %2, function %3;(1,0,0)"
"CompatibleIDs"=hex(7):`+multi(`PCI\VEN_10DE&CC_030000`, `PCI\VEN_10DE`)+`
`+control+`Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}\0001]
"DriverDesc"="NVIDIA Test"
"DriverVersion"="31.0"
"MatchingDeviceId"="PCI\\VEN_10DE&DEV_1F06"
"HardwareInformation.qwMemorySize"=hex(b):00,00,00,00,02,00,00,00
`+control+`Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}\0002]
"DriverDesc"="Taken out"
`+control+`Enum\BTHENUM\DEV_001122334455\8&2E9958BA&0&BLUETOOTHDEVICE_001122334455]
"FriendlyName"="Jane's mouse"
`+control+`Enum\DISPLAY\DEL1234\5&1f5ec029&0&UID256]
`+control+`Enum\DISPLAY\DEL1234\5&1f5ec029&0&UID256\Device Parameters]
"EDID"=`+hexValue(monitorEDID()))
	same(t, inventory.PCIDevices{{
		Address: "0000:01:00.0", Class: "Display controller", VendorID: "10de", DeviceID: "1f06", VendorName: "NVIDIA", DeviceName: "NVIDIA Test", Driver: "nvlddmkm",
	}}, hardware.PresentPCI(r))
	same(t, inventory.GPUs{{Name: "NVIDIA Test", Vendor: "NVIDIA", Bytes: 8 << 30, Driver: "nvlddmkm", DriverVersion: "31.0", Address: "0000:01:00.0"}}, hardware.PresentGPUs(r, true))
	same(t, inventory.Peripherals{{Bus: "bluetooth", Class: "other", Serial: "00:11:22:33:44:55"}}, hardware.PresentPeripherals(r))
	list := hardware.PresentMonitors(r)
	if len(list) != 1 || list[0].Model != "DEL1234" || list[0].Port != "UID256" {
		t.Errorf("monitors: %+v", list)
	}
}

// monitorEDID is a base block with a maker, a product and a right sum.
func monitorEDID() []byte {
	b := make([]byte, 128)
	copy(b, "\x00\xff\xff\xff\xff\xff\xff\x00\x10\xac\x34\x12")
	b[18], b[19] = 1, 4
	var sum byte
	for _, c := range b {
		sum += c
	}
	b[127] = -sum
	return b
}

// multi is the value of REG_MULTI_SZ.
func multi(texts ...string) string {
	var b []byte
	for _, c := range strings.Join(texts, "\x00") + "\x00\x00" {
		b = append(b, byte(c), byte(c>>8))
	}
	return strings.TrimPrefix(hexValue(b), "hex:")
}

func TestPCIAddress(t *testing.T) {
	for location, want := range map[string]string{
		`@System32\drivers\pci.sys,#65536;PCI bus %1, device %2, function %3;(0,31,3)`: "0000:00:1f.3",
		"PCI bus 5, device 0, function 1":                                              "0000:05:00.1",
		"Bus PCI 258, périphérique 1, fonction 0":                                      "0001:02:01.0",
		"PCI Slot 3": "", "(1,2)": "", "(0,99,0)": "", "": "",
	} {
		if got := hardware.PCIAddress(location); got != want {
			t.Errorf("%q: %q, want %q", location, got, want)
		}
	}
}

func TestWindowsPrinters(t *testing.T) {
	const queue, sid = control + `Control\Print\Printers\`, "S-1-5-21-1-2-3-1001"
	got, err := hardware.PresentPrinters(tree(t, queue+`Hall]
"Name"="Hall"
"Printer Driver"="Example PCL 6"
"Port"="IP_192.0.2.9"
"Location"="1st floor"
"Attributes"=dword:00000048
`+control+`Control\Print\Monitors\Standard TCP/IP Port\Ports\IP_192.0.2.9]
"HostName"="printer.example.com"
"PortNumber"=dword:0000238c
"Protocol"=dword:1
`+queue+`Lab]
"Name"="Lab"
"Port"="https://jane:secret@print.example.com/queue?token=secret"
`+queue+`Old]
"Name"="Old"
"Port"="LPT1:"
[HKEY_USERS\`+sid+`\Printers\Connections\,,server,Third floor]
[HKEY_USERS\`+sid+`\Software\Microsoft\Windows NT\CurrentVersion\Windows]
"Device"="Hall,winspool,Ne00:"`))
	if err != nil {
		t.Fatal(err)
	}
	same(t, inventory.Printers{
		{Name: "Hall", Model: "Example PCL 6", Driver: "Example PCL 6", URI: "socket://printer.example.com:9100", Location: "1st floor", Default: true, Shared: true, Network: true},
		{Name: "Lab", URI: "https://print.example.com/queue", Network: true},
		{Name: "Old", URI: "LPT1:"},
		{Name: `\\server\Third floor`, URI: "smb://server/Third%20floor", Network: true},
	}, got)
	if _, err := hardware.PresentPrinters(tree(t, "")); err == nil {
		t.Error("a registry without queues' key is not a machine without printers")
	}
}

// descriptor is STORAGE_DEVICE_DESCRIPTOR.
func descriptor(bus uint32, removable byte, vendor, product, revision, serial string) []byte {
	b := make([]byte, 36)
	b[10] = removable
	binary.LittleEndian.PutUint32(b[28:], bus)
	for i, s := range []string{vendor, product, revision, serial} {
		if s != "" {
			binary.LittleEndian.PutUint32(b[12+4*i:], uint32(len(b)))
			b = append(append(b, s...), 0)
		}
	}
	return b
}

func TestStorageDisk(t *testing.T) {
	geometry := make([]byte, 32)
	binary.LittleEndian.PutUint64(geometry[24:], 512e9)
	ids := append(le32(0, 0, 1), append(append(le32(1, 3), 8, 0, 0, 0, 0, 0, 0, 0), 0x50, 1, 2, 3, 4, 5, 6, 7)...)
	identify := make([]byte, 4096)
	copy(identify[4:], "S1234               Example SSD 980                         1B2Q    ")
	health := make([]byte, 512)
	health[5] = 7
	tests := []struct {
		name                       string
		device, ids, seek, predict []byte
		identify, health           []byte
		want                       inventory.Disk
	}{
		{"sata", descriptor(11, 0, "", "WDC WD10", "1A01", "WD-WCC4E"), ids, append(le32(12, 12), 1), le32(0), nil, nil, inventory.Disk{
			Model: "WDC WD10", Firmware: "1A01", Serial: "WD-WCC4E", WWN: "naa.5001020304050607", Bus: "sata", Bytes: 512e9, Rotational: true, Health: "ok",
		}},
		{"failing usb", descriptor(7, 1, "SanDisk", "Ultra", "1.00", "4C53"), nil, nil, le32(1), nil, nil, inventory.Disk{
			Vendor: "SanDisk", Model: "Ultra", Firmware: "1.00", Serial: "4C53", Bus: "usb", Bytes: 512e9, Removable: true, Health: "failing",
		}},
		{"nvme by its driver alone", descriptor(17, 0, "NVMe", "Example", "20007A00", "ACE4_2E61_9000_7804."), nil, nil, nil, nil, nil, inventory.Disk{
			Model: "Example", Firmware: "20007A00", WWN: "eui.ace42e6190007804", Bus: "nvme", Bytes: 512e9,
		}},
		{"nvme", descriptor(17, 0, "NVMe", "Example", "2", "ACE4_2E61_9000_7804."), nil, nil, nil, identify, health, inventory.Disk{
			Model: "Example SSD 980", Firmware: "1B2Q", Serial: "S1234", WWN: "eui.ace42e6190007804", Bus: "nvme", Bytes: 512e9, Health: "ok", WearPercent: 7,
		}},
		{"silent", nil, nil, nil, nil, nil, nil, inventory.Disk{Bytes: 512e9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := hardware.StorageDisk("PhysicalDrive0", tt.device, tt.ids, tt.seek, geometry, tt.predict, tt.identify, tt.health)
			tt.want.Name = "PhysicalDrive0"
			if same(t, tt.want, got); !ok {
				t.Error("no disk")
			}
		})
	}
	if _, ok := hardware.StorageDisk("PhysicalDrive1", descriptor(15, 0, "", "", "", ""), nil, nil, nil, nil, nil, nil); ok {
		t.Error("a file that is attached as a disk counts as one")
	}
}

func TestStorageSerial(t *testing.T) {
	const sata, usb = 11, 7
	for _, tt := range []struct {
		serial string
		bus    uint32
		want   string
	}{
		{"2020202057202d44435750593430323031353639", 3, "WD-WCYP04025196"}, // hexadecimal digits of exchanged pairs
		{"DWW-AC4C1E23", sata, "WD-WCAC4E132"},                             // exchanged once too often
		{"DWW-AC4C1E23", usb, "DWW-AC4C1E23"},
		{"WD-WCC4E1234", sata, "WD-WCC4E1234"},
		{"50026B7784", sata, "50026B7784"}, // digits of no text
		{"S3Z9NB0K", sata, "S3Z9NB0K"},
		{"", sata, ""},
	} {
		if got := hardware.StorageSerial(tt.serial, tt.bus); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.serial, got, tt.want)
		}
	}
}

func TestBattery(t *testing.T) {
	info := func(capabilities, design, full, cycles uint32) []byte {
		return append(append(append(le32(capabilities), 1, 0, 0, 0), "LiP\x00"...), le32(design, full, 0, 0, 0, cycles)...)
	}
	const system = 1 << 31
	got, ok := hardware.BatteryOf(info(system, 23540, 19450, 173), "00HW023", "SMP", "  541")
	if !ok {
		t.Fatal("no battery")
	}
	same(t, inventory.Battery{
		Name: "00HW023", Model: "00HW023", Vendor: "SMP", Serial: "541", Chemistry: "Li-polymer", DesignMWh: 23540, FullMWh: 19538, HealthPercent: 83, Cycles: 173,
	}, got)
	got, ok = hardware.BatteryOf(info(system|1<<30, 100, 90, 5), "UPS", "", "")
	if same(t, inventory.Battery{Name: "UPS", Model: "UPS", Chemistry: "Li-polymer", Cycles: 5}, got); !ok {
		t.Error("a battery that counts in percent is none")
	}
	for name, b := range map[string][]byte{"short": info(system, 1, 1, 1)[:20], "of a mouse": info(0, 1, 1, 1), "none": nil} {
		if _, ok := hardware.BatteryOf(b, "", "", ""); ok {
			t.Errorf("%s: a battery", name)
		}
	}
}

func TestBitLocker(t *testing.T) {
	for state, want := range map[int32][2]string{
		0: {"", ""}, 1: {"bitlocker", "bitlocker"}, 2: {"", "none"}, 3: {"bitlocker", "bitlocker:encrypting"}, 4: {"", "none"},
		5: {"bitlocker", "bitlocker:suspended"}, 6: {"bitlocker", "bitlocker"}, 99: {"", ""},
	} {
		if encryption, protection := hardware.BitLocker(state); [2]string{encryption, protection} != want {
			t.Errorf("%d: %q, %q, want %q", state, encryption, protection, want)
		}
	}
}

func TestTPMProperties(t *testing.T) {
	be := func(list ...uint32) []byte {
		var b []byte
		for _, n := range list {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	answer := append([]byte{0x80, 1, 0, 0, 0, 43, 0, 0, 0, 0, 0}, be(6, 3, 0x105, 0x49465800, 0x10b, 7<<16|63, 0x10c, 13<<16|1)...)
	vendor, firmware := hardware.TPMProperties(answer)
	same(t, []string{"Infineon", "7.63.13.1"}, []string{vendor, firmware})
	answer[9] = 1 // an error code
	if vendor, firmware = hardware.TPMProperties(answer); vendor+firmware != "" {
		t.Errorf("%q %q out of an error", vendor, firmware)
	}
}

func TestAdapterInterface(t *testing.T) {
	const guid = "{4CB24B28-7970-4249-8D9F-C1B75E98DF09}"
	r := tree(t, control+`Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}\`+guid+`\Connection]
"PnpInstanceID"="PCI\\VEN_8086&DEV_15BB\\3&1"
`+control+`Enum\PCI\VEN_8086&DEV_15BB\3&1]
"Service"="e1d"`)
	mac := net.HardwareAddr{0x02, 0, 0, 0, 0, 1}
	burned := net.HardwareAddr{0x00, 0x1b, 0x21, 0, 0, 1}
	a := hardware.Adapter{
		GUID: guid, Name: "Ethernet", Description: "Intel(R) Ethernet Connection", MAC: mac, Permanent: burned, Type: 6, Medium: 14, Up: true, Hardware: true,
		BitsPerSecond: 1e9,
	}
	want := inventory.Interface{
		Name: "Ethernet", Description: "Intel(R) Ethernet Connection", MAC: mac.String(), PermanentMAC: burned.String(), Type: inventory.IfEthernet,
		SpeedMbps: 1000, Up: true, Driver: "e1d",
	}
	same(t, want, strip(a.Interface(r)))
	a.Up, a.BitsPerSecond = false, ^uint64(0) // what a card without a cable says
	want.Up, want.SpeedMbps = false, 0
	same(t, want, strip(a.Interface(r)))
}

// strip makes interfaces comparable: netip's types have no exported fields.
func strip(i inventory.Interface) inventory.Interface { i.Addresses = []netip.Prefix(nil); return i }

func FuzzStorage(f *testing.F) {
	f.Add(descriptor(17, 0, "NVMe", "Example", "2", "ACE4_2E61_9000_7804."), []byte{1, 0, 0, 0}, []byte{})
	f.Add(descriptor(3, 0, "a", "b", "c", "42566332666666303539622d6632643731622031"), append(le32(0, 0, 9), le32(1, 3, 8|4<<16, 0)...), le32(48, 48, 3, 1, 1, 0, 40, 4096, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, device, ids, other []byte) {
		d, ok := hardware.StorageDisk("PhysicalDrive0", device, ids, other, other, other, other, hardware.ProtocolData(other))
		if ok {
			validBody(t, inventory.Disks{d})
		}
		if b, ok := hardware.BatteryOf(device, string(ids), string(other), ""); ok {
			validBody(t, inventory.Batteries{b})
		}
		vendor, firmware := hardware.TPMProperties(other)
		validBody(t, &inventory.Security{TPMVendor: vendor, TPMFirmware: firmware})
	})
}

func FuzzDevices(f *testing.F) {
	f.Add(`USB\VID_046D&PID_08C9\6BE882AB`, `@usb.inf,%generic.mfg%;(x)`, "(0,31,3)")
	f.Add(`PCI\VEN_8086&DEV_1C22\3&1`, `a\CLASS_08&REV_0312`, "PCI bus 1, device 2, function 3")
	f.Add(`BTHENUM\DEV_001122334455\x`, "", "https://a:b@c/d?e")
	f.Fuzz(func(t *testing.T, id, text, location string) {
		pci, usb := hardware.ByIDs(valueTree{text, location}, id)
		validBody(t, pci)
		validBody(t, usb)
	})
}

func FuzzCertificateBlob(f *testing.F) {
	f.Add(certificateBlob(f, "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"))
	f.Add(bytes.Repeat([]byte{0xff}, 24))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id := hardware.DeviceOfCert(b); id != "" && len(id) != 36 {
			t.Errorf("%q", id)
		}
	})
}

// valueTree has the same values in every key.
type valueTree struct{ text, location string }

func (valueTree) Subkeys(string) ([]string, error) { return nil, fs.ErrNotExist }

func (v valueTree) Values(string) (registry.Values, error) {
	text := func(s string) registry.Value {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return registry.Value{Type: registry.TypeText, Data: b}
	}
	return registry.Values{
		"hardwareid": text(v.text), "mfg": text(v.text), "devicedesc": text(v.text), "service": text(v.text), "locationinformation": text(v.location),
	}, nil
}

// validBody fails when the collector would refuse a body.
func validBody(t *testing.T, body inventory.Body) {
	t.Helper()
	o := inventory.Observation{Epoch: 1, Seq: 1, Sections: []inventory.Section{{Name: body.Section(), Status: inventory.StatusOK, Body: body}}}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}
