package software

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// composer lists what "composer global require" installed, by vendor/composer/installed.json.
func composer(f *finder, name string) []inventory.Software {
	b := f.read(name, maxLockFile)
	if b == nil {
		return nil
	}
	list, err := ParseComposer(b)
	if err != nil {
		f.note(name, err)
	}
	return list
}

// ParseComposer reads installed.json: of Composer 2 an object with "packages", of Composer
// 1 their list alone (https://getcomposer.org/upgrade/UPGRADE-2.0.md).
func ParseComposer(b []byte) ([]inventory.Software, error) {
	var keys []string
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		keys = []string{"packages"}
	}
	var list []inventory.Software
	err := jsonItems(bytes.NewReader(b), func(_ string, value json.RawMessage) error {
		var p struct{ Name, Version string }
		if err := decode(value, &p); err != nil {
			return err
		}
		vendor, name, _ := strings.Cut(p.Name, "/")
		s := inventory.Software{
			Source: "composer", Kind: inventory.KindLibrary, Name: source.Text(p.Name), Version: source.Text(p.Version),
			Publisher: source.Text(vendor),
		}
		s.PURL = source.Text(packageURL("composer", strings.ToLower(vendor), strings.ToLower(name), s.Version))
		if s.Name != "" {
			list = append(list, s)
		}
		return nil
	}, keys...)
	if err != nil {
		return nil, fmt.Errorf("parse installed.json: %w", err)
	}
	return list, nil
}
