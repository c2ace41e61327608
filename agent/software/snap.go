package software

import (
	"io"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// ParseSnap reads name, version and type from the meta/snap.yaml of an installed snap
// (https://snapcraft.io/docs/snap-format). They are plain scalars at the top level, so
// no YAML parser meets what strangers wrote.
func ParseSnap(r io.Reader) (s inventory.Software, kind string, err error) {
	s = inventory.Software{Source: "snap"}
	err = lines(r, func(line []byte) error {
		key, value, ok := strings.Cut(string(line), ":")
		if !ok {
			return nil
		}
		value, _, _ = strings.Cut(value, " #")
		value = source.Text(strings.Trim(strings.TrimSpace(value), `"'`))
		switch key {
		case "name":
			s.Name = value
		case "version":
			s.Version = value
		case "type":
			kind = value
		}
		return nil
	})
	return s, kind, err
}
