package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// stored feeds observations through the collector's ingest into a store.
type stored struct {
	store   *store.Store
	in      *ingest.Ingester
	stop    context.CancelFunc
	stopped chan struct{}
	clock   atomic.Int64 // arrival of what was read last: observations come with their own times
	lanes   [lanes]lane
	ids     []string // by sequence number, from 1
}

// lanes is how many batches are under way at a time, of different sources: as in a
// collector, where each source waits for its answer and others' reports are read meanwhile.
const lanes = 4

const batchSize = 1024 // as many as a collector takes in one transaction

// lane is the observations of some sources, in their order.
type lane struct {
	batch []inventory.Observation
	sent  chan error // of the batch under way, nil without one
}

func openStored(ctx context.Context, dsn string) (*stored, error) {
	st, err := store.Open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	b := &stored{store: st, stopped: make(chan struct{})}
	now := func() time.Time { return time.UnixMilli(b.clock.Load()) }
	b.in = ingest.New(ingest.Config{}, st, slog.New(slog.DiscardHandler), now)
	run, stop := context.WithCancel(ctx)
	b.stop = stop
	go func() {
		defer close(b.stopped)
		b.in.Run(run)
	}()
	return b, nil
}

func (b *stored) report(ctx context.Context, l *line, o *inventory.Observation) error {
	of := o.Source.ID
	if o.Source.Kind == inventory.KindScanner {
		of = o.Source.Site // the scanners of a site share their records
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(of))
	at := &b.lanes[h.Sum32()%lanes]
	b.clock.Store(max(b.clock.Load(), l.ReceivedAt.UnixMilli()))
	b.ids = append(b.ids, l.ID)
	at.batch = append(at.batch, *o)
	if len(at.batch) < batchSize {
		return nil
	}
	return b.handOver(ctx, at)
}

// handOver sends a lane's batch, once the one before is in.
func (b *stored) handOver(ctx context.Context, l *lane) error {
	if err := l.await(); err != nil || len(l.batch) == 0 {
		return err
	}
	batch := l.batch
	l.batch = make([]inventory.Observation, 0, batchSize)
	l.sent = make(chan error, 1)
	go func() { l.sent <- b.submit(ctx, batch) }()
	return nil
}

// await waits for the batch under way.
func (l *lane) await() error {
	if l.sent == nil {
		return nil
	}
	err := <-l.sent
	l.sent = nil
	return err
}

func (b *stored) submit(ctx context.Context, batch []inventory.Observation) error {
	acks, err := b.in.Submit(ctx, batch)
	if err != nil {
		return err
	}
	for i, a := range acks {
		if a.Outcome != ingest.Accepted {
			return fmt.Errorf("observation %d was not accepted but %s: %s", batch[i].Seq, a.Outcome, a.Reason)
		}
	}
	return nil
}

// flush takes in all that was reported.
func (b *stored) flush(ctx context.Context) error {
	for i := range b.lanes {
		if err := b.handOver(ctx, &b.lanes[i]); err != nil {
			return err
		}
	}
	return b.await()
}

func (b *stored) await() error {
	var errs []error
	for i := range b.lanes {
		errs = append(errs, b.lanes[i].await())
	}
	return errors.Join(errs...)
}

// pin enters a pin as a person would: on the records that the two observations are in.
func (b *stored) pin(ctx context.Context, x, y string, same bool) error {
	if err := b.flush(ctx); err != nil {
		return err
	}
	record := map[string]int64{}
	err := b.store.Memberships(ctx, func(m store.Membership) error {
		if id := b.ids[m.Seq-1]; id == x || id == y {
			record[id] = m.Record
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, _, err = b.store.AddPin(ctx, store.Ref{Record: true, ID: record[x]}, store.Ref{Record: true, ID: record[y]},
		store.Pin{Same: same, Why: "overrides", Who: "musterbench"}, time.UnixMilli(b.clock.Load()))
	return err
}

func (b *stored) answers(ctx context.Context, each func(answer) error) (reconcile.Result, int, error) {
	if err := b.flush(ctx); err != nil {
		return reconcile.Result{}, 0, err
	}
	err := b.store.Memberships(ctx, func(m store.Membership) error {
		return each(answer{id: b.ids[m.Seq-1], record: m.Record, seen: m.Said, final: m.Asset, live: m.AtTheTime})
	})
	if err != nil {
		return reconcile.Result{}, 0, err
	}
	res, wrong, err := b.store.Recheck(ctx)
	return res, len(wrong), err
}

func (b *stored) close() error {
	sent := b.await()
	b.stop()
	<-b.stopped
	return errors.Join(sent, b.store.Close())
}
