package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// pending is what a transaction has yet to write. The steps of taking observations in
// change what is known and note here what has to follow; Flush writes the rows of all
// observations of a group with one statement a table.
type pending struct {
	ids          map[string]*idStock // by table
	sources      []*SourceRow
	created      []*recordState
	records      []*recordState
	observations []*Observation
	sections     map[sectionKey]bool
	claims       map[claimKey]bool
	facts        map[sectionKey]*factSet
	installs     map[int64]*installSet
	titles       map[*inventory.Software][]title // of lists, by their first item
	links        map[int64]*linkSet
	before       map[int64][]reconcile.Claim // what the records of PutClaims claimed when the group began
	carriers     map[reconcile.Key][]int64   // records that came to carry a value whose holders were not all known; for the whole transaction
}

type sectionKey struct {
	record int64
	name   inventory.SectionName
}

// claimKey is a record's claim by its place: claims are added at the end.
type claimKey struct {
	record int64
	i      int
}

// idBlock is how many keys are taken at once.
const idBlock = 64

// idStock are keys of a table for rows to come.
type idStock struct {
	left []int64
	last int64 // the last one that was given out
}

// nextID is a key for a row of a table.
func (t *Tx) nextID(ctx context.Context, table string) (int64, error) {
	if t.ids == nil {
		t.ids = map[string]*idStock{}
	}
	stock := t.ids[table]
	if stock == nil {
		stock = &idStock{}
		t.ids[table] = stock
	}
	if stock.last != 0 && !t.d.concurrent { // nobody else takes any
		stock.last++
		return stock.last, nil
	}
	if len(stock.left) == 0 {
		rows, err := t.query(ctx, t.d.ids(table), idBlock)
		if err != nil {
			return 0, err
		}
		if stock.left, err = numbers(rows); err != nil {
			return 0, err
		}
		if len(stock.left) != idBlock {
			return 0, fmt.Errorf("%d keys for %s instead of %d", len(stock.left), table, idBlock)
		}
	}
	stock.last, stock.left = stock.left[0], stock.left[1:]
	return stock.last, nil
}

// Flush writes what the steps so far left to be written; where transactions come one after another,
// behind whoever called it.
func (t *Tx) Flush(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		t.flushClaims, t.flushSources, t.flushRecords, t.flushObservations, t.flushSections, t.flushFacts, t.flushInstalls, t.flushLinks, t.flushStirred,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	t.pending = pending{ids: t.ids, before: t.before, carriers: t.carriers}
	t.behind.start(ctx)
	return t.behind.err
}

// later runs a statement behind, or at once where transactions run side by side: their locks have an order.
func (t *Tx) later(ctx context.Context, query string, b *bulk, want int) error {
	s := statement{query: t.d.sql(query), want: want}
	if t.d.concurrent {
		s.args = []string{b.text()}
		return s.run(ctx, t.tx)
	}
	s.args = b.portions() // so that questions come between
	t.behind.later(s)
	return nil
}

