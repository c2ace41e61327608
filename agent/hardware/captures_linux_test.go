package hardware_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

// captures are answers of real machines, kept beside the repository.
const captures = "../../../shared/endpoints/captures/"

func capture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(captures + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCPUInfoCaptures(t *testing.T) {
	tests := []struct {
		file string
		want hardware.CPU
	}{
		{"linux-686-1", hardware.CPU{Model: "Intel(R) Pentium(R) M processor 1.73GHz", Vendor: "GenuineIntel", Processors: 1}},
		{"linux-686-samsung-nc10-1", hardware.CPU{
			Model: "Intel(R) Atom(TM) CPU N270 @ 1.60GHz", Vendor: "GenuineIntel", Processors: 2, Sockets: 1, Cores: 1,
		}},
		{"toshiba-r630-2-core", hardware.CPU{
			Model: "Intel(R) Core(TM) i3 CPU M 350 @ 2.27GHz", Vendor: "GenuineIntel", Processors: 4, Sockets: 1, Cores: 2,
		}},
		{"rhel-5.6", hardware.CPU{
			Model: "Intel(R) Xeon(R) CPU E5620 @ 2.40GHz", Vendor: "GenuineIntel", Processors: 16, Sockets: 2, Cores: 8,
		}},
		{"rhel-6.2-vmware-2vcpus", hardware.CPU{
			Model: "Intel(R) Xeon(R) CPU E7520 @ 1.87GHz", Vendor: "GenuineIntel", Processors: 2, Hypervisor: true,
		}},
		{"linux-armel-1", hardware.CPU{
			Model: "XScale-80219 rev 0 (v5l)", Vendor: "Intel", Processors: 1, Board: "Thecus N2100",
		}},
		{"linux-raspberry-pi-3-model-b-on-bookworm", hardware.CPU{
			Model: "Cortex-A53", Vendor: "ARM", Processors: 4, Board: "Raspberry Pi 3 Model B Rev 1.2", Serial: "00000000438df421",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			got, err := hardware.ParseCPUInfo(strings.NewReader(capture(t, "linux/proc/cpuinfo/"+tt.file)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Shown()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOSReleaseCaptures(t *testing.T) {
	tests := []struct {
		release, debian, redhat string
		want                    inventory.OS
	}{
		{"os-release-debian-11.2", "debian_version-debian-11.2", "", inventory.OS{Name: "Debian GNU/Linux", Version: "11.2"}},
		{"os-release-centos-7.9", "", "centos-release-centos-7.9", inventory.OS{Name: "CentOS Linux", Version: "7.9.2009"}},
		{"os-release-fedora-35", "", "", inventory.OS{Name: "Fedora Linux", Version: "35"}},
	}
	for _, tt := range tests {
		t.Run(tt.release, func(t *testing.T) {
			read := func(name string) string {
				if name == "" {
					return ""
				}
				return capture(t, "linux/distro/"+name)
			}
			got := hardware.LinuxOS(hardware.ParseOSRelease(read(tt.release)), read(tt.debian), read(tt.redhat))
			tt.want.Family = "linux"
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Tables of real makers, rebuilt from what dmidecode printed, through the source that
// reads tables.
func TestDmidecodeCaptures(t *testing.T) {
	tests := []struct {
		file string
		want inventory.Device // Identifiers are compared as one text
		ids  string
	}{
		{
			"dell-r640", inventory.Device{Class: "server", Vendor: "Dell Inc.", Model: "PowerEdge R640", Serial: "2RJF153"},
			"system Dell Inc. 2RJF153|board Dell Inc. .2RJF153.CNIVC0005G0184.|" +
				"4c4c4544-0052-4a10-8046-b2c04f313533",
		},
		{
			"lenovo-thinkpad", inventory.Device{
				Class: "laptop", Vendor: "LENOVO", Model: "1298A8G", Serial: "LR9NKZ7", AssetTag: "No Asset Information",
			},
			"system LENOVO LR9NKZ7|board LENOVO 1ZJJC21G0N6|725ba801-507b-11cb-95e6-c66052aac597",
		},
		{
			"dell-fx160", inventory.Device{Class: "desktop", Vendor: "Dell Inc.", Model: "OptiPlex FX160", Serial: "C83T54J"},
			"system Dell Inc. C83T54J|board Dell Inc. ..CN701638BM00EW.|44454c4c-3800-1033-8054-c3c04f35344a",
		},
		{
			"hp-dl360-gen8", inventory.Device{Class: "server", Vendor: "HP", Model: "ProLiant DL360p Gen8", Serial: "USE2236835"},
			"system HP USE2236835|30343536-3138-5355-4532-323336383335",
		},
		{
			"vmware", inventory.Device{
				Class: "virtual machine", Virtual: "vmware", Vendor: "VMware, Inc.", Model: "VMware Virtual Platform",
				Serial: "VMware-50 0c 23 94 04 63 a1 3c-0d d4 f5 37 a6 bb f0 a6", AssetTag: "No Asset Tag",
			},
			"system VMware, Inc. VMware-50 0c 23 94 04 63 a1 3c-0d d4 f5 37 a6 bb f0 a6|board Intel Corporation None|" +
				"500c2394-0127-d13c-0cc4-f537a6aaf1a6",
		},
		{
			"windows-hyperV", inventory.Device{
				Class: "virtual machine", Virtual: "hyper-v", Vendor: "Microsoft Corporation", Model: "Virtual Machine",
				Serial: "2349-2347-2234-2340-2341-3240-48", AssetTag: "4568-2345-6432-9324-3433-2346-47",
			},
			"",
		},
		{
			"windows-2003R2-Hotfix", inventory.Device{Class: "virtual machine", Virtual: "kvm", Vendor: "Red Hat", Model: "KVM"},
			"fb06acd3-d519-4dac-af50-dd2936d7ed66",
		},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			root := t.TempDir()
			table := rebuild(capture(t, "generic/dmidecode/"+tt.file))
			write(t, filepath.Join(root, "sys/firmware/dmi/tables/DMI"), string(table))
			got := *collect(t, root, "identity").(*inventory.Device)
			var ids []string
			for _, id := range got.Identifiers {
				ids = append(ids, strings.TrimSpace(id.Part+" "+id.Scope+" "+id.Value))
			}
			if joined := strings.Join(ids, "|"); tt.ids != "" && joined != tt.ids {
				t.Errorf("identifiers:\n got %s\nwant %s", joined, tt.ids)
			}
			got.Identifiers, tt.want.Role = nil, inventory.RoleHost
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
