package hardware_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
)

// claims say of every capture of Linux which test reads it, or why none does. Of several
// beginnings of a file's name the longest counts.
var claims = map[string]string{
	"generic/dmidecode/":     "TestAllDmidecodeCaptures",
	"generic/edid/":          "TestCaptures of package edid",
	"generic/lspci/":         "TestPCICaptures: what lspci -nn printed is in sysfs as well",
	"generic/powersupplies/": "not read: power supplies (dmidecode types 39, ipmitool fru) have no section of their own; BMCs are the scanner's",
	"generic/batteries/":     "not read: what UPower and FreeBSD's acpiconf print of what the kernel shows in power_supply",

	"linux/README":        "about the captures",
	"linux/proc/cpuinfo/": "TestAllCPUInfoCaptures",
	"linux/proc/1-":       "TestDetectContainer",
	"linux/proc/scsi/":    "not read: /proc/scsi/scsi is a kernel's before 2.6; sysfs has the same",
	"linux/distro/":       "TestOSReleaseCaptures",
	"linux/storages/":     "TestStorageCaptures",
	"linux/packaging/":    "software: agent/software",
	"linux/gentoo/":       "software: agent/software",
	"linux/antivirus/":    "not read: what vendors' tools print; software is known by its packages",
	"linux/docker/":       "not read: what docker's tool prints; the runtime's own interface is asked",
	"linux/firewall/":     "not read: what systemctl and ufw print",
	"linux/ip/":           "not read: what ip(8) prints; the same comes by rtnetlink and /proc/net (TestInterfacesAgreeWithStandardLibrary, TestDefaultRoutes)",
	"linux/iwconfig/":     "not read: what iwconfig prints; the same comes by nl80211 (TestNetworkNames)",
	"linux/ddcprobe/":     "not read: what ddcprobe prints of EDID",
	"linux/hal/":          "not read: HAL's device list; HAL is gone since 2010",
	"linux/rhn-systemid/": "not read: registration with Red Hat Network, which is gone since 2017",
	"linux/multipath/":    "not read: what multipath -l prints; the mapper's devices and their paths are in sysfs (TestStorage)",
	"linux/smartctl/":     "not read: what smartctl prints; disks are asked themselves (TestATAAnswers, TestATAWear), but not those behind RAID controllers",
	"linux/megacli/":      "not read: disks behind a RAID controller are known to the vendor's tool alone; the volume that the controller makes is listed",
	"linux/megasasctl/":   "as megacli",
	"linux/mpt-status/":   "as megacli",
	"linux/hponcfg/":      "not read: what HP's tool prints of its BMC; BMCs are the scanner's",

	"lvm/linux/":      "not read: what lvs, vgs and pvs print; the same is in LVM's own metadata (TestLVMBackup, against those tools' figures)",
	"virtualization/": "not read: lists of guests, which a hypervisor's tools print; each guest reports itself",
}

