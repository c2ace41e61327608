package reconcile_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

func (w *world) Assets(_ context.Context, ids []int64) (map[int64]int64, error) {
	out := map[int64]int64{}
	for _, id := range ids {
		out[id] = w.assets[id]
	}
	return out, nil
}

func (w *world) Members(_ context.Context, assets []int64) (map[int64][]int64, error) {
	out := map[int64][]int64{}
	for i := range w.records {
		id := int64(i + 1)
		if a := w.assets[id]; slices.Contains(assets, a) {
			out[a] = append(out[a], id)
		}
	}
	return out, nil
}

// group takes observations in as a collector does: all their claims, then one decision
// about those whose change may matter. It returns how many changed and how many of these
// were decided.
func (w *world) group(list []seen) (changed, decided int) {
	w.t.Helper()
	decide := w.decide
	defer func() { w.decide = decide }()
	before := map[int64][]reconcile.Claim{}
	w.decide = func(id int64, was []reconcile.Claim) {
		if _, ok := before[id]; !ok {
			before[id] = was
		}
	}
	for _, s := range list {
		w.take(s)
	}
	unsettled, alone, err := reconcile.Rules{}.Unsettled(w.t.Context(), w, before)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range alone {
		w.assets[id] = id
	}
	if len(unsettled) > 0 {
		w.resolve(before, unsettled...)
	}
	return len(before), len(unsettled)
}

// What is left undecided because it cannot matter is what a rebuild says, after every
// group of whatever size, in whatever order the estate tells it, however long it is silent
// in between.
func TestUnsettledIsEnough(t *testing.T) {
	changed, decided := 0, 0
	seeds := uint64(60)
	if n, err := strconv.ParseUint(os.Getenv("MUSTER_SEEDS"), 10, 32); err == nil {
		seeds = n // to look for longer
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 4))
		w := newWorld(t)
		for all := again(r, draw(500+seed, 3+int(seed%6))); len(all) > 0; {
			n := min(len(all), 1+r.IntN(12))
			c, d := w.group(all[:n])
			changed, decided = changed+c, decided+d
			all = all[n:]
			w.checkRebuild()
			if t.Failed() {
				t.Fatalf("seed %d after %d records", seed, len(w.records))
			}
		}
	}
	if decided >= changed {
		t.Errorf("all of %d changed records were decided: nothing is ever settled", changed)
	}
	t.Logf("%d records changed, %d decided", changed, decided)
}

// again lets an estate tell parts of its story several times, days, months and years
// apart, and lets some of its things be gone for good at times.
func again(r *rand.Rand, story []seen) []seen {
	var all []seen
	for i, days := 0, 0; i < 3; i, days = i+1, days+[]int{1, 3, 4, 25, 33, 80, 95, 400, 740}[r.IntN(9)] {
		for _, s := range story {
			if i > 0 && r.IntN(3) == 0 {
				continue
			}
			s.at = s.at.AddDate(0, 0, days)
			if d, ok := s.bodies[inventory.SectionDevice].(*inventory.Device); ok && s.source.Kind != inventory.KindAgent && r.IntN(20) == 0 {
				other := *d
				other.State = "terminated"
				s.bodies = maps.Clone(s.bodies)
				s.bodies[inventory.SectionDevice] = &other
			}
			all = append(all, s)
		}
	}
	if r.IntN(3) == 0 {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	} else {
		slices.SortStableFunc(all, func(a, b seen) int { return a.at.Compare(b.at) })
	}
	return all
}

// Days on which the same machines say the same again are settled, those who share a name
// and an address with others included.
func TestSameAgainIsSettled(t *testing.T) {
	w := newWorld(t)
	e := &estate{Rand: rand.New(rand.NewPCG(7, 7))}
	var machines []machine
	for range 20 {
		machines = append(machines, e.machine())
	}
	for d := range 6 {
		var list []seen
		for i, m := range machines {
			list = append(list, m.report(d), sweep(m.site, m.macs[0], "10.1.2."+string(rune('1'+i%9)), d), delivered(m.serial, d), directory(m.agent, m.name, d))
		}
		changed, decided := w.group(list)
		if changed != len(list) {
			t.Errorf("day %d: %d of %d records changed", d, changed, len(list))
		}
		if d >= 1 && decided > 0 {
			t.Errorf("day %d: %d of %d records were decided again", d, decided, changed)
		}
		w.checkRebuild()
	}
}

