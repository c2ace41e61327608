package agent

import (
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// The budgets of who gives none: enough for hourly looks at a large machine, and too little
// to be noticed on a small one.
const (
	defaultCPU     = 5 * time.Minute
	defaultMemory  = 256 << 20
	defaultTraffic = 32 << 20
)

// Budget bounds what the agent costs the machine. 0 is the default, below 0 there is no limit.
type Budget struct {
	CPU     time.Duration // of one processor, in a day (UTC)
	Memory  int64         // bytes
	Traffic int64         // bytes sent and received in a day (UTC), with TLS and all
}

func (b Budget) validate() error {
	switch {
	case b.CPU > 0 && b.CPU < time.Second:
		return inventory.Errorf(inventory.CodeInvalid, "budget cpu %v: at least 1s a day", b.CPU)
	case b.Memory > 0 && b.Memory < 32<<20:
		return inventory.Errorf(inventory.CodeInvalid, "budget memory_mib %d: at least 32", b.Memory>>20)
	case b.Traffic > 0 && b.Traffic < 1<<20:
		return inventory.Errorf(inventory.CodeInvalid, "budget traffic_mib: at least 1")
	}
	return nil
}

// withDefaults has 0 for what is not limited.
func (b Budget) withDefaults() Budget {
	b.CPU = limit(b.CPU, defaultCPU)
	b.Memory = limit(b.Memory, defaultMemory)
	b.Traffic = limit(b.Traffic, defaultTraffic)
	return b
}

func limit[T ~int64](given, otherwise T) T {
	switch {
	case given < 0:
		return 0
	case given == 0:
		return otherwise
	}
	return given
}

// worth is how much a source matters when the agent has to save: the least goes first.
type worth int

// From what costs much and identifies nothing to what an asset is known by, which is always read.
const (
	worthDetail   worth = iota // usage, per-user software, languages' packages
	worthNear                  // what is near the machine or runs on it
	worthList                  // what the machine is made of, and its software
	worthIdentity              // what it is known by
)

// share is the part of a budget from which on sources of that worth are no longer read.
var share = map[worth]float64{worthDetail: 0.75, worthNear: 0.9, worthList: 1}

func worthOf(s source.Source) worth {
	switch s.Category {
	case source.CategoryUsage, source.CategoryUserSoftware, source.CategoryLibraries:
		return worthDetail
	default:
	}
	switch s.Section {
	case inventory.SectionUsage:
		return worthDetail
	case inventory.SectionPrinters, inventory.SectionPeripherals, inventory.SectionMonitors, inventory.SectionNeighbours,
		inventory.SectionPorts, inventory.SectionContainers:
		return worthNear
	case inventory.SectionDevice, inventory.SectionOS, inventory.SectionHardware, inventory.SectionInterfaces:
		return worthIdentity
	default:
		return worthList
	}
}

// ledger counts what the agent used today. It survives restarts in the state folder.
type ledger struct {
	limits Budget
	Spent
	cpu     func() time.Duration // of this process so far
	traffic func() int64         // of this process so far
	memory  func() int64

	cpuSeen     time.Duration
	trafficSeen int64
}

// Spent is what was used on a day.
type Spent struct {
	Day     string        `json:"day"` // YYYY-MM-DD, UTC
	CPU     time.Duration `json:"cpu_ns"`
	Traffic int64         `json:"traffic_bytes"`
}

func newLedger(b Budget, before Spent) *ledger {
	return &ledger{
		limits: b.withDefaults(), Spent: before,
		cpu: processCPU, traffic: func() int64 { return 0 }, memory: memoryInUse,
	}
}

// tally adds what was used since the last time. With a new day it begins again; a clock that
// was set back begins no day, because what was spent is spent.
func (l *ledger) tally(now time.Time) {
	day := now.UTC().Format(time.DateOnly)
	if day > l.Day {
		l.Spent = Spent{}
	}
	l.Day = day
	cpu, traffic := l.cpu(), l.traffic()
	l.CPU += max(cpu-l.cpuSeen, 0)
	l.Traffic += max(traffic-l.trafficSeen, 0)
	l.cpuSeen, l.trafficSeen = cpu, traffic
}

// refuse is why a source of that worth is not read now; "" when it is.
func (l *ledger) refuse(w worth) string {
	from, saves := share[w]
	if !saves {
		return ""
	}
	used := "used up"
	if from < 1 {
		used = fmt.Sprintf("used to %.0f%%", from*100)
	}
	switch {
	case l.limits.CPU > 0 && float64(l.CPU) >= from*float64(l.limits.CPU):
		return fmt.Sprintf("not collected because the CPU budget of %.0f s a day is %s", l.limits.CPU.Seconds(), used)
	case l.trafficOver(from):
		return fmt.Sprintf("not collected because the traffic budget of %d MiB a day is %s", l.limits.Traffic>>20, used)
	case l.limits.Memory > 0 && float64(l.memory()) >= from*float64(l.limits.Memory):
		debug.FreeOSMemory()
		if float64(l.memory()) >= from*float64(l.limits.Memory) {
			return fmt.Sprintf("not collected because the memory budget of %d MiB is %s", l.limits.Memory>>20, used)
		}
	}
	return ""
}

func (l *ledger) trafficOver(from float64) bool {
	return l.limits.Traffic > 0 && float64(l.Traffic) >= from*float64(l.limits.Traffic)
}

// enforceMemory makes the collector of garbage work harder rather than let the heap pass the budget.
func (b Budget) enforceMemory() {
	if m := b.withDefaults().Memory; m > 0 {
		debug.SetMemoryLimit(m)
	}
}

// memoryInUse is what the process has of the system's memory, but for its program text. The
// agent has no other memory than Go's.
func memoryInUse() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return 0
		}
	}
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64()) // far below 2^63
}
