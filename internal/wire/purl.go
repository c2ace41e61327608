package wire

import (
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// A package URL repeats the name, version and architecture that stand beside it. They would
// be a third of a compressed report, so marks take their places where nothing is lost.
const (
	markName    = "{name}"
	markVersion = "{version}"
	markArch    = "{arch}"
)

// purlPatterns makes the patterns of packages' URLs; those of one manager are mostly the same.
type purlPatterns struct {
	before, pattern, after string // the last one
	arch                   bool
}

// of is the pattern of a package's URL, "" when the URL has to be sent as it is: TYPE/NAMESPACE/
// before the name, and what follows the version.
func (p *purlPatterns) of(s *inventory.Software) string {
	at := strings.LastIndexByte(s.PURL, '@') // in a version it is percent-encoded
	if at < 0 || s.Version == "" {
		return ""
	}
	before, name := s.PURL[:at], ""
	if rest, ok := strings.CutSuffix(before, purlEscape(s.Name)); ok && s.Name != "" && strings.HasSuffix(rest, "/") {
		before, name = rest, markName
	}
	after, ok := strings.CutPrefix(s.PURL[at+1:], purlEscape(s.Version))
	if !ok || strings.Contains(before, "{") || strings.Contains(after, "{") {
		return ""
	}
	arch := false
	if rest, ok := strings.CutPrefix(after, "?arch="); ok && s.Arch != "" {
		if rest, ok = strings.CutPrefix(rest, purlEscape(s.Arch)); ok {
			arch, after = true, rest
		}
	}
	if name != "" && p.pattern != "" && before == p.before && arch == p.arch && after == p.after {
		return p.pattern
	}
	pattern := before + name + "@" + markVersion
	if arch {
		pattern += "?arch=" + markArch
	}
	pattern += after
	if name != "" {
		*p = purlPatterns{before, pattern, after, arch}
	}
	return pattern
}

// purlOf is the package URL that a pattern stands for.
func purlOf(pattern, name, version, arch string) string {
	if len(name)+len(version)+len(arch) > 3*inventory.MaxText { // refused in any case
		return ""
	}
	var b strings.Builder
	b.Grow(min(len(pattern), inventory.MaxText) + len(name) + len(version) + len(arch))
	for b.Len() <= inventory.MaxText { // what is longer is refused in any case
		at := strings.IndexByte(pattern, '{')
		if at < 0 {
			break
		}
		b.WriteString(pattern[:at])
		switch pattern = pattern[at:]; {
		case strings.HasPrefix(pattern, markName):
			writeEscaped(&b, name)
			pattern = pattern[len(markName):]
		case strings.HasPrefix(pattern, markVersion):
			writeEscaped(&b, version)
			pattern = pattern[len(markVersion):]
		case strings.HasPrefix(pattern, markArch):
			writeEscaped(&b, arch)
			pattern = pattern[len(markArch):]
		default:
			b.WriteByte('{')
			pattern = pattern[1:]
		}
	}
	b.WriteString(pattern)
	return b.String()
}

func purlEscape(s string) string {
	for i := range len(s) {
		if !purlPlain(s[i]) {
			var b strings.Builder
			writeEscaped(&b, s)
			return b.String()
		}
	}
	return s
}

// writeEscaped percent-encodes all but the specification's unreserved characters and the colon.
// https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
func writeEscaped(b *strings.Builder, s string) {
	const hex = "0123456789ABCDEF"
	from := 0
	for i := range len(s) {
		if c := s[i]; !purlPlain(c) {
			b.WriteString(s[from:i])
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			from = i + 1
		}
	}
	b.WriteString(s[from:])
}

func purlPlain(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_', c == '~', c == ':':
		return true
	}
	return false
}
