package agent

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

const (
	// spread is the window over which agents that start together make their first contact.
	spread = 5 * time.Minute
	// nap bounds one sleep: a laptop's timers stand still while it is suspended, so the clock
	// on the wall is looked at this often.
	nap = time.Minute
)

// collector is what the agent needs of a [wire.Client]; a test has another.
type collector interface {
	wire.Reporter
	Renew(ctx context.Context) error
	Identity() wire.Identity
	Traffic() int64
	Close()
}

// Agent is an enrolled machine's reporter. It has its state folder to itself until Close.
type Agent struct {
	cfg      Config
	stateDir string
	version  string
	eyes     *Eyes
	client   collector
	outbox   *wire.Outbox
	now      func() time.Time
	log      *slog.Logger

	conditions func() Conditions
	asked      time.Duration // the interval that the collector asked for
}

// Open loads the identity in the state folder and takes its spool.
func Open(cfg Config, stateDir, version string, sources []source.Source, now func() time.Time, log *slog.Logger) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	client, err := wire.OpenVia(cfg.Proxy, stateDir, version)
	if err != nil {
		return nil, err
	}
	outbox, err := wire.OpenOutbox(wire.OutboxConfig{StateDir: stateDir, Source: client.Identity().ID, Now: now, Log: log})
	if err != nil {
		client.Close()
		return nil, err
	}
	return newAgent(cfg, stateDir, version, NewEyes(cfg, stateDir, sources, now, log), client, outbox, now, log), nil
}

func newAgent(cfg Config, stateDir, version string, eyes *Eyes, client collector, outbox *wire.Outbox, now func() time.Time, log *slog.Logger) *Agent {
	cfg.Budget.enforceMemory()
	eyes.ledger.traffic = client.Traffic
	return &Agent{
		cfg: cfg, stateDir: stateDir, version: version, eyes: eyes, client: client, outbox: outbox, now: now, log: log, conditions: conditions,
	}
}

// Close gives the state folder back.
func (a *Agent) Close() error {
	a.client.Close()
	return a.outbox.Close()
}

// Report looks and sends once, without patience: on an error the report waits in the spool.
func (a *Agent) Report(ctx context.Context) (Last, error) {
	return a.report(ctx, a.outbox.Flush, time.Time{})
}

// Run reports at intervals until ctx ends, and tries again what fails. Its error is only that
// of a start that went wrong: while it runs, trouble is logged and shown by the status.
func (a *Agent) Run(ctx context.Context) error {
	last, err := readLast(a.stateDir)
	if err != nil {
		a.log.Warn("cannot read the last status", "error", err)
	}
	next := a.now()
	if last != nil { // a fresh machine shows up at once, those of a fleet that restarts do not
		next = next.Add(rand.N(min(spread, a.interval()/4))) // spreads load, guards nothing
	}
	a.log.Info("agent started", "id", a.client.Identity().ID, "collector", a.client.Identity().Collector, "first_report", next.UTC())
	for a.waitUntil(ctx, next) && a.waitOut(ctx) {
		next = a.slot(a.now())
		window, cancel := context.WithTimeout(ctx, next.Sub(a.now()))
		last, err := a.report(window, a.outbox.Deliver, next)
		cancel()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			a.log.Error("report failed", "error", err, "waiting", a.outbox.Pending(), "next", next.UTC())
		default:
			next = a.slot(a.now()) // the collector may have asked for another interval
			a.log.Info("reported", "outcome", last.Outcome, "sections", len(last.Sections), "next", next.UTC())
		}
	}
	a.log.Info("agent stopped")
	return nil
}

type send func(context.Context, wire.Reporter) (wire.Delivery, error)

