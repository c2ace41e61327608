package query

import (
	"strings"

	"github.com/google/osv-scalibr/semantic"
)

// compareVersions compares by the rules of a package system; unknown ones and versions
// that break their system's rules by dotted numbers.
func compareVersions(source, have, want string) int {
	var ecosystem string
	switch source {
	case "deb", "opkg": // opkg took its rules from dpkg
		ecosystem = "Debian"
	case "rpm":
		ecosystem = "Red Hat"
	case "apk":
		ecosystem = "Alpine"
	case "pip", "pypi":
		ecosystem = "PyPI"
	case "npm":
		ecosystem = "npm"
	case "gem":
		ecosystem = "RubyGems"
	case "pacman":
		return comparePacman(have, want)
	case "portage":
		return comparePortage(have, want)
	case "xbps":
		return compareXBPS(have, want)
	default:
		return compareDotted(have, want)
	}
	have = withoutEpoch(have, want)
	v, err := semantic.Parse(have, ecosystem)
	if err != nil {
		return compareDotted(have, want)
	}
	c, err := v.CompareStr(want)
	if err != nil {
		return compareDotted(have, want)
	}
	return c
}

// compareDotted compares runs of digits as numbers and other runs as text, any case.
// What is missing counts as zero; letters that follow a number directly or after a
// hyphen and say so (rc, beta ...) come before the release.
func compareDotted(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a = versionPart(a)
		y, b = versionPart(b)
		if c := comparePart(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// versionPart cuts the first run of digits or of letters off a version.
func versionPart(s string) (part, rest string) {
	s = strings.TrimLeft(s, ".-_+~ ")
	if s == "" {
		return "", ""
	}
	n := 1
	for n < len(s) && isDigit(s[n]) == isDigit(s[0]) && !strings.ContainsRune(".-_+~ ", rune(s[n])) {
		n++
	}
	return strings.ToLower(s[:n]), s[n:]
}

func comparePart(x, y string) int {
	if rx, ry := partRank(x), partRank(y); rx != ry {
		return rx - ry
	}
	switch partRank(x) {
	case rankEnd:
		return 0
	case rankNumber:
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(x) != len(y) {
			return len(x) - len(y)
		}
	}
	return strings.Compare(x, y)
}

// Ranks of what can stand at one place of a version.
const (
	rankBefore = iota // alpha, beta, rc
	rankEnd
	rankLetters
	rankNumber
)

func partRank(s string) int {
	switch {
	case s == "" || strings.Trim(s, "0") == "":
		return rankEnd
	case s[0] >= '0' && s[0] <= '9':
		return rankNumber
	}
	for _, pre := range [...]string{"alpha", "beta", "rc", "pre", "dev", "preview", "snapshot"} {
		if s == pre {
			return rankBefore
		}
	}
	return rankLetters
}