func TestEveryCaptureIsClaimed(t *testing.T) {
	files := map[string]int{}
	for _, dir := range []string{"generic", "linux", "lvm/linux", "virtualization"} {
		err := filepath.WalkDir(captures+dir, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			name = strings.TrimPrefix(name, captures)
			best := ""
			for beginning := range claims {
				if strings.HasPrefix(name, beginning) && len(beginning) > len(best) {
					best = beginning
				}
			}
			if best == "" {
				t.Errorf("%s: no claim", name)
			}
			files[best]++
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	for beginning, claim := range claims {
		if files[beginning] == 0 || claim == "" {
			t.Errorf("%s: %q claims %d files", beginning, claim, files[beginning])
		}
	}
}

// Graphics processors of machines of which lspci -nn told, through the source that reads sysfs.
func TestPCICaptures(t *testing.T) {
	want := map[string]string{
		"dell-xt2":            "0000:00:02.0 8086:2a42 i915",
		"linux-2":             "0000:01:00.0 10de:014d nvidia",
		"linux-asus-portable": "0000:00:02.0 8086:9a49 i915|0000:01:00.0 10de:1f9d nvidia",
		"linux-imac":          "0000:01:00.0 1002:9488 radeon",
		"linux-xps":           "0000:00:02.0 8086:1916 i915",
		"nvidia-1":            "0000:09:00.0 10de:1f06 nvidia",
	}
	line := regexp.MustCompile(`^([0-9a-f:.]+) .*?\[([0-9a-f]{4})\]: .*\[([0-9a-f]{4}):([0-9a-f]{4})\]`)
	for file, gpus := range want {
		t.Run(file, func(t *testing.T) {
			files, devices := map[string]string{}, 0
			at := ""
			for text := range strings.Lines(capture(t, "generic/lspci/"+file)) {
				if m := line.FindStringSubmatch(text); m != nil {
					at = "sys/bus/pci/devices/" + strings.Repeat("0000:", 2-strings.Count(m[1], ":")) + m[1] + "/"
					files[at+"class"], files[at+"vendor"], files[at+"device"] = "0x"+m[2]+"00\n", "0x"+m[3]+"\n", "0x"+m[4]+"\n"
					devices++
				}
				if driver, ok := strings.CutPrefix(strings.TrimSpace(text), "Kernel driver in use: "); ok {
					files[at+"driver"] = "-> ../../bus/pci/drivers/" + driver
				}
			}
			root := plant(t, files)
			var got []string
			for _, g := range collect(t, root, "graphics").(inventory.GPUs) {
				got = append(got, g.Address+" "+g.Name+" "+g.Driver)
			}
			if diff := cmp.Diff(gpus, strings.Join(got, "|")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if n := collect(t, root, "pci").Len(); n != devices || n < 10 {
				t.Errorf("%d devices of %d", n, devices)
			}
		})
	}
}

// Disks as a dump of sysfs shows them, in Perl's notation.
func TestStorageCaptures(t *testing.T) {
	want := map[string]string{
		"f31-nanobox":        "1: sda Samsung SSD 840 S14CNEAD233615F 7B0Q 120034123776",
		"f31-simple-qemu":    "1: vda  083795e2-5c8f-4b8c-8  53687091200",
		"sles-multipath-sas": "140: sda MM0500GBKAK 9XF1AY2W HPGB 500107862016",
		"ubuntu-dell-xps":    "1: nvme0n1 PM951 NVMe SAMSUNG 256GB S29NNXAH146772 BXV77D0Q 256060514304",
	}
	for file, disks := range want {
		t.Run(file, func(t *testing.T) {
			files := map[string]string{}
			plantPerl(files, "", capture(t, "linux/storages/"+file+".dump"))
			var got []string
			for _, d := range collect(t, plant(t, files), "block").(inventory.Disks) {
				got = append(got, fmt.Sprint(d.Name, " ", d.Model, " ", d.Serial, " ", d.Firmware, " ", d.Bytes))
			}
			if diff := cmp.Diff(disks, fmt.Sprint(len(got), ": ", got[0])); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// plantPerl takes the files beneath 'sys' from a nest of hashes: 'name' => { ... },
// 'name' => 'text', 'name' => [ 'link', 'target' ].
func plantPerl(files map[string]string, at, text string) string {
	token := regexp.MustCompile(`^\s*(?:'((?:[^'\\]|\\.)*)'|([{}\[\];,]|=>|=|\$\w+|[\w.]+))`)
	next := func() (word string, quoted, ok bool) {
		m := token.FindStringSubmatch(text)
		if m == nil {
			return "", false, false
		}
		text = text[len(m[0]):]
		return strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(m[1]) + m[2], m[2] == "", true
	}
	for {
		name, quoted, ok := next()
		if !ok || name == "}" && !quoted || name == ";" {
			return text
		}
		if !quoted {
			continue
		}
		if arrow, _, _ := next(); arrow != "=>" {
			continue
		}
		value, quoted, _ := next()
		path := strings.TrimPrefix(at+"/"+name, "/")
		switch {
		case value == "{" && !quoted:
			text = plantPerl(files, path, text)
		case value == "[" && !quoted:
			for value != "]" && ok {
				value, _, ok = next()
			}
		case quoted && strings.HasPrefix(path, "sys/"):
			files[path] = value
		}
	}
}

func TestAllCPUInfoCaptures(t *testing.T) {
	want := map[string]string{ // sockets/cores/threads
		"cpuinfo-vmware-esx":                       "0/0/0 ,  <nil>", // an empty file
		"linux-2.6.35-1-core-2-thread":             "1/1/2 Intel(R) Atom(TM) CPU N270 @ 1.60GHz, Intel <nil>",
		"linux-686-1":                              "0/0/1 Intel(R) Pentium(R) M processor 1.73GHz, Intel <nil>",
		"linux-686-samsung-nc10-1":                 "1/1/2 Intel(R) Atom(TM) CPU N270 @ 1.60GHz, Intel <nil>",
		"linux-armel-1":                            "0/0/1 XScale-80219 rev 0 (v5l), Intel <nil>",
		"linux-armel-2":                            "0/0/1 Feroceon 88FR131 rev 1 (v5l),  <nil>",
		"linux-armel-3":                            "0/0/1 ARM1176, ARM <nil>",
		"linux-hp-dl180":                           "1/3/3 Intel(R) Xeon(R) CPU E5504 @ 2.00GHz, Intel <nil>",
		"linux-ia64-1":                             "0/0/2 , Intel <nil>",
		"linux-raspberry-pi-3-model-b-on-bookworm": "0/0/4 Cortex-A53, ARM <nil>",
		"oracle-server-6.7-oda":                    "2/8/16 Intel(R) Xeon(R) CPU E5-2699 v3 @ 2.30GHz, Intel <nil>",
		"rhel-5.6":                                 "2/8/16 Intel(R) Xeon(R) CPU E5620 @ 2.40GHz, Intel <nil>",
		"rhel-6.2-vmware-2vcpus":                   "0/0/2 Intel(R) Xeon(R) CPU E7520 @ 1.87GHz, Intel <nil>",
		"toshiba-r630-2-core":                      "1/2/4 Intel(R) Core(TM) i3 CPU M 350 @ 2.27GHz, Intel <nil>",
	}
	entries, err := os.ReadDir(captures + "linux/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		root := plant(t, map[string]string{"proc/cpuinfo": capture(t, "linux/proc/cpuinfo/"+e.Name())})
		body, err := look(t, root, "system")
		h := body.(*inventory.Hardware)
		got[e.Name()] = fmt.Sprintf("%d/%d/%d %s, %s %v", h.CPUSockets, h.CPUCores, h.CPUThreads, h.CPUModel, h.CPUVendor, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
