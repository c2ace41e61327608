package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pace tells how fast each hundred thousand observations went, what they cost and how
// much memory there is in use: none of it may grow with the estate.
type pace struct {
	n     int
	began time.Time
	cpu   time.Duration
}

const pacePart = 100_000

func newPace() *pace { return &pace{began: time.Now(), cpu: used()} }

// count counts an observation.
func (p *pace) count() {
	if p.n++; p.n%pacePart == 0 {
		p.tell(pacePart)
	}
}

// end tells of the last, shorter part.
func (p *pace) end() {
	if rest := p.n % pacePart; rest > 0 {
		p.tell(rest)
	}
}

func (p *pace) tell(n int) {
	took, cpu := time.Since(p.began), used()
	fmt.Fprintf(os.Stderr, "%8d: %5.0f observations/s, %3.0f µs of CPU each, %d MiB resident\n",
		p.n, float64(n)/took.Seconds(), float64((cpu-p.cpu).Microseconds())/float64(n), resident()>>20)
	p.began, p.cpu = time.Now(), cpu
}

// used is the CPU time of the process.
func used() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the memory in use, as the system counts it where it can be asked.
func resident() int {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			if pages, err := strconv.Atoi(f[1]); err == nil {
				return pages * os.Getpagesize()
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.Sys)
}
