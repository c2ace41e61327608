// Package smbios decodes the table in which a machine's firmware describes it: maker,
// model, serial numbers, processors and memory modules.
//
// The format is DMTF DSP0134 (System Management BIOS Reference Specification); section
// numbers in comments are those of version 3.7. The package turns bytes into plain
// values and refuses to judge them: a serial number "Default string" is returned as it
// stands. It reads no files; agent/hardware fetches the bytes.
package smbios

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxTable is the longest table that makes sense; large servers have 64 KiB.
const MaxTable = 1 << 20

// maxOfAKind bounds the structures of one type that are kept.
const maxOfAKind = 4096

// Info is what the table says. Texts are as the firmware wrote them, without
// surrounding space; "" where it wrote none.
type Info struct {
	Major, Minor int // version of the specification; 0 when no entry point told
	BIOS         BIOS
	System       System
	Boards       []Board
	Chassis      []Chassis
	Processors   []Processor
	Memory       []MemoryDevice
	Slots        []Slot
	Supplies     []PowerSupply
}

// BIOS is structure type 0 (7.1).
type BIOS struct {
	Vendor, Version string
	Date            string // YYYY-MM-DD; as written where it is not a date
}

// System is structure type 1 (7.2).
type System struct {
	Vendor, Product, Version, Serial, SKU, Family string
	// UUID is in the usual form with hyphens, lower case; "" when not set.
	UUID string
	// UUIDSwapped is the same with the first three fields in the other byte order.
	UUIDSwapped string
}

// Board is structure type 2 (7.3).
type Board struct {
	Vendor, Product, Version, Serial, AssetTag string
}

// Chassis is structure type 3 (7.4).
type Chassis struct {
	Vendor, Version, Serial, AssetTag string
	Type                              int // see ChassisName
}

// Processor is structure type 4 (7.5): a socket with a processor in it.
type Processor struct {
	Socket, Vendor, Version, Serial string
	MaxMHz                          int
	Cores, Threads                  int // 0 when unknown
}

// MemoryDevice is structure type 17 (7.18) with a module in it.
type MemoryDevice struct {
	Locator, Bank, Vendor, Serial, AssetTag, Part string
	Type                                          string // see memoryTypes
	Bytes                                         int64  // 0 when unknown
	SpeedMTs                                      int
}

// Decode decodes a table. The entry point gives the version, which decides about the
// byte order of the UUID; without a usable one a version of 2.6 or later is assumed.
// When the table is cut or damaged, Decode returns what came before and an error.
func Decode(entryPoint, table []byte) (*Info, error) {
	major, minor := version(entryPoint)
	return DecodeVersion(major, minor, table)
}

// DecodeVersion does the same for a version that the operating system told; 0.0 is unknown.
func DecodeVersion(major, minor int, table []byte) (*Info, error) {
	info := &Info{Major: major, Minor: minor}
	if len(table) > MaxTable {
		return info, fmt.Errorf("table of %d bytes, at most %d make sense", len(table), MaxTable)
	}
	d := decoder{info: info, otherArrays: map[uint16]bool{}, arrayOf: map[int]uint16{}}
	err := d.walk(table)
	d.dropOtherMemory()
	return info, err
}

// version finds the specification's version in an entry point (5.2.1, 5.2.2), or in the
// older one of version 2.0 alone, which is the tail of the 32-bit one.
func version(ep []byte) (major, minor int) {
	switch {
	case bytes.HasPrefix(ep, []byte("_SM3_")) && len(ep) >= 24 && intact(ep, 6):
		return int(ep[7]), int(ep[8])
	case bytes.HasPrefix(ep, []byte("_SM_")) && len(ep) >= 30 && intact(ep, 5):
		return int(ep[6]), int(ep[7])
	case bytes.HasPrefix(ep, []byte("_DMI_")) && len(ep) >= 15:
		return int(ep[14] >> 4), int(ep[14] & 15)
	}
	return 0, 0
}

