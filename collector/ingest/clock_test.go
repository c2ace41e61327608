package ingest_test

import (
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Clocks that are ten years off, or step to and fro, change neither the order of reports
// nor what is believed to be there; the difference shows on the source.
func TestF08Clocks(t *testing.T) {
	const year = 365 * 24 * time.Hour
	onEach(t, func(t *testing.T, r *rig) {
		start := r.clock
		say := func(agent string, seq int64, off time.Duration, host string) {
			t.Helper()
			ack := r.submit(t, inventory.Observation{
				Source: inventory.Source{Kind: inventory.KindAgent, ID: agent, Site: "hq"}, Epoch: 1, Seq: seq, SeenAt: r.clock.Add(off), SentAt: r.clock.Add(off),
				Sections: []inventory.Section{section(&inventory.Device{Name: host, Serial: "SN-" + agent, Vendor: "Dell Inc.", Identifiers: []inventory.Identifier{
					{Type: inventory.IDSerial, Value: "SN0042" + agent, Scope: "Dell Inc.", Part: inventory.PartSystem}}}, host)},
			})
			if ack.Outcome != ingest.Accepted {
				t.Fatalf("agent %s, report %d: %+v", agent, seq, ack)
			}
		}
		// One agent's clock steps between reports, the others' are right or stay wrong.
		for i, off := range []time.Duration{0, 10 * year, -10 * year, time.Hour, -time.Hour, 0} {
			r.clock = start.Add(time.Duration(i) * time.Hour)
			say("steps", int64(i+1), off, "steps"+string(rune('0'+i)))
			say("ahead", int64(i+1), 10*year, "ahead")
			say("behind", int64(i+1), -10*year, "behind")
			say("right", int64(i+1), 0, "right")
		}
		seen := map[string]time.Time{}
		if err := r.store.Assets(t.Context(), store.When{}, func(a inventory.Asset) error {
			seen[a.Name] = a.LastSeen
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"steps5", "ahead", "behind", "right"} {
			at, ok := seen[name]
			if !ok || at.After(r.clock.Add(5*time.Minute)) || r.clock.Sub(at) > time.Hour {
				t.Errorf("%s: last seen %s (%v), now is %s", name, at, ok, r.clock)
			}
		}
		if len(seen) != 4 {
			t.Errorf("%d assets, want 4: %v", len(seen), seen)
		}
		sources, err := r.store.Sources(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sources {
			want := map[string]time.Duration{"ahead": 10 * year, "behind": -10 * year}[s.Name]
			if d := s.Skew - want; d < -time.Minute || d > time.Minute {
				t.Errorf("%s: its clock is said to be off by %s, want %s", s.Name, s.Skew, want)
			}
		}
		// The names went one after the other, in the order of the counters.
		d, err := r.store.Asset(t.Context(), 1, store.When{})
		if err != nil {
			t.Fatal(err)
		}
		if d.Name != "steps5" {
			t.Errorf("the first asset is %s, want steps5", d.Name)
		}
		changes, _, err := r.store.Changes(t.Context(), store.ChangeAsk{Asset: 1, Page: store.Page{Limit: 100}})
		if err != nil {
			t.Fatal(err)
		}
		names := 0
		for _, c := range changes {
			if c.Item == "name" {
				names++
			}
		}
		if names != 5 {
			t.Errorf("%d changes of name, want 5: %+v", names, changes)
		}
		// Retention looks at when something came, not at what a clock said: nobody is retired.
		if err := r.store.Retain(t.Context(), store.Retention{Observations: 90 * 24 * time.Hour, History: 90 * 24 * time.Hour, Sightings: 90 * 24 * time.Hour},
			r.clock, 0, false, func(k store.Kept) { t.Errorf("retention took %+v", k) }); err != nil {
			t.Fatal(err)
		}
	})
}
