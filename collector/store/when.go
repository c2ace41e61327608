package store

import "time"

// When is a time to look from. The zero value is now.
type When struct {
	// AsOf asks for what was true then.
	AsOf time.Time
	// KnownOn asks for what had been received by then; zero for all that is known now.
	// Without AsOf it is what was held to be true at that time.
	KnownOn time.Time
}

// IsZero says that it is now.
func (w When) IsZero() bool { return w.AsOf.IsZero() && w.KnownOn.IsZero() }

// Time is the time asked about.
func (w When) Time() time.Time {
	if w.AsOf.IsZero() {
		return w.KnownOn
	}
	return w.AsOf
}

// Or is the time asked about, and now where none was.
func (w When) Or(now time.Time) time.Time {
	if w.IsZero() {
		return now
	}
	return w.Time()
}

// known is the end of what had been received.
func (w When) known() int64 {
	if w.KnownOn.IsZero() {
		return 1<<63 - 1
	}
	return millis(w.KnownOn)
}

// args are the parameters $1 and $2 of the condition during, and others after them.
func (w When) args(more ...any) []any {
	return append([]any{millis(w.Time()), w.known()}, more...)
}

// during is the condition that an interval [from_obs, to_obs) contained the time $1 as far
// as was known on $2, with the observation table joined as b (begin) and e (end).
const during = `b.seen_at <= $1 and b.received_at <= $2 and (e.id is null or e.seen_at > $1 or e.received_at > $2)`
