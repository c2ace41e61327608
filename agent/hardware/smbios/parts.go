package smbios

import "fmt"

// Slot is structure type 9 (7.10): a place for an expansion card. Handles tell structures
// apart and stay as long as the firmware's version does (6.1).
type Slot struct {
	Handle            int
	Name, Kind, Usage string // Usage is available, in use or unavailable; "" when unknown
}

// PowerSupply is structure type 39 (7.40), of one that is present.
type PowerSupply struct {
	Handle                                         int
	Location, Name, Vendor, Serial, Part, Revision string
	Watts                                          int // 0 when unknown
}

// slotKinds are the names of 7.10.1 for what is still to be met; PCI Express has more of them.
var slotKinds = map[byte]string{
	0x03: "ISA", 0x04: "MCA", 0x05: "EISA", 0x06: "PCI", 0x07: "PC Card", 0x0e: "PCI 66 MHz", 0x0f: "AGP", 0x10: "AGP 2X", 0x11: "AGP 4X",
	0x12: "PCI-X", 0x13: "AGP 8X", 0x14: "M.2 Socket 1-DP", 0x15: "M.2 Socket 1-SD", 0x16: "M.2 Socket 2", 0x17: "M.2 Socket 3",
	0x18: "MXM Type I", 0x19: "MXM Type II", 0x1a: "MXM Type III", 0x1b: "MXM Type III-HE", 0x1c: "MXM Type IV", 0x1d: "MXM 3.0 Type A",
	0x1e: "MXM 3.0 Type B", 0x1f: "PCI Express 2 SFF-8639", 0x20: "PCI Express 3 SFF-8639", 0x21: "PCI Express Mini 52-pin",
	0x22: "PCI Express Mini 52-pin", 0x23: "PCI Express Mini 76-pin", 0x24: "PCI Express 4 SFF-8639", 0x25: "PCI Express 5 SFF-8639",
	0x26: "OCP NIC 3.0 Small", 0x27: "OCP NIC 3.0 Large", 0x28: "OCP NIC", 0xc4: "PCI Express 6",
}

// slotKind names a type of slot; of PCI Express each generation has six codes for its widths.
func slotKind(code byte) string {
	for generation, first := range []byte{0xa5, 0xab, 0xb1, 0xb8, 0xbe} {
		if code < first || code > first+5 {
			continue
		}
		name := "PCI Express"
		if generation > 0 {
			name = fmt.Sprintf("%s %d", name, generation+1)
		}
		return name + [...]string{"", " x1", " x2", " x4", " x8", " x16"}[code-first]
	}
	return slotKinds[code]
}

func slot(s structure) Slot {
	return Slot{
		Handle: int(s.handle()), Name: s.text(4), Kind: slotKind(s.byte(5)),
		Usage: map[byte]string{3: "available", 4: "in use", 5: "unavailable"}[s.byte(7)],
	}
}

func (d *decoder) supply(s structure) {
	const present = 1 << 1
	if s.word(0x0e)&present == 0 {
		return
	}
	p := PowerSupply{
		Handle: int(s.handle()), Location: s.text(5), Name: s.text(6), Vendor: s.text(7), Serial: s.text(8), Part: s.text(0x0a), Revision: s.text(0x0b),
	}
	if w := s.word(0x0c); w != 0x8000 {
		p.Watts = int(w)
	}
	d.info.Supplies = keep(d.info.Supplies, p)
}
