package release

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

const (
	maxVersion = 64        // characters
	maxNumber  = 999999999 // fits everywhere
)

// Version is a release's number, ordered as in https://semver.org/spec/v2.0.0.html#spec-item-11.
// Build metadata is not allowed: two texts are never one version.
type Version struct {
	core [3]uint64
	pre  string // without the dash
}

// ParseVersion reads MAJOR.MINOR.PATCH[-PRERELEASE], with or without a leading v. Its String
// is safe as the name of a folder.
func ParseVersion(text string) (v Version, err error) {
	if len(text) > maxVersion {
		return v, inventory.Errorf(inventory.CodeInvalid, "version %.20q...: longer than %d characters", text, maxVersion)
	}
	core, pre, dashed := strings.Cut(strings.TrimPrefix(text, "v"), "-")
	numbers := strings.Split(core, ".")
	ok := len(numbers) == len(v.core)
	for i := 0; ok && i < len(numbers); i++ {
		v.core[i], ok = number(numbers[i])
	}
	if v.pre = pre; ok && dashed {
		for _, part := range strings.Split(pre, ".") {
			_, numeric := number(part)
			ok = ok && part != "" && strings.Trim(part, letters) == "" && (numeric || strings.Trim(part, digits) != "")
		}
	}
	if !ok {
		return Version{}, inventory.Errorf(inventory.CodeInvalid, "version %q: want MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-PRERELEASE", text)
	}
	return v, nil
}

const (
	digits  = "0123456789"
	letters = digits + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"
)

// number reads digits without leading zeros.
func number(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && n <= maxNumber && strconv.FormatUint(n, 10) == text
}

// String is the version without a leading v.
func (v Version) String() string {
	text := strconv.FormatUint(v.core[0], 10) + "." + strconv.FormatUint(v.core[1], 10) + "." + strconv.FormatUint(v.core[2], 10)
	if v.pre != "" {
		text += "-" + v.pre
	}
	return text
}

// Compare is negative when v is older than w.
func (v Version) Compare(w Version) int {
	for i := range v.core {
		if c := cmp.Compare(v.core[i], w.core[i]); c != 0 {
			return c
		}
	}
	switch {
	case v.pre == w.pre:
		return 0
	case v.pre == "":
		return 1
	case w.pre == "":
		return -1
	}
	a, b := strings.Split(v.pre, "."), strings.Split(w.pre, ".")
	for i := range min(len(a), len(b)) {
		if c := comparePart(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// comparePart orders numbers before words, numbers by value, words by their bytes.
func comparePart(a, b string) int {
	m, aNumeric := number(a)
	n, bNumeric := number(b)
	switch {
	case aNumeric && bNumeric:
		return cmp.Compare(m, n)
	case aNumeric:
		return -1
	case bNumeric:
		return 1
	}
	return strings.Compare(a, b)
}
