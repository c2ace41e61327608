// Package ingest takes observations into the inventory: in groups, durably, each once.
//
// It owns the group commit, the order and duplicates of what a source sends, the
// quarantine of what cannot be processed, and back-pressure. It authenticates nobody:
// the source of an observation was verified by the caller, collector/api or a poller.
package ingest

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Outcome says what became of an observation.
type Outcome string

// The outcomes. All of them are final: the source need not send the observation again.
const (
	Accepted    Outcome = "accepted"
	Duplicate   Outcome = "duplicate"   // this (epoch, seq) was accepted before
	Stale       Outcome = "stale"       // older than what was accepted before
	Quarantined Outcome = "quarantined" // kept aside with its bytes and the reason
)

// Ack answers one observation, after it is durable.
type Ack struct {
	Outcome Outcome
	Reason  string
	// Needed are sections that were sent as a hash which the store does not have.
	Needed []inventory.SectionName
}

// Config bounds the group commit. The zero value is usable.
type Config struct {
	// MaxGroup is the number of observations in one transaction; 1024 when zero.
	MaxGroup int
	// MaxQueue is the number of observations that may wait; beyond it Submit answers unavailable. 4096 when zero.
	MaxQueue int
}

// Ingester commits observations in groups. Create it with New; Run must be running for Submit to return.
type Ingester struct {
	cfg    Config
	store  *store.Store
	log    *slog.Logger
	now    func() time.Time
	queues []chan *item // one for each transaction that may run at a time
	stats  Stats

	answers sync.WaitGroup
	syncing chan struct{} // groups that are on their way to the disk
}

// maxSyncing bounds the groups that are committed and not yet durable.
const maxSyncing = 4

// New makes an Ingester.
func New(cfg Config, st *store.Store, log *slog.Logger, now func() time.Time) *Ingester {
	if cfg.MaxGroup <= 0 {
		cfg.MaxGroup = 1024
	}
	if cfg.MaxQueue <= 0 {
		cfg.MaxQueue = 4096
	}
	in := &Ingester{cfg: cfg, store: st, log: log, now: now, syncing: make(chan struct{}, maxSyncing)}
	for range st.Writers() {
		in.queues = append(in.queues, make(chan *item, max(1, cfg.MaxQueue/st.Writers())))
	}
	return in
}

// queueOf is the queue in which a source's observations keep their order. The scanners
// of a site share their records, and a queue.
func (in *Ingester) queueOf(src inventory.Source) chan *item {
	h := fnv.New32a()
	_, _ = h.Write([]byte(orderOf(src)))
	return in.queues[h.Sum32()%uint32(len(in.queues))]
}

// orderOf sorts sources in the order in which all transactions take them.
func orderOf(src inventory.Source) string {
	if src.Kind == inventory.KindScanner {
		return string(src.Kind) + " " + src.Site
	}
	return string(src.Kind) + " " + src.ID
}

// Contact is a source's mark of one report, by which a copied key is noticed.
type Contact struct {
	Source inventory.Source
	identity.Contact
}

// Report takes a source's observations as Submit does, with its contact, in one transaction
// when they are not many. copied says that the contact shows a copied key.
func (in *Ingester) Report(ctx context.Context, contact Contact, batch []inventory.Observation) (acks []Ack, copied bool, err error) {
	items := make([]*item, 0, len(batch)+1)
	first := &item{obs: inventory.Observation{Source: contact.Source}, contact: &contact}
	items = append(items, first)
	acks, err = in.submit(ctx, items, batch)
	return acks, first.copied, err
}

// Submit takes observations of one source in their order and returns, after they are
// durable, one Ack for each. An unavailable error means that none or only some were
// taken and all should be sent again later: what was taken answers Duplicate then.
func (in *Ingester) Submit(ctx context.Context, batch []inventory.Observation) ([]Ack, error) {
	return in.submit(ctx, make([]*item, 0, len(batch)), batch)
}

