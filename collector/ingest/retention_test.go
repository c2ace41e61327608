package ingest_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

const days = 24 * time.Hour

// What is past its time goes, in steps; what holds now, and what it rests on, stays.
func TestRetention(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		seq := map[string]int64{}
		send := func(kind inventory.SourceKind, id, key string, sections ...inventory.Section) {
			seq[id]++
			r.submit(t, inventory.Observation{Source: inventory.Source{Kind: kind, ID: id, Site: "hq"}, NativeKey: key, Epoch: 1, Seq: seq[id], SeenAt: r.clock, Sections: sections})
		}
		answers := func(ip string) {
			send(inventory.KindScanner, "scan", ip, section(&inventory.Device{}, fmt.Sprint(r.clock)), section(nicOf(ip), fmt.Sprint(ip, r.clock)))
		}
		began := r.clock
		for day := range 60 { // a laptop whose software changes on the tenth day, and addresses that answer
			send(inventory.KindAgent, "ag1", "", laptop(), section(packages("bash", map[bool]string{true: "curl", false: "vim"}[day < 10]), fmt.Sprint("s", day < 10)))
			answers("10.1.0.7")
			answers(fmt.Sprintf("10.1.0.%d", 20+day%3))
			r.clock = r.clock.Add(days)
		}
		before := r.assets(t, store.When{})
		sum := func(dry bool, keep store.Retention) map[string]int64 {
			t.Helper()
			rows := map[string]int64{}
			if err := r.store.Retain(t.Context(), keep, r.clock, 0, dry, func(k store.Kept) { rows[k.Kind] += k.Rows }); err != nil {
				t.Fatal(err)
			}
			v, err := r.store.VerifyDecision(t.Context())
			if err != nil || !v.Good() {
				t.Fatalf("verify: %+v, %v", v, err)
			}
			return rows
		}
		if got := sum(false, store.Retention{}); len(got) != 0 {
			t.Errorf("for ever, yet removed: %v", got)
		}
		keep := store.Retention{Observations: 20 * days, History: 30 * days, Audit: 30 * days, Quarantine: 30 * days, Scans: 30 * days}
		would, did := sum(true, keep), sum(false, keep)
		if did["history"] != 1 || did["observations"] < 30 || would["history"] != did["history"] {
			t.Errorf("would %v, did %v", would, did)
		}
		if again := sum(false, keep); len(again) != 0 {
			t.Errorf("a second time: %v", again)
		}
		if diff := cmp.Diff(before, r.assets(t, store.When{})); diff != "" {
			t.Errorf("the present changed:\n%s", diff)
		}
		if diff := cmp.Diff([]string{"bash", "vim"}, softwareNames(t, r.store, 1, store.When{AsOf: r.clock.Add(-15 * days)})); diff != "" {
			t.Errorf("what is kept changed:\n%s", diff)
		}
		if got := softwareNames(t, r.store, 1, store.When{AsOf: began.Add(days)}); len(got) != 1 {
			t.Errorf("what is past its time: %v", got)
		}
		// Sightings go, with the assets that were nothing else.
		keep.Sightings = 35 * days
		if got := sum(false, keep); got["sightings"] < 20 {
			t.Errorf("sightings: %v", got)
		}
		answers("10.1.0.7")
		send(inventory.KindAgent, "ag1", "", laptop(), section(packages("bash"), "last"))
		if got := softwareNames(t, r.store, 1, store.When{}); len(got) != 1 {
			t.Errorf("software after retention: %v", got)
		}
		sum(true, keep)
	})
}

func nicOf(ip string) inventory.Interfaces {
	return inventory.Interfaces{{Type: inventory.IfEthernet, Addresses: []netip.Prefix{netip.MustParsePrefix(ip + "/24")}}}
}

// One of several does what only one should do at a time.
func TestLease(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		take := func(holder string, at time.Time) bool {
			t.Helper()
			ok, err := r.store.Lease(t.Context(), "upkeep", holder, at, at.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		now := r.clock
		got := []bool{take("a", now), take("b", now), take("a", now.Add(time.Minute)), take("b", now.Add(time.Hour)), take("b", now.Add(2*time.Hour)), take("a", now.Add(2*time.Hour))}
		if diff := cmp.Diff([]bool{true, false, true, false, true, false}, got); diff != "" {
			t.Error(diff)
		}
	})
}
