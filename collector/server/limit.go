package server

import (
	"context"
	"runtime"
	"strconv"
	"time"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// slotWait is how long a request may wait for a place before it is sent away.
const slotWait = 2 * time.Second

// slots limits how many requests of a class run at once.
type slots chan struct{}

// classSlots are the limits of each class.
func classSlots() map[Class]slots {
	return map[Class]slots{
		ClassProbe:  make(slots, 64),
		ClassEnrol:  make(slots, 8*runtime.GOMAXPROCS(0)),
		ClassIngest: make(slots, 256),
		ClassJobs:   make(slots, 1024),
		ClassPeople: make(slots, 64),
	}
}

// take waits a little for a place. The caller gives it back with leave.
func (s slots) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(slotWait)
	defer t.Stop()
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return busy("the collector is busy: try again later")
	}
}

func (s slots) leave() { <-s }
