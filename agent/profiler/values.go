package profiler

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

var (
	// "500.11 GB (500 107 862 016 bytes)", with separators by the language.
	exactBytes = regexp.MustCompile(`\(([^()a-z]*\d)[^()a-z]bytes\)`)
	roundSize  = regexp.MustCompile(`^(\d+(?:[.,]\d+)?)\s*([KMGTP]?)i?B`)
)

// Bytes reads a size: a number of bytes, or one with a unit, which is a power of unit:
// 1000 for disks, as their makers count, 1024 for memory. 0 when it is none.
func Bytes(text string, unit int64) int64 {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return max(n, 0)
	}
	if m := exactBytes.FindStringSubmatch(text); m != nil {
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, m[1])
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	m := roundSize.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	f, err := strconv.ParseFloat(strings.Replace(m[1], ",", ".", 1), 64)
	if err != nil {
		return 0
	}
	if m[2] != "" {
		f *= math.Pow(float64(unit), float64(strings.Index(" KMGTP", m[2])))
	}
	if f > math.MaxInt64/2 {
		return 0
	}
	return int64(math.Round(f))
}

// Number is the integer that a text begins with, 0 without one: "125 cycles", "0x05ac (Apple)".
func Number(text string) int64 {
	text = strings.TrimSpace(text)
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		n, err := strconv.ParseInt(digits[:prefix(digits, "0123456789abcdefABCDEF")], 16, 64)
		if err != nil {
			return 0
		}
		return n
	}
	n, err := strconv.ParseInt(text[:prefix(text, "0123456789")], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func prefix(s, of string) int {
	return len(s) - len(strings.TrimLeft(s, of))
}

// Yes says whether a value affirms: "Yes", "spdisplays_yes", "attrib_Yes", "TRUE".
func Yes(text string) bool {
	text = strings.ToLower(text)
	return text == "true" || text == "yes" || strings.HasSuffix(text, "_yes")
}

// Word is the last word of one of the report's symbols: "sppci_vendor_amd" gives "amd",
// and a text that is no symbol stays as it is.
func Word(text string) string {
	if strings.ContainsRune(text, ' ') {
		return text
	}
	return text[strings.LastIndexByte(text, '_')+1:]
}
