package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is the processor time of the calling thread.
func threadCPU() time.Duration { return usage(unix.RUSAGE_THREAD) }
