package inventory_test

import (
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 34, 56, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-05-01":                "2026-05-01T00:00:00Z",
		"2026-05":                   "2026-05-01T00:00:00Z",
		"2026-05-01T14:30":          "2026-05-01T14:30:00Z",
		"2026-05-01 14:30:05":       "2026-05-01T14:30:05Z",
		"2026-05-01t14:30:00+02:00": "2026-05-01T12:30:00Z",
		" today ":                   "2026-11-23T00:00:00Z",
		"Yesterday":                 "2026-11-22T00:00:00Z",
		"2h":                        "2026-11-23T10:34:56Z",
		"7d":                        "2026-11-16T12:34:56Z",
		"2W":                        "2026-11-09T12:34:56Z",
		"0s":                        "2026-11-23T12:34:56Z",
		"":                          "",
		"d":                         "",
		"-1d":                       "",
		"5":                         "",
		"9223372036854775807y":      "",
		"soon":                      "",
		"2026-13-01":                "",
	} {
		got, err := inventory.ParseTime(text, now)
		if err != nil {
			if want != "" || inventory.CodeOf(err) != inventory.CodeInvalid {
				t.Errorf("ParseTime(%q): %v", text, err)
			}
			continue
		}
		if s := got.Format(time.RFC3339); s != want {
			t.Errorf("ParseTime(%q) = %s, want %s", text, s, want)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("2026-05-01T14:30:00+02:00")
	f.Add("36h")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Date(2026, 11, 23, 12, 34, 56, 0, time.UTC)
		if from, to, ok := inventory.ParseDate(text, now); ok && !from.Before(to) {
			t.Errorf("%q: %s is not before %s", text, from, to)
		}
		if age, err := inventory.ParseAge(text); err == nil && age < 0 {
			t.Errorf("%q: %s", text, age)
		}
	})
}
