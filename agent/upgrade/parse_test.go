package upgrade

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
)

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"settled":{"version":"1.1.0","sha256":"00","bytes":1},"trial":{"version":"1.2.0","starts":1},"bad":[{"version":"1.0.1"}]}`))
	f.Add([]byte(`{"trial":{"version":"../1.2.0"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseState(text)
		if err != nil {
			return
		}
		base, _ := release.ParseVersion("1.0.0")
		if in, _ := s.choose(base, ""); in != nil && strings.ContainsAny(in.Version, `/\`) {
			t.Errorf("would start %q", in.Version)
		}
		if s.Trial != nil {
			s.fail("x", time.Now())
		}
		if again, err := json.Marshal(s); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

func FuzzResult(f *testing.F) {
	f.Add([]byte(`{"outcome":"installed","version":"1.1.0","sha256":"` + strings.Repeat("0", 64) + `","bytes":1}`))
	f.Add([]byte(`{"outcome":"refused","reason":"no"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseResult(text)
		if err == nil && (r.Outcome == release.OutcomeInstalled) != (r.Version != "") {
			t.Errorf("%+v", r)
		}
	})
}

// A fleet's checks spread over the window, and each host keeps its time.
func TestSlots(t *testing.T) {
	const window = 24 * time.Hour
	start := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	hours := map[int]int{}
	for i := range 2400 {
		id := strings.Repeat("x", i%7) + string(rune('a'+i))
		first := firstCheck(id, window, nil, start)
		if !first.After(start) || first.Sub(start) > window {
			t.Fatalf("%s: first check %v after the start", id, first.Sub(start))
		}
		hours[first.Hour()]++
		for at, n := first, 0; n < 3; n++ {
			next := slot(id, window, at)
			if next.Sub(at) != window {
				t.Fatalf("%s: %v between checks", id, next.Sub(at))
			}
			at = next
		}
		if again := firstCheck(id, window, &Check{At: first}, first.Add(time.Minute)); again != first.Add(window) {
			t.Fatalf("%s: a restart moves the next check from %v to %v", id, first.Add(window), again)
		}
		late := first.Add(20 * window)
		if soon := firstCheck(id, window, &Check{At: first}, late).Sub(late); soon < 0 || soon > 10*time.Minute {
			t.Fatalf("%s: the missed check comes after %v", id, soon)
		}
		if ahead := firstCheck(id, window, &Check{At: late}, start).Sub(start); ahead < 0 || ahead > window {
			t.Fatalf("%s: after a clock that was set back the check comes after %v", id, ahead)
		}
	}
	for h := range 24 {
		if hours[h] < 50 || hours[h] > 150 {
			t.Errorf("%d of 2400 hosts look in hour %d", hours[h], h)
		}
	}
}
