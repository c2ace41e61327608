package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// SourceRow is what is known of a source's deliveries.
type SourceRow struct {
	ID          int64
	Epoch, Seq  int64
	LastSeen    time.Time // clamped time of its newest observation
	LastContact time.Time

	skew    time.Duration
	fresh   int // observations not written yet
	touched bool
}

// Source finds or creates the row of a source. Until the transaction ends nobody else
// takes anything of that source.
func (t *Tx) Source(ctx context.Context, src inventory.Source, now time.Time) (SourceRow, error) {
	k := sourceKey{src.Kind, src.ID}
	r, ok := t.known.sources.get(k)
	if !ok {
		if err := t.GatherSources(ctx, []inventory.Source{src}, now); err != nil {
			return SourceRow{}, wrap("find source", err)
		}
		r, _ = t.known.sources.get(k)
	}
	return *r, nil
}

// HasObservation reports whether (epoch, seq) of the source was accepted before.
func (t *Tx) HasObservation(ctx context.Context, source, epoch, seq int64) (bool, error) {
	for _, o := range t.observations {
		if o.Source == source && o.Epoch == epoch && o.Seq == seq {
			return true, nil
		}
	}
	var one int
	err := t.row(ctx, `select 1 from observation where source_id = $1 and epoch = $2 and seq = $3`,
		source, epoch, seq).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, wrap("find observation", err)
}

// Observation is the row of one accepted observation.
type Observation struct {
	From                inventory.Source
	Source, Record      int64
	Epoch, Seq          int64
	Seen, Said, Receive time.Time
	Sent                time.Time // by the source's clock, zero when unknown

	id      int64
	changes string
}

// AddObservation records that an observation was accepted and moves its source's counter.
func (t *Tx) AddObservation(ctx context.Context, o Observation) (int64, error) {
	id, err := t.nextID(ctx, "observation")
	if err != nil {
		return 0, wrap("add observation", err)
	}
	o.id = id
	t.observations = append(t.observations, &o)
	src, _ := t.known.sources.get(sourceKey{o.From.Kind, o.From.ID})
	src.Epoch, src.Seq, src.LastSeen, src.LastContact, src.skew = o.Epoch, o.Seq, o.Seen, o.Receive, o.skew()
	src.fresh++
	if !src.touched {
		src.touched = true
		t.sources = append(t.sources, src)
	}
	return id, nil
}

// skew is how far the source's clock is ahead: that a report waited is none.
func (o *Observation) skew() time.Duration {
	if o.Sent.IsZero() {
		return o.Said.Sub(o.Receive)
	}
	return o.Sent.Sub(o.Receive)
}

// SetChanges notes which sections the observation added last changed, comma-separated;
// "*" for a record's first.
func (t *Tx) SetChanges(changes string) { t.observations[len(t.observations)-1].changes = changes }

// RecordKey names a record: what one source calls one thing.
type RecordKey struct {
	Kind  inventory.SourceKind
	Scope string
	Key   string
	// Incarnation tells things apart that a source calls by one name.
	Incarnation string
}

// Record is the row of a record.
type Record struct {
	ID, Asset           int64
	Source              int64
	Key                 RecordKey
	Site                string
	Role                inventory.Role
	FirstSeen, LastSeen time.Time
	FirstObs            int64
	ClaimsDay           int64  // 0 when claims were never derived
	Digest              []byte // of the sections of its last report, nil when it has to send them again
}

const recordColumns = `id, asset_id, source_id, kind, scope, native_key, incarnation, site, role, first_seen, last_seen, first_obs, claims_day, digest`

func scanRecord(row oneRow) (Record, error) {
	var r Record
	var first, last int64
	err := row.Scan(&r.ID, &r.Asset, &r.Source, &r.Key.Kind, &r.Key.Scope, &r.Key.Key, &r.Key.Incarnation, &r.Site, &r.Role, &first, &last, &r.FirstObs, &r.ClaimsDay, &r.Digest)
	r.FirstSeen, r.LastSeen = fromMillis(first), fromMillis(last)
	return r, err
}

