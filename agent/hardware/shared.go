package hardware

import (
	"context"
	"time"
)

// shared is an answer that several sources of one look wait for, and that costs a program's
// run: one of them runs it, the others take what it found.
type shared[T any] struct {
	read func(context.Context) (T, error)
	// keep is how long an answer stands: about a look, so that the next one asks anew; or
	// as long as the agent runs (0), for what only changes while the machine is off.
	keep time.Duration
	now  func() time.Time

	gate  chan struct{}
	value T
	at    time.Time
}

func newShared[T any](keep time.Duration, now func() time.Time, read func(context.Context) (T, error)) *shared[T] {
	return &shared[T]{read: read, keep: keep, now: now, gate: make(chan struct{}, 1)}
}

// get answers with what is there, or reads. Failures are not kept: the next source may
// have more luck. It waits no longer than ctx.
func (s *shared[T]) get(ctx context.Context) (T, error) {
	var none T
	select {
	case s.gate <- struct{}{}:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	defer func() { <-s.gate }()
	if !s.at.IsZero() && (s.keep == 0 || s.now().Sub(s.at) < s.keep) {
		return s.value, nil
	}
	value, err := s.read(ctx)
	if err != nil {
		return none, err
	}
	s.value, s.at = value, s.now()
	return value, nil
}
