package software

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime/debug"
)

// Bounds on one program: the headers of its sections, and its build information, of which
// Kubernetes' has 40 KiB.
const (
	maxSections  = 256
	maxBuildInfo = 256 << 10
)

// readBuildInfo finds the build information that the Go linker puts into a section of its
// own, or on Windows at the beginning of the data, as debug/buildinfo does; that package
// would bring debug/elf, pe, macho, dwarf and zstd along and reads more. Programs made
// before Go 1.18, in which it consists of pointers, are not recognised.
func readBuildInfo(r io.ReaderAt) (*debug.BuildInfo, bool) {
	head := make([]byte, 64)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, false
	}
	var at, size int64
	switch {
	case string(head[:4]) == "\x7fELF":
		at, size = elfBuildInfo(r, head)
	case string(head[:2]) == "MZ":
		at, size = peData(r, head)
	case binary.BigEndian.Uint32(head) == 0xcafebabe: // several architectures: the first
		if slice := int64(binary.BigEndian.Uint32(head[16:])); slice > 0 {
			return readBuildInfo(io.NewSectionReader(r, slice, 1<<40))
		}
	case binary.LittleEndian.Uint32(head) == 0xfeedfacf:
		at, size = machoBuildInfo(r, head)
	}
	section := slice(r, at, min(size, maxBuildInfo))
	_, info, found := bytes.Cut(section, []byte("\xff Go buildinf:"))
	if !found || len(info) < 18 || info[1]&2 == 0 {
		return nil, false
	}
	info = info[18:] // a header of 32 bytes, 14 of them before; then two texts with their lengths
	var text [2][]byte
	for i := range text {
		length, n := binary.Uvarint(info)
		if n <= 0 || length > uint64(len(info)-n) {
			return nil, false
		}
		text[i], info = info[n:n+int(length)], info[n+int(length):]
	}
	if modules := text[1]; len(modules) > 32 { // between two marks of 16 bytes
		build, err := debug.ParseBuildInfo(string(modules[16 : len(modules)-16]))
		return build, err == nil
	}
	return nil, false
}

// slice reads a part of a program; nil when the file has no such part.
func slice(r io.ReaderAt, at, size int64) []byte {
	if at <= 0 || size <= 0 || size > maxBuildInfo {
		return nil
	}
	b := make([]byte, size)
	if n, err := r.ReadAt(b, at); err != nil && n == 0 {
		return nil
	}
	return b
}

// elfBuildInfo goes through the section headers (elf(5)).
func elfBuildInfo(r io.ReaderAt, head []byte) (at, size int64) {
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	wide := head[4] == 2
	table, entry, counts := int64(order.Uint32(head[0x20:])), 40, head[0x30:]
	if wide {
		table, entry, counts = int64(order.Uint64(head[0x28:])), 64, head[0x3c:]
	}
	sections, names := int(order.Uint16(counts)), int(order.Uint16(counts[2:]))
	if sections > maxSections || names >= sections {
		return 0, 0
	}
	headers := slice(r, table, int64(sections*entry))
	if headers == nil {
		return 0, 0
	}
	place := func(i int) (at, size int64) {
		h := headers[i*entry:]
		if wide {
			return int64(order.Uint64(h[24:])), int64(order.Uint64(h[32:]))
		}
		return int64(order.Uint32(h[16:])), int64(order.Uint32(h[20:]))
	}
	at, size = place(names)
	text := slice(r, at, min(size, 64<<10))
	for i := range sections {
		if name := int64(order.Uint32(headers[i*entry:])); name < int64(len(text)) && bytes.HasPrefix(text[name:], []byte(".go.buildinfo\x00")) {
			return place(i)
		}
	}
	return 0, 0
}

// peData is the section .data (https://learn.microsoft.com/windows/win32/debug/pe-format).
func peData(r io.ReaderAt, head []byte) (at, size int64) {
	signature := int64(binary.LittleEndian.Uint32(head[0x3c:]))
	header := slice(r, signature, 24)
	if header == nil || string(header[:4]) != "PE\x00\x00" {
		return 0, 0
	}
	sections := int(binary.LittleEndian.Uint16(header[6:]))
	if sections > maxSections {
		return 0, 0
	}
	table := slice(r, signature+24+int64(binary.LittleEndian.Uint16(header[20:])), int64(sections*40))
	for ; len(table) >= 40; table = table[40:] {
		if string(table[:6]) == ".data\x00" {
			return int64(binary.LittleEndian.Uint32(table[20:])), int64(binary.LittleEndian.Uint32(table[16:]))
		}
	}
	return 0, 0
}

// machoBuildInfo goes through the load commands for segments (<mach-o/loader.h>).
func machoBuildInfo(r io.ReaderAt, head []byte) (at, size int64) {
	commands := slice(r, 32, min(int64(binary.LittleEndian.Uint32(head[20:])), 64<<10))
	for len(commands) >= 8 {
		length := int64(binary.LittleEndian.Uint32(commands[4:]))
		if length < 8 || length > int64(len(commands)) {
			break
		}
		if binary.LittleEndian.Uint32(commands) == 0x19 && length > 72 { // LC_SEGMENT_64
			for section := commands[72:length]; len(section) >= 80; section = section[80:] {
				if bytes.HasPrefix(section, []byte("__go_buildinfo\x00")) {
					return int64(binary.LittleEndian.Uint32(section[48:])), int64(binary.LittleEndian.Uint64(section[40:]))
				}
			}
		}
		commands = commands[length:]
	}
	return 0, 0
}
