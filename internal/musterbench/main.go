// musterbench feeds a folder of reconciling benchmark data through muster and writes
// which asset each observation ended up in: for measuring the decision, not for use.
//
//	go run ./internal/musterbench -data DIR -store sqlite:FILE -out MAP.tsv
//
// The store takes everything through the collector's ingest; "memory" keeps records in
// maps and measures the decision alone. An observation counts for the asset that its
// record belonged to at its time: a directory's account that went from a machine to its
// replacement keeps its past with the former.
package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	data := flag.String("data", "", "folder with observations.jsonl (or .gz) and sites.json")
	store := flag.String("store", "memory", "memory, hindsight, or sqlite:FILE of a new store")
	out := flag.String("out", "", "file to write: observation, final asset, asset on arrival")
	said := flag.String("overrides", "", "file with decisions of persons, each to be entered as a pin once both observations have arrived")
	profile := flag.String("profile", "", "file to write a CPU profile to")
	flag.Parse()
	collector.TuneMemory(os.LookupEnv)
	if err := profiled(*profile, func() error { return run(ctx, *data, *store, *out, *said) }); err != nil {
		fmt.Fprintln(os.Stderr, "musterbench:", err)
		os.Exit(1)
	}
}

// profiled runs fn with a CPU profile of it in a file, when one is named.
func profiled(file string, fn func() error) (err error) {
	if file == "" {
		return fn()
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return fn()
}

// bench is something that takes observations and says where they ended up.
type bench interface {
	report(ctx context.Context, l *line, o *inventory.Observation) error
	// answers tells where each observation's record is, a decision over everything and
	// how many records that one puts elsewhere.
	answers(ctx context.Context, each func(answer) error) (reconcile.Result, int, error)
	// pin enters what a person says of two observations that were reported.
	pin(ctx context.Context, a, b string, same bool) error
	close() error
}

// answer is where one observation ended up: its record's asset now and on arrival.
type answer struct {
	id          string
	record      int64
	seen        time.Time
	final, live int64
}

func run(ctx context.Context, data, dsn, out, said string) (err error) {
	if data == "" || out == "" {
		return errors.New("-data and -out are needed")
	}
	over, err := readOverrides(said)
	if err != nil {
		return err
	}
	s, err := readSites(filepath.Join(data, "sites.json"))
	if err != nil {
		return err
	}
	var b bench = newMemory(dsn == "hindsight")
	if dsn != "memory" && dsn != "hindsight" {
		if b, err = openStored(ctx, dsn); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, b.close()) }()
	n, speed := 0, newPace()
	err = eachLine(data, func(l *line) error {
		n++
		speed.count()
		o, err := s.observation(l, int64(n))
		if err != nil {
			return err
		}
		if err := b.report(ctx, l, o); err != nil {
			return fmt.Errorf("observation %s: %w", l.ID, err)
		}
		if err := over.arrived(ctx, b, l.ID); err != nil {
			return err
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	speed.end()
	if said != "" {
		fmt.Fprintf(os.Stderr, "%d of %d overrides entered, %d refused\n", over.entered, over.all, over.refused)
	}
	wrong, err := write(ctx, b, out)
	fmt.Fprintf(os.Stderr, "%d observations; a rebuild puts %d records elsewhere\n", n, wrong)
	return err
}

func write(ctx context.Context, b bench, out string) (wrong int, err error) {
	var all []answer
	res, wrong, err := b.answers(ctx, func(a answer) error {
		all = append(all, a)
		return nil
	})
	if err != nil {
		return 0, err
	}
	past := map[int64][]reconcile.Handover{}
	for _, h := range res.Handovers {
		past[h.Record] = append(past[h.Record], h)
	}
	f, err := os.Create(out)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriter(f)
	for _, a := range all {
		for _, h := range past[a.record] { // oldest first
			if a.seen.Before(h.On) {
				a.final = h.From
				break
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\n", a.id, a.final, a.live)
	}
	return wrong, errors.Join(w.Flush(), f.Close())
}

// eachLine reads a folder's observations, packed or not, in order.
func eachLine(data string, do func(*line) error) error {
	path := filepath.Join(data, "observations.jsonl")
	f, err := os.Open(path)
	packed := errors.Is(err, os.ErrNotExist)
	if packed {
		f, err = os.Open(path + ".gz")
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var r io.Reader = bufio.NewReaderSize(f, 1<<16)
	if packed {
		if r, err = gzip.NewReader(r); err != nil {
			return fmt.Errorf("read %s: %w", f.Name(), err)
		}
	}
	dec := json.NewDecoder(r)
	for {
		var l line
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read %s: %w", f.Name(), err)
		}
		if err := do(&l); err != nil {
			return err
		}
	}
}
