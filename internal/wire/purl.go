package wire

import (
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// A package URL repeats the name, version and architecture that stand beside it. They would
// be a third of a compressed report, so they are left out of it where nothing is lost.

// purlPattern is the pattern of a package's URL, "" when the URL has to be sent as it is.
func purlPattern(s *inventory.Software) string {
	if s.PURL == "" || s.Name == "" || s.Version == "" {
		return ""
	}
	pattern := strings.Replace(s.PURL, "/"+purlEscape(s.Name)+"@", "/{name}@", 1)
	pattern = strings.Replace(pattern, "@"+purlEscape(s.Version), "@{version}", 1)
	if s.Arch != "" {
		pattern = strings.Replace(pattern, "arch="+purlEscape(s.Arch), "arch={arch}", 1)
	}
	if len(pattern) == len(s.PURL) || purlOf(pattern, s.Name, s.Version, s.Arch) != s.PURL {
		return ""
	}
	return pattern
}

// purlOf is the package URL that a pattern stands for.
func purlOf(pattern, name, version, arch string) string {
	if len(name)+len(version)+len(arch) > 3*inventory.MaxText { // refused in any case
		return ""
	}
	var b strings.Builder
	for {
		at := strings.IndexByte(pattern, '{')
		if at < 0 {
			b.WriteString(pattern)
			return b.String()
		}
		b.WriteString(pattern[:at])
		pattern = pattern[at:]
		value := "{"
		for _, field := range [...]struct{ mark, value string }{{"{name}", name}, {"{version}", version}, {"{arch}", arch}} {
			if rest, ok := strings.CutPrefix(pattern, field.mark); ok {
				value, pattern = purlEscape(field.value), rest
				break
			}
		}
		if value == "{" {
			pattern = pattern[1:]
		}
		b.WriteString(value)
		if b.Len() > inventory.MaxText { // refused in any case
			return b.String()
		}
	}
}

// purlEscape percent-encodes all but the specification's unreserved characters and the colon.
// https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
func purlEscape(s string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(".-_~:", c) >= 0
	}
	n := 0
	for n < len(s) && plain(s[n]) {
		n++
	}
	if n == len(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
