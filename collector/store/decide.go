package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// Decided is what a decision changed.
type Decided struct {
	// Touched are the assets that gained or lost a record.
	Touched []int64
	Events  []Event
}

// Event is a merge or a split: records went from one asset to another.
type Event struct {
	ID       int64
	Obs      int64
	At       time.Time
	Kind     EventKind
	From, To inventory.AssetID
	Records  []int64
	// Cause is empty for evidence, else pin:ID, unpin:ID, rules:ID or repair.
	Cause string
	// Pin is what took the event back; 0 for none.
	Pin int64
}

// EventKind says what became of the assets.
type EventKind string

// The kinds of events.
const (
	EventMerged EventKind = "merged" // From is no more
	EventSplit  EventKind = "split"  // To is new, or back
	EventMoved  EventKind = "moved"  // both were and are
)

// Decide decides anew about records that changed, with the observations that changed
// them, and moves records to the assets decided for them. cause is as in Event.
func (t *Tx) Decide(ctx context.Context, changed map[int64]int64, cause string) (Decided, error) {
	if err := t.LockClaims(ctx); err != nil {
		return Decided{}, err
	}
	res, err := t.resolve(ctx, changed)
	if err != nil {
		return Decided{}, err
	}
	moves, err := t.regroup(ctx, changed, res.Assets)
	if err != nil {
		return Decided{}, err
	}
	d := Decided{}
	for _, m := range moves {
		d.Touched = append(d.Touched, m.to)
		if m.from != 0 {
			d.Touched = append(d.Touched, m.from)
		}
	}
	slices.Sort(d.Touched)
	d.Touched = slices.Compact(d.Touched)
	if d.Events, err = t.tell(ctx, moves, cause); err != nil {
		return Decided{}, err
	}
	return d, t.review(ctx, res, changed, cause)
}

// ahead answers queries as the database was when the transaction began, until end is called, so that they do not
// wait for what is being written. Nobody else commits meanwhile, and what this one changed is not asked for:
// it is known of sources, records, sections and claims; to who carries a value Holders adds those who came to
// carry it; and no record has moved yet. Where that does not hold, queries wait and see all.
func (t *Tx) ahead(ctx context.Context) (end func(), err error) {
	if t.s.past == nil || t.known != t.s.known || t.moved {
		return func() {}, nil
	}
	tx, err := t.s.past.BeginTx(ctx, t.d.readOnly)
	if err != nil {
		return nil, fmt.Errorf("begin read: %w", err)
	}
	t.behind.past = tx
	return func() {
		t.behind.past = nil
		_ = tx.Rollback() // before the commit: while it reads, the log cannot begin anew
	}, nil
}

// resolve decides about the changed records whose change may have an effect.
func (t *Tx) resolve(ctx context.Context, changed map[int64]int64) (reconcile.Result, error) {
	end, err := t.ahead(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	defer end()
	rules, err := t.rules(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	var seeds []int64
	grown := map[int64][]reconcile.Claim{}
	for id := range changed {
		if before, ok := t.before[id]; ok {
			grown[id] = before
		} else { // something else changed
			seeds = append(seeds, id)
		}
	}
	t.before = nil
	unsettled, alone, err := rules.Unsettled(ctx, t, grown)
	if err != nil {
		return reconcile.Result{}, err
	}
	res := reconcile.Result{Assets: map[int64]int64{}}
	if seeds = append(seeds, unsettled...); len(seeds) > 0 {
		slices.Sort(seeds)
		if res, err = rules.Resolve(ctx, t, seeds, grown, nil); err != nil {
			return reconcile.Result{}, err
		}
	}
	for _, id := range alone {
		res.Assets[id] = id
	}
	return res, nil
}

// tell writes down merges and splits. Sightings that come and go with an address are none.
func (t *Tx) tell(ctx context.Context, moves []moveOf, cause string) ([]Event, error) {
	var old []int64
	for _, m := range moves {
		if m.from != 0 {
			old = append(old, m.record)
		}
	}
	if len(old) == 0 {
		return nil, nil
	}
	recs, err := t.Records(ctx, old)
	if err != nil {
		return nil, err
	}
	known := map[int64]bool{}
	for i := range recs {
		known[recs[i].ID] = recs[i].Identified()
	}
	type way struct{ from, to int64 }
	events := map[way]*Event{}
	for _, m := range moves {
		if m.from == 0 || !known[m.record] {
			continue
		}
		e := events[way{m.from, m.to}]
		if e == nil {
			e = &Event{Obs: m.obs, From: inventory.AssetID(m.from), To: inventory.AssetID(m.to), Cause: cause}
			events[way{m.from, m.to}] = e
		}
		e.Obs = max(e.Obs, m.obs)
		e.Records = append(e.Records, m.record)
	}
	out := make([]Event, 0, len(events))
	for _, e := range events {
		out = append(out, *e)
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].From < out[j].From || out[i].From == out[j].From && out[i].To < out[j].To
	})
	for i := range out {
		if err := t.addEvent(ctx, &out[i], moves); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *Tx) addEvent(ctx context.Context, e *Event, moves []moveOf) error {
	var left, were int
	if err := t.row(ctx, `select (select count(*) from record where asset_id = $1), (select count(*) from record where asset_id = $2)`,
		int64(e.From), int64(e.To)).Scan(&left, &were); err != nil {
		return err
	}
	for _, m := range moves {
		if m.to == int64(e.To) {
			were-- // it has just come
		}
		if m.from == int64(e.To) {
			were++
		}
	}
	switch {
	case left == 0:
		e.Kind = EventMerged
	case were == 0:
		e.Kind = EventSplit
	default:
		e.Kind = EventMoved
	}
	text, err := json.Marshal(e.Records)
	if err != nil {
		return err
	}
	err = t.row(ctx, `insert into event (obs_id, kind, from_asset, to_asset, records, cause, pin_id) values ($1, $2, $3, $4, $5, $6, 0) returning id`,
		e.Obs, e.Kind, int64(e.From), int64(e.To), string(text), e.Cause).Scan(&e.ID)
	return wrap("add event", err)
}

// deciding is the source whose observations are decisions: of people, of rules. They have
// a place among all others in time, and no record.
const deciding = inventory.SourceKind("collector")

// decision adds a decision as an observation and returns its id.
func (t *Tx) decision(ctx context.Context, now time.Time) (int64, error) {
	t.forget() // it changes more than is followed
	from := inventory.Source{Kind: deciding, ID: "decisions"}
	src, err := t.Source(ctx, from, now)
	if err != nil {
		return 0, err
	}
	id, err := t.AddObservation(ctx, Observation{From: from, Source: src.ID, Epoch: 1, Seq: src.Seq + 1, Seen: now, Said: now, Receive: now})
	if err != nil {
		return 0, err
	}
	return id, t.Flush(ctx)
}

// rules are those in force.
func (t *Tx) rules(ctx context.Context) (reconcile.Rules, error) { return t.s.rules.inForce(ctx, t) }

// eventName is how people see an event's id.
func eventName(id int64) string { return fmt.Sprintf("e%d", id) }
