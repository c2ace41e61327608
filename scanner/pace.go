package scanner

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/muster-itam/muster/internal/pause"
)

// DefaultRate is the number of packets a second that a scan sends when nobody says
// otherwise: a /24 takes a second, and an old switch does not notice.
const DefaultRate = 1000

// maxRate is what one core can send; more would only be an unkept promise.
const maxRate = 200_000

// Limiter is a token bucket. It hands out time slots in order of arrival, so that it is
// fair and that its rate holds over any interval but for the burst.
type Limiter struct {
	clock Clock
	every time.Duration // between two packets
	burst time.Duration // how far the next slot may lag behind the clock

	mu   sync.Mutex
	next time.Time
}

// Clock is the time, as a Limiter needs it.
type Clock struct {
	Now func() time.Time
	// Sleep waits for d or until ctx is done.
	Sleep func(ctx context.Context, d time.Duration) error
}

// SystemClock is the real time.
func SystemClock() Clock {
	return Clock{Now: time.Now, Sleep: pause.For}
}

// burstTime is how long a limiter may catch up for: timers are no finer than that.
const burstTime = 5 * time.Millisecond

// NewLimiter lets rate packets a second through.
func NewLimiter(rate int, clock Clock) *Limiter {
	every := time.Second / time.Duration(max(1, min(rate, maxRate)))
	return &Limiter{clock: clock, every: every, burst: max(burstTime, every)}
}

// Wait blocks until the next packet may be sent.
func (l *Limiter) Wait(ctx context.Context) error { return l.WaitN(ctx, 1) }

// batchTime is what a batch of packets may be ahead of its time: one timer a packet would cost
// more than the packet at high rates.
const batchTime = time.Millisecond

// Batch is how many packets WaitN may let through at a time.
func (l *Limiter) Batch() int { return int(max(1, batchTime/l.every)) }

// WaitN blocks until the next n packets may be sent at a time.
func (l *Limiter) WaitN(ctx context.Context, n int) error {
	l.mu.Lock()
	now := l.clock.Now()
	if earliest := now.Add(-l.burst); l.next.Before(earliest) {
		l.next = earliest
	}
	l.next = l.next.Add(time.Duration(n) * l.every)
	wait := l.next.Sub(now)
	l.mu.Unlock()
	if wait <= 0 {
		return ctx.Err()
	}
	return l.clock.Sleep(ctx, wait)
}

// pacer is the global bucket and one for each routed subnet, so that no single uplink
// or router gets all of the scan at once.
type pacer struct {
	clock  Clock
	global *Limiter
	rate   int

	mu      sync.Mutex
	subnets map[netip.Prefix]*Limiter
}

func newPacer(rate int, clock Clock) *pacer {
	return &pacer{clock: clock, global: NewLimiter(rate, clock), rate: rate, subnets: map[netip.Prefix]*Limiter{}}
}

// subnetShare is the part of the rate that one routed subnet may get.
const subnetShare = 2

// wait blocks until a packet may go to the routed address a.
func (p *pacer) wait(ctx context.Context, a netip.Addr) error {
	if err := p.subnet(a).Wait(ctx); err != nil {
		return err
	}
	return p.global.Wait(ctx)
}

func (p *pacer) subnet(a netip.Addr) *Limiter {
	key := subnetOf(a)
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.subnets[key]
	if l == nil {
		l = NewLimiter(max(1, p.rate/subnetShare), p.clock)
		p.subnets[key] = l
	}
	return l
}

// subnetOf is the network that a is taken to be in when its real one is not known.
func subnetOf(a netip.Addr) netip.Prefix {
	bits := 24
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // cannot fail: bits fit the family
	return p
}
