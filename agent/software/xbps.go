package software

import (
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// ParseXBPS reads Void's database of installed packages, a property list: a dictionary of
// packages, each a dictionary (libxbps, xbps_pkgdb). It returns what "xbps-query -l" does.
func ParseXBPS(r io.Reader) ([]inventory.Software, error) {
	list := []inventory.Software{}
	var s inventory.Software
	key, name := "", ""
	end := func() error {
		if s.Source != "" && s.Name != "" {
			if len(list) == inventory.MaxItems {
				return errTooMany
			}
			list = append(list, s)
		}
		s = inventory.Software{}
		return nil
	}
	// plist, dict of packages, dict of a package, value
	err := visitXML(io.LimitReader(r, maxDatabase), func(path []string, _ []xml.Attr) error {
		if len(path) != 3 || path[2] != "dict" {
			return nil
		}
		if err := end(); err != nil {
			return err
		}
		if !strings.HasPrefix(name, "_XBPS_") { // alternatives and the like
			s = inventory.Software{Source: "xbps", Name: source.Text(name)}
		}
		return nil
	}, func(path []string, text string) error {
		switch {
		case len(path) == 3 && path[2] == "key":
			name = text
		case len(path) == 4 && path[3] == "key":
			key = text
		case len(path) == 4:
			xbpsValue(&s, key, text)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, end()
}

func xbpsValue(s *inventory.Software, key, text string) {
	switch key {
	case "pkgver": // name-version_revision
		s.Version = source.Text(strings.TrimPrefix(text, s.Name+"-"))
	case "architecture":
		s.Arch = source.Text(text)
	case "maintainer":
		s.Publisher = withoutAddress(text)
	case "installed_size":
		if n, err := strconv.ParseInt(text, 0, 62); err == nil && n > 0 {
			s.Bytes = n
		}
	case "install-date": // 2024-02-29 12:00 CET
		if t, err := time.Parse(time.DateOnly, text[:min(len(text), 10)]); err == nil {
			s.Installed = t.Format(time.DateOnly)
		}
	}
}
