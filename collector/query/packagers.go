package query

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// The rules of package systems that the library for versions does not know.

// comparePacman compares as vercmp(8) does: [EPOCH:]VERSION[-RELEASE], of which a release counts
// only where both have one.
func comparePacman(have, want string) int {
	have = withoutEpoch(have, want)
	x, y := splitPacman(have), splitPacman(want)
	c := cmp.Or(compareNumbers(x.epoch, y.epoch), compareAlpm(x.version, y.version))
	if c == 0 && x.release != "" && y.release != "" {
		c = compareAlpm(x.release, y.release)
	}
	return c
}

type pacmanVersion struct{ epoch, version, release string }

func splitPacman(s string) (v pacmanVersion) {
	if epoch, rest, ok := strings.Cut(s, ":"); ok && strings.Trim(epoch, "0123456789") == "" {
		v.epoch, s = epoch, rest
	}
	v.version = s
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		v.version, v.release = s[:i], s[i+1:]
	}
	return v
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// compareNumbers compares digits of any length.
func compareNumbers(x, y string) int {
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
}

// cutWhile cuts the longest beginning of which is holds.
func cutWhile(s string, is func(byte) bool) (part, rest string) {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return s[:n], s[n:]
}

// compareAlpm goes through runs of digits and of letters. Unlike RPM's rule, letters that nothing
// stands against are older than nothing: 1.0rc < 1.0 < 1.0.rc < 1.0.1.
func compareAlpm(x, y string) int {
	between := func(c byte) bool { return !isDigit(c) && !isLetter(c) }
	for x != "" && y != "" {
		var gapX, gapY, partX, partY string
		gapX, x = cutWhile(x, between)
		gapY, y = cutWhile(y, between)
		if x == "" || y == "" {
			break
		}
		if len(gapX) != len(gapY) {
			return cmp.Compare(len(gapX), len(gapY))
		}
		numbers := isDigit(x[0])
		if numbers != isDigit(y[0]) { // a number is newer than letters
			if numbers {
				return 1
			}
			return -1
		}
		if numbers {
			partX, x = cutWhile(x, isDigit)
			partY, y = cutWhile(y, isDigit)
			if c := compareNumbers(partX, partY); c != 0 {
				return c
			}
			continue
		}
		partX, x = cutWhile(x, isLetter)
		partY, y = cutWhile(y, isLetter)
		if c := strings.Compare(partX, partY); c != 0 {
			return c
		}
	}
	switch {
	case x == "" && y == "":
		return 0
	case x == "" && !isLetter(y[0]), x != "" && isLetter(x[0]):
		return -1
	}
	return 1
}

// portageVersion is the form of a version by the Package Manager Specification (3.2).
var portageVersion = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)*)([a-z]?)((?:_(?:alpha|beta|pre|rc|p)[0-9]*)*)(?:-r([0-9]+))?$`)

// portageSuffixes from the oldest on; a version without one is between rc and p.
var portageSuffixes = []string{"alpha", "beta", "pre", "rc", "", "p"}

// comparePortage compares as the Package Manager Specification wants (3.3).
func comparePortage(have, want string) int {
	x, y := portageVersion.FindStringSubmatch(have), portageVersion.FindStringSubmatch(want)
	if x == nil || y == nil {
		return compareDotted(have, want)
	}
	return cmp.Or(
		comparePortageNumbers(strings.Split(x[1], "."), strings.Split(y[1], ".")),
		strings.Compare(x[2], y[2]),
		comparePortageSuffixes(strings.Split(x[3], "_")[1:], strings.Split(y[3], "_")[1:]),
		compareNumbers(x[4], y[4]),
	)
}

// comparePortageNumbers takes all numbers but the first as decimal places where one begins with a
// zero: 1.05 < 1.1.
func comparePortageNumbers(x, y []string) int {
	for i := range min(len(x), len(y)) {
		c := compareNumbers(x[i], y[i])
		if i > 0 && (x[i][0] == '0' || y[i][0] == '0') {
			c = strings.Compare(strings.TrimRight(x[i], "0"), strings.TrimRight(y[i], "0"))
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

func comparePortageSuffixes(x, y []string) int {
	at := func(list []string, i int) (rank int, number string) {
		word := ""
		if i < len(list) {
			word = strings.TrimRight(list[i], "0123456789")
			number = list[i][len(word):]
		}
		return slices.Index(portageSuffixes, word), number
	}
	for i := range max(len(x), len(y)) {
		rankX, numberX := at(x, i)
		rankY, numberY := at(y, i)
		if c := cmp.Or(cmp.Compare(rankX, rankY), compareNumbers(numberX, numberY)); c != 0 {
			return c
		}
	}
	return 0
}

// xbpsWords are worth what they are in versions of XBPS and pkgsrc; a dot is a zero between numbers.
var xbpsWords = []struct {
	word  string
	value string
}{{"alpha", "-3"}, {"beta", "-2"}, {"pre", "-1"}, {"rc", "-1"}, {"pl", "0"}, {".", "0"}}

// compareXBPS compares as cmpver of xbps-uhelper(1) does: numbers, words and letters one after the
// other, then the revision after the underscore, which counts only where both have one.
func compareXBPS(have, want string) int {
	x, revisionX := splitXBPS(strings.ToLower(have))
	y, revisionY := splitXBPS(strings.ToLower(want))
	for i := range max(len(x), len(y)) {
		if c := compareXBPSParts(x, y, i); c != 0 {
			return c
		}
	}
	if revisionX == "" || revisionY == "" {
		return 0
	}
	return compareNumbers(revisionX, revisionY)
}

// compareXBPSParts compares part i of both; one that is not there is zero.
func compareXBPSParts(x, y []string, i int) int {
	at := func(list []string) (negative bool, digits string) {
		if i >= len(list) {
			return false, ""
		}
		digits, negative = strings.CutPrefix(list[i], "-")
		return negative, digits
	}
	negativeX, digitsX := at(x)
	negativeY, digitsY := at(y)
	switch {
	case negativeX && negativeY:
		return compareNumbers(digitsY, digitsX)
	case negativeX:
		return -1
	case negativeY:
		return 1
	}
	return compareNumbers(digitsX, digitsY)
}

func splitXBPS(s string) (parts []string, revision string) {
next:
	for s != "" {
		var part string
		if part, s = cutWhile(s, isDigit); part != "" {
			parts = append(parts, part)
			continue
		}
		for _, w := range xbpsWords {
			if rest, ok := strings.CutPrefix(s, w.word); ok {
				parts, s = append(parts, w.value), rest
				continue next
			}
		}
		switch c := s[0]; {
		case c == '_':
			revision, s = cutWhile(s[1:], isDigit)
		case isLetter(c): // a zero, and its place in the alphabet
			n := c - 'a' + 1
			parts, s = append(parts, "0", string([]byte{'0' + n/10, '0' + n%10})), s[1:]
		default:
			s = s[1:]
		}
	}
	return parts, revision
}
