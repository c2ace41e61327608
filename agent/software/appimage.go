package software

import (
	"encoding/binary"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// appImageHeader is how much of a file ParseAppImage wants to see.
const appImageHeader = 20

var (
	appImageVersion = regexp.MustCompile(`^(.+?)[-_ ][vV]?([0-9]+(?:\.[0-9]+)+(?:[-+.~][0-9A-Za-z.]+)*|[0-9]+)$`)
	// What names of AppImages end with, in the order of likelihood and of length.
	appImageEnds = []string{
		"x86_64", "x86-64", "amd64", "x64", "i386", "i686", "ia32", "aarch64", "arm64", "armv7l", "armhf", "linux", "gnu",
	}
)

// ParseAppImage names an AppImage by its file name, as its builders are advised to choose
// it: Name-Version-Architecture.AppImage. head is the beginning of the file, an ELF program
// with the letters AI and the type behind its identification
// (https://github.com/AppImage/AppImageSpec/blob/master/draft.md). The names and versions
// inside are in a compressed file system, which is not opened.
func ParseAppImage(file string, head []byte) (s inventory.Software, ok bool) {
	const elf = "\x7fELF"
	if len(head) < appImageHeader || string(head[:4]) != elf || string(head[8:10]) != "AI" || head[10] == 0 || head[10] > 2 {
		return s, false
	}
	s.Source, s.Name = "appimage", strings.TrimSuffix(file, path.Ext(file))
	for cut := true; cut; {
		cut = slices.ContainsFunc(appImageEnds, func(end string) bool {
			n := len(s.Name) - len(end) - 1
			if n > 0 && strings.EqualFold(s.Name[n+1:], end) && strings.IndexByte("-_. ", s.Name[n]) >= 0 {
				s.Name = s.Name[:n]
				return true
			}
			return false
		})
	}
	if m := appImageVersion.FindStringSubmatch(s.Name); m != nil {
		s.Name, s.Version = m[1], source.Text(m[2])
	}
	s.Name = source.Text(s.Name)
	order := binary.ByteOrder(binary.LittleEndian)
	if head[5] == 2 {
		order = binary.BigEndian
	}
	// e_machine: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
	s.Arch = map[uint16]string{3: "i386", 40: "armhf", 62: "x86_64", 183: "aarch64", 243: "riscv64"}[order.Uint16(head[18:])]
	return s, s.Name != ""
}
