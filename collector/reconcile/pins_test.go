package reconcile_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/muster-itam/muster/collector/reconcile"
)

// Whatever people said, as long as it does not contradict itself, holds and leaves
// nothing to a rebuild: chains of pins, and sides of several records told apart.
func TestManyPinsHold(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(t)
		all := draw(500+seed, 8)
		for _, i := range r.Perm(len(all)) {
			w.take(all[i])
			n := int64(len(w.records))
			if n < 6 || r.IntN(10) != 0 || len(w.pins) > 40 {
				continue
			}
			a, b := 1+r.Int64N(n), 1+r.Int64N(n)
			var add []reconcile.Pin
			if r.IntN(2) == 0 {
				add = append(add, reconcile.Pin{A: a, B: b, Same: true})
			} else {
				for x, asset := range w.assets {
					if asset == w.assets[a] && x != b {
						add = append(add, reconcile.Pin{A: x, B: b})
					}
				}
			}
			slices.SortFunc(add, func(p, q reconcile.Pin) int { return int(p.A - q.A) })
			if a == b || !consistent(append(slices.Clone(w.pins), add...)) {
				continue
			}
			w.pins = append(w.pins, add...)
			var seeds []int64
			for x, asset := range w.assets {
				if asset == w.assets[a] || asset == w.assets[b] {
					seeds = append(seeds, x)
				}
			}
			slices.Sort(seeds)
			w.resolve(nil, seeds...)
			w.checkRebuild()
			if t.Failed() {
				t.Fatalf("seed %d, %d records, pins %v", seed, n, w.pins)
			}
		}
		w.checkRebuild()
		for _, p := range w.pins {
			if (w.assets[p.A] == w.assets[p.B]) != p.Same {
				t.Fatalf("seed %d: %+v does not hold: assets %d and %d", seed, p, w.assets[p.A], w.assets[p.B])
			}
		}
	}
}

func consistent(pins []reconcile.Pin) bool {
	root := map[int64]int64{}
	var find func(int64) int64
	find = func(x int64) int64 {
		if p, ok := root[x]; ok && p != x {
			return find(p)
		}
		return x
	}
	for _, p := range pins {
		if p.Same {
			root[find(p.A)] = find(p.B)
		}
	}
	return !slices.ContainsFunc(pins, func(p reconcile.Pin) bool { return !p.Same && find(p.A) == find(p.B) })
}
