package query

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
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

// span is a stretch of time, [from, to).
type span struct{ from, to time.Time }

// dateForms are the dates people type, with the length of what they name.
var dateForms = []struct {
	layout              string
	years, months, days int
	rest                time.Duration
}{
	{"2006", 1, 0, 0, 0},
	{"2006-01", 0, 1, 0, 0},
	{time.DateOnly, 0, 0, 1, 0},
	{"2006-01-02T15:04", 0, 0, 0, time.Minute},
	{"2006-01-02 15:04", 0, 0, 0, time.Minute},
	{"2006-01-02T15:04:05", 0, 0, 0, time.Second},
	{time.DateTime, 0, 0, 0, time.Second},
	{time.RFC3339, 0, 0, 0, time.Second},
}

// date reads a date or a time; without a zone it is UTC.
func (o operand) date(now time.Time) (span, bool) {
	day := now.UTC().Truncate(24 * time.Hour)
	switch o.lower {
	case "today":
		return span{day, day.AddDate(0, 0, 1)}, true
	case "yesterday":
		return span{day.AddDate(0, 0, -1), day}, true
	}
	for _, f := range dateForms {
		if t, err := time.Parse(f.layout, strings.ToUpper(o.text)); err == nil {
			return span{t, t.AddDate(f.years, f.months, f.days).Add(f.rest)}, true
		}
	}
	return span{}, false
}

// ParseAge reads a length of time as people type it: 90s, 15m, 36h, 30d, 2w, 1y.
func ParseAge(text string) (time.Duration, error) {
	lengths := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour,
		'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour, 'y': 365 * 24 * time.Hour}
	s := strings.ToLower(strings.TrimSpace(text))
	if s != "" {
		unit := lengths[s[len(s)-1]]
		n, err := strconv.ParseUint(s[:len(s)-1], 10, 63)
		if err == nil && unit != 0 && n <= uint64(math.MaxInt64/unit) {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, fmt.Errorf("%.40q is no length of time such as 15m, 36h or 30d", text)
}

// ParseTime reads a point in time: a date or time (RFC 3339, or parts of it, UTC), or an age before now.
func ParseTime(text string, now time.Time) (time.Time, error) {
	o := operand{text: strings.TrimSpace(text), lower: strings.ToLower(strings.TrimSpace(text))}
	if s, ok := o.date(now); ok {
		return s.from.UTC(), nil
	}
	if age, err := ParseAge(o.text); err == nil {
		return now.Add(-age).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%.40q: expected a time such as 2026-05-01, 2026-05-01T14:30 (UTC), 2026-05-01T14:30:00+02:00 or an age such as 2h or 7d", text)
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
