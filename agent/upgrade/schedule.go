package upgrade

import (
	"hash/fnv"
	"time"
)

// nap bounds one sleep: timers stand still while a laptop is suspended, so the clock on the
// wall is looked at this often.
const nap = time.Minute

// slot is the first time after t that is this host's in the window. A publisher's new version
// reaches a fleet over the whole window, and a fault of it shows on the first hosts.
func slot(id string, window time.Duration, t time.Time) time.Time {
	own := phase(id, window)
	return t.Add(-own).Truncate(window).Add(own).Add(window)
}

func phase(id string, window time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // a hash never fails
	return time.Duration(h.Sum64() % uint64(window))
}

// firstCheck is when to look after a start. What was missed while the machine was off is made
// up for soon, but not by all hosts in the minute when work begins.
func firstCheck(id string, window time.Duration, last *Check, now time.Time) time.Time {
	if last == nil || last.At.After(now) {
		return slot(id, window, now)
	}
	next := slot(id, window, last.At)
	if soon := now.Add(phase(id, min(window, 10*nap))); next.Before(soon) {
		return soon
	}
	return next
}
