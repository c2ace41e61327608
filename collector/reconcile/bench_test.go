package reconcile_test

import (
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
