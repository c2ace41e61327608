package reconcile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/muster-itam/muster/collector/reconcile"
)

// thousand is a company of sixty places.
func thousand(b *testing.B) *world {
	w := newWorld(b)
	for seed := range uint64(60) {
		for _, s := range drawAt(fmt.Sprint(seed), seed, 15) {
			w.take(s)
		}
	}
	return w
}

// A changed record among a thousand machines.
func BenchmarkResolve(b *testing.B) {
	w := thousand(b)
	b.ReportMetric(float64(len(w.records)), "records")
	i := 0
	for b.Loop() {
		w.resolve(nil, int64(1+i%len(w.records)))
		i += 37
	}
}

// A group of records that changed, of machines that were seen under an address each day of
// a month: what is known of each grows with time, what a decision costs should not.
func BenchmarkResolveGroup(b *testing.B) {
	for _, days := range []int{3, 30} {
		b.Run(fmt.Sprint(days, " days"), func(b *testing.B) {
			w := newWorld(b)
			e := &estate{Rand: rand.New(rand.NewPCG(5, 5))}
			w.decide = func(int64, []reconcile.Claim) {}
			for range 60 {
				m := e.machine()
				for d := range days {
					w.take(m.report(d))
					w.take(sweep(m.site, m.macs[0], fmt.Sprintf("10.1.%d.%d", d, len(w.records)), d))
				}
			}
			ids := make([]int64, len(w.records))
			for i := range ids {
				ids[i] = int64(i + 1)
			}
			for b.Loop() {
				w.resolve(nil, ids...)
			}
		})
	}
}

// A group of a thousand records that say the same a day later, with all that is known at hand.
func BenchmarkUnsettled(b *testing.B) {
	w := newWorld(b)
	e := &estate{Rand: rand.New(rand.NewPCG(6, 6))}
	var machines []machine
	for range 250 {
		machines = append(machines, e.machine())
	}
	before := map[int64][]reconcile.Claim{}
	w.decide = func(id int64, was []reconcile.Claim) { before[id] = was }
	var docks []string
	for range 10 {
		docks = append(docks, e.mac("00:e0:4c"))
	}
	for d := range 21 {
		clear(before)
		for i, m := range machines {
			s := m.report(d)
			if i < 50 {
				s = m.report(d, docks[i/5])
			}
			w.take(s)
			w.take(sweep(m.site, m.macs[0], fmt.Sprintf("10.1.%d.%d", i/100, i%100), d))
			w.take(announced("br", m.macs[0], m.name, fmt.Sprintf("10.2.%d.%d", i/100, i%100), d-d%2))
			w.take(directory(m.agent, m.name, d))
		}
	}
	w.assets = reconcile.Decide(w.records, nil).Assets
	known := warm{world: w, members: map[int64][]int64{}}
	for id, a := range w.assets {
		known.members[a] = append(known.members[a], id)
	}
	var undecided int
	for b.Loop() {
		unsettled, _, err := reconcile.Rules{}.Unsettled(b.Context(), known, before)
		if err != nil {
			b.Fatal(err)
		}
		undecided = len(unsettled)
	}
	b.ReportMetric(float64(len(before)), "changed")
	b.ReportMetric(float64(undecided), "unsettled")
}

// warm is a world that knows the records of an asset.
type warm struct {
	*world
	members map[int64][]int64
}

func (w warm) Members(_ context.Context, assets []int64) (map[int64][]int64, error) {
	out := make(map[int64][]int64, len(assets))
	for _, a := range assets {
		out[a] = w.members[a]
	}
	return out, nil
}

func BenchmarkRead(b *testing.B) {
	m := machine{agent: "5f0c9f6e-3b55-4d0e-9a58-1f2f0c6d9e01", serial: "5CG1234XYZ", uuid: "095e9ebf-6dd2-4139-a64a-6cb64d4b47e4", machine: "5da840c64282ad99e0130ddfc0b7d852",
		name: "lt-0001", domain: "corp.example", site: "hq", maker: "HP", macs: []string{"8c:16:45:00:11:22", "34:f3:9a:00:00:01"}, disks: []string{"PHLN96731CB3R"}}
	s := m.report(0)
	for b.Loop() {
		reconcile.Read(s.source, s.at, s.bodies)
	}
}

func BenchmarkDecide(b *testing.B) {
	w := thousand(b)
	b.ReportMetric(float64(len(w.records)), "records")
	for b.Loop() {
		reconcile.Decide(w.records, nil)
	}
}
