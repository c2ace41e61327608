package hardware

import (
	"encoding/hex"
	"strings"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
)

// macModules are the memory modules. Where memory is part of the processor there is one
// entry for all of it, without a slot.
func macModules(r profiler.Report) inventory.MemoryModules {
	list := inventory.MemoryModules{}
	for _, e := range r.Type("SPMemoryDataType").All() {
		m := inventory.MemoryModule{
			Slot: e.Name, Bytes: profiler.Bytes(e.Get("dimm_size", "size", "spmemorydatatype", "memory"), 1024),
			Type: e.Get("dimm_type", "type"), SpeedMTs: macMemorySpeed(e.Get("dimm_speed", "speed")),
			Vendor:     macMemoryMaker(e.Get("dimm_manufacturer", "manufacturer")),
			Serial:     macMemorySerial(e.Get("dimm_serial_number", "serial number")),
			PartNumber: macMemoryText(e.Get("dimm_part_number", "part number")),
		}
		m.Type = strings.TrimSuffix(strings.TrimSuffix(m.Type, " SO-DIMM"), " SDRAM")
		if m.Bytes == 0 || strings.Contains(strings.ToLower(m.Type), "empty") {
			continue // empty slots, and what only holds others
		}
		list = append(list, *clean(&m))
	}
	return list
}

// macMemorySpeed is in megatransfers a second: what is called MHz here counts them. Old
// machines have the module's grade, "PC2-4200U-444".
func macMemorySpeed(text string) int {
	if v := macMHz(text); v != 0 {
		return v
	}
	return int(profiler.Number(strings.TrimSuffix(text, " MT/s")))
}

// macMemoryText is a text that older versions print as the hexadecimal bytes it is stored as.
func macMemoryText(text string) string {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok {
		return strings.TrimSuffix(text, "Unknown")
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return text
	}
	s := strings.TrimSpace(strings.Trim(string(b), "\x00"))
	for _, c := range s {
		if c < ' ' || c > '~' {
			return text
		}
	}
	return s
}

func macMemorySerial(text string) string {
	if strings.Trim(text, "0x-") == "" || text == "Unknown" {
		return ""
	}
	return strings.TrimPrefix(text, "0x")
}

// macMemoryMaker gives a name to a maker's number in JEDEC's publication JEP106: the bank's
// number and that in the bank, each with a parity bit. Older versions print all eight
// bytes that a module has for them, of which the bank is how many 0x7F come first.
func macMemoryMaker(text string) string {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok {
		if strings.EqualFold(text, "unknown") {
			return ""
		}
		return text
	}
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) == 0 {
		return text
	}
	bank, number := byte(0), b[len(b)-1]
	if len(b) == 2 {
		bank = b[0] & 0x7f
	} else {
		for int(bank) < len(b)-1 && b[bank] == 0x7f {
			bank++
		}
		number = b[bank]
	}
	if name := jedecMakers[[2]byte{bank, number & 0x7f}]; name != "" {
		return name
	}
	if strings.Trim(digits, "0") == "" {
		return ""
	}
	return text
}

var jedecMakers = map[[2]byte]string{
	{0, 0x2c}: "Micron", {0, 0x2d}: "SK hynix", {0, 0x4e}: "Samsung", {0, 0x41}: "Infineon", {0, 0x18}: "Toshiba",
	{2, 0x7e}: "Elpida", {3, 0x0b}: "Nanya", {1, 0x98 & 0x7f}: "Kingston", {5, 0x51}: "Qimonda", {2, 0x1e}: "Corsair",
	{5, 0x1b}: "Crucial", {4, 0x4d}: "G.Skill", {4, 0x6f}: "A-DATA",
}
