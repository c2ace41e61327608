package hardware

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// life is what a disk says of its own state: "ok", "failing" or nothing, and how much of its
// rated writes it has used, in percent.
type life struct {
	health string
	wear   int
}

// nvmeLife reads the log page "SMART / Health Information" (NVM Express Base
// Specification 2.0, 5.16.1.3). Of its warnings the one of the temperature, which comes
// and goes, is left out.
func nvmeLife(page []byte) life {
	const temperature = 1 << 1
	if len(page) < 6 {
		return life{}
	}
	l := life{health: "ok", wear: int(page[5])} // to 254, 255 is that or more
	if page[0]&^temperature != 0 {
		l.health = "failing"
	}
	return l
}

// ataHealth reads the answer to SMART RETURN STATUS (ACS-3 7.48.8), which is in two
// registers; ataRegisters finds them.
func ataHealth(sense []byte) string {
	r, ok := ataRegisters(sense)
	switch {
	case ok && r.middle == 0x4f && r.high == 0xc2:
		return "ok"
	case ok && r.middle == 0xf4 && r.high == 0x2c:
		return "failing"
	}
	return ""
}

// ataSleeps reads the answer to CHECK POWER MODE (ACS-3 7.3): the disk does not turn.
func ataSleeps(sense []byte) bool {
	r, ok := ataRegisters(sense)
	return ok && r.count < 0x40
}

type ataAnswer struct{ count, middle, high byte }

// ataRegisters finds an ATA disk's registers in SCSI sense data: in a descriptor of type
// 9 (SAT-3 12.2.6), after the eight bytes of sense data in descriptor format (SPC-4 4.5.2).
func ataRegisters(sense []byte) (ataAnswer, bool) {
	if len(sense) < 22 || sense[0]&0x7f != 0x72 || sense[8] != 9 || sense[9] != 12 {
		return ataAnswer{}, false
	}
	return ataAnswer{count: sense[13], middle: sense[17], high: sense[19]}, true
}

// ataUsed reads the page "Solid State Device Statistics" of the log of device statistics
// (ACS-3 A.5.8): the percentage used, when its flags say that it is supported and valid.
func ataUsed(page []byte) (percent int, ok bool) {
	if len(page) < 16 || page[2] != 7 {
		return 0, false
	}
	v := binary.LittleEndian.Uint64(page[8:])
	return int(v & 0xff), v>>62 == 3
}

// ataRemaining finds in SMART data (ACS-3 7.48.6; the attributes are custom, not standard)
// the attribute in which makers of flash disks count down from 100: life left, or wear of
// the cells.
func ataRemaining(data []byte) (percent int, ok bool) {
	if len(data) < 362 {
		return 0, false
	}
	for _, wanted := range []byte{231, 202, 233, 177, 169} {
		for at := 2; at < 362; at += 12 { // id, flags (2), value, worst, raw (6), reserved
			if value := data[at+3]; data[at] == wanted && value > 0 && value <= 100 {
				return 100 - int(value), true
			}
		}
	}
	return 0, false
}

// mmcLife reads the state of an eMMC as the kernel shows it (JEDEC JESD84-B51 7.4.11 on):
// tenths of life used by two types of memory, 0x01 is up to a tenth, and whether spare
// blocks are left, 0x03 is nearly none.
func mmcLife(times, spare string) life {
	var l life
	for word := range strings.FieldsSeq(times) {
		if n, err := strconv.ParseUint(strings.TrimPrefix(word, "0x"), 16, 8); err == nil && n <= 11 {
			l.wear = max(l.wear, int(n)*10)
		}
	}
	switch spare {
	case "0x01", "0x02":
		l.health = "ok"
	case "0x03":
		l.health = "failing"
	}
	return l
}
