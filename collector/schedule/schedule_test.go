package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/schedule"
	"github.com/muster-itam/muster/internal/inventory"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestTimes(t *testing.T) {
	const form = "2006-01-02 15:04"
	for name, c := range map[string]struct{ times, zone, now, due, want string }{
		"first interval":               {"every 6h", "", "2026-03-01 10:10", "", "2026-03-01 16:10"},
		"interval keeps its beat":      {"every 6h", "", "2026-03-01 16:12", "2026-03-01 16:10", "2026-03-01 22:10"},
		"missed intervals count once":  {"every 6h", "", "2026-03-03 01:00", "2026-03-01 16:10", "2026-03-03 04:10"},
		"days":                         {"every 7d", "", "2026-03-01 10:10", "2026-03-01 10:10", "2026-03-08 10:10"},
		"cron in UTC":                  {"30 2 * * *", "", "2026-03-01 10:10", "", "2026-03-02 02:30"},
		"cron in a zone":               {"30 2 * * *", "Europe/Berlin", "2026-01-10 10:00", "", "2026-01-11 01:30"},
		"weekdays":                     {"0 20 * * 1-5", "Europe/Berlin", "2026-03-06 20:00", "", "2026-03-09 19:00"}, // from Friday to Monday
		"names of days":                {"0 20 * * mon", "", "2026-03-06 20:00", "", "2026-03-09 20:00"},
		"before the hour is left out":  {"30 2 * * *", "Europe/Berlin", "2026-03-28 10:00", "", "2026-03-29 01:30"}, // 02:30 is not there: 03:30 summer time
		"after the hour was left out":  {"30 2 * * *", "Europe/Berlin", "2026-03-29 01:30", "", "2026-03-30 00:30"},
		"the repeated hour, first":     {"30 2 * * *", "Europe/Berlin", "2026-10-24 10:00", "", "2026-10-25 00:30"},
		"minutes run on in it":         {"*/30 * * * *", "Europe/Berlin", "2026-10-25 00:30", "", "2026-10-25 01:00"},
		"noon stays noon in winter":    {"0 12 * * *", "Europe/Berlin", "2026-10-24 10:00", "", "2026-10-25 11:00"},
		"interval over the clock back": {"every 24h", "Europe/Berlin", "2026-10-25 05:00", "2026-10-24 05:00", "2026-10-26 05:00"},
		"leap day":                     {"0 0 29 2 *", "", "2026-03-01 00:00", "", "2028-02-29 00:00"},
	} {
		times, err := schedule.Parse(c.times, c.zone)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var due time.Time
		if c.due != "" {
			due = at(t, c.due)
		}
		if got := times.Next(at(t, c.now), due).Format(form); got != c.want {
			t.Errorf("%s: after %s it is due on %s, want %s", name, c.now, got, c.want)
		}
	}
	for _, bad := range []string{"", "every", "every 0s", "every 10s", "every 400d", "soon", "* * * *", "* * * * * *", "@daily", "@every 1s",
		"TZ=UTC * * * *", "CRON_TZ=Europe/Berlin 0 2 * * *", "60 * * * *", "0 0 30 2 *", "H H * * *", strings.Repeat("1,", 200) + "1 * * * *"} {
		if _, err := schedule.Parse(bad, ""); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("%.40q: %v, want it invalid", bad, err)
		}
	}
	for _, bad := range []string{"Local", "Europe/Atlantis", "../etc/passwd", "berlin"} {
		if _, err := schedule.Parse("every 1h", bad); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("zone %q: %v, want it invalid", bad, err)
		}
	}
}

