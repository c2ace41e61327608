package software

import (
	"encoding/binary"
	"strings"
)

// machoHead is how much of an executable its architectures are found in.
const machoHead = 4096

// machoArch names the architectures of an executable by its head: a Mach-O file, or a
// "fat" file with several (mach-o/loader.h and mach-o/fat.h in Apple's SDK). "" for what
// is none, such as a script. Java's class files begin with a fat file's number, too, but
// have a version above 40 where that counts its parts.
func machoArch(b []byte) string {
	if len(b) < 8 {
		return ""
	}
	switch binary.LittleEndian.Uint32(b) {
	case 0xfeedface, 0xfeedfacf:
		return cpuName(binary.LittleEndian.Uint32(b[4:]))
	}
	size := 20
	switch binary.BigEndian.Uint32(b) {
	case 0xfeedface, 0xfeedfacf: // PowerPC
		return cpuName(binary.BigEndian.Uint32(b[4:]))
	case 0xcafebabe:
	case 0xcafebabf:
		size = 32
	default:
		return ""
	}
	n := binary.BigEndian.Uint32(b[4:])
	if n == 0 || n > 16 || len(b) < 8+int(n)*size {
		return ""
	}
	var names []string
	seen := map[string]bool{}
	for i := range int(n) {
		if name := cpuName(binary.BigEndian.Uint32(b[8+i*size:])); name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// cpuName names a cputype of mach/machine.h.
func cpuName(cpu uint32) string {
	switch cpu {
	case 7:
		return "i386"
	case 0x01000007:
		return "x86_64"
	case 12, 0x0200000c:
		return "arm"
	case 0x0100000c:
		return "arm64"
	case 18:
		return "ppc"
	case 0x01000012:
		return "ppc64"
	}
	return ""
}
