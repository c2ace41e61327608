package collector_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// BenchmarkReports is the rate of small reports from 64 agents at once, each with a
// contact and an observation made durable before its answer.
func BenchmarkReports(b *testing.B) {
	r := startWith(b, b.TempDir(), &clock{now: time.Now()}, nil)
	agents := make([]source, 64)
	for i := range agents {
		agents[i] = r.enrol(inventory.KindAgent, "a")
	}
	var next atomic.Int64
	b.SetParallelism(len(agents))
	b.ResetTimer()
	begun := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		agent := agents[int(next.Add(1))%len(agents)]
		nonce, previous := []byte("0"), []byte(nil)
		for pb.Next() {
			seq := next.Add(1)
			nonce, previous = fmt.Append(nil, seq), nonce
			o := observation(seq, "host")
			o.Sections[0].GetDevice().Identifiers = nil
			if _, err := r.report(agent, &musterv1.ReportRequest{Nonce: nonce, PreviousNonce: previous, Observations: []*musterv1.Observation{o}}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "reports/s")
}
