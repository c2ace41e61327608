// musterbench feeds a folder of reconciling benchmark data through muster and writes
// which asset each observation ended up in: for measuring the decision, not for use.
//
//	go run ./internal/musterbench -data DIR -store memory -out MAP.tsv
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
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	data := flag.String("data", "", "folder with observations.jsonl (or .gz) and sites.json")
	store := flag.String("store", "memory", "memory")
	out := flag.String("out", "", "file to write: observation, final asset, asset on arrival")
	flag.Parse()
	if err := run(ctx, *data, *store, *out); err != nil {
		fmt.Fprintln(os.Stderr, "musterbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, data, _, out string) error {
	if data == "" || out == "" {
		return errors.New("-data and -out are needed")
	}
	s, err := readSites(filepath.Join(data, "sites.json"))
	if err != nil {
		return err
	}
	began := time.Now()
	m := newMemory()
	type answer struct {
		id           string
		record, live int64
	}
	var answers []answer
	err = eachLine(data, func(l *line) error {
		o, err := s.observation(l, int64(len(answers)+1))
		if err != nil {
			return err
		}
		rec, err := m.report(ctx, o)
		if err != nil {
			return fmt.Errorf("observation %s: %w", l.ID, err)
		}
		answers = append(answers, answer{l.ID, rec, m.assets[rec]})
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	moved := m.rebuild()
	fmt.Fprintf(os.Stderr, "%d observations, %d records, %.1f s; rebuild differs in %d records %v\n", len(answers), len(m.records), took.Seconds(), len(moved), first(moved, 10))
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, a := range answers {
		fmt.Fprintf(w, "%s\t%d\t%d\n", a.id, m.assets[a.record], a.live)
	}
	return errors.Join(w.Flush(), f.Close())
}

func first(list []int64, n int) []int64 { return list[:min(n, len(list))] }

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
