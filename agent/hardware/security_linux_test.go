package hardware_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestSecurity(t *testing.T) {
	const efi, guid = "sys/firmware/efi/efivars/", "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	on, off := "\x06\x00\x00\x00\x01", "\x06\x00\x00\x00\x00"
	tests := []struct {
		name  string
		files map[string]string
		want  inventory.Security
	}{
		{"nothing is told", map[string]string{"proc/self/mountinfo": ""}, inventory.Security{}},
		{
			"notebook", map[string]string{
				efi + "SecureBoot" + guid: on, efi + "SetupMode" + guid: off,
				"sys/class/tpm/tpm0/tpm_version_major":   "2\n",
				"sys/module/apparmor/parameters/enabled": "Y\n",
			},
			inventory.Security{TPMVersion: "2.0", FirmwareMode: "uefi", SecureBoot: "enabled", MandatoryAccess: "apparmor:enabled"},
		},
		{
			"older", map[string]string{
				"sys/class/dmi/id/x": "", "sys/class/tpm/tpm0/device/caps": "Manufacturer: 0x49465800\nTCG version: 1.2\nFirmware version: 6.40\n",
				"sys/fs/selinux/enforce": "0",
			},
			inventory.Security{
				TPMVersion: "1.2", TPMVendor: "Infineon", TPMFirmware: "6.40", FirmwareMode: "bios", SecureBoot: "unsupported",
				MandatoryAccess: "selinux:permissive",
			},
		},
		{
			"kernel before 5.6", map[string]string{"sys/class/tpm/tpm0/device/description": "TPM 2.0 Device\n", "sys/fs/selinux/enforce": "1"},
			inventory.Security{TPMVersion: "2.0", MandatoryAccess: "selinux:enforcing"},
		},
		{
			"switched off", map[string]string{
				"sys/class/tpm/": "", efi + "SecureBoot" + guid: off, efi + "SetupMode" + guid: off,
				"sys/kernel/security/lsm": "lockdown,capability,yama",
			},
			inventory.Security{TPMVersion: "none", FirmwareMode: "uefi", SecureBoot: "disabled", MandatoryAccess: "none"},
		},
		{
			"set-up mode", map[string]string{efi + "SecureBoot" + guid: off, efi + "SetupMode" + guid: on, "etc/selinux/config": "SELINUX=disabled\n"},
			inventory.Security{FirmwareMode: "uefi", SecureBoot: "setup", MandatoryAccess: "selinux:disabled"},
		},
		{"early UEFI", map[string]string{efi + "BootOrder" + guid: on}, inventory.Security{FirmwareMode: "uefi", SecureBoot: "unsupported"}},
		{"variables not mounted", map[string]string{"sys/firmware/efi/runtime": "x"}, inventory.Security{FirmwareMode: "uefi"}},
		{"encrypted below RAID and LVM", stack(t), inventory.Security{DiskEncryption: "luks2"}},
		{
			"plain disk", map[string]string{
				"sys/dev/block/8:1": "-> ../../devices/x/sda/sda1", "sys/class/block/sda1/partition": "1",
				"proc/self/mountinfo": "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
			},
			inventory.Security{DiskEncryption: "none"},
		},
		{
			"one half in the clear", map[string]string{
				"sys/dev/block/9:1": "-> ../../devices/virtual/block/md1", "sys/class/block/md1/slaves/dm-0": "", "sys/class/block/md1/slaves/sdb1": "",
				"sys/class/block/dm-0/dm/uuid": "CRYPT-LUKS1-x-y", "sys/class/block/sdb1/partition": "1",
				"proc/self/mountinfo": "25 1 9:1 / / rw - ext4 /dev/md1 rw\n",
			},
			inventory.Security{DiskEncryption: "none"},
		},
		{
			"btrfs on two", map[string]string{
				"sys/fs/btrfs/id/devices/dm-0": "", "sys/fs/btrfs/id/devices/dm-1": "",
				"sys/class/block/dm-0/dm/uuid": "CRYPT-LUKS1-x-y", "sys/class/block/dm-1/dm/uuid": "CRYPT-LUKS1-x-z",
				"dev/mapper/one":      "-> ../dm-0",
				"proc/self/mountinfo": "25 1 0:30 /@ / rw - btrfs /dev/mapper/one rw\n",
			},
			inventory.Security{DiskEncryption: "luks1"},
		},
		{"ZFS keeps it to itself", map[string]string{"proc/self/mountinfo": "25 1 0:30 / / rw - zfs rpool/ROOT/debian rw\n"}, inventory.Security{}},
		{"from the network", map[string]string{"proc/self/mountinfo": "25 1 0:30 / / rw - nfs4 server:/x rw\n"}, inventory.Security{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"proc/self/mountinfo": ""}
			maps.Copy(files, tt.files)
			if diff := cmp.Diff(&tt.want, collect(t, plant(t, files), "security")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFilesystemEncryption(t *testing.T) {
	files := stack(t)
	files["dev/disk/by-label/x"] = "-> ../../dm-1"
	root := plant(t, files)
	body, _ := look(t, root, "mounts")
	got := map[string]string{}
	for _, f := range body.(inventory.Filesystems) {
		got[f.Device] = f.Encryption
	}
	if diff := cmp.Diff(map[string]string{"/dev/mapper/vg--test-root": "luks2", "/dev/sda2": "luks2"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTPMMaker(t *testing.T) {
	for id, want := range map[string]string{
		"0x49465800": "Infineon", "0x53544D20": "STMicroelectronics", "0x51515151": "QQQQ", "0x494658": "", "": "", "zz": "", "0x00000000": "",
	} {
		if got := hardware.TPMMaker(id); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}
