package hardware

import (
	"io"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Parsers that the tests feed directly.
var (
	ParseCPUInfo   = parseCPUInfo
	ParseMounts    = parseMounts
	ParseOSRelease = parseOSRelease
	ParsePasswd    = parsePasswd
	ParseAdmins    = parseAdmins
	ParseLogin     = parseLoginDefs
	ParseUdev      = parseUdev
	ParseCloudInit = parseCloudInit
	ParseMeminfo   = parseMeminfo
	SSHFingerprint = sshFingerprint
	HostName       = hostName
	Volumes        = volumes
	BehindNetwork  = behindNetwork
	RoundUsed      = roundUsed
	VPDSerial      = vpdSerial
	DiskBus        = diskBus
	IsDisk         = isDisk
	Unescape       = unescape
	LinuxOS        = linuxOS
)

// NewPCINames wants the names of the given keys.
func NewPCINames(vendors, devices, classes []string) pciNames {
	set := func(keys []string) map[string]string {
		m := map[string]string{}
		for _, k := range keys {
			m[k] = ""
		}
		return m
	}
	return pciNames{set(vendors), set(devices), set(classes)}
}

func (n pciNames) Read(s string) error { return n.readPCIIDs(strings.NewReader(s)) }

func (n pciNames) All() []map[string]string {
	return []map[string]string{n.vendors, n.devices, n.classes}
}

func (n pciNames) Class(code string) string { return n.class(code) }

// DetectContainer weighs signs as they are on a machine.
func DetectContainer(systemd, environ, cgroup, mountinfo, containerEnv string, dockerEnv, openvz bool) (kind, id string) {
	mounts, err := parseMounts(strings.NewReader(mountinfo))
	if err != nil {
		return err.Error(), ""
	}
	c := containerSigns{systemd, []byte(environ), cgroup, mounts, dockerEnv, containerEnv, openvz}.detect()
	return c.kind, c.id
}

// CPU shows what cpuInfo holds.
type CPU struct {
	Model, Vendor              string
	Processors, Sockets, Cores int
	Hypervisor                 bool
	Board, Serial              string
}

// Shown makes the fields visible.
func (c cpuInfo) Shown() CPU {
	return CPU{c.model, c.vendor, c.processors, c.sockets, c.cores, c.hypervisor, c.board, c.serial}
}

// Point is where a mount is.
func (m mount) Point() string { return m.point }

// Parsers and rules of what is in or at the machine.
var (
	USBClass      = usbClass
	ParsePrinters = parsePrinters
	TPMMaker      = tpmMaker
	LVMName       = lvmName
	DefaultRoutes = defaultRoutes
	ParseResolv   = parseResolv
)

// DescribePPD adds a description to a printer.
func DescribePPD(r io.Reader, p *inventory.Printer) { parsePPD(r).describe(p) }

// LVMVolumes are all volumes in a copy of LVM's metadata.
func LVMVolumes(text string) (inventory.Volumes, error) {
	groups, err := lvmGroups(text)
	out := inventory.Volumes{}
	for _, g := range groups {
		out = append(append(append(out, g.group), g.physical...), g.volume...)
	}
	return out, err
}

// What disks answer.
var (
	ATAUsed      = ataUsed
	ATARemaining = ataRemaining
)

func NVMeLife(page []byte) (health string, wear int) {
	l := nvmeLife(page)
	return l.health, l.wear
}

func ATAAnswer(sense []byte) (health string, sleeps bool) { return ataHealth(sense), ataSleeps(sense) }

func CardWear(times string) int { return mmcLife(times, "").wear }

// Directories are what three kinds of configuration files would make of a text.
func Directories(text string) [][2]string {
	var out [][2]string
	for _, d := range []directory{sssdDirectory(parseINI(text)), sambaDirectory(parseINI(text)), entraDirectory(parseINI(text))} {
		out = append(out, [2]string{d.kind, d.name})
	}
	return out
}

// Sessions reads wtmp with times of 32 or 64 bits.
func Sessions(wtmp []byte, wide bool) map[string]time.Time {
	if wide {
		return loginLayout64.sessions(wtmp)
	}
	return loginLayout32.sessions(wtmp)
}
