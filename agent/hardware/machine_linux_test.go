package hardware_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// dmi builds a table from structures; each has its fields after the header and its texts.
func dmi(structures ...[]byte) string {
	var b []byte
	for _, s := range structures {
		b = append(b, s...)
	}
	return string(append(b, 127, 4, 0, 0, 0, 0))
}

func structure(kind byte, length int, set map[int]byte, texts ...string) []byte {
	b := make([]byte, length)
	b[0], b[1] = kind, byte(length)
	for at, v := range set {
		b[at] = v
	}
	for _, s := range texts {
		b = append(append(b, s...), 0)
	}
	if len(texts) == 0 {
		b = append(b, 0)
	}
	return append(b, 0)
}

func entryPoint(major, minor byte) string {
	b := make([]byte, 24)
	copy(b, "_SM3_")
	b[6], b[7], b[8] = 24, major, minor
	var sum byte
	for _, x := range b {
		sum += x
	}
	b[5] = -sum
	return string(b)
}

func system(vendor, product, serial string) []byte {
	set := map[int]byte{4: 1, 5: 2, 7: 3}
	for i := range 16 {
		set[8+i] = byte(i + 1)
	}
	return structure(1, 27, set, vendor, product, serial)
}

const (
	uuidLittle = "04030201-0605-0807-090a-0b0c0d0e0f10"
	tables     = "sys/firmware/dmi/tables/"
)

