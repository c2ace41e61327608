package agent

import "time"

// threadCPU is not known: Darwin's getrusage has no thread, and thread_info needs Mach calls
// that only its C library makes.
func threadCPU() time.Duration { return 0 }