// intact checks the sum over an entry point whose length is written at ep[lengthAt].
func intact(ep []byte, lengthAt int) bool {
	n := int(ep[lengthAt])
	// Version 2.1 wrote 1E hex where 1F was meant; the sum covers 1F.
	if lengthAt == 5 && n == 0x1e {
		n = 0x1f
	}
	if n > len(ep) {
		return false
	}
	var sum byte
	for _, b := range ep[:n] {
		sum += b
	}
	return sum == 0
}

type decoder struct {
	info *Info
	// otherArrays are the handles of memory arrays that are not system memory (7.17):
	// flash, video memory, cache.
	otherArrays map[uint16]bool
	arrayOf     map[int]uint16 // index in info.Memory -> handle of its array
}

// walk goes through the structures (6.1): a header of type, length and handle, the
// rest of the formatted area, then strings that two NUL bytes end.
func (d *decoder) walk(table []byte) error {
	const endOfTable = 127
	for rest := table; len(rest) > 0; {
		offset := len(table) - len(rest)
		if len(rest) < 4 {
			return fmt.Errorf("table cut inside a header at byte %d", offset)
		}
		length := int(rest[1])
		if length < 4 || length > len(rest) {
			return fmt.Errorf("structure at byte %d has length %d of %d remaining bytes", offset, length, len(rest))
		}
		end := bytes.Index(rest[length:], []byte{0, 0})
		if end < 0 {
			if rest[0] == endOfTable {
				return nil
			}
			return fmt.Errorf("strings of the structure at byte %d do not end", offset)
		}
		d.structure(structure{data: rest[:length], strings: rest[length : length+end]})
		if rest[0] == endOfTable {
			return nil
		}
		rest = rest[length+end+2:]
	}
	if len(table) == 0 {
		return errors.New("empty table")
	}
	return nil // old firmware writes no end-of-table structure
}

func (d *decoder) structure(s structure) {
	i := d.info
	switch s.data[0] {
	case 0:
		i.BIOS = BIOS{Vendor: s.text(4), Version: s.text(5), Date: Date(s.text(8))}
	case 1:
		if i.System == (System{}) { // the first one counts (7.2)
			i.System = d.system(s)
		}
	case 2:
		i.Boards = keep(i.Boards, Board{s.text(4), s.text(5), s.text(6), s.text(7), s.text(8)})
	case 3:
		i.Chassis = keep(i.Chassis, Chassis{
			Vendor: s.text(4), Version: s.text(6), Serial: s.text(7), AssetTag: s.text(8),
			Type: int(s.byte(5) & 0x7f), // bit 7 tells of a lock
		})
	case 4:
		d.processor(s)
	case 16:
		const systemMemory = 3
		if s.byte(5) != systemMemory && len(d.otherArrays) < maxOfAKind {
			d.otherArrays[s.handle()] = true
		}
	case 9:
		i.Slots = keep(i.Slots, slot(s))
	case 17:
		d.memory(s)
	case 39:
		d.supply(s)
	}
}

func (d *decoder) system(s structure) System {
	out := System{
		Vendor: s.text(4), Product: s.text(5), Version: s.text(6), Serial: s.text(7),
		SKU: s.text(0x19), Family: s.text(0x1a),
	}
	if len(s.data) < 0x18 {
		return out
	}
	u := s.data[8:0x18]
	if repeated(u, 0) || repeated(u, 0xff) { // not present, not set (7.2.1)
		return out
	}
	little, big := uuid(u, binary.LittleEndian), uuid(u, binary.BigEndian)
	out.UUID, out.UUIDSwapped = little, big
	// Version 2.6 fixed the order to what most firmware did anyway; before it, Linux
	// and dmidecode show the bytes as they lie.
	if v := d.info.Major<<8 | d.info.Minor; v != 0 && v < 0x0206 {
		out.UUID, out.UUIDSwapped = big, little
	}
	return out
}

func uuid(u []byte, order binary.ByteOrder) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x",
		order.Uint32(u), order.Uint16(u[4:]), order.Uint16(u[6:]), u[8:10], u[10:16])
}

