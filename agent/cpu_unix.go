//go:build unix

package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// processCPU is the processor time of this process, 0 when the system does not tell.
func processCPU() time.Duration { return usage(unix.RUSAGE_SELF) }

func usage(who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