// FindRecord is the record with that key; ok is false when there is none. Until the
// transaction ends nobody else changes the record.
func (t *Tx) FindRecord(ctx context.Context, key RecordKey) (r Record, ok bool, err error) {
	if err := t.GatherRecords(ctx, []RecordKey{key}); err != nil {
		return r, false, wrap("find record", err)
	}
	id, _ := t.known.byKey.get(key)
	return t.own(ctx, id)
}

// LatestRecord is the one of a key's incarnations that was reported on last; as FindRecord.
func (t *Tx) LatestRecord(ctx context.Context, key RecordKey) (r Record, ok bool, err error) {
	if err := t.GatherNewest(ctx, []RecordKey{key}); err != nil {
		return r, false, wrap("find record", err)
	}
	key.Incarnation = ""
	id, _ := t.known.newest.get(key)
	return t.own(ctx, id)
}

// own is a record that this transaction may change.
func (t *Tx) own(ctx context.Context, id int64) (Record, bool, error) {
	if id == 0 {
		return Record{}, false, nil
	}
	if err := t.gatherOwn(ctx, []int64{id}); err != nil {
		return Record{}, false, wrap("find record", err)
	}
	st, ok := t.known.records.get(id)
	if !ok {
		return Record{}, false, fmt.Errorf("record %d is gone", id)
	}
	return st.Record, true, nil
}

// AddRecord creates a record, for now an asset of its own.
func (t *Tx) AddRecord(ctx context.Context, r Record) (Record, error) {
	id, err := t.nextID(ctx, "record")
	if err != nil {
		return r, wrap("add record", err)
	}
	r.ID = id
	st := &recordState{Record: r, mine: true, created: true, claimed: true, sections: map[inventory.SectionName]*Section{}}
	t.known.records.put(id, st)
	t.known.byKey.put(r.Key, id)
	t.known.reported(st)
	t.created = append(t.created, st)
	return r, nil
}

// TouchRecord writes what changes with every report.
func (t *Tx) TouchRecord(r Record) {
	st, _ := t.known.records.get(r.ID)
	st.passed = st.passed || !st.created && st.Source != r.Source
	st.Record = r
	t.known.reported(st)
	t.touch(st)
}

func (t *Tx) touch(st *recordState) {
	if !st.created && !st.touched {
		st.touched = true
		t.records = append(t.records, st)
	}
}

// Section is the state of one section of a record.
type Section struct {
	Status  inventory.Status
	Reason  string
	Hash    []byte
	BodyObs int64 // observation that brought the first body, 0 when none did
	Obs     int64
	Look    int64 // last observation that looked at all of it and could; kept for neighbours
	Took    time.Duration
}

// Sections are the states of a record's sections; the record was found or added before.
func (t *Tx) Sections(record int64) map[inventory.SectionName]*Section {
	r, _ := t.known.records.get(record)
	return r.sections
}

// PutSection writes the state of one section.
func (t *Tx) PutSection(record int64, name inventory.SectionName, s Section) {
	if s.Hash == nil {
		s.Hash = []byte{}
	}
	r, _ := t.known.records.get(record)
	r.sections[name] = &s
	if t.sections == nil {
		t.sections = map[sectionKey]bool{}
	}
	t.sections[sectionKey{record, name}] = true
}

// Quarantine keeps an observation that could not be processed. The same one is kept once.
func (t *Tx) Quarantine(ctx context.Context, src inventory.Source, epoch, seq int64, at time.Time, raw []byte, reason string) error {
	if raw == nil {
		raw = []byte{}
	}
	return t.exec(ctx, `insert into quarantine (source_kind, source, epoch, seq, received_at, reason, bytes)
		values ($1, $2, $3, $4, $5, $6, $7) on conflict (source_kind, source, epoch, seq) do nothing`,
		src.Kind, src.ID, epoch, seq, millis(at), reason, raw)
}

// Audit notes who did what.
func (t *Tx) Audit(ctx context.Context, at time.Time, actor, action, target, detail string) error {
	return t.exec(ctx, `insert into audit (at, actor, action, target, detail) values ($1, $2, $3, $4, $5)`,
		millis(at), actor, action, target, detail)
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
