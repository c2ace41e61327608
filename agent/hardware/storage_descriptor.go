package hardware

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// storageAnswers are what the storage driver answers about one disk, as it answers; nil
// where it does not (learn.microsoft.com/windows/win32/api/winioctl: IOCTL_STORAGE_QUERY_PROPERTY).
type storageAnswers struct {
	name     string // PhysicalDrive0
	device   []byte // STORAGE_DEVICE_DESCRIPTOR
	ids      []byte // STORAGE_DEVICE_ID_DESCRIPTOR
	seek     []byte // DEVICE_SEEK_PENALTY_DESCRIPTOR
	geometry []byte // DISK_GEOMETRY_EX
	predict  []byte // STORAGE_PREDICT_FAILURE
	identify []byte // NVMe: Identify Controller, 4096 bytes
	health   []byte // NVMe: SMART / Health Information, 512 bytes
}

// Bus types of STORAGE_BUS_TYPE.
const (
	busATA, busSATA, busNVMe = 3, 11, 17
	busFileVHD               = 15
)

var storageBuses = map[uint32]string{
	1: "scsi", 2: "atapi", busATA: "ata", 6: "fibre channel", 7: "usb", 8: "raid", 9: "iscsi", 10: "sas", busSATA: "sata", 12: "mmc", 13: "mmc",
	14: "virtual", 16: "storage spaces", busNVMe: "nvme", 18: "scm", 19: "ufs",
}

// disk makes one out of the answers. Disks that are files of this system are not disks.
func (a storageAnswers) disk() (d inventory.Disk, ok bool) {
	d.Name = a.name
	bus := u32at(a.device, 28)
	if bus == busFileVHD {
		return d, false
	}
	d.Bus = storageBuses[bus]
	d.Vendor, d.Model, d.Firmware = textAt(a.device, 12), textAt(a.device, 16), textAt(a.device, 20)
	d.Serial = storageSerial(textAt(a.device, 24), bus)
	d.Removable = len(a.device) > 10 && a.device[10] != 0
	d.Rotational = len(a.seek) > 8 && a.seek[8] != 0
	d.WWN = storageName(a.ids)
	if len(a.geometry) >= 32 {
		d.Bytes = max(int64(binary.LittleEndian.Uint64(a.geometry[24:])), 0)
	}
	if bus == busNVMe {
		a.nvme(&d)
	}
	if d.Health == "" && len(a.predict) >= 4 {
		d.Health = "ok"
		if u32at(a.predict, 0) != 0 {
			d.Health = "failing"
		}
	}
	return *clean(&d), true
}

// nvme takes what the controller itself says (NVM Express Base Specification, Identify
// Controller and the log page 02 hex). Windows gives the name of the namespace as the serial
// number, in the form ACE4_2E61_9000_7804.
func (a storageAnswers) nvme(d *inventory.Disk) {
	d.Vendor = strings.TrimPrefix(d.Vendor, "NVMe")
	if eui := strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(d.Serial, "."), "_", "")); strings.HasSuffix(d.Serial, ".") && isHex(eui) {
		d.WWN, d.Serial = "eui."+eui, ""
	}
	if len(a.identify) >= 72 {
		d.Serial = first(source.Text(string(a.identify[4:24])), d.Serial)
		d.Model = first(source.Text(string(a.identify[24:64])), d.Model)
		d.Firmware = first(source.Text(string(a.identify[64:72])), d.Firmware)
	}
	if len(a.health) >= 6 {
		d.Health = "ok"
		if a.health[0] != 0 { // any critical warning
			d.Health = "failing"
		}
		d.WearPercent = int(a.health[5])
	}
}

func u32at(b []byte, at int) uint32 {
	if at+4 > len(b) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[at:])
}

// textAt is the NUL-terminated text whose place stands at the offset.
func textAt(b []byte, at int) string {
	place := u32at(b, at)
	if place == 0 || uint64(place) >= uint64(len(b)) {
		return ""
	}
	s, _, _ := strings.Cut(string(b[place:]), "\x00")
	return source.Text(s)
}

// storageSerial undoes what drivers do to serial numbers of ATA disks, whose bytes come in
// pairs the other way round (ATA8-ACS 7.16): up to Windows 7 they show them so, as
// hexadecimal digits; some still exchange them once too often.
func storageSerial(s string, bus uint32) string {
	if b, err := hex.DecodeString(s); err == nil && len(b) >= 8 && len(b)%2 == 0 && printable(b) {
		return strings.TrimSpace(swapPairs(string(b)))
	}
	if swapped := swapPairs(s); (bus == busATA || bus == busSATA) && len(s)%2 == 0 && strings.HasPrefix(strings.TrimSpace(swapped), "WD-") {
		return strings.TrimSpace(swapped)
	}
	return s
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func swapPairs(s string) string {
	b := []byte(s)
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b)
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && s != ""
}

// storageName finds the disk's own name among its identifiers: those of page 83 hex
// (SPC-4 7.8.5), each with code set, type, lengths and association.
func storageName(b []byte) string {
	const binaryCode, ofDevice, eui64, naa = 1, 0, 2, 3
	count := min(u32at(b, 8), 64)
	for at := 12; count > 0 && at+16 <= len(b); count-- {
		kind := u32at(b, at+4)
		n, next := int(binary.LittleEndian.Uint16(b[at+8:])), int(binary.LittleEndian.Uint16(b[at+10:]))
		if u32at(b, at) == binaryCode && u32at(b, at+12) == ofDevice && n >= 8 && n <= 16 && at+16+n <= len(b) {
			switch id := hex.EncodeToString(b[at+16 : at+16+n]); kind {
			case naa:
				return "naa." + id
			case eui64:
				return "eui." + id
			}
		}
		if next == 0 {
			break
		}
		at += next
	}
	return ""
}

// bitLocker says what a volume's state of protection means: the shell's property
// System.Volume.BitLockerProtection, which everybody may read.
// (https://learn.microsoft.com/windows/win32/properties/props-system-volume-bitlockerprotection gives no
// numbers; these are what Explorer shows: on, off, being encrypted, being decrypted, suspended, locked.)
func bitLocker(state int32) (encryption, protection string) {
	const on, off, encrypting, decrypting, suspended, locked = 1, 2, 3, 4, 5, 6
	switch state {
	case on, locked:
		return "bitlocker", "bitlocker"
	case suspended: // encrypted, but the key lies beside it
		return "bitlocker", "bitlocker:suspended"
	case encrypting:
		return "bitlocker", "bitlocker:encrypting"
	case off, decrypting:
		return "", "none"
	}
	return "", ""
}

// protocolData finds the data in STORAGE_PROTOCOL_DATA_DESCRIPTOR: its offset counts from
// the part that begins at byte 8.
func protocolData(b []byte) []byte {
	offset, n := uint64(u32at(b, 24))+8, uint64(u32at(b, 28))
	if len(b) < 48 || offset < 48 || offset+n > uint64(len(b)) {
		return nil
	}
	return b[offset : offset+n]
}
