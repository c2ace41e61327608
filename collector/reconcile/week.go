package reconcile

import (
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// An address belongs to one thing for a day, and mostly to the same one the day after. A
// claim on it is of a week and has its days as a mask: a day more changes one claim
// instead of adding one, and who has an address is looked up once for all of them. What
// is decided is decided by days.

// Days are days of a week: bit n that the thing was there on its day n, bit n+7 that it was
// there on a day next to that one.
type Days uint16

const (
	daysOfWeek      = 7
	thereMask  Days = 1<<daysOfWeek - 1
)

// any are the days on which it was there or nearby.
func (d Days) any() Days { return (d | d>>daysOfWeek) & thereMask }

func (d Days) count() int { return bits.OnesCount16(uint16(d)) }

// InWeek is the scope of an address in a place in the week of a day, and the day in it: one on which the
// thing was there, or nearby.
func InWeek(place string, d Day, nearby bool) (scope string, day Days) {
	n := d.Since1970() / daysOfWeek
	if d.Since1970()%daysOfWeek < 0 {
		n--
	}
	day = 1 << (d.Since1970() - n*daysOfWeek)
	if nearby {
		day <<= daysOfWeek
	}
	return place + "@" + strconv.FormatInt(n, 10), day
}

// placeAndWeek is the reverse of InWeek: the place, and the first day of the week.
func placeAndWeek(scope string) (place string, first Day) {
	at := strings.LastIndexByte(scope, '@')
	n, err := strconv.ParseInt(scope[at+1:], 10, 32)
	if at < 0 || err != nil {
		return scope, 0
	}
	return scope[:at], DaySince1970(n * daysOfWeek)
}

// onDay is the scope of an address on one day, as people are told of it.
func onDay(place string, d Day) string { return place + "@" + d.Time().Format(time.DateOnly) }

// LastThere is the last day until a given one on which the thing had the address; 0 without one.
func (c *Claim) LastThere(until Day) (last Day) {
	_, first := placeAndWeek(c.Scope)
	for left := c.Days & thereMask; left != 0; left &= left - 1 {
		if d := first + Day(bits.TrailingZeros16(uint16(left))); d <= until {
			last = d
		}
	}
	return last
}
