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

// vscode lists the extensions of Visual Studio Code or one of its kin, by extensions.json
// in their folder; older versions have only a folder for each.
func vscode(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	f.within(dir, func(f *finder) {
		if b := f.read("extensions.json", 8<<20); b != nil {
			var err error
			if list, err = ParseVSCode(b); err != nil {
				f.note("extensions.json", err)
			}
		} else {
			list = vscodeFolders(f)
		}
		for i := range list {
			list[i].Source, list[i].Path = editor(f.dir), f.at(".")
		}
	})
	return list
}

func vscodeFolders(f *finder) []inventory.Software {
	var list []inventory.Software
	for _, e := range f.list(".") {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		name := e.Name() + "/package.json"
		b := f.read(name, 2<<20)
		if b == nil {
			continue
		}
		var p struct{ Publisher, Name, Version string }
		if err := decode(b, &p); err != nil {
			f.note(name, err)
			continue
		}
		list = append(list, vscodeExtension(p.Publisher+"."+p.Name, p.Version, p.Publisher))
	}
	return list
}

// ParseVSCode reads extensions.json: a list of identifiers and versions. Name is the
// identifier, publisher.name, as "code --list-extensions" prints it.
func ParseVSCode(b []byte) ([]inventory.Software, error) {
	var list []inventory.Software
	err := jsonItems(bytes.NewReader(b), func(_ string, value json.RawMessage) error {
		var e struct {
			Identifier struct{ ID string }
			Version    string
			Metadata   struct{ PublisherDisplayName string }
		}
		if err := decode(value, &e); err != nil {
			return err
		}
		list = append(list, vscodeExtension(e.Identifier.ID, e.Version, e.Metadata.PublisherDisplayName))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("parse extensions.json: %w", err)
	}
	return list, nil
}

func vscodeExtension(id, version, publisher string) inventory.Software {
	s := inventory.Software{
		Kind: inventory.KindExtension, Name: source.Text(strings.Trim(id, ".")), Version: source.Text(version), Publisher: source.Text(publisher),
	}
	if owner, name, ok := strings.Cut(strings.ToLower(s.Name), "."); ok {
		s.PURL = source.Text(packageURL("vscode-extension", owner, name, s.Version))
	}
	return s
}

// editor is the name of the editor whose folder of extensions it is: .cursor/extensions.
func editor(dir string) string {
	switch name := strings.ToLower(path.Base(path.Dir(dir))); {
	case strings.Contains(name, "cursor"), strings.Contains(name, "windsurf"):
		return strings.TrimSuffix(strings.Trim(name, "."), "-server")
	case strings.Contains(name, "oss"):
		return "vscodium"
	}
	return "vscode"
}
