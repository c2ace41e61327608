package hardware

import (
	"encoding/hex"
	"strings"
)

// memoryMaker names the maker of a memory module where the firmware has only copied its
// number from the module (JEDEC JEP106): either a byte that counts the pages of the list
// and the number, with what follows left out, or the number after a 7F for each page. The
// first bit of a count is parity.
func memoryMaker(text string) string {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) < 2 {
		return text
	}
	page, id := b[0]&0x7f, b[1]
	if len(b) == 8 {
		for page = 0; len(b) > 1 && b[0] == 0x7f; page++ {
			b = b[1:]
		}
		id = b[0]
	}
	if name := memoryMakers[[2]byte{page, id}]; name != "" {
		return name
	}
	return strings.TrimSpace(text)
}

var memoryMakers = map[[2]byte]string{
	{0, 0x2c}: "Micron", {0, 0x98}: "Toshiba", {0, 0xad}: "SK hynix", {0, 0xc1}: "Infineon", {0, 0xce}: "Samsung", {0, 0xda}: "Winbond",
	{1, 0x4f}: "Transcend", {1, 0x94}: "Smart Modular", {1, 0x98}: "Kingston", {2, 0x9e}: "Corsair", {2, 0xfe}: "Elpida",
	{3, 0x0b}: "Nanya", {3, 0x25}: "Kingmax", {4, 0x43}: "Ramaxel", {4, 0xcb}: "A-DATA", {4, 0xcd}: "G.Skill", {4, 0xef}: "Team Group",
	{5, 0x51}: "Qimonda", {5, 0x9b}: "Crucial",
}
