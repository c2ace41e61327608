package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// part is how finely arrivals are counted.
const part = 10 * time.Second

// herd lets all agents come back at once, as after an hour in which the collector was not
// there, each with what it has to say, and follows them until all is delivered. When
// they report next follows from when they were served and from what the collector asked;
// that hour is not waited for.
func herd(ctx context.Context, o options) (err error) {
	if err := manyFiles(o.agents); err != nil {
		return err
	}
	list, token, err := startAll(ctx, o)
	defer func() { err = errors.Join(err, stopAll(list)) }()
	if err != nil {
		return err
	}
	agents, err := enrol(ctx, o, list, token)
	if err != nil {
		return err
	}
	for _, a := range agents {
		a.line.close() // they come anew, handshake and all
	}
	reports, err := prepareAll(ctx, agents, func(a *agent) inventory.Observation { return a.observation(everything) })
	if err != nil {
		return err
	}
	fmt.Printf("%d agents come back at once\n", len(agents))
	before, err := usageOf(list)
	if err != nil {
		return err
	}
	begun := time.Now()
	var mu sync.Mutex
	var served, next []time.Duration // since begun
	busy := 0
	err = each(ctx, len(agents), len(agents), func(ctx context.Context, i int) error {
		receipt, again, err := agents[i].deliver(ctx, reports[i])
		if err != nil {
			return err
		}
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		busy += again
		served = append(served, now.Sub(begun))
		next = append(next, slot(agents[i].id, now, receipt.GetNextReport().AsDuration()).Sub(begun))
		return nil
	})
	if err != nil {
		return err
	}
	after, err := usageOf(list)
	if err != nil {
		return err
	}
	slices.Sort(served)
	fmt.Printf("all delivered after %s (half after %s); %d were asked to come later, %.1f times each agent\n",
		served[len(served)-1].Round(time.Second), served[len(served)/2].Round(time.Second), busy, float64(busy)/float64(len(agents)))
	fmt.Printf("collector: %s of CPU, at most %d MiB resident\n", (after.cpu - before.cpu).Round(time.Millisecond), after.peak>>20)
	peak, mean := peakOf(next, o.interval)
	fmt.Printf("the next interval: %d reports in the busiest %s, %.0f in the mean: %.1f times\n", peak, part, mean, float64(peak)/mean)
	return compare(ctx, o, agents)
}

// slot is when an agent that was served now reports next: every agent has a phase of its
// own within the interval, and a little jitter (agent.Agent).
func slot(id string, now time.Time, interval time.Duration) time.Time {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	phase := time.Duration(h.Sum64() % uint64(interval))
	next := now.Add(-phase).Truncate(interval).Add(phase).Add(interval)
	if next.Sub(now) < interval/4 {
		next = next.Add(interval)
	}
	return next.Add(rand.N(interval/20 + 1))
}

// peakOf is the largest number of times in a part, and the number were they spread evenly.
func peakOf(times []time.Duration, interval time.Duration) (peak int, mean float64) {
	parts := map[time.Duration]int{}
	for _, t := range times {
		parts[t/part]++
		peak = max(peak, parts[t/part])
	}
	return peak, float64(len(times)) / (float64(interval) / float64(part))
}

// manyFiles raises the limit on open files to what so many connections need.
func manyFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	want := uint64(n) + 1000
	if limit.Cur >= want {
		return nil
	}
	limit.Cur, limit.Max = max(limit.Cur, want), max(limit.Max, want)
	return os.NewSyscallError("raise the limit on open files", syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}