// Which days of a story have something decided, and how many records: the first, and those
// on which a comparison of days comes out differently.
func TestWhatIsSettled(t *testing.T) {
	const card = "8c:16:45:00:11:22"
	hq := func(d int) seen { return sweep("hq", card, "10.1.1.1", d) }
	br := func(d int) seen { return sweep("br", card, "10.1.1.1", d) }
	e := &estate{Rand: rand.New(rand.NewPCG(8, 8))}
	one := e.machine()
	anew, board, clone := one, one, one // installed anew, under another board, copied
	anew.agent, anew.machine, anew.name = e.uuid(), "5da840c64282ad99e0130ddfc0b7d852", "lt-anew"
	board.uuid, board.serial = e.uuid(), "S0000042"
	clone.agent, clone.macs = e.uuid(), []string{"8c:16:45:00:33:44"}
	other, named, guid := e.machine(), e.machine(), e.uuid()
	named.name = one.name
	one.site, other.site = "hq", "hq"
	docks := []string{"00:e0:4c:01:02:03", "00:e0:4c:01:02:04"}
	tests := []struct {
		name    string
		day     func(d int) []seen
		decided []int
	}{
		{"a card in two sites on no day", func(d int) []seen {
			return []seen{[]func(int) seen{hq, br}[d%2](d)}
		}, []int{0, 1, 0, 0, 0, 0, 0, 0}},
		{"a card at two sites day after day", func(d int) []seen {
			return []seen{hq(d), br(d)}
		}, []int{2, 0, 2, 0, 0, 0, 0}},
		{"a card at two sites for some days", func(d int) []seen {
			if d < 3 {
				return []seen{hq(d), br(d)}
			}
			return []seen{[]func(int) seen{hq, br}[d%2](d)}
		}, []int{2, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0}},
		{"a card at three sites, of which two are seen together", func(d int) []seen {
			return []seen{hq(d), hq(d - 1), br(d - 20), sweep("dc", card, "10.1.1.1", d-10)}
		}, []int{3, 0, 0, 0, 0}},
		{"two agents of one machine at once", func(d int) []seen {
			return []seen{one.report(d), anew.report(d)}
		}, []int{2, 0, 0}},
		{"one agent on two boards at once", func(d int) []seen {
			return []seen{one.report(d), board.report(d)}
		}, []int{2, 2, 0}},
		{"two agents on other cards at once", func(d int) []seen {
			return []seen{one.report(d), clone.report(d)}
		}, []int{2, 2, 0}},
		{"one agent with two serial numbers at once", func(d int) []seen {
			one, board := one, board
			one.uuid, board.uuid = "", ""
			return []seen{one.report(d), board.report(d)}
		}, []int{2, 2, 0}},
		{"a board and the next", func(d int) []seen {
			if d < 2 {
				return []seen{one.report(d)}
			}
			return []seen{board.report(d)}
		}, []int{0, 0, 1, 0, 0}},
		{"two docks under one name side by side", func(d int) []seen {
			return []seen{one.report(d, docks...), other.report(d, docks...), announced("hq", docks[0], "front-desk", "10.1.1.1", d), announced("hq", docks[1], "front-desk", "10.1.1.2", d)}
		}, []int{4, 4, 2, 2, 2}},
		{"what is one with a dock of a name", func(d int) []seen {
			late := see(inventory.KindScanner, "scan", "hq", "both", on(d-3), &inventory.Device{}, cards([]string{docks[0], "da:a1:19:00:00:07"}, "10.1.1.1"))
			switch {
			case d > 3:
				return []seen{late}
			case d == 3:
				return []seen{late, announced("hq", "da:a1:19:00:00:07", "front-desk", "10.1.1.1", 0)}
			}
			return []seen{one.report(d, docks...), other.report(d, docks...), announced("hq", docks[1], "front-desk", "10.1.1.2", d)}
		}, []int{3, 2, 0, 2, 1, 1}},
		{"a name of two machines, one for a day", func(d int) []seen {
			if d == 1 {
				return []seen{one.report(d), named.report(d), directory(guid, one.name, d)}
			}
			return []seen{one.report(d), directory(guid, one.name, d)}
		}, []int{2, 3, 2, 0, 0}},
		{"a name of two machines, one after the other", func(d int) []seen {
			if d < 3 {
				return []seen{one.report(d), directory(guid, one.name, d)}
			}
			return []seen{named.report(d), directory(guid, one.name, d)}
		}, []int{2, 0, 0, 2, 2, 0}},
		{"a name after a month and another", func(d int) []seen {
			if d < 2 {
				return []seen{one.report(d), directory(guid, one.name, d)}
			}
			return []seen{named.report(d * 20), directory(guid, one.name, d*20+5)}
		}, []int{2, 0, 2, 0, 0, 0}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			for d, want := range tc.decided {
				if _, decided := w.group(tc.day(d)); decided != want {
					t.Errorf("day %d: %d records decided, want %d", d, decided, want)
				}
				w.checkRebuild()
			}
		})
	}
}
