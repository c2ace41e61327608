package snmp

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Rows and types of HOST-RESOURCES-MIB (RFC 2790).
var (
	hrMemorySize     = mustOID("1.3.6.1.2.1.25.2.2.0")
	hrStorageEntry   = mustOID("1.3.6.1.2.1.25.2.3.1")
	hrDeviceEntry    = mustOID("1.3.6.1.2.1.25.3.2.1")
	hrDiskCapacity   = mustOID("1.3.6.1.2.1.25.3.6.1.4")
	hrSWInstalled    = mustOID("1.3.6.1.2.1.25.6.3.1")
	storageFixedDisk = mustOID("1.3.6.1.2.1.25.2.1.4")
	deviceProcessor  = mustOID("1.3.6.1.2.1.25.3.1.3")
	deviceDisk       = mustOID("1.3.6.1.2.1.25.3.1.6")
)

// Host is what an agent on a general computer tells by HOST-RESOURCES-MIB.
type Host struct {
	Hardware    inventory.Hardware
	Filesystems inventory.Filesystems
	Disks       inventory.Disks
	Software    inventory.SoftwareList
}

// layer7 is the bit of sysServices that says that a host offers applications.
const layer7 = 64

// isHost tells whether HOST-RESOURCES-MIB speaks of a computer: printers and cards have it too.
func (f *Facts) isHost() bool {
	return f.Hints.PrinterName == "" && f.Hints.PrinterSerial == "" && (f.System.Services == 0 || f.System.Services&layer7 != 0)
}

func (f *Facts) readHost(ctx context.Context, r *reader) error {
	if !f.isHost() || r.missing(hrStorageEntry.child(2)) && r.missing(hrDeviceEntry.child(2)) {
		return nil
	}
	v, err := r.get(ctx, hrMemorySize)
	if err != nil {
		return err
	}
	if kb, ok := v[hrMemorySize.String()].int(); ok && kb > 0 && kb <= 1<<42 {
		f.Host.Hardware.MemoryBytes = kb << 10
	}
	if err := f.readStorage(ctx, r); err != nil {
		return err
	}
	return f.readDevices(ctx, r)
}

// pseudo are places where file systems are that take no space of a disk.
var pseudo = regexp.MustCompile(`^/(proc|sys|dev|run)(/|$)|/(overlay2?|containers|shm)(/|$)`)

// windowsVolume is how Windows names a file system: drive, label, serial number.
var windowsVolume = regexp.MustCompile(`^([A-Z]:)\\ +Label:(.*?) +Serial Number ([0-9a-f]+)$`)

func (f *Facts) readStorage(ctx context.Context, r *reader) error {
	// Type, description, unit, size, used.
	rows, err := r.table(ctx, hrStorageEntry.children(2, 3, 4, 5, 6)...)
	for _, row := range rows {
		if row.cells[0].oid.compare(storageFixedDisk) != 0 {
			continue
		}
		fs := inventory.Filesystem{Mountpoint: row.text(1)}
		unit, size, used := int64(row.number(2)), int64(row.number(3)), int64(row.number(4))
		if fs.Mountpoint == "" || pseudo.MatchString(fs.Mountpoint) || unit <= 0 || unit > 1<<24 || size <= 0 {
			continue // a size below 0 is one of more than 2^31 units
		}
		if m := windowsVolume.FindStringSubmatch(fs.Mountpoint); m != nil {
			fs.Mountpoint, fs.Label, fs.UUID = m[1], m[2], m[3]
		}
		fs.Bytes = unit * size
		if step := fs.Bytes / 20; step > 0 { // rounded, so that not every scan differs
			fs.UsedBytes = min((unit*used+step/2)/step*step, fs.Bytes)
		}
		f.Host.Filesystems = append(f.Host.Filesystems, fs)
	}
	return err
}

// deviceFile is a disk's name in what net-snmp calls it: "SCSI disk (/dev/sda)".
var deviceFile = regexp.MustCompile(`/dev/([\w/-]+)\)?$`)

