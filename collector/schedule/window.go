package schedule

import (
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Window is a part of the week, by the clock on the wall of a zone. One over midnight
// belongs to the day on which it begins.
type Window struct {
	days     [7]bool // by time.Weekday
	from, to int     // minutes since midnight; to is after from, or on the next day
	zone     *time.Location
}

// Windows are the times at which something may run; none of them is always.
type Windows []Window

const maxWindows = 32

const dayMinutes = 24 * 60

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWindows reads windows:
//
//	window = [ days ] HH:MM "-" HH:MM [ zone ]
//	days   = "daily" | day [ "-" day ] { "," day [ "-" day ] }
//
// such as "Mon-Fri 20:00-06:00 Europe/Berlin". Without days it is every day, without a
// zone UTC; 00:00-00:00 is the whole day.
func ParseWindows(texts []string) (Windows, error) {
	if len(texts) > maxWindows {
		return nil, inventory.Errorf(inventory.CodeInvalid, "windows: %d given, at most %d allowed", len(texts), maxWindows)
	}
	var out Windows
	for _, text := range texts {
		w, err := parseWindow(text)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

func parseWindow(text string) (w Window, err error) {
	bad := func(what string) (Window, error) {
		return Window{}, inventory.Errorf(inventory.CodeInvalid, "window %.80q: %s", text, what)
	}
	if len(text) > maxText {
		return bad("too long")
	}
	words := strings.Fields(text)
	if len(words) > 0 && !strings.Contains(words[0], ":") {
		if !w.parseDays(words[0]) {
			return bad("days are daily, Mon-Fri or Sat,Sun")
		}
		words = words[1:]
	} else {
		w.days = [7]bool{true, true, true, true, true, true, true}
	}
	if len(words) < 1 || len(words) > 2 {
		return bad("something like Mon-Fri 20:00-06:00 Europe/Berlin is wanted")
	}
	from, to, _ := strings.Cut(words[0], "-")
	var okFrom, okTo bool
	w.from, okFrom = clock(from)
	w.to, okTo = clock(to)
	if !okFrom || !okTo || w.from == dayMinutes {
		return bad("times are HH:MM-HH:MM")
	}
	w.zone = time.UTC
	if len(words) == 2 {
		if w.zone, err = loadZone(words[1]); err != nil {
			return Window{}, err
		}
	}
	return w, nil
}

func (w *Window) parseDays(text string) bool {
	text = strings.ToLower(text)
	if text == "daily" {
		text = "mon-sun"
	}
	for _, part := range strings.Split(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, okFrom := weekday(first)
		to, okTo := weekday(last)
		if !okFrom || !okTo {
			return false
		}
		for d := from; ; d = (d + 1) % 7 {
			w.days[d] = true
			if d == to {
				break
			}
		}
	}
	return true
}

// weekday takes three letters or the whole English name.
func weekday(text string) (int, bool) {
	for d, short := range weekdays {
		if text == short || text == strings.ToLower(time.Weekday(d).String()) {
			return d, true
		}
	}
	return 0, false
}

func clock(text string) (minutes int, ok bool) {
	h, m, _ := strings.Cut(text, ":")
	if len(h) < 1 || len(h) > 2 || len(m) != 2 {
		return 0, false
	}
	hours, herr := strconv.ParseUint(h, 10, 8)
	mins, merr := strconv.ParseUint(m, 10, 8)
	minutes = int(hours)*60 + int(mins)
	return minutes, herr == nil && merr == nil && mins < 60 && minutes <= dayMinutes
}

// open tells whether t is in the window. The clock on the wall decides: an hour that
// daylight saving leaves out is not there, one that it repeats counts twice.
func (w *Window) open(t time.Time) bool {
	t = t.In(w.zone)
	now, today := t.Hour()*60+t.Minute(), int(t.Weekday())
	if w.from < w.to {
		return w.days[today] && w.from <= now && now < w.to
	}
	return w.days[today] && now >= w.from || w.days[(today+6)%7] && now < w.to
}

// Open tells whether t is in one of the windows.
func (ws Windows) Open(t time.Time) bool {
	for i := range ws {
		if ws[i].open(t) {
			return true
		}
	}
	return len(ws) == 0
}

// farthest is how long no window can be closed: one a week, left out once by daylight saving.
const farthest = 15 * 24 * time.Hour

// Next is when a window is open the next time, to the minute; t itself when one is.
func (ws Windows) Next(t time.Time) time.Time {
	if ws.Open(t) {
		return t
	}
	at := t.UTC().Truncate(time.Minute)
	for end := at.Add(farthest); at.Before(end) && !ws.Open(at); {
		at = at.Add(time.Minute)
	}
	return at
}
