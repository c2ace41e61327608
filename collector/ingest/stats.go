package ingest

import "sync/atomic"

// Stats counts what was ingested since the start.
type Stats struct {
	accepted, duplicate, stale, quarantined, failed, overload atomic.Int64
}

func (s *Stats) count(o Outcome) {
	switch o {
	case Accepted:
		s.accepted.Add(1)
	case Duplicate:
		s.duplicate.Add(1)
	case Stale:
		s.stale.Add(1)
	case Quarantined:
		s.quarantined.Add(1)
	}
}

// Counts are the numbers of observations by what became of them. "failed" could not be
// committed and "overload" not be queued; their sources send them again.
func (in *Ingester) Counts() map[string]int64 {
	s := &in.stats
	return map[string]int64{
		"accepted": s.accepted.Load(), "duplicate": s.duplicate.Load(), "stale": s.stale.Load(),
		"quarantined": s.quarantined.Load(), "failed": s.failed.Load(), "overload": s.overload.Load(),
	}
}

// Queued is the number of observations that wait now.
func (in *Ingester) Queued() int {
	n := 0
	for _, q := range in.queues {
		n += len(q)
	}
	return n
}
