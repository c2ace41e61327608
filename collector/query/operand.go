package query

import (
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// operand is what a person compares with.
type operand struct {
	text  string // as written
	lower string
	wild  bool // an unquoted * stands for any text
	at    int
}

func newOperand(t token) operand {
	return operand{text: t.text, lower: strings.ToLower(t.text), at: t.at,
		wild: t.kind == tokWord && strings.Contains(t.text, "*")}
}

// equals compares as = does: any case, * for any text.
func (o operand) equals(value string) bool {
	if o.wild {
		return glob(o.lower, strings.ToLower(value))
	}
	return strings.EqualFold(o.text, value)
}

// within compares as : does: as a part, any case; with * as a whole.
func (o operand) within(value string) bool {
	if o.wild {
		return value != "" && glob(o.lower, strings.ToLower(value))
	}
	if o.lower == "" {
		return value == ""
	}
	return strings.Contains(strings.ToLower(value), o.lower)
}

// glob matches text with a pattern in which * stands for any text, in time proportional to their product.
func glob(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// units of sizes, in bytes. The bare letters are binary, as in memory and disk tools.
var units = map[string]float64{
	"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
}

var errSize = errors.New("expected a size such as 32GiB, 500GB or 1.5TB")

// size reads a number of bytes with its unit.
func (o operand) size() (int64, error) {
	n := strings.LastIndexAny(o.lower, "0123456789.") + 1
	number, err := strconv.ParseFloat(o.lower[:n], 64)
	unit, ok := units[strings.TrimSpace(o.lower[n:])]
	if number == 0 && n == len(o.lower) {
		unit, ok = 1, true // nothing has no need of a unit
	}
	if err != nil || !ok || number < 0 || number*unit >= math.MaxInt64 {
		return 0, errSize
	}
	return int64(number * unit), nil
}

// hexOf is a MAC address or a part of one without separators: 001a2b for 00:1A:2B,
// 00-1a-2b and 001a.2b; ok is false when there is anything else in it but *.
func hexOf(mac string) (string, bool) {
	var b strings.Builder
	for _, r := range strings.ToLower(mac) {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'f', r == '*':
			b.WriteRune(r)
		case r == ':', r == '-', r == '.':
		default:
			return "", false
		}
	}
	return b.String(), b.Len() > 0
}

// isMAC reports whether a text is a whole MAC address in one of the usual notations.
func isMAC(s string) bool {
	h, ok := hexOf(s)
	if !ok || len(h) != 12 || strings.Contains(h, "*") {
		return false
	}
	return len(s) == 17 && strings.Count(s, s[2:3]) == 5 || len(s) == 14 && strings.Count(s, ".") == 2
}

// isAddress reports whether a text is an address, a network or a MAC address, whose
// colons are no operators.
func isAddress(s string) bool {
	if isMAC(s) {
		return true
	}
	_, err := netip.ParseAddr(s)
	if err != nil {
		_, err = netip.ParsePrefix(s)
	}
	return err == nil
}
