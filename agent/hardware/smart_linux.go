package hardware

import (
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// diskReader lists disks. Live it asks them for their state, which takes CAP_SYS_ADMIN for
// NVMe and CAP_SYS_RAWIO for SATA, and device nodes; without them the state is unknown.
type diskReader struct {
	live bool
	last map[string]life // what a disk said when it was last awake, by serial number
}

// setLife fills in the state of a disk. One that sleeps is left alone.
func (r diskReader) setLife(tree *source.Tree, d *inventory.Disk, device string) {
	var l life
	switch {
	case d.Bus == "mmc":
		l = mmcLife(tree.Text(device+"/device/life_time"), tree.Text(device+"/device/pre_eol_info"))
	case r.live && (d.Bus == "nvme" || d.Bus == "sata"):
		f, err := os.OpenFile("/dev/"+strings.ReplaceAll(d.Name, "!", "/"), unix.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		defer func() { _ = f.Close() }() // only asked
		if d.Bus == "nvme" {
			l = askNVMe(f.Fd())
			break
		}
		key := d.Serial + "|" + d.Name
		var awake bool
		if l, awake = askATA(f.Fd(), d.Rotational); !awake {
			l = r.last[key]
		}
		r.last[key] = l
	}
	d.Health, d.WearPercent = l.health, l.wear
}

const diskTimeout = 5000 // milliseconds

// nvmeCommand is struct nvme_admin_cmd of linux/nvme_ioctl.h, 72 bytes.
type nvmeCommand struct {
	opcode, flags       uint8
	_                   uint16
	namespace, _, _     uint32
	_, data             uint64
	_, dataLength       uint32
	dword10             uint32
	_, _, _, _, _       uint32
	timeoutMS, dontCare uint32
}

// askNVMe gets the log page with the state of all namespaces.
func askNVMe(fd uintptr) life {
	const (
		adminCommand = 0xc0484e41 // NVME_IOCTL_ADMIN_CMD
		getLogPage   = 2
		healthPage   = 2
	)
	page := make([]byte, 512)
	command := nvmeCommand{
		opcode: getLogPage, namespace: 0xffffffff, data: uint64(uintptr(unsafe.Pointer(&page[0]))), dataLength: 512,
		dword10: healthPage | (512/4-1)<<16, timeoutMS: diskTimeout,
	}
	_, _, e := unix.Syscall(unix.SYS_IOCTL, fd, adminCommand, uintptr(unsafe.Pointer(&command)))
	runtime.KeepAlive(page)
	if e != 0 {
		return life{}
	}
	return nvmeLife(page)
}

// The commands that are sent to ATA disks; none of them wakes a sleeping one but those of SMART.
var (
	ataPower      = ataCommand{command: 0xe5}                                                      // CHECK POWER MODE
	ataStatus     = ataCommand{command: 0xb0, feature: 0xda, middle: 0x4f, high: 0xc2}             // SMART RETURN STATUS
	ataData       = ataCommand{command: 0xb0, feature: 0xd0, middle: 0x4f, high: 0xc2, read: true} // SMART READ DATA
	ataStatistics = ataCommand{command: 0x2f, low: 4, middle: 7, read: true, extended: true}       // READ LOG EXT
)

// askATA asks a disk behind a SCSI translation layer. awake is false when it sleeps.
func askATA(fd uintptr, rotational bool) (l life, awake bool) {
	if rotational {
		if _, sense, ok := ataPassThrough(fd, ataPower); ok && ataSleeps(sense) {
			return life{}, false
		}
	}
	if _, sense, ok := ataPassThrough(fd, ataStatus); ok {
		l.health = ataHealth(sense)
	}
	if rotational {
		return l, true
	}
	if page, _, ok := ataPassThrough(fd, ataStatistics); ok {
		if l.wear, ok = ataUsed(page); ok {
			return l, true
		}
	}
	l.wear = 0
	if data, _, ok := ataPassThrough(fd, ataData); ok {
		l.wear, _ = ataRemaining(data)
	}
	return l, true
}

// ataCommand is what goes into a disk's registers; read says that it answers with a sector.
type ataCommand struct {
	command, feature, low, middle, high byte
	read, extended                      bool
}

// cdb wraps the command as ATA PASS-THROUGH (16) (SAT-3 12.2.2).
func (c ataCommand) cdb() [16]byte {
	const (
		operation                = 0x85
		nonData, dataIn          = 3 << 1, 4 << 1
		checkCondition           = 0x20 // answer with the registers
		fromDevice, inBlocks, in = 0x08, 0x04, 0x02
	)
	cdb := [16]byte{operation, nonData, checkCondition, 0, c.feature, 0, 0, 0, c.low, 0, c.middle, 0, c.high, 0, c.command}
	if c.read {
		cdb[1], cdb[2], cdb[6] = dataIn, fromDevice|inBlocks|in, 1
	}
	if c.extended {
		cdb[1] |= 1
	}
	return cdb
}

// sgHeader is struct sg_io_hdr of scsi/sg.h, 88 bytes where pointers have 8.
type sgHeader struct {
	id, direction              int32
	commandLength, senseLength uint8
	_                          uint16
	dataLength                 uint32
	data, command, sense       unsafe.Pointer
	timeoutMS, _               uint32
	_                          int32
	_                          unsafe.Pointer
	status, _, _, _            uint8
	hostStatus, driverStatus   uint16
	_                          int32
	_, _                       uint32
}

// ataPassThrough sends a command by SG_IO.
func ataPassThrough(fd uintptr, c ataCommand) (data, sense []byte, ok bool) {
	const (
		sgIO               = 0x2285
		noData, fromDevice = -1, -3
	)
	cdb, data, sense := c.cdb(), make([]byte, 512), make([]byte, 32)
	header := sgHeader{
		id: 'S', direction: noData, commandLength: 16, senseLength: 32,
		command: unsafe.Pointer(&cdb), sense: unsafe.Pointer(&sense[0]), timeoutMS: diskTimeout,
	}
	if c.read {
		header.direction, header.dataLength, header.data = fromDevice, 512, unsafe.Pointer(&data[0])
	}
	_, _, e := unix.Syscall(unix.SYS_IOCTL, fd, sgIO, uintptr(unsafe.Pointer(&header)))
	runtime.KeepAlive(&cdb)
	if e != 0 || header.hostStatus != 0 || c.read && header.status != 0 {
		return nil, nil, false
	}
	return data, sense, true
}
