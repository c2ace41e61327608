// Package edid reads what a monitor says of itself: Extended Display Identification Data,
// structure version 1, which graphics drivers of every system hand out as they got it.
//
// It owns the format and the habits of makers. It does not fetch: agent/hardware does, on
// each system in another way.
//
// The format is VESA's E-EDID Standard, Release A, Revision 2 (https://vesa.org/vesa-standards/);
// numbers in parentheses are its sections.
package edid

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// BlockSize is the size of the base block. Extensions after it are not needed here.
const BlockSize = 128

// ErrChecksum says that the bytes of the block do not add up to 0 modulo 256. The monitor
// that comes with it is what the block says nevertheless: many adapters and switches
// change a byte, and some monitors were made with a wrong sum.
var ErrChecksum = errors.New("EDID: the checksum is wrong")

// Parse reads the base block. Port is left for the caller.
func Parse(b []byte) (inventory.Monitor, error) {
	if len(b) < BlockSize {
		return inventory.Monitor{}, fmt.Errorf("EDID: %d bytes, at least %d needed", len(b), BlockSize)
	}
	b = b[:BlockSize]
	if !bytes.Equal(b[:8], []byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}) {
		return inventory.Monitor{}, fmt.Errorf("EDID: the block begins with % x, which is not its header", b[:8])
	}
	if b[18] != 1 {
		return inventory.Monitor{}, fmt.Errorf("EDID: structure version %d, only 1 is known", b[18])
	}
	id, t := pnpID(b), descriptors(b)
	m := inventory.Monitor{
		Vendor:       Maker(id),
		Model:        t.model(),
		Serial:       serial(id, t.serial, binary.LittleEndian.Uint32(b[12:])),
		Manufactured: manufactured(b[16], b[17]),
		Resolution:   resolution(b),
	}
	if m.Model == "" { // as other systems name a monitor that does not: AUO0F03
		m.Model = fmt.Sprintf("%s%04X", id, binary.LittleEndian.Uint16(b[10:]))
	}
	m.WidthMM, m.HeightMM = size(b)
	var sum byte
	for _, v := range b {
		sum += v
	}
	if sum != 0 {
		return m, ErrChecksum
	}
	return m, nil
}

// pnpID is the maker's id: three letters of five bits each, A is 1 (3.4.1).
func pnpID(b []byte) string {
	n := binary.BigEndian.Uint16(b[8:])
	id := []byte{byte(n>>10)&31 + '@', byte(n>>5)&31 + '@', byte(n)&31 + '@'}
	for i, c := range id {
		if c < 'A' || c > 'Z' {
			id[i] = '?'
		}
	}
	return string(id)
}

// texts are the display descriptors that hold text (3.10.3).
type texts struct{ name, serial, other string }

// descriptors looks through the four places for a timing or a descriptor, 18 bytes each.
// A descriptor begins with two zeros, which no timing has, and has its tag at 3.
func descriptors(b []byte) (t texts) {
	full := false // the name so far has no end: it goes on in the next descriptor
	for at := 54; at < 126; at += 18 {
		d := b[at : at+18]
		if d[0] != 0 || d[1] != 0 {
			continue
		}
		text, ended := descriptorText(d[5:])
		switch d[3] {
		case 0xfc:
			if t.name != "" && !full {
				t.name += " "
			}
			t.name, full = t.name+text, !ended
		case 0xff:
			t.serial = source.Text(text)
		case 0xfe:
			if p := panel(text); p != "" {
				t.other = p
			}
		}
	}
	return t
}

// descriptorText is text up to its line feed, which a text of all 13 bytes does not have.
func descriptorText(d []byte) (text string, ended bool) {
	for i, c := range d {
		if c == '\n' || c == 0 {
			return string(d[:i]), true
		}
	}
	return string(d), false
}

// panel is a text that names the panel of a portable computer, which has no name in the
// descriptor for names: letters and digits. Dell puts a part number of its own before it.
func panel(text string) string {
	if _, after, ok := strings.Cut(text, "\x80"); ok {
		text = after
	}
	text = strings.TrimSpace(text)
	letters, digits := false, false
	for _, c := range []byte(text) {
		switch {
		case c < ' ' || c > '~':
			return ""
		case c >= '0' && c <= '9':
			digits = true
		case c >= 'A' && c <= 'Z':
			letters = true
		}
	}
	if !letters || !digits {
		return ""
	}
	return text
}

func (t texts) model() string {
	if name := source.Text(t.name); name != "" {
		return name
	}
	return t.other
}

// serial joins the two serial numbers that a monitor may have: text in a descriptor,
// which is as it is printed, and a number (3.4.3) that makers use as they like.
func serial(id, text string, number uint32) string {
	if strings.Trim(text, "0 ") == "" {
		text = ""
	}
	counts := number != 0 && number != 1 && number != 0x01010101 && number != 0xffffffff
	switch {
	case !counts:
		return text
	case text == "":
		return fmt.Sprintf("%08x", number)
	case id == "ACR" && len(text) == 12: // Acer prints two letters, 8 characters, the number, 4 characters
		return fmt.Sprintf("%s%08x%s", text[:8], number, text[8:])
	case id == "ACR" && len(text) == 10 && strings.HasPrefix(text, "ET"): // older: the letters, but not the last 4
		return fmt.Sprintf("%s%08x", text, number)
	}
	return text
}

// manufactured is the week and year (3.4.4): weeks from 1 to 54, 0 when it is not told,
// 255 when the year is that of the model.
func manufactured(week, year byte) string {
	switch {
	case year == 0: // 1990, before there was EDID
		return ""
	case week == 0 || week > 53: // ISO 8601 has no 54th
		return fmt.Sprint(1990 + int(year))
	}
	return fmt.Sprintf("%d-W%02d", 1990+int(year), week)
}

// resolution is that of the first timing, which revision 3 and later make the preferred
// one; before, a flag says whether it is (3.6.4). Interlaced timings count the lines of a field.
func resolution(b []byte) string {
	t := b[54:72]
	if t[0] == 0 && t[1] == 0 || b[19] < 3 && b[24]&2 == 0 {
		return ""
	}
	width, height := int(t[2])|int(t[4])>>4<<8, int(t[5])|int(t[7])>>4<<8
	if t[17]&0x80 != 0 {
		height *= 2
	}
	if width == 0 || height == 0 {
		return ""
	}
	return fmt.Sprintf("%dx%d", width, height)
}

// size is in millimetres. The base block has centimetres (3.6.2), of which one is 0 in
// projectors, whose image has no size. The first timing has millimetres; they are better
// where they agree, but there are monitors in which they belong to another.
func size(b []byte) (width, height int) {
	width, height = int(b[21])*10, int(b[22])*10
	if width == 0 || height == 0 {
		return 0, 0
	}
	t := b[54:72]
	w, h := int(t[12])|int(t[14])>>4<<8, int(t[13])|int(t[14])&15<<8
	if t[0]|t[1] != 0 && near(w, width) && near(h, height) {
		return w, h
	}
	return width, height
}

func near(a, b int) bool { return a-b <= 10 && b-a <= 10 }
