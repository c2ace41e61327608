package reconcile

import "time"

// Day is a day by some clock, UTC: 1 is the first day of the year 1, so that 0 is none, as
// in time.Time, and the difference of two is a number of days. Claims are many, and are kept in memory: a time would be six times as large.
type Day int32

// epochDay is 1970-01-01.
const epochDay = 719_163

// DayOf is the day on which a time is.
func DayOf(t time.Time) Day {
	if t.IsZero() {
		return 0
	}
	s := t.Unix()
	n := s / secondsOfDay
	if s%secondsOfDay < 0 {
		n--
	}
	return DaySince1970(n)
}

const secondsOfDay = 24 * 60 * 60

// DaySince1970 is a day as databases have it.
func DaySince1970(n int64) Day { return Day(n + epochDay) }

// Since1970 is the reverse of DaySince1970.
func (d Day) Since1970() int64 { return int64(d) - epochDay }

// Time is the day's midnight.
func (d Day) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Unix(d.Since1970()*secondsOfDay, 0).UTC()
}