func repeated(b []byte, c byte) bool {
	for _, x := range b {
		if x != c {
			return false
		}
	}
	return true
}

func (d *decoder) processor(s structure) {
	const central, populated = 3, 1 << 6
	if s.byte(5) != central || s.byte(0x18)&populated == 0 {
		return
	}
	p := Processor{
		Socket: s.text(4), Vendor: s.text(7), Version: s.text(0x10), Serial: s.text(0x20),
		MaxMHz: int(s.word(0x14)),
		Cores:  s.count(0x23, 0x2a), Threads: s.count(0x25, 0x2e),
	}
	d.info.Processors = keep(d.info.Processors, p)
}

// count reads a number of cores or threads: one byte, where FF hex means that the word
// at wide has it.
func (s structure) count(narrow, wide int) int {
	if n := s.byte(narrow); n != 0xff {
		return int(n)
	}
	if n := s.word(wide); n != 0 && n != 0xffff {
		return int(n)
	}
	return 0
}

func (d *decoder) memory(s structure) {
	m := MemoryDevice{
		Locator: s.text(0x10), Bank: s.text(0x11), Vendor: s.text(0x17), Serial: s.text(0x18),
		AssetTag: s.text(0x19), Part: s.text(0x1a), SpeedMTs: int(s.word(0x15)),
	}
	switch size := s.word(0xc); {
	case size == 0: // an empty slot
		return
	case size == 0xffff: // unknown
	case size == 0x7fff: // in the extended field, in MiB
		m.Bytes = int64(s.dword(0x1c)&0x7fffffff) << 20
	case size&0x8000 != 0:
		m.Bytes = int64(size&0x7fff) << 10
	default:
		m.Bytes = int64(size) << 20
	}
	if m.SpeedMTs == 0xffff {
		m.SpeedMTs = int(s.dword(0x54) & 0x7fffffff)
	}
	if t := int(s.byte(0x12)); t < len(memoryTypes) {
		m.Type = memoryTypes[t]
	}
	if len(d.info.Memory) < maxOfAKind {
		d.arrayOf[len(d.info.Memory)] = s.word(4)
		d.info.Memory = append(d.info.Memory, m)
	}
}

// dropOtherMemory removes devices of arrays that are not system memory; arrays may come
// after their devices.
func (d *decoder) dropOtherMemory() {
	kept := d.info.Memory[:0]
	for i, m := range d.info.Memory {
		if !d.otherArrays[d.arrayOf[i]] {
			kept = append(kept, m)
		}
	}
	d.info.Memory = kept
}

func keep[T any](list []T, v T) []T {
	if len(list) == maxOfAKind {
		return list
	}
	return append(list, v)
}

// Date turns the specification's mm/dd/yy or mm/dd/yyyy into YYYY-MM-DD; what is not a date stays.
func Date(s string) string {
	for _, layout := range []string{"01/02/2006", "01/02/06"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	return s
}

// structure is one structure: fields beyond its length read as zero, because each
// version of the specification made structures longer.
type structure struct {
	data    []byte // the formatted area with its header
	strings []byte // NUL-separated
}

func (s structure) byte(at int) byte {
	if at < len(s.data) {
		return s.data[at]
	}
	return 0
}

func (s structure) word(at int) uint16 {
	if at+2 <= len(s.data) {
		return binary.LittleEndian.Uint16(s.data[at:])
	}
	return 0
}

func (s structure) dword(at int) uint32 {
	if at+4 <= len(s.data) {
		return binary.LittleEndian.Uint32(s.data[at:])
	}
	return 0
}

func (s structure) handle() uint16 { return s.word(2) }

// text is the string whose number, from 1, stands at the offset (6.1.3).
func (s structure) text(at int) string {
	n := int(s.byte(at))
	rest := s.strings
	for i := 1; n > 0 && len(rest) > 0; i++ {
		text, after, _ := bytes.Cut(rest, []byte{0})
		if i == n {
			return strings.TrimSpace(string(text))
		}
		rest = after
	}
	return ""
}
