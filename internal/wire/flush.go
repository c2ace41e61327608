package wire

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/pause"
)

// Delivery is what a Flush brought about.
type Delivery struct {
	// Sent counts observations that the collector has now, Lost those it did not take.
	Sent, Lost int
	// Problem is the collector's word on the last one it did not take.
	Problem    string
	NextReport time.Duration
	Rekey      bool
}

// Flush sends all that waits, once. On an error the rest stays in the spool.
func (b *Outbox) Flush(ctx context.Context, to Reporter) (Delivery, error) {
	b.sending.Lock()
	defer b.sending.Unlock()
	return b.flush(ctx, to)
}

// Deliver is Flush with patience: it tries again, at growing intervals and as the collector
// asks, until nothing waits or ctx ends. Its error is then the last failure's.
func (b *Outbox) Deliver(ctx context.Context, to Reporter) (Delivery, error) {
	b.sending.Lock()
	defer b.sending.Unlock()
	var total Delivery
	var failure error
	for {
		if err := pause.For(ctx, b.resume.Sub(b.now())); err != nil {
			return total, errors.Join(failure, err)
		}
		d, err := b.flush(ctx, to)
		total.add(d)
		if err == nil {
			b.backoff.Reset()
			return total, nil
		}
		if ctx.Err() != nil {
			return total, err
		}
		failure = err
		wait := b.backoff.Next(err)
		b.resume = b.now().Add(wait)
		b.log.Warn("delivery failed, will try again", "error", err, "wait", wait.Round(time.Second))
	}
}

func (d *Delivery) add(other Delivery) {
	d.Sent += other.Sent
	d.Lost += other.Lost
	d.Rekey = d.Rekey || other.Rekey
	if other.Problem != "" {
		d.Problem = other.Problem
	}
	if other.NextReport > 0 {
		d.NextReport = other.NextReport
	}
}

func (b *Outbox) flush(ctx context.Context, to Reporter) (Delivery, error) {
	var d Delivery
	again := map[string]bool{} // sent in full once more during this flush
	for {
		batch := b.next()
		if len(batch) == 0 {
			b.drained()
			return d, nil
		}
		receipt, err := b.send(ctx, to, batch)
		if err != nil {
			batch.sent()
			return d, err
		}
		d.add(Delivery{NextReport: receipt.NextReport, Rekey: receipt.Rekey})
		if err := b.settle(batch, receipt, &d, again); err != nil {
			return d, err
		}
	}
}

// batch is what goes into one contact: each observation with its record.
type batch []waiting

type waiting struct {
	inventory.Observation
	record *record
}

// sent notes that the collector may have seen the batch.
func (w batch) sent() {
	for _, x := range w {
		x.record.sent = true
	}
}

// next is the oldest records that go together into one contact; none when nothing waits.
func (b *Outbox) next() batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out batch
	size := int64(0)
	for _, r := range slices.Clone(b.pending) {
		if n := int(r.last-r.first) + 1; len(out) > 0 && (len(out)+n > recordItems || size+r.size > batchBytes) {
			break
		}
		list, err := r.read()
		if err != nil {
			b.log.Warn("a waiting report is lost, everything will be sent in full", "file", r.path, "error", err)
			b.unlist(r)
			b.known = knowledge{}
			if err := b.setAside(filepath.Base(r.path), err); err != nil {
				b.log.Warn("cannot set a record aside", "error", err)
			}
			continue
		}
		size += r.size
		for _, o := range list {
			out = append(out, waiting{o, r})
		}
	}
	return out
}

func (b *Outbox) drained() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 {
		clear(b.latest)
	}
	if err := b.saveKnown(); err != nil {
		b.log.Warn("cannot write what the collector has", "error", err) // costs a report in full
	}
}