func (in *Ingester) submit(ctx context.Context, items []*item, batch []inventory.Observation) ([]Ack, error) {
	before := len(items)
	for i := range batch {
		it := &item{obs: batch[i]}
		in.prepare(it)
		items = append(items, it)
	}
	if err := in.enqueue(ctx, items); err != nil {
		return nil, err
	}
	acks := make([]Ack, len(batch))
	for i, it := range items {
		if it.err != nil {
			return nil, it.err
		}
		if i >= before {
			acks[i-before] = it.ack
		}
	}
	return acks, nil
}

// prepare prepares an item; one that makes that panic is prepared again, and quarantined, in its group.
func (in *Ingester) prepare(it *item) {
	defer func() {
		if p := recover(); p != nil {
			it.panicked = p
		}
	}()
	it.prepare(in.now())
}

// Quarantine keeps aside an observation that could not even be decoded.
func (in *Ingester) Quarantine(ctx context.Context, src inventory.Source, epoch, seq int64, raw []byte, reason string) error {
	it := &item{obs: inventory.Observation{Source: src, Epoch: epoch, Seq: seq}, raw: raw, why: reason}
	if err := in.enqueue(ctx, []*item{it}); err != nil {
		return err
	}
	return it.err
}

// enqueue puts items into the queue and waits until all are done.
func (in *Ingester) enqueue(ctx context.Context, items []*item) error {
	done := make(chan int, len(items))
	sent := 0
	var failed error
	for _, it := range items {
		queue := in.queueOf(it.obs.Source)
		it.done, it.idx = done, sent
		select {
		case queue <- it:
			sent++
			continue
		default:
		}
		// A batch larger than the queue waits for room; a full queue at its first item is overload.
		if sent == 0 {
			in.stats.overload.Add(1)
			return inventory.Errorf(inventory.CodeUnavailable, "%d observations are waiting already: try again later", cap(queue))
		}
		select {
		case queue <- it:
			sent++
		case <-ctx.Done():
			failed = ctx.Err()
		}
		if failed != nil {
			break
		}
	}
	for range sent {
		select {
		case <-done:
		case <-ctx.Done():
			// The group may still commit; the source will learn so as Duplicate.
			return inventory.Errorf(inventory.CodeUnavailable, "the report was not finished in time: %v", context.Cause(ctx))
		}
	}
	if failed != nil {
		return inventory.Errorf(inventory.CodeUnavailable, "the report was not finished in time: %v", failed)
	}
	return nil
}

// Run commits groups until ctx ends and everything queued by then is done.
func (in *Ingester) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, q := range in.queues {
		running.Go(func() { in.drain(ctx, q) })
	}
	running.Wait()
	in.answers.Wait()
}

func (in *Ingester) drain(ctx context.Context, queue chan *item) {
	work := context.WithoutCancel(ctx) // what was queued is finished, not torn
	moves := time.NewTicker(movesPause)
	defer moves.Stop()
	var last time.Time // when a group was taken
	for {
		select {
		case it := <-queue:
			last = in.commit(work, in.gather(queue, it))
		case <-moves.C:
			if !last.IsZero() {
				moves.Reset(movesPause + movesShare*in.noteMoves(work, last))
			}
		case <-ctx.Done():
			for {
				select {
				case it := <-queue:
					in.commit(work, in.gather(queue, it))
				default:
					return
				}
			}
		}
	}
}

// Moves of stations are noted after a pause, in which they gather, and in a twentieth of the time at most:
// reports come first.
const (
	movesPause = time.Second
	movesShare = 19
)

// noteMoves notes who moved, and says how long that took.
func (in *Ingester) noteMoves(ctx context.Context, now time.Time) time.Duration {
	began := time.Now()
	if err := in.store.NoteMoves(ctx, now); err != nil {
		in.log.Error("moves of stations could not be noted: they will be later", "error", err)
	}
	return time.Since(began)
}

// gather is all that waits, up to a group. What comes while it is committed is the next one:
// the slower the commits, the larger the groups.
func (in *Ingester) gather(queue chan *item, first *item) []*item {
	group := append(make([]*item, 0, in.cfg.MaxGroup), first)
	for len(group) < in.cfg.MaxGroup {
		select {
		case it := <-queue:
			group = append(group, it)
		default:
			return group
		}
	}
	return group
}

