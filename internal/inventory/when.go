package inventory

import (
	"math"
	"strconv"
	"strings"
	"time"
)

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

// ParseDate reads a date or a time as people type it and gives the stretch of time it
// names, [from, to): 2026, 2026-05, 2026-05-01, 2026-05-01T14:30, RFC 3339, today,
// yesterday. Without a zone it is UTC.
func ParseDate(text string, now time.Time) (from, to time.Time, ok bool) {
	text = strings.ToUpper(strings.TrimSpace(text))
	day := now.UTC().Truncate(24 * time.Hour)
	switch text {
	case "TODAY":
		return day, day.AddDate(0, 0, 1), true
	case "YESTERDAY":
		return day.AddDate(0, 0, -1), day, true
	}
	for _, f := range dateForms {
		if t, err := time.Parse(f.layout, text); err == nil {
			return t.UTC(), t.AddDate(f.years, f.months, f.days).Add(f.rest).UTC(), true
		}
	}
	return time.Time{}, time.Time{}, false
}

// ParseAge reads a length of time as people type it: 90s, 15m, 36h, 30d, 2w, 1y.
func ParseAge(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	lengths := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': day, 'w': 7 * day, 'y': 365 * day}
	if s := strings.ToLower(strings.TrimSpace(text)); s != "" {
		unit := lengths[s[len(s)-1]]
		n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
		if err == nil && unit != 0 && n >= 0 && n <= math.MaxInt64/int64(unit) {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, Errorf(CodeInvalid, "%.40q is no length of time such as 15m, 36h or 30d", text)
}

// ParseTime reads a point in time: the beginning of a date as ParseDate takes it, or an
// age before now.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if from, _, ok := ParseDate(text, now); ok {
		return from, nil
	}
	if age, err := ParseAge(text); err == nil {
		return now.Add(-age).UTC(), nil
	}
	return time.Time{}, Errorf(CodeInvalid, "%.40q is no time such as 2026-05-01, 2026-05-01T14:30 (UTC), 2026-05-01T14:30:00+02:00 or an age such as 2h or 7d", text)
}
