package wire

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

const (
	backoffMin = time.Second
	backoffMax = time.Hour
	// backoffAway and backoffAwayMax are for who was turned away at the door: thousands are before
	// them, so that a second is too early, and hundreds are served in a second, so that an hour is too late.
	backoffAway    = 15 * time.Second
	backoffAwayMax = 2 * time.Minute
	// refusalLimit is how many refusals of our identity in a row mean that trying again soon is useless.
	refusalLimit = 3
)

// Backoff says how long to wait after each failure in a row: full jitter over a window that
// doubles from 1 s to 1 h, so that sources which failed together do not return together. Who
// was turned away by a collector that is there waits in windows from 30 s to 2 min.
// The zero value is ready to use.
type Backoff struct {
	failures, refusals int
}

// Next is the time to wait after err.
func (b *Backoff) Next(err error) time.Duration {
	b.failures++
	switch inventory.CodeOf(err) {
	case inventory.CodeUnauthenticated, inventory.CodeForbidden:
		b.refusals++
	default:
		b.refusals = 0
	}
	if wait := RetryAfter(err); wait > 0 {
		return wait + jitter(wait/10+time.Second)
	}
	if b.refusals >= refusalLimit {
		return backoffMax + jitter(backoffMax/10)
	}
	first, window := backoffMin, backoffMax
	if turnedAway(err) {
		first, window = backoffAway, backoffAwayMax
	}
	if shift := b.failures; shift < 12 {
		window = min(first<<shift, window)
	}
	return backoffMin + jitter(window-backoffMin)
}

// turnedAway says that a connection was made and then broken off without an answer, as a
// collector does with those that it has no room for.
func turnedAway(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return !op.Timeout() && (op.Op == "read" || op.Op == "write")
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Reset is for after a success.
func (b *Backoff) Reset() { *b = Backoff{} }

// jitter is a random time below limit.
func jitter(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return rand.N(limit) // spreads load, guards nothing
}
