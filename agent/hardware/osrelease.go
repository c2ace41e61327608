package hardware

import (
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// parseOSRelease reads os-release(5): shell assignments of plain values.
func parseOSRelease(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || key == "" || key[0] == '#' || len(out) == 256 {
			continue
		}
		out[key] = source.Text(unquote(value))
	}
	return out
}

// unquote undoes the shell's quoting, as far as os-release(5) allows it.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		single := s[0] == '\''
		s = s[1 : len(s)-1]
		if single {
			return s
		}
	}
	if !strings.ContainsRune(s, '\\') {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// linuxOS names the distribution. debianVersion and redhatRelease are the contents of
// /etc/debian_version and /etc/redhat-release, which know the point release that
// os-release leaves out.
func linuxOS(release map[string]string, debianVersion, redhatRelease string) *inventory.OS {
	os := &inventory.OS{
		Family: "linux", Name: first(release["NAME"], release["ID"]), Version: release["VERSION_ID"],
		Build: first(release["BUILD_ID"], release["IMAGE_VERSION"]), Edition: release["VARIANT"],
	}
	if os.Name == "" {
		os.Name, _, _ = strings.Cut(redhatRelease, " release ")
	}
	candidates := []string{firstWord(release["VERSION"])} // "22.04.3 LTS (Jammy Jellyfish)"
	if release["ID"] == "debian" {
		candidates = append(candidates, firstWord(debianVersion))
	}
	if _, version, ok := strings.Cut(redhatRelease, " release "); ok {
		candidates = append(candidates, firstWord(version))
	}
	for _, c := range candidates {
		if os.Version == "" || strings.HasPrefix(c, os.Version+".") {
			os.Version = first(c, os.Version)
		}
	}
	return os
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	return word
}
