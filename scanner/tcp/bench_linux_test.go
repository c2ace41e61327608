package tcp_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/muster-itam/muster/scanner/tcp"
)

// What a /22 costs of which every address refuses, and at once, by each way: the scanner's own
// work and the kernel's, without a network between. docs/benchmarks.md has what waiting adds.
func BenchmarkSweep(b *testing.B) {
	const hosts = 1022
	sweep := tcp.Sweep{
		Targets: func(yield func(netip.Addr) bool) {
			a := netip.MustParseAddr("127.7.0.1")
			for range hosts {
				if !yield(a) {
					return
				}
				a = a.Next()
			}
		},
		Ports: []int{1}, Timeout: 10 * time.Millisecond, Sent: func() {},
		Wait: func(context.Context, netip.Addr) error { return nil },
	}
	for name, run := range map[string]func(context.Context, tcp.Sweep) error{
		"connect": tcp.Connect,
		"syn": func(ctx context.Context, s tcp.Sweep) error {
			sock, err := tcp.Open4()
			if err != nil {
				return err
			}
			return sock.Run(ctx, s)
		},
	} {
		b.Run(name, func(b *testing.B) {
			seen := make(chan struct{}, hosts*2)
			s := sweep
			s.Seen = func(tcp.Answer) { seen <- struct{}{} }
			if name == "connect" {
				s.Timeout = time.Second
			}
			for b.Loop() {
				if err := run(b.Context(), s); err != nil {
					b.Fatal(err)
				}
				if len(seen) < hosts {
					b.Fatalf("%d of %d seen", len(seen), hosts)
				}
				for range len(seen) {
					<-seen
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/hosts, "ns/host")
		})
	}
}