func TestMachine(t *testing.T) {
	const pci, usb = "sys/devices/pci0000:00/", "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/"
	page := make([]byte, 4, 16)
	page[1] = 0x80
	binary.BigEndian.PutUint16(page[2:], 8)
	ata := pci + "0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/"
	root := plant(t, map[string]string{
		tables + "DMI": dmi(
			structure(0, 24, map[int]byte{4: 1, 5: 2, 8: 3}, "Vendor BIOS", "1.2.3", "12/31/2024"),
			system("Example", "Book 14", "EX123"),
			structure(3, 22, map[int]byte{4: 1, 5: 10, 7: 2, 8: 3}, "Example", "CH1", "TAG9"),
			structure(4, 48, map[int]byte{4: 1, 5: 3, 0x10: 2, 0x18: 0x41, 0x23: 8, 0x25: 16}, "CPU0", "Intel(R)  Core(TM)  i7"),
			structure(17, 40, map[int]byte{0xd: 0x20, 0x10: 1, 0x12: 0x1a}, "DIMM A"),
		),
		tables + "smbios_entry_point":                    entryPoint(3, 2),
		"proc/sys/kernel/hostname":                       "book14\n",
		"proc/sys/kernel/osrelease":                      "6.1.0-38-amd64\n",
		"etc/hosts":                                      "127.0.0.1 localhost\n127.0.1.1 book14.corp.example book14 # mine\n",
		"etc/machine-id":                                 "252a38db8946dd83bc9fa451c2fc731a\n",
		"etc/os-release":                                 "-> ../usr/lib/os-release",
		"usr/lib/os-release":                             "NAME=\"Ubuntu\"\nID=ubuntu\nVERSION=\"22.04.3 LTS (Jammy)\"\nVERSION_ID='22.04'\n# note\n",
		"etc/localtime":                                  "-> /usr/share/zoneinfo/Europe/Berlin",
		"proc/stat":                                      "cpu 1 2\nintr " + strings.Repeat("0 ", 50_000) + "\nbtime 1700000040\n",
		"proc/meminfo":                                   "MemTotal:       16106123 kB\nSwapTotal:        999936 kB\n",
		"proc/cpuinfo":                                   "processor : 0\nvendor_id : GenuineIntel\nmodel name : Intel Core\nflags : fpu hypervisor\n",
		"proc/self/mountinfo":                            "25 1 0:2 / / rw - nfs4 server:/x server:/x rw\n",
		"sys/class/net/wlp1s0/ifindex":                   "3\n",
		"sys/class/net/wlp1s0/address":                   "8c:16:45:10:01:20\n",
		"sys/class/net/wlp1s0/mtu":                       "1500\n",
		"sys/class/net/wlp1s0/type":                      "1\n",
		"sys/class/net/wlp1s0/uevent":                    "DEVTYPE=wlan\nINTERFACE=wlp1s0\n",
		"sys/class/net/wlp1s0/device":                    "-> ../../../devices/pci0000:00/0000:00:1c.0",
		pci + "0000:00:1c.0/driver":                      "-> ../../../../bus/pci/drivers/iwlwifi",
		"sys/class/net/br0/ifindex":                      "4\n",
		"sys/class/net/br0/bridge/x":                     "",
		"sys/class/net/br0/operstate":                    "up\n",
		"sys/class/net/br0/speed":                        "10000\n",
		"sys/block/nvme0n1":                              "-> ../devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1",
		pci + "0000:01:00.0/nvme/x":                      "",
		"etc/passwd":                                     "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nann:x:1001:1001:Ann Other,Room 5,555:/home/ann:\nbot:x:1002:1002::/home/bot:/bin/false\npg:x:101:104::/var:/bin/bash\nbad line\n",
		"sys/block/sda":                                  "-> ../devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda",
		ata + "vendor":                                   "ATA     \n",
		ata + "model":                                    "ST1000LM035-1RK1\n",
		ata + "rev":                                      "SDM1\n",
		ata + "wwid":                                     "naa.5000c500a1b2c3d4\n",
		ata + "vpd_pg80":                                 string(append(page, "  WL1ABC"...)),
		ata + "block/sda/size":                           "1953525168\n",
		ata + "block/sda/queue/x":                        "",
		ata + "block/sda/device":                         "-> ../../../0:0:0:0",
		"sys/block/sdb":                                  "-> ../devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host1/target1:0:0/1:0:0:0/block/sdb",
		usb + "idVendor":                                 "0781\n",
		usb + "serial":                                   "4C530001\n",
		usb + "1-2:1.0/host1/target1:0:0/1:0:0:0/model":  "Cruzer\n",
		usb + "1-2:1.0/host1/target1:0:0/1:0:0:0/vendor": "SanDisk\n",
		usb + "1-2:1.0/host1/target1:0:0/1:0:0:0/block/sdb/size":   "1000\n",
		usb + "1-2:1.0/host1/target1:0:0/1:0:0:0/block/sdb/device": "-> ../../../1:0:0:0",
		"sys/block/loop0":                            "-> ../devices/virtual/block/loop0",
		"sys/devices/virtual/block/loop0/size":       "8\n",
		"sys/devices/virtual/block/dm-0/size":        "8\n",
		"sys/block/dm-0":                             "-> ../devices/virtual/block/dm-0",
		"sys/bus/pci/devices/0000:00:1c.0/class":     "0x028000\n",
		"sys/bus/pci/devices/0000:00:1c.0/vendor":    "0x8086\n",
		"sys/bus/pci/devices/0000:00:1c.0/device":    "0x2723\n",
		"sys/bus/pci/devices/0000:00:1c.0/driver":    "-> ../../../../bus/pci/drivers/iwlwifi",
		"usr/share/misc/pci.ids":                     "# list\n8086  Intel Corporation\n\t2723  Wi-Fi 6 AX200\n\t\t8086 0084  Sub\nC 02  Network controller\n\t80  Network controller\n",
		"sys/class/block/sda1/partition":             "1\n",
		"sys/class/block/sda1/size":                  "2048\n",
		"sys/class/block/sda1/dev":                   "8:1\n",
		"run/udev/data/b8:1":                         "S:disk/by-uuid/x\nE:ID_FS_TYPE=crypto_LUKS\nE:ID_FS_UUID=aaaa-bbbb\n",
		"dev/disk/by-label/my\\x20disk":              "-> ../../sda1",
		"etc/ssh/ssh_host_ed25519_key.pub":           hostKey + " root@book14\n",
		"etc/ssh/ssh_host_rsa_key.pub":               "-> /etc/shadow",
		"etc/shadow":                                 "root:secret:1:2\n",
		"run/cloud-init/instance-data.json":          `{"v1":{"cloud_name":"nocloud","instance_id":"iid-1"}}`,
		"sys/devices/system/cpu/cpu0/topology/x":     "",
		"sys/devices/system/cpu/cpufreq/policy0/max": "1",
	})
	if err := os.WriteFile(filepath.Join(root, ata+"block/sda/queue/rotational"), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]inventory.Body{
		"identity": &inventory.Device{
			Name: "book14", Domain: "corp.example", Class: "laptop", Role: "host", Vendor: "Example", Model: "Book 14",
			Serial: "EX123", AssetTag: "TAG9",
			Identifiers: []inventory.Identifier{
				{Type: "serial", Value: "EX123", Scope: "Example", Part: "system"},
				{Type: "smbios_uuid", Value: uuidLittle},
				{Type: "machine_id", Value: "252a38db8946dd83bc9fa451c2fc731a"},
				{Type: "ssh_host_key", Value: hostKeyFingerprint},
			},
		},
		"system": &inventory.Hardware{
			SystemVendor: "Example", SystemModel: "Book 14", ChassisType: "Notebook", ChassisSerial: "CH1",
			BIOSVendor: "Vendor BIOS", BIOSVersion: "1.2.3", BIOSDate: "2024-12-31",
			CPUModel: "Intel(R) Core(TM) i7", CPUVendor: "Intel", CPUSockets: 1, CPUCores: 8, CPUThreads: 16,
			MemoryBytes: 15728 << 20, SwapBytes: 976 << 20,
		},
		"memory": inventory.MemoryModules{{Slot: "DIMM A", Bytes: 8 << 30, Type: "DDR4"}},
		"block": inventory.Disks{
			{
				Name: "sda", Model: "ST1000LM035-1RK1", Serial: "WL1ABC", WWN: "naa.5000c500a1b2c3d4", Firmware: "SDM1", Bus: "sata",
				Bytes: 1953525168 * 512, Rotational: true,
			},
			{Name: "sdb", Model: "Cruzer", Vendor: "SanDisk", Serial: "4C530001", Bus: "usb", Bytes: 512_000, Removable: true},
		},
		"mounts": inventory.Filesystems{
			{Device: "/dev/sda1", Type: "crypto_LUKS", UUID: "aaaa-bbbb", Label: "my disk", Bytes: 1 << 20},
			{Device: "server:/x", Mountpoint: "/", Type: "nfs4"},
		},
		"netlink": inventory.Interfaces{
			{Name: "br0", Type: "bridge", Index: 4, Up: true, SpeedMbps: 10000},
			{Name: "wlp1s0", MAC: "8c:16:45:10:01:20", Type: "wifi", Index: 3, MTU: 1500, Driver: "iwlwifi"},
		},
		"pci": inventory.PCIDevices{{
			Address: "0000:00:1c.0", Class: "Network controller", VendorID: "8086", DeviceID: "2723",
			VendorName: "Intel Corporation", DeviceName: "Wi-Fi 6 AX200", Driver: "iwlwifi",
		}},
		"passwd": inventory.Users{
			{Name: "root", ID: "0", FullName: "root", Home: "/root", Shell: "/bin/bash", Admin: true},
			{Name: "ann", ID: "1001", FullName: "Ann Other", Home: "/home/ann"},
		},
	}
	for name, body := range want {
		t.Run(name, func(t *testing.T) {
			got, err := look(t, root, name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(body, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	os := collect(t, root, "os-release").(*inventory.OS)
	if os.Name != "Ubuntu" || os.Version != "22.04.3" || os.Timezone != "Europe/Berlin" || os.Arch == "" ||
		os.BootTime.Format("2006-01-02T15:04:05Z") != "2023-11-14T22:14:00Z" {
		t.Errorf("os: %+v", os)
	}
}

func TestClouds(t *testing.T) {
	board := func(tag string) []byte { return structure(2, 9, map[int]byte{8: 1}, tag) }
	chassis := func(tag string) []byte { return structure(3, 9, map[int]byte{5: 1, 8: 1}, tag) }
	const azure = "7783-7084-3265-9085-8269-3286-77"
	tests := []struct {
		name    string
		version [2]byte
		table   string
		init    string
		class   inventory.Class
		virtual string
		id      string // scope and value of the cloud's or hypervisor's id
	}{
		{"ec2", [2]byte{2, 7}, dmi(system("Amazon EC2", "m5.large", "ec2x"), board("i-0abc")), "", "virtual machine", "aws", "aws i-0abc"},
		{"ec2 metal", [2]byte{2, 7}, dmi(system("Amazon EC2", "c5.metal", "ec2x"), board("i-0def"),
			structure(3, 9, map[int]byte{5: 0x17})), "", "server", "", "aws i-0def"},
		{"azure", [2]byte{3, 1}, dmi(system("Microsoft Corporation", "Virtual Machine", "0000-1"), chassis(azure)), "",
			"virtual machine", "hyper-v", "azure " + uuidLittle},
		{"azure, first generation", [2]byte{2, 3}, dmi(system("Microsoft Corporation", "Virtual Machine", "0000-1"), chassis(azure)), "",
			"virtual machine", "hyper-v", "azure " + uuidLittle},
		{"hyper-v at home", [2]byte{3, 1}, dmi(system("Microsoft Corporation", "Virtual Machine", "0000-1"), chassis("1234")), "",
			"virtual machine", "hyper-v", ""},
		{"surface", [2]byte{3, 1}, dmi(system("Microsoft Corporation", "Surface Laptop 4", "0123"), structure(3, 9, map[int]byte{5: 9})), "",
			"laptop", "", ""},
		{"gcp", [2]byte{2, 4}, dmi(system("Google", "Google Compute Engine", "GoogleCloud-1")),
			`{"v1":{"cloud_name":"gce","instance_id":"42","region":"europe-west3"}}`, "virtual machine", "gcp", "gcp 42"},
		{"openstack", [2]byte{2, 8}, dmi(system("OpenStack Foundation", "OpenStack Nova", "s")), "", "virtual machine", "openstack", " " + uuidLittle},
		{"digitalocean", [2]byte{2, 4}, dmi(system("DigitalOcean", "Droplet", "31337")), "", "virtual machine", "digitalocean", "digitalocean 31337"},
		{"proxmox", [2]byte{2, 8}, dmi(system("QEMU", "Standard PC", "x")), "not json", "virtual machine", "kvm", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := plant(t, map[string]string{
				tables + "DMI": tt.table, tables + "smbios_entry_point": entryPoint(tt.version[0], tt.version[1]),
				"run/cloud-init/instance-data.json": tt.init,
			})
			d := collect(t, root, "identity").(*inventory.Device)
			id := ""
			for _, i := range d.Identifiers {
				if i.Type == inventory.IDCloudInstance || i.Type == inventory.IDVMInstance {
					id += i.Scope + " " + i.Value
				}
			}
			if d.Class != tt.class || d.Virtual != tt.virtual || id != tt.id || d.Role != inventory.RoleHost {
				t.Errorf("got class %q, virtual %q, id %q, role %q", d.Class, d.Virtual, id, d.Role)
			}
		})
	}
}

// The enclosure's number stands in for the machine's, unless other machines have it too.
func TestChassisSerial(t *testing.T) {
	for kind, want := range map[byte]string{3: "CH1", 0x17: "CH1", 0x19: "", 0x1c: "", 0x1d: ""} {
		root := plant(t, map[string]string{tables + "DMI": dmi(
			structure(1, 27, map[int]byte{4: 1}, "Example"),
			structure(3, 9, map[int]byte{5: kind, 7: 1}, "CH1"),
		)})
		d := collect(t, root, "identity").(*inventory.Device)
		var ids []inventory.Identifier
		if want != "" {
			ids = []inventory.Identifier{{Type: "serial", Value: want, Scope: "Example", Part: "chassis"}}
		}
		if diff := cmp.Diff(ids, d.Identifiers); diff != "" || d.Serial != want {
			t.Errorf("type %#x: serial %q, -want +got:\n%s", kind, d.Serial, diff)
		}
	}
}

// A container sees its host's firmware, disks and bus; none of it may be its own.
func TestContainerHidesItsHost(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	root := plant(t, map[string]string{
		tables + "DMI":                   dmi(system("Dell Inc.", "PowerEdge", "HOST1"), structure(17, 40, map[int]byte{0xd: 0x20})),
		".dockerenv":                     "",
		"proc/self/mountinfo":            "1 0 0:50 / / rw - overlay overlay rw\n2 1 8:1 /var/lib/docker/containers/" + id + "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n",
		"proc/sys/kernel/hostname":       "web.example",
		"sys/block/sda/size":             "100",
		"sys/bus/pci/devices/x/y":        "",
		"sys/class/block/sda1/partition": "1",
	})
	want := &inventory.Device{
		Name: "web", Domain: "example", Class: "container", Role: "container", Virtual: "docker",
		Identifiers: []inventory.Identifier{{Type: "container", Value: id}},
	}
	if diff := cmp.Diff(want, collect(t, root, "identity")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, name := range []string{"memory", "block", "pci"} {
		if body, err := look(t, root, name); body != nil || !strings.Contains(err.Error(), "host of this container") {
			t.Errorf("%s: %v, %v", name, body, err)
		}
	}
	if h, err := look(t, root, "system"); h.(*inventory.Hardware).SystemModel != "" {
		t.Errorf("system: %+v, %v", h, err)
	}
}

// Whoever may not read the firmware's table is told what to do, and gets the rest.
func TestWithoutRights(t *testing.T) {
	root := plant(t, map[string]string{
		tables + "DMI":                     dmi(system("LENOVO", "20XW", "SECRET")),
		"sys/class/dmi/id/sys_vendor":      "LENOVO\n",
		"sys/class/dmi/id/product_name":    "20XW\n",
		"sys/class/dmi/id/product_serial":  "SECRET\n",
		"sys/class/dmi/id/chassis_type":    "10\n",
		"sys/class/dmi/id/bios_date":       "03/14/2023\n",
		"proc/cpuinfo":                     "processor : 0\nmodel name : Some CPU\n",
		"proc/sys/kernel/hostname":         "h\n",
		"sys/class/dmi/id/chassis_vendor":  "LENOVO\n",
		"sys/class/dmi/id/product_version": "ThinkPad\n",
	})
	for _, name := range []string{tables + "DMI", "sys/class/dmi/id/product_serial"} {
		if err := os.Chmod(filepath.Join(root, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := filepath.WalkDir(root, func(p string, _ os.DirEntry, err error) error {
		if err == nil && !strings.HasSuffix(p, "/DMI") && !strings.HasSuffix(p, "/product_serial") {
			err = os.Chmod(p, 0o755)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	// The thread loses root's rights to files and ends with the goroutine.
	type answer struct {
		body inventory.Body
		err  error
	}
	ask := func(name string) answer {
		done := make(chan answer)
		go func() {
			runtime.LockOSThread()
			if os.Getuid() == 0 {
				_ = unix.Setfsuid(65534)
			}
			body, err := look(t, root, name)
			done <- answer{body, err}
		}()
		return <-done
	}
	a := ask("identity")
	status, reason := source.Status(a.err)
	if status != inventory.StatusPartial || !strings.Contains(reason, "CAP_DAC_READ_SEARCH") {
		t.Fatalf("identity: %s %q", status, reason)
	}
	want := &inventory.Device{Name: "h", Class: "laptop", Role: "host", Vendor: "LENOVO", Model: "20XW"}
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if a = ask("system"); a.body.(*inventory.Hardware).BIOSDate != "2023-03-14" {
		t.Errorf("system: %+v, %v", a.body, a.err)
	}
	if a = ask("memory"); a.body != nil || !strings.Contains(a.err.Error(), "run the agent as root") {
		t.Errorf("memory: %v, %v", a.body, a.err)
	}
	if status, _ := source.Status(a.err); status != inventory.StatusFailed {
		t.Errorf("memory that may not be read is %s, want failed", status)
	}
}

func TestBoardWithoutSMBIOS(t *testing.T) {
	root := plant(t, map[string]string{
		"sys/firmware/devicetree/base/model":         "Raspberry Pi 4 Model B Rev 1.4\x00",
		"sys/firmware/devicetree/base/serial-number": "10000000abcdef01\x00",
		"sys/firmware/devicetree/base/compatible":    "raspberrypi,4-model-b\x00brcm,bcm2711\x00",
		"etc/hostname":            "pi\n",
		"var/lib/dbus/machine-id": "aaaabbbbccccddddaaaabbbbccccdddd\n",
	})
	want := &inventory.Device{
		Name: "pi", Role: "host", Vendor: "raspberrypi", Model: "Raspberry Pi 4 Model B Rev 1.4", Serial: "10000000abcdef01",
		Identifiers: []inventory.Identifier{
			{Type: "serial", Value: "10000000abcdef01", Scope: "raspberrypi", Part: "system"},
			{Type: "machine_id", Value: "aaaabbbbccccddddaaaabbbbccccdddd"},
		},
	}
	if diff := cmp.Diff(want, collect(t, root, "identity")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := look(t, root, "memory"); err == nil {
		t.Error("memory modules of a machine without SMBIOS: no error")
	} else if status, _ := source.Status(err); status != inventory.StatusUnsupported {
		t.Errorf("memory: %v", err)
	}
}

// Nothing at all is a machine too: each source says something, none panics.
func TestEmptyTree(t *testing.T) {
	root := t.TempDir()
	for _, s := range hardware.Sources(root) {
		body, err := s.Read(t.Context())
		if status, reason := source.Status(err); status != inventory.StatusOK && reason == "" {
			t.Errorf("%s: %v, %s without a reason", s.Name, body, status)
		}
	}
}
