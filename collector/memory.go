package collector

import "runtime/debug"

// Bounds for the garbage collector. What is known of the inventory is kept within bounds
// of its own and lives long, so that to walk through it whenever the heap has doubled is
// for nothing.
const (
	gcPercent   = 300
	memoryLimit = 850 << 20 // bytes; nearer to it the heap is walked through more often
)

// TuneMemory trades memory for time, for a process that does nothing else than to collect.
// The variables that the Go runtime knows, GOGC and GOMEMLIMIT, have the last word; lookup
// is os.LookupEnv.
func TuneMemory(lookup func(string) (string, bool)) {
	if _, given := lookup("GOGC"); !given {
		debug.SetGCPercent(gcPercent)
	}
	if _, given := lookup("GOMEMLIMIT"); !given {
		debug.SetMemoryLimit(memoryLimit)
	}
}
