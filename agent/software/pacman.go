package software

import (
	"io"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// ParsePacman reads one desc file of pacman's local database: a "%FIELD%" line, its
// values one a line, an empty line (alpm-files specification,
// https://alpm.archlinux.page/specifications/alpm-db-desc.5.html).
func ParsePacman(r io.Reader, distro string) (inventory.Software, error) {
	s := inventory.Software{Source: "pacman"}
	field := ""
	err := lines(r, func(line []byte) error {
		value := source.Text(string(line))
		switch {
		case value == "":
			field = ""
			return nil
		case strings.HasPrefix(value, "%") && strings.HasSuffix(value, "%"):
			field = value
			return nil
		}
		switch field {
		case "%NAME%":
			s.Name = value
		case "%VERSION%":
			s.Version = value
		case "%ARCH%":
			s.Arch = value
		case "%PACKAGER%":
			if s.Publisher = withoutAddress(value); s.Publisher == "Unknown Packager" {
				s.Publisher = ""
			}
		case "%SIZE%":
			if n, err := strconv.ParseInt(value, 10, 62); err == nil && n > 0 {
				s.Bytes = n
			}
		case "%INSTALLDATE%": // seconds since 1970
			n, _ := strconv.ParseInt(value, 10, 36) // 0 is not known
			s.Installed = day(n)
		}
		return nil
	})
	s.PURL = source.Text(packageURL("alpm", distro, strings.ToLower(s.Name), s.Version, "arch", s.Arch))
	return s, err
}
