package reconcile_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/reconcile"
)

func inOrder(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// Any order of arrival gives the same partition, and after each the running decisions
// equal a rebuild.
func TestOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(20) {
		all := draw(seed, 4+int(seed%12))
		want := partition(t, inOrder(len(all)), all)
		r := rand.New(rand.NewPCG(seed, 2))
		for range 3 {
			if diff := cmp.Diff(want, partition(t, r.Perm(len(all)), all)); diff != "" {
				t.Fatalf("seed %d: another order gives another partition:\n%s", seed, diff)
			}
		}
	}
}

func TestRebuildEqualsEveryStep(t *testing.T) {
	for seed := range uint64(8) {
		w := newWorld(t)
		for _, s := range draw(100+seed, 8) {
			w.take(s)
			w.checkRebuild()
			if t.Failed() {
				t.Fatalf("seed %d after %d records", seed, len(w.records))
			}
		}
	}
}

func TestReplayChangesNothing(t *testing.T) {
	for seed := range uint64(8) {
		all := draw(200+seed, 10)
		twice := partition(t, append(inOrder(len(all)), inOrder(len(all))...), all)
		if diff := cmp.Diff(partition(t, inOrder(len(all)), all), twice); diff != "" {
			t.Fatalf("seed %d: a replay changes the partition:\n%s", seed, diff)
		}
	}
}

// Pins hold whatever comes before and after them, and across a rebuild.
func TestPinsHold(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(t)
		all := draw(300+seed, 8)
		for _, i := range r.Perm(len(all)) {
			w.take(all[i])
			if n := int64(len(w.records)); n > 4 && r.IntN(12) == 0 && len(w.pins) < 5 {
				a, b := 1+r.Int64N(n), 1+r.Int64N(n)
				if a != b && !contradicts(w.pins, a, b) {
					w.pin(a, b, r.IntN(2) == 0)
				}
			}
		}
		w.checkRebuild()
		for _, p := range w.pins {
			if (w.assets[p.A] == w.assets[p.B]) != p.Same {
				t.Errorf("seed %d: %+v does not hold: assets %d and %d", seed, p, w.assets[p.A], w.assets[p.B])
			}
		}
	}
}

// contradicts keeps to pins that are about different records: others are refused on entry.
func contradicts(pins []reconcile.Pin, a, b int64) bool {
	for _, p := range pins {
		if p.A == a || p.B == a || p.A == b || p.B == b {
			return true
		}
	}
	return false
}

// What a changed record costs depends on its neighbours, not on the estate.
func TestCostDoesNotGrow(t *testing.T) {
	cost := func(machines int) int {
		w := newWorld(t)
		e := &estate{Rand: rand.New(rand.NewPCG(9, 9))}
		dock := e.mac("00:e0:4c")
		for range machines {
			m := e.machine()
			for d := range 3 {
				w.take(m.report(d, dock))
				w.take(sweep(m.site, m.macs[0], "10.1.2.3", d))
			}
		}
		m := e.machine()
		w.take(m.report(0, dock))
		w.loaded = 0
		w.take(m.report(9, dock))
		return w.loaded
	}
	small, large := cost(100), cost(1000)
	if large > small+10 {
		t.Errorf("one report loads %d records among 100 machines, %d among 1000", small, large)
	}
}
