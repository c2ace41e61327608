// bench measures a running collector from outside: it builds muster-collector, starts it,
// enrols simulated agents and lets them report over mutual TLS, then counts what is
// stored against what was acknowledged.
//
//	go run ./internal/bench ingest [-agents N] [-rounds N] [-store DSN] [-collectors 2]
//	go run ./internal/bench herd   [-agents N] [-interval D]
//
// Or it lets muster-scanner read simulated SNMP devices:
//
//	go run ./internal/bench snmp   [-devices N] [-latency D] [-loss P] [-v3] [-full]
//
// It shares the machine with what it measures, so its figures say what both do together.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	debug.SetGCPercent(400) // the collector shall have the processors
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	agents, rounds, packages, workers, collectors int
	store, dir, metrics                           string
	interval                                      time.Duration
	snmp                                          snmpOptions
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("what is to be measured? ingest, herd or snmp")
	}
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	var o options
	f.IntVar(&o.agents, "agents", 1000, "simulated agents")
	f.IntVar(&o.rounds, "rounds", 5, "unchanged reports, and small changes, of each agent")
	f.IntVar(&o.packages, "packages", 500, "packages of each agent")
	f.IntVar(&o.workers, "workers", 64, "agents that report at the same time")
	f.IntVar(&o.collectors, "collectors", 1, "collectors on one database (PostgreSQL)")
	f.StringVar(&o.store, "store", "", "sqlite:FILE of a new inventory (default one in a temporary folder), or postgres://... of an empty database")
	f.StringVar(&o.metrics, "metrics", "off", "loopback address of the collector's figures and profiles, /debug/pprof/")
	f.DurationVar(&o.interval, "interval", time.Hour, "herd: the interval at which agents report")
	f.IntVar(&o.snmp.devices, "devices", 10_000, "snmp: simulated devices")
	f.IntVar(&o.snmp.concurrency, "concurrency", 256, "snmp: devices read at once")
	f.DurationVar(&o.snmp.latency, "latency", 50*time.Millisecond, "snmp: delay of each answer")
	f.Float64Var(&o.snmp.loss, "loss", 0.01, "snmp: share of questions that get no answer")
	f.BoolVar(&o.snmp.v3, "v3", false, "snmp: by version 3 with authentication and encryption, not 2c")
	f.BoolVar(&o.snmp.full, "full", false, "snmp: read all tables, not only what identifies a device")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp("", "muster-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	if o.store == "" {
		o.store = "sqlite:" + filepath.Join(o.dir, "muster.db")
	}
	if o.collectors > 1 && strings.HasPrefix(o.store, "sqlite:") {
		return errors.New("several collectors need one PostgreSQL database")
	}
	switch args[0] {
	case "ingest":
		return ingest(ctx, o)
	case "herd":
		return herd(ctx, o)
	case "snmp":
		return readDevices(ctx, o.dir, o.snmp)
	}
	return fmt.Errorf("%q cannot be measured: ingest, herd and snmp can", args[0])
}