// The hour that comes twice starts a daily scan once.
func TestRepeatedHour(t *testing.T) {
	times, err := schedule.Parse("30 2 * * *", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now, runs := at(t, "2026-10-24 12:00"), 0
	for {
		if now = times.Next(now, time.Time{}); !now.Before(at(t, "2026-10-25 12:00")) {
			break
		}
		runs++
	}
	if runs != 1 {
		t.Errorf("%d starts in the night when the clock goes back", runs)
	}
}

func TestWindows(t *testing.T) {
	for name, c := range map[string]struct {
		windows    []string
		now, opens string // opens is "" when it is open
	}{
		"none":                            {nil, "2026-03-01 10:00", ""},
		"open":                            {[]string{"20:00-06:00"}, "2026-03-01 21:00", ""},
		"to the minute":                   {[]string{"20:00-06:00"}, "2026-03-01 05:59", ""},
		"closed at its end":               {[]string{"20:00-06:00"}, "2026-03-01 06:00", "2026-03-01 20:00"},
		"in a zone":                       {[]string{"Mon-Fri 20:00-06:00 Europe/Berlin"}, "2026-03-02 18:59", "2026-03-02 19:00"},
		"Friday's goes on on Saturday":    {[]string{"Mon-Fri 20:00-06:00 Europe/Berlin"}, "2026-03-07 04:59", ""},
		"Saturday's evening is not in it": {[]string{"Mon-Fri 20:00-06:00 Europe/Berlin"}, "2026-03-07 20:00", "2026-03-09 19:00"},
		"Monday's morning is Sunday's":    {[]string{"Mon-Fri 20:00-06:00"}, "2026-03-09 03:00", "2026-03-09 20:00"},
		"several":                         {[]string{"12:00-13:00", "Sat,Sun 00:00-00:00"}, "2026-03-07 23:00", ""},
		"the next of several":             {[]string{"12:00-13:00", "18:00-19:00"}, "2026-03-06 14:00", "2026-03-06 18:00"},
		"over the week's end":             {[]string{"Sat-Mon 10:00-11:00"}, "2026-03-09 10:30", ""},
		"whole names, odd case":           {[]string{"MONDAY 10:00-11:00"}, "2026-03-09 10:30", ""},
		"to midnight":                     {[]string{"daily 22:00-24:00"}, "2026-03-09 23:59", ""},
		"in summer":                       {[]string{"20:00-06:00 Europe/Berlin"}, "2026-07-01 18:00", ""},
		"in winter":                       {[]string{"20:00-06:00 Europe/Berlin"}, "2026-12-01 18:00", "2026-12-01 19:00"},
		"the hour that is left out":       {[]string{"02:00-02:30 Europe/Berlin"}, "2026-03-29 00:50", "2026-03-30 00:00"},
		"the rest of a cut window":        {[]string{"02:00-04:00 Europe/Berlin"}, "2026-03-29 00:50", "2026-03-29 01:00"},
		"the repeated hour, again":        {[]string{"02:00-02:30 Europe/Berlin"}, "2026-10-25 00:40", "2026-10-25 01:00"},
		"once a week and left out":        {[]string{"Sun 02:10-02:20 Europe/Berlin"}, "2026-03-23 00:00", "2026-04-05 00:10"},
	} {
		ws, err := schedule.ParseWindows(c.windows)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		now := at(t, c.now)
		if got := ws.Open(now); got != (c.opens == "") {
			t.Errorf("%s: open on %s: %v", name, c.now, got)
		}
		want := now
		if c.opens != "" {
			want = at(t, c.opens)
		}
		if got := ws.Next(now); !got.Equal(want) {
			t.Errorf("%s: opens %s, want %s", name, got, want)
		}
	}
	for _, bad := range []string{"", "Mon", "Mon-Fri", "Mon 20:00", "20:00", "20-06", "25:00-26:00", "20:60-21:00", "24:00-06:00", "Mon- 20:00-06:00",
		"Mon..Fri 20:00-06:00", "20:00-06:00 Local", "20:00-06:00 Nowhere", "20:00-06:00 UTC extra", "Mon Tue 20:00-06:00", "-1:00-02:00", strings.Repeat("x", 300)} {
		if _, err := schedule.ParseWindows([]string{bad}); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("%.40q: %v, want it invalid", bad, err)
		}
	}
	if _, err := schedule.ParseWindows(make([]string, 100)); inventory.CodeOf(err) != inventory.CodeInvalid {
		t.Errorf("100 windows: %v", err)
	}
}

// Whatever is taken for a window opens some time, and Next finds when.
func FuzzWindows(f *testing.F) {
	for _, s := range []string{"Mon-Fri 20:00-06:00 Europe/Berlin", "daily 0:00-24:00", "Sun 02:10-02:20 America/New_York", "12:00-12:00", "Sat,Mon-Tue 1:00-2:00"} {
		f.Add(s, int64(1_774_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		ws, err := schedule.ParseWindows([]string{text})
		if err != nil {
			if inventory.CodeOf(err) != inventory.CodeInvalid {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		now := time.Unix(seconds%(1<<32), 0)
		if next := ws.Next(now); !ws.Open(next) || next.Before(now.Truncate(time.Minute)) {
			t.Errorf("%q: after %s it opens %s", text, now.UTC(), next.UTC())
		}
	})
}

// Whatever is taken for times has a next one, later than now.
func FuzzTimes(f *testing.F) {
	for _, s := range []string{"every 6h", "30 2 * * 1-5", "*/7 1,2,3 29 2 *", "0 0 1-7 * mon"} {
		f.Add(s, "Europe/Berlin", int64(1_774_000_000))
	}
	f.Fuzz(func(t *testing.T, text, zone string, seconds int64) {
		times, err := schedule.Parse(text, zone)
		if err != nil {
			return
		}
		now := time.Unix(seconds%(1<<32), 0)
		if next := times.Next(now, time.Time{}); !next.After(now) {
			t.Errorf("%q: after %s comes %s", text, now, next)
		}
	})
}
