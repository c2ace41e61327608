package software

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const maxPackageJSON = 512 << 10

// npm lists the packages directly in a node_modules folder, as "npm ls --global --depth 0"
// does; what these brought with them is not listed.
func npm(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	f.within(dir, func(f *finder) {
		read := func(name string) {
			b := f.read(name+"/package.json", maxPackageJSON)
			if b == nil {
				return
			}
			s, err := ParseNPM(b)
			if err != nil {
				f.note(name+"/package.json", err)
				return
			}
			s.Path = f.at(name)
			list = append(list, s)
		}
		for _, e := range f.list(".") {
			switch name := e.Name(); {
			case e.Type().IsRegular() || strings.HasPrefix(name, "."):
			case strings.HasPrefix(name, "@"):
				for _, scoped := range f.list(name) {
					read(path.Join(name, scoped.Name()))
				}
			default:
				read(name)
			}
		}
	})
	return list
}

// ParseNPM reads a package.json (https://docs.npmjs.com/cli/configuring-npm/package-json).
func ParseNPM(b []byte) (inventory.Software, error) {
	var p struct {
		Name, Version string
		Author        json.RawMessage
	}
	if err := decode(b, &p); err != nil {
		return inventory.Software{}, fmt.Errorf("parse package.json: %w", err)
	}
	s := inventory.Software{
		Source: "npm", Kind: inventory.KindLibrary,
		Name: source.Text(p.Name), Version: source.Text(p.Version), Publisher: npmAuthor(p.Author),
	}
	namespace, name, scoped := strings.Cut(s.Name, "/")
	if !scoped {
		namespace, name = "", s.Name
	}
	s.PURL = source.Text(packageURL("npm", namespace, name, s.Version))
	return s, nil
}

// npmAuthor is a text "Name <address> (page)" or an object with a name.
func npmAuthor(b json.RawMessage) string {
	var author struct{ Name string }
	if len(b) > 0 && b[0] == '"' {
		_ = decode(b, &author.Name) // it was read once already
	} else {
		_ = decode(b, &author)
	}
	name, _, _ := strings.Cut(author.Name, "(")
	return withoutAddress(name)
}
