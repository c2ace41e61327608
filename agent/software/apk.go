package software

import (
	"io"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// ParseAPK reads Alpine's database of installed packages: lines of a letter, a colon
// and a value, with an empty line after each package
// (https://wiki.alpinelinux.org/wiki/Apk_spec). It has no day of installation.
func ParseAPK(r io.Reader, distro string) ([]inventory.Software, error) {
	var list []inventory.Software
	var s inventory.Software
	end := func() error {
		if s.Name != "" {
			if len(list) == inventory.MaxItems {
				return errTooMany
			}
			s.Source = "apk"
			s.PURL = source.Text(packageURL("apk", distro, strings.ToLower(s.Name), s.Version, "arch", s.Arch))
			list = append(list, s)
		}
		s = inventory.Software{}
		return nil
	}
	err := lines(r, func(line []byte) error {
		if len(line) == 0 {
			return end()
		}
		if len(line) < 2 || line[1] != ':' {
			return nil
		}
		value := string(line[2:])
		switch line[0] {
		case 'P':
			s.Name = source.Text(value)
		case 'V':
			s.Version = source.Text(value)
		case 'A':
			s.Arch = source.Text(value)
		case 'm':
			s.Publisher = withoutAddress(value)
		case 'I':
			if n, err := strconv.ParseInt(value, 10, 62); err == nil && n > 0 {
				s.Bytes = n
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, end()
}
