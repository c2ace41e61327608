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
}

// Source finds or creates the row of a source. Until the transaction ends nobody else
// takes anything of that source.
func (t *Tx) Source(ctx context.Context, src inventory.Source, now time.Time) (SourceRow, error) {
	find := `select id, epoch, seq, last_seen, last_contact from source where kind = $1 and name = $2` + t.d.forUpdate
	var r SourceRow
	var seen, contact int64
	err := t.row(ctx, find, src.Kind, src.ID).Scan(&r.ID, &r.Epoch, &r.Seq, &seen, &contact)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.row(ctx, `insert into source
			(kind, name, site, epoch, seq, first_contact, last_contact, last_seen, skew_ms, observations, version)
			values ($1, $2, $3, 0, 0, $4, $4, 0, 0, 0, '') on conflict do nothing returning id`,
			src.Kind, src.ID, src.Site, millis(now)).Scan(&r.ID)
		return SourceRow{ID: r.ID, LastContact: now}, wrap("create source", made(err))
	}
	r.LastSeen, r.LastContact = fromMillis(seen), fromMillis(contact)
	return r, wrap("find source", err)
}

// HasObservation reports whether (epoch, seq) of the source was accepted before.
func (t *Tx) HasObservation(ctx context.Context, source, epoch, seq int64) (bool, error) {
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
	Source, Record      int64
	Epoch, Seq          int64
	Seen, Said, Receive time.Time
}

// AddObservation records that an observation was accepted and moves its source's counter.
func (t *Tx) AddObservation(ctx context.Context, o Observation) (int64, error) {
	var id int64
	err := t.row(ctx, `insert into observation
		(source_id, record_id, epoch, seq, seen_at, said_at, received_at, changes)
		values ($1, $2, $3, $4, $5, $6, $7, '') returning id`,
		o.Source, o.Record, o.Epoch, o.Seq, millis(o.Seen), millis(o.Said), millis(o.Receive)).Scan(&id)
	if err != nil {
		return 0, wrap("add observation", err)
	}
	return id, t.exec(ctx, `update source set epoch = $2, seq = $3, last_seen = $4, last_contact = $5, skew_ms = $6,
		observations = observations + 1 where id = $1`,
		o.Source, o.Epoch, o.Seq, millis(o.Seen), millis(o.Receive), o.Said.Sub(o.Receive).Milliseconds())
}

// SetChanges notes which sections an observation changed, comma-separated; "*" for a record's first.
func (t *Tx) SetChanges(ctx context.Context, obs int64, changes string) error {
	return t.exec(ctx, `update observation set changes = $2 where id = $1`, obs, changes)
}

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
	ClaimsDay           int64 // 0 when claims were never derived
}

const recordColumns = `id, asset_id, source_id, kind, scope, native_key, incarnation, site, role, first_seen, last_seen, first_obs, claims_day`

func scanRecord(row interface{ Scan(...any) error }) (Record, error) {
	var r Record
	var first, last int64
	err := row.Scan(&r.ID, &r.Asset, &r.Source, &r.Key.Kind, &r.Key.Scope, &r.Key.Key, &r.Key.Incarnation, &r.Site, &r.Role, &first, &last, &r.FirstObs, &r.ClaimsDay)
	r.FirstSeen, r.LastSeen = fromMillis(first), fromMillis(last)
	return r, err
}

// FindRecord is the record with that key; ok is false when there is none. Until the
// transaction ends nobody else changes the record.
func (t *Tx) FindRecord(ctx context.Context, key RecordKey) (r Record, ok bool, err error) {
	r, err = scanRecord(t.row(ctx, `select `+recordColumns+` from record
		where kind = $1 and scope = $2 and native_key = $3 and incarnation = $4`+t.d.forUpdate, key.Kind, key.Scope, key.Key, key.Incarnation))
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, wrap("find record", err)
}

// LatestRecord is the one of a key's incarnations that was reported on last; as FindRecord.
func (t *Tx) LatestRecord(ctx context.Context, key RecordKey) (r Record, ok bool, err error) {
	r, err = scanRecord(t.row(ctx, `select `+recordColumns+` from record
		where kind = $1 and scope = $2 and native_key = $3 order by last_seen desc, id desc limit 1`+t.d.forUpdate, key.Kind, key.Scope, key.Key))
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, wrap("find record", err)
}

// AddRecord creates a record, for now an asset of its own.
func (t *Tx) AddRecord(ctx context.Context, r Record) (Record, error) {
	err := t.row(ctx, `insert into record
		(asset_id, source_id, kind, scope, native_key, incarnation, site, role, first_seen, last_seen, first_obs, claims_day)
		values (0, $1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0) on conflict do nothing returning id`,
		r.Source, r.Key.Kind, r.Key.Scope, r.Key.Key, r.Key.Incarnation, r.Site, r.Role, millis(r.FirstSeen), millis(r.LastSeen)).Scan(&r.ID)
	return r, wrap("add record", made(err))
}

// made gives the error of an insert that returns its id a meaning: without a row, another
// transaction has made the same since this one looked.
func made(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errCollision
	}
	return err
}

// TouchRecord writes what changes with every report.
func (t *Tx) TouchRecord(ctx context.Context, r Record) error {
	return t.exec(ctx, `update record set source_id = $2, site = $3, role = $4, first_seen = $5, last_seen = $6, first_obs = $7, claims_day = $8 where id = $1`,
		r.ID, r.Source, r.Site, r.Role, millis(r.FirstSeen), millis(r.LastSeen), r.FirstObs, r.ClaimsDay)
}

// Section is the state of one section of a record.
type Section struct {
	Status  inventory.Status
	Reason  string
	Hash    []byte
	BodyObs int64 // observation that brought the first body, 0 when none did
	Obs     int64
	Took    time.Duration
}

// Sections are the states of a record's sections.
func (t *Tx) Sections(ctx context.Context, record int64) (map[inventory.SectionName]Section, error) {
	rows, err := t.query(ctx, `select name, status, reason, hash, body_obs, obs_id, took_ms from section where record_id = $1`, record)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[inventory.SectionName]Section{}
	for rows.Next() {
		var name inventory.SectionName
		var s Section
		var took int64
		if err := rows.Scan(&name, &s.Status, &s.Reason, &s.Hash, &s.BodyObs, &s.Obs, &took); err != nil {
			return nil, err
		}
		s.Took = time.Duration(took) * time.Millisecond
		out[name] = s
	}
	return out, rows.Err()
}

// PutSection writes the state of one section.
func (t *Tx) PutSection(ctx context.Context, record int64, name inventory.SectionName, s Section) error {
	if s.Hash == nil {
		s.Hash = []byte{}
	}
	return t.exec(ctx, `insert into section (record_id, name, status, reason, hash, body_obs, obs_id, took_ms)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (record_id, name) do update set status = excluded.status, reason = excluded.reason, hash = excluded.hash,
		body_obs = excluded.body_obs, obs_id = excluded.obs_id, took_ms = excluded.took_ms`,
		record, name, s.Status, s.Reason, s.Hash, s.BodyObs, s.Obs, s.Took.Milliseconds())
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
