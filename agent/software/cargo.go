package software

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const maxLockFile = 8 << 20

// cargo lists what "cargo install" put beside the file .crates2.json.
func cargo(f *finder, name string) []inventory.Software {
	b := f.read(name, maxLockFile)
	if b == nil {
		return nil
	}
	list, err := ParseCargo(b)
	if err != nil {
		f.note(name, err)
	}
	for i := range list {
		list[i].Path = f.at(path.Dir(name))
	}
	return list
}

// ParseCargo reads cargo's record of installed packages, whose keys are package ids:
// "ripgrep 14.1.0 (registry+https://github.com/rust-lang/crates.io-index)"
// (https://doc.rust-lang.org/cargo/commands/cargo-install.html).
func ParseCargo(b []byte) ([]inventory.Software, error) {
	var list []inventory.Software
	err := jsonItems(bytes.NewReader(b), func(id string, _ json.RawMessage) error {
		f := strings.Fields(id)
		if len(f) < 2 {
			return nil
		}
		s := inventory.Software{Source: "cargo", Kind: inventory.KindLibrary, Name: source.Text(f[0]), Version: source.Text(f[1])}
		if len(f) > 2 && strings.Contains(f[2], "crates.io-index") || len(f) > 2 && strings.Contains(f[2], "index.crates.io") {
			s.PURL = source.Text(packageURL("cargo", "", s.Name, s.Version)) // names a package on crates.io
		}
		list = append(list, s)
		return nil
	}, "installs")
	if err != nil {
		return nil, fmt.Errorf("parse .crates2.json: %w", err)
	}
	return list, nil
}
