package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// ingest measures first reports, unchanged ones and small changes.
func ingest(ctx context.Context, o options) (err error) {
	list, token, err := startAll(ctx, o)
	running := true
	defer func() {
		if running {
			err = errors.Join(err, stopAll(list))
		}
	}()
	if err != nil {
		return err
	}
	fmt.Printf("%d agents with %d packages, %d at a time, %d collector(s) on %s, %d CPUs shared with the agents\n",
		o.agents, o.packages, o.workers, o.collectors, engine(o.store), runtime.NumCPU())
	begun := time.Now()
	agents, err := enrol(ctx, o, list, token)
	if err != nil {
		return err
	}
	fmt.Printf("%-12s %6.0f /s\n", "enrolments", float64(o.agents)/time.Since(begun).Seconds())
	first, cost, err := phase(ctx, "first", o, list, agents, 1, func(a *agent) inventory.Observation { return a.observation(everything) })
	if err != nil {
		return err
	}
	if err := bytesPerHost(o); err != nil {
		return err
	}
	if _, _, err := phase(ctx, "unchanged", o, list, agents, o.rounds, func(a *agent) inventory.Observation { return a.observation(nothing) }); err != nil {
		return err
	}
	if _, _, err := phase(ctx, "small change", o, list, agents, o.rounds, func(a *agent) inventory.Observation {
		a.update(5)
		return a.observation(software)
	}); err != nil {
		return err
	}
	u, err := usageOf(list)
	if err != nil {
		return err
	}
	fmt.Printf("collector: %s of CPU, at most %d MiB resident\n", u.cpu.Round(time.Millisecond), u.peak>>20)
	running = false
	if err := stopAll(list); err != nil {
		return err
	}
	if err := compare(ctx, o, agents); err != nil {
		return err
	}
	return rawLimit(ctx, o, agents, first, cost)
}

func stopAll(list []*collector) error {
	var errs []error
	for _, c := range list {
		errs = append(errs, c.stop())
	}
	return errors.Join(errs...)
}

func engine(store string) string {
	name, _, _ := strings.Cut(store, ":")
	return name
}

// phase lets every agent report some times and prints what that came to. It returns the
// reports a second, and what each cost both sides of CPU time.
func phase(ctx context.Context, name string, o options, list []*collector, agents []*agent, rounds int, next func(*agent) inventory.Observation) (rate float64, cost time.Duration, err error) {
	var mu sync.Mutex
	var took []time.Duration
	var all time.Duration
	var theirs, ours usage // of collectors and of this program
	retries := 0
	for range rounds {
		reports, err := prepareAll(ctx, agents, next)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", name, err)
		}
		m, err := measure(list)
		if err != nil {
			return 0, 0, err
		}
		if err := each(ctx, o.workers, len(agents), func(ctx context.Context, i int) error {
			sent := time.Now()
			_, busy, err := agents[i].deliver(ctx, reports[i])
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(sent))
			retries += busy
			return err
		}); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", name, err)
		}
		if err := m.stop(&all, &theirs, &ours); err != nil {
			return 0, 0, err
		}
	}
	slices.Sort(took)
	rate = float64(len(took)) / all.Seconds()
	fmt.Printf("%-12s %6.0f /s   p50 %s  p99 %s   CPU each: %d µs the collector, %d µs the agents; %d sent again; load %s\n", name, rate,
		took[len(took)/2].Round(100*time.Microsecond), took[len(took)*99/100].Round(100*time.Microsecond),
		theirs.cpu.Microseconds()/int64(len(took)), ours.cpu.Microseconds()/int64(len(took)), retries, load())
	return rate, (theirs.cpu + ours.cpu) / time.Duration(len(took)), nil
}

// bytesPerHost prints what the embedded store's files take.
func bytesPerHost(o options) error {
	file, ok := strings.CutPrefix(o.store, "sqlite:")
	if !ok {
		return nil
	}
	fi, err := os.Stat(file)
	if err != nil {
		return err
	}
	size := fi.Size()
	if wal, err := os.Stat(file + "-wal"); err == nil {
		fmt.Printf("file %.1f KB a host, and a log of %d MiB\n", float64(size)/1000/float64(o.agents), wal.Size()>>20)
		return nil
	}
	fmt.Printf("file %.1f KB a host\n", float64(size)/1000/float64(o.agents))
	return nil
}