func (f *Facts) readDevices(ctx context.Context, r *reader) error {
	rows, err := r.table(ctx, hrDeviceEntry.child(2), hrDeviceEntry.child(3)) // type, description
	if err != nil || len(rows) == 0 {
		return err
	}
	capacities, err := r.table(ctx, hrDiskCapacity)
	kbytes := map[int]int64{}
	for _, c := range capacities {
		kbytes[c.first()] = int64(c.number(0))
	}
	hw := &f.Host.Hardware
	for _, row := range rows {
		name := row.text(1)
		switch kind := row.cells[0].oid; {
		case kind.compare(deviceProcessor) == 0:
			hw.CPUThreads++
			if _, model, ok := strings.Cut(name, ": "); ok { // net-snmp on Linux: vendor: model
				name = model
			}
			if hw.CPUModel == "" && strings.ContainsAny(name, "0123456789") {
				hw.CPUModel = name
			}
		case kind.compare(deviceDisk) == 0 && kbytes[row.first()] > 0:
			d := inventory.Disk{Name: name, Bytes: kbytes[row.first()] << 10}
			if m := deviceFile.FindStringSubmatch(name); m != nil {
				d.Name = m[1]
			}
			if d.Name != "" {
				f.Host.Disks = append(f.Host.Disks, d)
			}
		}
	}
	return err
}

// maxSoftware bounds a list of programs; a desktop has some 4,000 packages.
const maxSoftware = 10_000

// What is installed is a name with its version; these are the forms that can be told apart without
// a doubt.
var (
	debPackage = regexp.MustCompile(`^([a-z0-9][a-z0-9+.-]+)_([^_ ]+)_([a-z0-9-]+)$`)
	oldRPM     = regexp.MustCompile(`^([A-Za-z0-9][\w+.-]*)-([\w.+~^:]+-[\w+~^]+\.(?:el|fc|amzn|sles?)\d[\w.]*)()$`)
	rpmPackage = regexp.MustCompile(`^([A-Za-z0-9][\w+.-]*)-([\w.+~^:]+-[\w.+~^]+)\.(noarch|x86_64|aarch64|i[3-6]86|ppc64le|s390x)$`)
)

// softwareKinds are hrSWInstalledType; its operatingSystem is any package of the system's for some.
var softwareKinds = map[int]inventory.SoftwareKind{3: inventory.KindDriver}

func (f *Facts) readSoftware(ctx context.Context, r *reader) error {
	if !f.isHost() {
		return nil
	}
	rows, err := r.table(ctx, hrSWInstalled.child(2), hrSWInstalled.child(4), hrSWInstalled.child(5)) // name, type, date
	if len(rows) > maxSoftware {
		rows, err = rows[:maxSoftware], cmp.Or(err, fmt.Errorf("%d programs, of which %d are taken", len(rows), maxSoftware))
	}
	seen := map[string]bool{}
	for _, row := range rows {
		s := inventory.Software{Source: "snmp", Name: row.text(0), Installed: row.cells[2].date(), Kind: softwareKinds[row.number(1)]}
		for _, form := range []*regexp.Regexp{debPackage, rpmPackage, oldRPM} {
			if m := form.FindStringSubmatch(s.Name); m != nil {
				s.Name, s.Version, s.Arch = m[1], m[2], m[3]
				break
			}
		}
		if key := s.Name + "|" + s.Version + "|" + s.Arch; s.Name != "" && !seen[key] {
			seen[key] = true
			f.Host.Software = append(f.Host.Software, s)
		}
	}
	slices.SortFunc(f.Host.Software, func(a, b inventory.Software) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Arch, b.Arch))
	})
	return err
}

// date is the day of a DateAndTime (RFC 2579), YYYY-MM-DD, "" for none.
func (v value) date() string {
	b := v.bytes
	if v.kind != kindBytes || len(b) != 8 && len(b) != 11 {
		return ""
	}
	year, month, day := int(b[0])<<8|int(b[1]), int(b[2]), int(b[3])
	if year < 1980 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 {
		return ""
	}
	return strconv.Itoa(year) + fmt.Sprintf("-%02d-%02d", month, day)
}
