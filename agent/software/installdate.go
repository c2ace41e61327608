package software

import (
	"strconv"
	"strings"
	"time"
)

// installDate makes YYYY-MM-DD of the dates that installers write. The rule is yyyymmdd
// (https://learn.microsoft.com/windows/win32/msi/uninstall-registry-key); many write the date as the
// system's language has it, seconds since 1970, or a whole time. "" when it cannot be told:
// 03/04/2021 is two days.
func installDate(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return ""
	}
	for _, layout := range []string{
		"20060102", "2006-1-2", "2006/1/2", "2006.1.2", "20060102150405", "2.1.2006", time.ANSIC, time.RFC1123, time.UnixDate,
		"2 Jan 2006", "2 January 2006", "January 2, 2006", "Jan 2, 2006", "Mon Jan 2 2006", "02-Jan-2006", "02-Jan-06",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return plausible(t)
		}
	}
	if day, clock, ok := strings.Cut(s, " "); ok && strings.Contains(clock, ":") { // and a time of day
		return installDate(day)
	}
	if day, clock, ok := strings.Cut(s, "T"); ok && strings.Contains(clock, ":") {
		return installDate(day)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) >= 9 && len(s) <= 10 {
		return plausible(time.Unix(n, 0).UTC())
	}
	return dayOrMonthFirst(s)
}

// dayOrMonthFirst reads 31/12/2024 and 12/31/2024, where only one reading is a date.
func dayOrMonthFirst(s string) string {
	s = strings.ReplaceAll(s, "-", "/")
	day, dayErr := time.Parse("2/1/2006", s)
	month, monthErr := time.Parse("1/2/2006", s)
	switch {
	case dayErr == nil && (monthErr != nil || day.Equal(month)):
		return plausible(day)
	case monthErr == nil && dayErr != nil:
		return plausible(month)
	}
	return ""
}

func plausible(t time.Time) string {
	if t.Year() < 1990 || t.Year() > 2100 {
		return ""
	}
	return t.Format(time.DateOnly)
}

// filetimeDay is the day of a FILETIME, 100 ns since 1601; "" when it says none.
func filetimeDay(t uint64) string {
	const perSecond, to1970 = 10_000_000, 11_644_473_600
	return plausible(time.Unix(int64(t/perSecond)-to1970, 0).UTC())
}
