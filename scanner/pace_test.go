package scanner_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/muster-itam/muster/scanner"
)

// fakeClock moves only when somebody sleeps.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) clock() scanner.Clock {
	return scanner.Clock{
		Now: func() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now },
		Sleep: func(ctx context.Context, d time.Duration) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.now = c.now.Add(d)
			return ctx.Err()
		},
	}
}

// In any window the number of packets is at most the rate plus what fits the burst.
func TestLimiterHoldsItsRate(t *testing.T) {
	for _, rate := range []int{1, 10, 1000, 50_000} {
		c := &fakeClock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		clock := c.clock()
		l := scanner.NewLimiter(rate, clock)
		var sent []time.Time
		for len(sent) < 3000 {
			if len(sent) == 1000 { // a pause must not be made up for
				_ = clock.Sleep(t.Context(), time.Minute)
			}
			n := 1
			if len(sent) >= 2000 { // in batches it is the same rate
				n = min(l.Batch(), 3000-len(sent))
			}
			if err := l.WaitN(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			for range n {
				sent = append(sent, clock.Now())
			}
		}
		for _, window := range []time.Duration{10 * time.Millisecond, time.Second} {
			most := int(float64(rate)*window.Seconds()) + max(1, rate/200) + 1
			for i, j := 0, 0; i < len(sent); i++ {
				for sent[i].Sub(sent[j]) >= window {
					j++
				}
				if n := i - j + 1; n > most {
					t.Fatalf("rate %d: %d packets within %v, at most %d allowed", rate, n, window, most)
				}
			}
		}
		whole := time.Duration(1999 / float64(rate) * float64(time.Second))
		burst := max(5*time.Millisecond, time.Second/time.Duration(rate))
		if took := sent[2999].Sub(sent[1000]); took < whole-burst || took > whole+burst {
			t.Errorf("rate %d: 2000 packets took %v, want about %v", rate, took, whole)
		}
	}
}

func TestLimiterStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := scanner.NewLimiter(1, scanner.SystemClock())
	if err := l.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := l.Wait(ctx); err == nil {
		t.Fatal("no error after the end")
	}
}

// One routed subnet gets its share and no more, and several together no more than all.
func TestPacerSubnets(t *testing.T) {
	c := &fakeClock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	start := c.now
	p := scanner.NewPacer(1000, c.clock())
	for range 1000 {
		if err := p.Wait(t.Context(), netip.MustParseAddr("10.0.0.1")); err != nil {
			t.Fatal(err)
		}
	}
	if took := c.now.Sub(start); took < 1900*time.Millisecond {
		t.Errorf("1000 packets to one subnet took %v, want 2 s at half of 1000 a second", took)
	}
}