// send makes one contact. When the collector does not take the request as a whole, the
// observation at fault is found by halving, and the others arrive.
func (b *Outbox) send(ctx context.Context, to Reporter, w batch) (Receipt, error) {
	receipt, err := b.contact(ctx, to, w)
	code := inventory.CodeOf(err)
	if err == nil || (code != inventory.CodeInvalid && code != inventory.CodeTooLarge) {
		return receipt, err
	}
	if len(w) == 1 {
		return Receipt{Acks: []Ack{{Outcome: OutcomeRefused, Reason: err.Error()}}}, nil
	}
	w.sent()
	first, err := b.send(ctx, to, w[:len(w)/2])
	if err != nil {
		return first, err
	}
	second, err := b.send(ctx, to, w[len(w)/2:])
	second.Acks = append(first.Acks, second.Acks...)
	second.Rekey = second.Rekey || first.Rekey
	return second, err
}

func (b *Outbox) contact(ctx context.Context, to Reporter, w batch) (Receipt, error) {
	list := make([]inventory.Observation, len(w))
	for i := range w {
		list[i] = w[i].Observation
	}
	b.mu.Lock()
	nonce, previous, err := b.nonces()
	b.mu.Unlock()
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := to.Report(ctx, Report{Observations: list, Nonce: nonce, PreviousNonce: previous})
	if err != nil {
		return Receipt{}, err
	}
	if len(receipt.Acks) != len(list) {
		return Receipt{}, fmt.Errorf("%d observations were answered with %d acknowledgements", len(list), len(receipt.Acks))
	}
	b.mu.Lock()
	b.answered()
	b.mu.Unlock()
	return receipt, nil
}

// settle acts upon the answer to a batch.
func (b *Outbox) settle(w batch, receipt Receipt, d *Delivery, again map[string]bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	behind := false
	var resend []inventory.Observation
	for i, ack := range receipt.Acks {
		o := w[i]
		switch {
		case ack.Outcome == OutcomeStale, ack.Outcome == OutcomeDuplicate && !o.record.sent:
			// The collector has seen a later number, or this one, which was never sent
			// before: our counter went back with a restored disk.
			behind = true
			continue
		case ack.Outcome == OutcomeAccepted, ack.Outcome == OutcomeDuplicate:
			d.Sent++
			b.known.forget(o.NativeKey, ack.Needed...)
		default:
			d.Lost++
			d.Problem = fmt.Sprintf("%s: %s", ack.Outcome, ack.Reason)
			b.log.Warn("the collector did not take a report", "seq", o.Seq, "outcome", ack.Outcome, "reason", ack.Reason)
			delete(b.known, o.NativeKey)
			continue
		}
		if latest, ok := b.latest[o.NativeKey]; ok && len(ack.Needed) > 0 && !again[o.NativeKey] {
			again[o.NativeKey] = true
			resend = append(resend, latest)
		}
	}
	for _, x := range w {
		b.remove(x.record)
	}
	if behind {
		return b.catchUp(receipt.ServerTime)
	}
	b.stales = 0
	if len(resend) == 0 {
		return nil
	}
	return b.add(resend)
}

// maxStales in a row leap by 2 + 4 + ... + 2^14 days, some 90 years: no clock is further off.
const maxStales = 15

// catchUp starts a new epoch and sends the newest of everything again. The epoch leaps further
// with each attempt in a row, in case a clock that was years ahead began the old one.
func (b *Outbox) catchUp(collectorTime time.Time) error {
	b.log.Warn("the collector is ahead of our counter, starting a new one", "epoch", b.counter.Epoch)
	jump := 24 * time.Hour << b.stales
	if b.stales == 0 {
		jump = 0
	}
	if b.stales++; b.stales > maxStales {
		b.stales = 0
		return inventory.Errorf(inventory.CodeConflict, "the collector keeps calling our reports outdated")
	}
	if err := b.begin(collectorTime, jump); err != nil {
		return err
	}
	all := make([]inventory.Observation, 0, len(b.latest))
	for _, o := range b.latest {
		all = append(all, o)
	}
	return b.add(all)
}
