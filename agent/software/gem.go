package software

import (
	"bytes"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// gems lists a specifications folder of RubyGems. Gems in its folder "default" are parts
// of Ruby itself and are not listed.
func gems(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	f.within(dir, func(f *finder) {
		for _, e := range f.list(".") {
			if !strings.HasSuffix(e.Name(), ".gemspec") {
				continue
			}
			s := ParseGemspec(f.head(e.Name(), 2<<10))
			s.Path = f.at("..")
			list = append(list, s)
		}
	})
	return list
}

// ParseGemspec reads the beginning of a specification as RubyGems writes it when it
// installs a gem. The file is a Ruby program, but says name, version and platform in a
// comment "# stub: rake 13.0.6 ruby lib" for readers that do not want to run it
// (https://github.com/ruby/rubygems, Gem::StubSpecification).
func ParseGemspec(b []byte) inventory.Software {
	s := inventory.Software{Source: "gem", Kind: inventory.KindLibrary}
	for line := range bytes.Lines(b) {
		text := strings.TrimSpace(string(line))
		if stub, ok := strings.CutPrefix(text, "# stub: "); ok && s.Name == "" {
			if f := strings.Fields(stub); len(f) >= 3 {
				s.Name, s.Version = source.Text(f[0]), source.Text(f[1])
				if f[2] != "ruby" {
					s.Arch = source.Text(f[2])
				}
			}
		}
		if authors, ok := strings.CutPrefix(text, "s.authors = ["); ok {
			s.Publisher = gemAuthors(authors)
		}
	}
	s.PURL = source.Text(packageURL("gem", "", s.Name, s.Version))
	return s
}

// gemAuthors are the first few texts in `"One".freeze, "Two".freeze]`.
func gemAuthors(list string) string {
	var names []string
	for i, part := range strings.Split(list, `"`) {
		if name := withoutAddress(part); i%2 == 1 && name != "" && len(names) < 3 {
			names = append(names, name)
		}
	}
	return source.Text(strings.Join(names, ", "))
}
