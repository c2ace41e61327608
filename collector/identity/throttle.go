package identity

import (
	"net/netip"
	"sync"
	"time"
)

// throttle counts failures per remote address and says for how long an address has to
// wait. Each address has a bucket of failures that empties with time.
type throttle struct {
	burst int           // failures an address may have at once
	every time.Duration // one failure is forgiven in this time
	now   func() time.Time

	mu   sync.Mutex
	full map[string]time.Time // when the address's bucket will be empty
}

// maxThrottled bounds the memory; past it arbitrary addresses are forgotten.
const maxThrottled = 10_000

func newThrottle(burst int, every time.Duration, now func() time.Time) *throttle {
	return &throttle{burst: burst, every: every, now: now, full: map[string]time.Time{}}
}

// wait is how long the address must wait before its next try; 0 when it may try now.
func (t *throttle) wait(addr string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	until, known := t.full[network(addr)]
	if !known {
		return 0
	}
	return max(0, until.Sub(t.now())-time.Duration(t.burst-1)*t.every)
}

// fail counts a failure.
func (t *throttle) fail(addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key, now := network(addr), t.now()
	if _, known := t.full[key]; !known && len(t.full) >= maxThrottled {
		for k := range t.full { // half of them at once: the work is shared by many failures
			if delete(t.full, k); len(t.full) <= maxThrottled/2 {
				break
			}
		}
	}
	from := t.full[key]
	if from.Before(now) {
		from = now
	}
	t.full[key] = from.Add(t.every)
}

// network is the part of an address that one party holds: a /64 of IPv6, an IPv4 address.
func network(remote string) string {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.Is6() {
		p, _ := addr.Prefix(64)
		return p.String()
	}
	return addr.String()
}