func (t *Tx) flushSources(ctx context.Context) error {
	var b bulk
	slices.SortFunc(t.sources, func(a, b *SourceRow) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range t.sources {
		b.row(s.ID, s.Epoch, s.Seq, millis(s.LastSeen), millis(s.LastContact), s.skew.Milliseconds(), s.fresh)
		s.fresh, s.touched = 0, false
	}
	if b.n == 0 {
		return nil
	}
	return t.later(ctx, `update source set epoch = n.epoch, seq = n.seq, last_seen = n.seen, last_contact = n.contact,
			skew_ms = n.skew, observations = observations + n.more
		from (select cast(value->>0 as bigint) as id, cast(value->>1 as bigint) as epoch, cast(value->>2 as bigint) as seq, cast(value->>3 as bigint) as seen,
			cast(value->>4 as bigint) as contact, cast(value->>5 as bigint) as skew, cast(value->>6 as bigint) as more from json_each($1)) n
		where source.id = n.id`, &b, 0)
}

func (t *Tx) flushRecords(ctx context.Context) error {
	var b bulk
	for _, r := range t.created {
		b.row(r.ID, string(r.Key.Kind), r.Key.Scope, r.Key.Key, r.Key.Incarnation, r.Source, r.Site, string(r.Role),
			millis(r.FirstSeen), millis(r.LastSeen), r.FirstObs, r.ClaimsDay, r.Digest, lastDay(r.claims))
		r.created = false
	}
	if b.n > 0 {
		// Fewer than these: another transaction has made the same since this one looked.
		err := t.later(ctx, `insert into record (id, asset_id, kind, scope, native_key, incarnation, source_id, site, role, first_seen, last_seen, first_obs, claims_day, digest, last_day)
			select cast(value->>0 as bigint), 0, value->>1, value->>2, value->>3, value->>4, cast(value->>5 as bigint), value->>6, value->>7,
			cast(value->>8 as bigint), cast(value->>9 as bigint), cast(value->>10 as bigint), cast(value->>11 as bigint), `+t.d.bytes("value->>12")+`, cast(value->>13 as bigint)
			from json_each($1) where true on conflict do nothing`, &b, b.n)
		if err != nil {
			return wrap("add records", err)
		}
	}
	b = bulk{}
	var passed bulk // to another source: the column has an index, which is written whatever the value was
	slices.SortFunc(t.records, func(a, b *recordState) int { return cmp.Compare(a.ID, b.ID) })
	for _, r := range t.records {
		b.row(r.ID, r.Site, string(r.Role), millis(r.FirstSeen), millis(r.LastSeen), r.FirstObs, r.ClaimsDay, r.Digest, lastDay(r.claims))
		if r.passed {
			passed.row(r.ID, r.Source)
		}
		r.touched, r.passed = false, false
	}
	if passed.n > 0 {
		if err := t.later(ctx, `update record set source_id = n.source
			from (select cast(value->>0 as bigint) as id, cast(value->>1 as bigint) as source from json_each($1)) n where record.id = n.id`, &passed, 0); err != nil {
			return err
		}
	}
	if b.n == 0 {
		return nil
	}
	return t.later(ctx, `update record set site = n.site, role = n.role, first_seen = n.first, last_seen = n.last,
			first_obs = n.obs, claims_day = n.day, digest = n.digest, last_day = n.last_day
		from (select cast(value->>0 as bigint) as id, value->>1 as site, value->>2 as role, cast(value->>3 as bigint) as first,
			cast(value->>4 as bigint) as last, cast(value->>5 as bigint) as obs, cast(value->>6 as bigint) as day, `+t.d.bytes("value->>7")+` as digest,
			cast(value->>8 as bigint) as last_day from json_each($1)) n
		where record.id = n.id`, &b, 0)
}

func (t *Tx) flushObservations(ctx context.Context) error {
	var b bulk
	for _, o := range t.observations {
		b.row(o.id, o.Source, o.Record, o.Epoch, o.Seq, millis(o.Seen), millis(o.Said), millis(o.Receive), o.changes)
	}
	if b.n == 0 {
		return nil
	}
	return wrap("add observations", t.later(ctx, `insert into observation (id, source_id, record_id, epoch, seq, seen_at, said_at, received_at, changes)
		select cast(value->>0 as bigint), cast(value->>1 as bigint), cast(value->>2 as bigint), cast(value->>3 as bigint), cast(value->>4 as bigint),
		cast(value->>5 as bigint), cast(value->>6 as bigint), cast(value->>7 as bigint), value->>8 from json_each($1)`, &b, 0))
}

func (t *Tx) flushSections(ctx context.Context) error {
	var b bulk
	for _, k := range sortedKeys(t.sections, compareSections) {
		r, _ := t.known.records.get(k.record)
		s := r.sections[k.name]
		b.row(k.record, string(k.name), string(s.Status), s.Reason, s.Hash, s.BodyObs, s.Obs, s.Took.Milliseconds(), s.Look)
	}
	if b.n == 0 {
		return nil
	}
	return t.later(ctx, `insert into section (record_id, name, status, reason, hash, body_obs, obs_id, took_ms, look_obs)
		select cast(value->>0 as bigint), value->>1, value->>2, value->>3, `+t.d.bytes("value->>4")+`,
		cast(value->>5 as bigint), cast(value->>6 as bigint), cast(value->>7 as bigint), cast(value->>8 as bigint) from json_each($1) where true
		on conflict (record_id, name) do update set status = excluded.status, reason = excluded.reason, hash = excluded.hash,
		body_obs = excluded.body_obs, obs_id = excluded.obs_id, took_ms = excluded.took_ms, look_obs = excluded.look_obs`, &b, 0)
}

func (t *Tx) flushClaims(ctx context.Context) error {
	var b bulk
	for _, k := range sortedKeys(t.claims, compareClaims) {
		r, _ := t.known.records.get(k.record)
		c := &r.claims[k.i]
		row, until := rowOf(c, lastDay(r.claims)), any(nil)
		if row.own {
			until = row.until
		}
		b.row(k.record, string(c.Type), c.Value, c.Scope, int(row.tier), row.first, until, int(row.days))
	}
	return t.putClaims(ctx, &b)
}

// putClaims writes rows of claims.
func (t *Tx) putClaims(ctx context.Context, b *bulk) error {
	if b.n == 0 {
		return nil
	}
	return t.later(ctx, `insert into claim (record_id, type, value, scope, tier, first_day, until_day, days)
		select cast(value->>0 as bigint), value->>1, value->>2, value->>3, cast(value->>4 as int), cast(value->>5 as bigint), cast(value->>6 as bigint), cast(value->>7 as int)
		from json_each($1) where true
		on conflict (record_id, type, value, scope) do update set tier = excluded.tier,
		first_day = excluded.first_day, until_day = excluded.until_day, days = excluded.days`, b, 0)
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, compare)
	return out
}

func compareSections(a, b sectionKey) int {
	return cmp.Or(cmp.Compare(a.record, b.record), cmp.Compare(a.name, b.name))
}

func compareClaims(a, b claimKey) int {
	return cmp.Or(cmp.Compare(a.record, b.record), cmp.Compare(a.i, b.i))
}

// latest is the later of two times.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
