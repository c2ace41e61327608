package hardware

import (
	"context"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// readSecurity reads how the machine protects itself.
func readSecurity(_ context.Context, tree *source.Tree) (inventory.Body, error) {
	s := &inventory.Security{MandatoryAccess: mandatoryAccess(tree), Firewall: firewall(tree)}
	readTPM(tree, s)
	readFirmwareMode(tree, s)
	mounts, err := readMounts(tree)
	if err != nil {
		return clean(s), source.Partial("encryption of the system's disk: list mounts: %v", err)
	}
	for _, m := range mounts {
		if m.point == "/" && m.kind() == mountLocal {
			s.DiskEncryption = encryption(tree, m)
		}
	}
	return clean(s), nil
}

// readTPM reads the trusted platform module (Documentation/ABI/testing/sysfs-class-tpm).
// Of version 2.0 the kernel shows the version alone; maker and firmware would take a
// command to the module.
func readTPM(tree *source.Tree, s *inventory.Security) {
	const dir = "sys/class/tpm"
	names := tree.Names(dir, maxEntries)
	if len(names) == 0 {
		if tree.Exists(dir) { // without the directory the kernel does not know
			s.TPMVersion = "none"
		}
		return
	}
	at := dir + "/" + names[0] + "/"
	caps := first(contents(tree, at+"caps"), contents(tree, at+"device/caps"))
	switch version := tree.Text(at + "tpm_version_major"); {
	case version == "2":
		s.TPMVersion = "2.0"
	case version == "1" || caps != "":
		s.TPMVersion = "1.2"
	case strings.Contains(tree.Text(at+"device/description"), "2.0"): // kernels before 5.6
		s.TPMVersion = "2.0"
	}
	s.TPMVendor, s.TPMFirmware = tpmMaker(colonValue(caps, "Manufacturer")), colonValue(caps, "Firmware version")
}

// The variables of UEFI's specification 3.3, with the GUID of the global ones.
const (
	efiVars   = "sys/firmware/efi/efivars/"
	efiGlobal = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
)

func readFirmwareMode(tree *source.Tree, s *inventory.Security) {
	switch {
	case tree.Exists("sys/firmware/efi"):
		s.FirmwareMode = "uefi"
	case tree.Exists(dmiTables) || tree.Exists(dmiID): // without UEFI only a PC BIOS has SMBIOS
		s.FirmwareMode, s.SecureBoot = "bios", "unsupported"
		return
	default:
		return
	}
	// Four bytes of attributes, then the value (Documentation/filesystems/efivarfs.rst).
	read := func(name string) (value byte, ok bool) {
		b, err := tree.ReadFile(efiVars+name+efiGlobal, 64)
		if err != nil || len(b) != 5 {
			return 0, false
		}
		return b[4], true
	}
	secure, ok := read("SecureBoot")
	setup, _ := read("SetupMode") // 0 when there is none
	switch {
	case !ok && len(tree.Names(efiVars, maxEntries)) > 0:
		s.SecureBoot = "unsupported"
	case !ok: // the variables are not mounted
	case secure == 1:
		s.SecureBoot = "enabled"
	case setup == 1:
		s.SecureBoot = "setup"
	default:
		s.SecureBoot = "disabled"
	}
}

// mandatoryAccess names the kernel's module for mandatory access control and its state.
func mandatoryAccess(tree *source.Tree) string {
	switch tree.Text("sys/fs/selinux/enforce") {
	case "1":
		return "selinux:enforcing"
	case "0":
		return "selinux:permissive"
	}
	if tree.Text("sys/module/apparmor/parameters/enabled") == "Y" {
		return "apparmor:enabled"
	}
	modules := "," + tree.Text("sys/kernel/security/lsm") + ","
	for _, name := range []string{"smack", "tomoyo"} {
		if strings.Contains(modules, ","+name+",") {
			return name + ":enabled"
		}
	}
	if tree.Exists("etc/selinux/config") {
		return "selinux:disabled"
	}
	if modules != ",," {
		return "none"
	}
	return ""
}

// encryption says what the blocks of a mounted file system pass through: what all disks
// below it have in common, none when one of them is reached in the clear; "" when the
// file system keeps to itself what is below it, as ZFS does.
func encryption(tree *source.Tree, m mount) string {
	devices := []string{deviceName(tree, m)}
	if id, ok := btrfsOf(tree, devices[0]); ok { // several devices, one of which is mounted
		devices = tree.Names(btrfsDir+"/"+id+"/devices", maxEntries)
	}
	out := ""
	for _, name := range devices {
		if !tree.Exists("sys/class/block/" + name) {
			return ""
		}
		if out = blockEncryption(tree, name, 0); out == "none" {
			break
		}
	}
	return out
}

// blockEncryption walks down from a block device to those that it is made of.
func blockEncryption(tree *source.Tree, name string, depth int) string {
	const deepest = 16 // partitions, RAID, multipath, volumes, caches: each seldom twice
	at := "sys/class/block/" + path.Base(name)
	if kind := cryptKind(tree.Text(at + "/dm/uuid")); kind != "" {
		return kind
	}
	out := "none"
	for _, below := range tree.Names(at+"/slaves", maxEntries) {
		if depth == deepest {
			return ""
		}
		if out = blockEncryption(tree, below, depth+1); out == "none" {
			break
		}
	}
	return out
}

// cryptKind reads the kind of encryption in the name that cryptsetup gives a device
// (dm_prepare_uuid in its lib/libdevmapper.c).
func cryptKind(dmUUID string) string {
	kind, ok := strings.CutPrefix(dmUUID, "CRYPT-")
	if !ok {
		return ""
	}
	kind, _, _ = strings.Cut(kind, "-")
	switch kind {
	case "LUKS1", "LUKS2", "PLAIN":
		return strings.ToLower(kind)
	case "BITLK":
		return "bitlocker"
	case "FVAULT2":
		return "filevault"
	case "TCRYPT":
		return "truecrypt"
	case "LOOPAES":
		return "loopaes"
	}
	return "" // VERITY and INTEGRITY encrypt nothing
}