// report is one round: certificate, look, spool, send, status.
func (a *Agent) report(ctx context.Context, deliver send, next time.Time) (Last, error) {
	if err := a.renew(ctx); err != nil {
		a.log.Error("certificate not renewed", "error", err, "expires", a.client.Identity().NotAfter)
	}
	o, readings, err := a.eyes.Look(ctx, a.client.Identity().ID)
	if err != nil {
		return Last{}, err
	}
	last := Last{LookedAt: o.SeenAt, Outcome: OutcomeWaiting, NextAt: next, Sections: sectionStatuses(o, readings)}
	defer func() {
		if err := a.eyes.remember(a.stateDir); err != nil {
			a.log.Warn("cannot write down what was spent", "error", err)
		}
	}()
	if before, err := readLast(a.stateDir); err == nil && before != nil {
		last.AcceptedAt, last.AcceptedVersion = before.AcceptedAt, before.AcceptedVersion
	}
	if err := a.outbox.Add(o); err != nil {
		last.Outcome, last.Error = OutcomeFailed, err.Error()
		return last, errors.Join(fmt.Errorf("put the report into the spool: %w", err), writeLast(a.stateDir, last))
	}
	a.note(last)
	if a.eyes.ledger.trafficOver(1) {
		err := inventory.Errorf(inventory.CodeUnavailable, "the traffic budget of %d MiB a day is used up: the report waits for tomorrow (UTC)",
			a.eyes.ledger.limits.Traffic>>20)
		last.Error = err.Error()
		a.note(last)
		return last, err
	}
	d, err := deliver(ctx, a.client)
	if d.NextReport > 0 {
		a.asked = d.NextReport
	}
	last.Rekey = d.Rekey
	if d.Rekey {
		a.log.Error("the collector saw this agent's key on two machines: enrol this one again with --force")
	}
	switch {
	case err != nil:
		last.Error = err.Error()
	case d.Lost > 0:
		last.Outcome, last.Error = OutcomeRefused, d.Problem
		err = inventory.Errorf(inventory.CodeInvalid, "the collector did not take the report: %s", d.Problem)
	default:
		last.Outcome, last.AcceptedAt = OutcomeAccepted, a.now().UTC().Truncate(time.Millisecond)
		last.AcceptedVersion = a.version
		if !next.IsZero() {
			last.NextAt = a.slot(a.now())
		}
	}
	a.note(last)
	return last, err
}

// note writes the status down; a full disk must not stop reports.
func (a *Agent) note(last Last) {
	if err := writeLast(a.stateDir, last); err != nil {
		a.log.Warn("cannot write the status", "error", err)
	}
}

// renew gets a new certificate when the present one is past two thirds of its life.
func (a *Agent) renew(ctx context.Context) error {
	if a.now().Before(a.client.Identity().RenewAt()) {
		return nil
	}
	if err := a.client.Renew(ctx); err != nil {
		return err
	}
	a.log.Info("certificate renewed", "expires", a.client.Identity().NotAfter)
	return nil
}

func (a *Agent) interval() time.Duration {
	switch {
	case a.cfg.Interval > 0:
		return a.cfg.Interval
	case a.asked > 0:
		return min(max(a.asked, minInterval), maxInterval)
	}
	return defaultInterval
}

// slot is the time of the next report after now. Every agent has a phase of its own, so that
// a fleet's reports spread over the interval, and a little jitter on top of it.
func (a *Agent) slot(now time.Time) time.Time {
	interval := a.interval()
	h := fnv.New64a()
	_, _ = h.Write([]byte(a.client.Identity().ID)) // a hash never fails
	phase := time.Duration(h.Sum64() % uint64(interval))
	next := now.Add(-phase).Truncate(interval).Add(phase).Add(interval)
	if next.Sub(now) < interval/4 { // there was a report just now
		next = next.Add(interval)
	}
	return next.Add(rand.N(interval/20 + 1)) // spreads load, guards nothing
}

// waitOut is false when ctx ended first. It waits for as long as power or network hold the report back.
func (a *Agent) waitOut(ctx context.Context) bool {
	last, err := readLast(a.stateDir)
	if err != nil || last == nil {
		return ctx.Err() == nil
	}
	for said := ""; ; {
		why := a.cfg.Thrift.hold(a.conditions(), last.AcceptedAt, a.now())
		if why == "" {
			return ctx.Err() == nil
		}
		if why != said {
			a.log.Info("the report waits", "why", why, "at_most_until", last.AcceptedAt.Add(maxHold))
			said = why
		}
		if !a.waitUntil(ctx, a.now().Add(nap)) {
			return false
		}
	}
}

// waitUntil is false when ctx ended first. A clock that was set back by more than the longest
// interval does not silence the agent.
func (a *Agent) waitUntil(ctx context.Context, next time.Time) bool {
	for {
		left := next.Sub(a.now())
		if left <= 0 || left > 2*maxInterval {
			return ctx.Err() == nil
		}
		t := time.NewTimer(min(left, nap))
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-t.C:
		}
	}
}
