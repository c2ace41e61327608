// Package schedule knows when a scan starts, and when it may run.
//
// It owns the grammar of times ("every 6h", cron expressions) and of windows
// ("Mon-Fri 20:00-06:00 Europe/Berlin") with what daylight saving does to them. It refuses
// to start anything: collector/store keeps what is due and who took it. The zones are part of
// the program, so that they are the same on every host.
package schedule

import (
	"strings"
	"time"
	_ "time/tzdata" // hosts without zones, or with old ones, would start scans at other times

	"github.com/netresearch/go-cron"

	"github.com/muster-itam/muster/internal/inventory"
)

// MinInterval is how close two starts of one schedule may be.
const MinInterval = time.Minute

const (
	maxText     = 200
	maxInterval = 366 * 24 * time.Hour
)

// Times are the times of a schedule.
type Times struct {
	every time.Duration // or
	cron  cron.Schedule
	hours bool // some hours of the day only
	zone  *time.Location
}

// Parse reads "every DURATION" or a cron expression of five fields in a zone, UTC when it is empty.
func Parse(text, zone string) (Times, error) {
	bad := func(format string, args ...any) (Times, error) {
		return Times{}, inventory.Errorf(inventory.CodeInvalid, "times %.80q: "+format, append([]any{text}, args...)...)
	}
	loc, err := loadZone(zone)
	if err != nil {
		return Times{}, err
	}
	if len(text) > maxText {
		return bad("longer than %d bytes", maxText)
	}
	if interval, ok := strings.CutPrefix(strings.TrimSpace(text), "every "); ok {
		every, err := inventory.ParseAge(strings.TrimSpace(interval))
		if err != nil || every < MinInterval || every > maxInterval {
			return bad("every 1m to every 366d are possible")
		}
		return Times{every: every, zone: loc}, nil
	}
	// Zones inside the expression, seeds and the library's own intervals stay out: there is one way to say each.
	if strings.ContainsAny(text, "=@") || len(strings.Fields(text)) != 5 {
		return bad(`"every 6h" or the five fields of cron (minute hour day month weekday) are wanted`)
	}
	parser, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	if err != nil {
		return bad("%v", err)
	}
	expr, err := parser.Parse(text)
	if err != nil {
		return bad("%v", err)
	}
	t := Times{cron: expr, zone: loc, hours: !strings.HasPrefix(strings.Fields(text)[1], "*")}
	if t.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}).IsZero() {
		return bad("there is no such day")
	}
	return t, nil
}

// Next is the first time after now; zero when there is none. Intervals count from the time
// that was last due, so that one late start does not move the others.
func (t Times) Next(now, due time.Time) time.Time {
	if t.every > 0 {
		if due.IsZero() || due.After(now) {
			return now.Add(t.every).UTC()
		}
		missed := now.Sub(due) / t.every
		return due.Add((missed + 1) * t.every).UTC()
	}
	next := t.cron.Next(now.In(t.zone))
	for t.hours && repeated(next) { // what is daily runs once in that night
		next = t.cron.Next(next)
	}
	if next.IsZero() {
		return next
	}
	return next.UTC()
}

// repeated tells whether the clock on the wall showed this time before, until daylight
// saving, of an hour or on Lord Howe half of one, put it back.
func repeated(t time.Time) bool {
	for _, back := range []time.Duration{time.Hour, 30 * time.Minute} {
		if before := t.Add(-back); before.Hour() == t.Hour() && before.Minute() == t.Minute() {
			return true
		}
	}
	return false
}

// loadZone knows the zones of the IANA database by name. "Local" would be the host's.
func loadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" || len(name) > 64 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "zone %.80q: not one of the IANA database, such as Europe/Berlin", name)
	}
	return loc, nil
}