// commit takes a group and answers it when that is durable. A group is first taken as if all of it
// were well; only when something in it is not, it is taken again one by one, so that
// the rotten one is found and its neighbours proceed.
func (in *Ingester) commit(ctx context.Context, group []*item) (received time.Time) {
	received = in.now().UTC()
	slices.SortStableFunc(group, func(a, b *item) int { return strings.Compare(orderOf(a.obs.Source), orderOf(b.obs.Source)) })
	durable, err := in.transact(ctx, group, received, false)
	if err != nil && !store.Unavailable(err) {
		durable, err = in.transact(ctx, group, received, true)
	}
	if err != nil {
		in.answer(group, err)
		return received
	}
	in.syncing <- struct{}{}
	in.answers.Go(func() { // the next group is taken meanwhile
		in.answer(group, durable())
		<-in.syncing
	})
	return received
}

// answer tells those who wait for a group what became of it.
func (in *Ingester) answer(group []*item, err error) {
	if err != nil {
		in.log.Error("group commit failed", "observations", len(group), "error", err)
		in.stats.failed.Add(int64(len(group)))
	}
	for _, it := range group {
		if err != nil {
			it.err = inventory.Errorf(inventory.CodeUnavailable, "the inventory could not be written: try again later")
		} else if it.contact == nil {
			in.stats.count(it.ack.Outcome)
		}
		it.done <- it.idx
	}
}

// transact applies a group in one transaction; carefully means each in a savepoint.
func (in *Ingester) transact(ctx context.Context, group []*item, received time.Time, carefully bool) (durable func() error, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			if carefully { // outside of any one observation: a fault of ours, worth its stack
				in.log.Error("panic in group commit", "panic", p, "stack", string(debug.Stack()))
			}
		}
	}()
	return in.store.UpdateAhead(ctx, func(tx *store.Tx) error {
		if err := tx.Begin(ctx); err != nil {
			return err
		}
		if err := noteContacts(ctx, tx, group, received); err != nil {
			return err
		}
		a := newApplier(tx, received)
		var whole []*item
		for _, it := range group {
			switch {
			case it.contact != nil:
			case it.raw != nil:
				if err := in.setAside(ctx, tx, a, it, it.raw, it.why); err != nil {
					return err
				}
			case carefully:
				if err := in.one(ctx, tx, a, it); err != nil {
					return err
				}
			default:
				whole = append(whole, it)
			}
		}
		if err := a.take(ctx, whole); err != nil {
			return err
		}
		return a.finish(ctx)
	})
}

// noteContacts adds the group's contacts to their sources' chains.
func noteContacts(ctx context.Context, tx *store.Tx, group []*item, received time.Time) error {
	var items []*item
	var ids []string
	var marks []identity.Contact
	for _, it := range group {
		if it.contact != nil {
			items, ids, marks = append(items, it), append(ids, it.contact.Source.ID), append(marks, it.contact.Contact)
		}
	}
	copied, err := tx.Contacts(ctx, received, ids, marks)
	for i := range copied {
		items[i].copied = copied[i]
	}
	return err
}

// one applies one observation inside a group; what cannot be processed is quarantined.
func (in *Ingester) one(ctx context.Context, tx *store.Tx, a *applier, it *item) error {
	err := tx.Savepoint(ctx, func() error { return a.take(ctx, []*item{it}) })
	if err == nil || store.Unavailable(err) {
		return err
	}
	clear(a.seeds)
	in.log.Error("observation quarantined", "source_kind", it.obs.Source.Kind, "source", it.obs.Source.ID,
		"epoch", it.obs.Epoch, "seq", it.obs.Seq, "error", err)
	reason := "internal error while processing"
	if inventory.CodeOf(err) != inventory.CodeInternal {
		reason = err.Error()
	}
	return in.setAside(ctx, tx, a, it, encode(&it.obs), reason)
}

func (in *Ingester) setAside(ctx context.Context, tx *store.Tx, a *applier, it *item, raw []byte, reason string) error {
	it.ack = Ack{Outcome: Quarantined, Reason: reason}
	return tx.Quarantine(ctx, it.obs.Source, it.obs.Epoch, it.obs.Seq, a.received, raw, reason)
}
