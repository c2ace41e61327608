package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// What a group of observations is about is gathered with a query a table before they are
// taken one by one; the steps then find it known, and ask for the rare rest themselves.

// Begin starts taking a group of observations in. What was known before no longer counts
// where others may have changed it.
func (t *Tx) Begin(ctx context.Context) error { return t.fresh(ctx) }

// GatherSources learns the rows of sources, and makes those that are new.
func (t *Tx) GatherSources(ctx context.Context, list []inventory.Source, now time.Time) error {
	var ask, make bulk
	missing := map[sourceKey]bool{}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b inventory.Source) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	for _, s := range list {
		k := sourceKey{s.Kind, s.ID}
		if _, ok := t.known.sources.get(k); !ok && !missing[k] {
			missing[k] = true
			ask.row(string(s.Kind), s.ID)
			make.row(string(s.Kind), s.ID, s.Site)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if t.d.concurrent { // a source's observations have keys in their order: those taken before it was locked may be too low
		delete(t.ids, "observation")
	}
	find := func() error {
		rows, err := t.query(ctx, `select s.id, s.kind, s.name, s.epoch, s.seq, s.last_seen, s.last_contact, s.skew_ms from json_each($1) j
			join source s on s.kind = j.value->>0 and s.name = j.value->>1 order by s.kind, s.name`+t.forUpdateOf("s"), ask.text())
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var k sourceKey
			r := &SourceRow{}
			var seen, contact, skew int64
			if err := rows.Scan(&r.ID, &k.kind, &k.name, &r.Epoch, &r.Seq, &seen, &contact, &skew); err != nil {
				return err
			}
			r.LastSeen, r.LastContact, r.skew = fromMillis(seen), fromMillis(contact), time.Duration(skew)*time.Millisecond
			t.known.sources.put(k, r)
			delete(missing, k)
		}
		return rows.Err()
	}
	if err := find(); err != nil || len(missing) == 0 {
		return err
	}
	if err := t.exec(ctx, `insert into source (kind, name, site, epoch, seq, first_contact, last_contact, last_seen, skew_ms, observations, version)
		select value->>0, value->>1, value->>2, 0, 0, $2, $2, 0, 0, 0, '' from json_each($1) where true on conflict do nothing`, make.text(), millis(now)); err != nil {
		return err
	}
	if err := find(); err != nil {
		return err
	}
	if len(missing) > 0 {
		return errCollision // made by another transaction since this one looked
	}
	return nil
}

// forUpdateOf is forUpdate for one of several tables.
func (t *Tx) forUpdateOf(table string) string {
	if t.d.forUpdate == "" {
		return ""
	}
	return t.d.forUpdate + " of " + table
}

// GatherRecords learns the records with those keys.
func (t *Tx) GatherRecords(ctx context.Context, keys []RecordKey) error {
	var b bulk
	var ids []int64
	for _, k := range keys {
		id, ok := t.known.byKey.get(k)
		if !ok {
			t.known.byKey.put(k, 0)
			b.row(string(k.Kind), k.Scope, k.Key, k.Incarnation)
		}
		ids = append(ids, id)
	}
	if err := t.gatherOwn(ctx, ids); err != nil || b.n == 0 {
		return err
	}
	return t.gather(ctx, `from json_each($1) j join record r on r.kind = j.value->>0 and r.scope = j.value->>1
		and r.native_key = j.value->>2 and r.incarnation = j.value->>3 order by r.id`+t.forUpdateOf("r"), b.text(), nil)
}

// GatherNewest learns which of each key's incarnations was reported on last.
func (t *Tx) GatherNewest(ctx context.Context, keys []RecordKey) error {
	var b bulk
	var ids []int64
	for _, k := range keys {
		k.Incarnation = ""
		id, ok := t.known.newest.get(k)
		if !ok {
			t.known.newest.put(k, 0)
			b.row(string(k.Kind), k.Scope, k.Key)
		}
		ids = append(ids, id)
	}
	if err := t.gatherOwn(ctx, ids); err != nil || b.n == 0 {
		return err
	}
	err := t.gather(ctx, `from json_each($1) j join record r on r.id = (select id from record n where n.kind = j.value->>0 and n.scope = j.value->>1
		and n.native_key = j.value->>2 order by n.last_seen desc, n.id desc limit 1) order by r.id`+t.forUpdateOf("r"), b.text(), func(r *recordState) {
		k := r.Key
		k.Incarnation = ""
		t.known.newest.put(k, r.ID)
	})
	for _, list := range [][]*recordState{t.created, t.records} { // the database does not have these yet
		for _, r := range list {
			t.known.reported(r)
		}
	}
	return err
}

// gatherOwn learns what is missing of records for this transaction to change them: deciding learns less of
// one, and what was learned may have been let go of. Ids of 0 are nobody's.
func (t *Tx) gatherOwn(ctx context.Context, ids []int64) error {
	var missing []int64
	for _, id := range ids {
		st, ok := t.known.records.get(id)
		if id != 0 && (!ok || !st.claimed || st.sections == nil || t.d.concurrent && !st.mine) {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return t.gather(ctx, `from record r where r.id in (select cast(value as bigint) from json_each($1)) order by r.id`+t.forUpdateOf("r"),
		idList(slices.Compact(missing)), nil)
}

// gather learns records, with their sections and claims.
func (t *Tx) gather(ctx context.Context, query, arg string, found func(*recordState)) error {
	rows, err := t.query(ctx, `select r.id, r.asset_id, r.source_id, r.kind, r.scope, r.native_key, r.incarnation, r.site, r.role,
		r.first_seen, r.last_seen, r.first_obs, r.claims_day, r.digest `+query, arg)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var ids []int64
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return err
		}
		st, ok := t.known.records.get(r.ID)
		if !ok || t.d.concurrent && !st.mine { // what was read before it was locked may be old
			st = &recordState{Record: r}
			t.known.records.put(r.ID, st)
		}
		st.mine = true
		t.known.byKey.put(r.Key, r.ID)
		if st.sections == nil || !st.claimed {
			ids = append(ids, r.ID)
		}
		if found != nil {
			found(st)
		}
	}
	if err := rows.Err(); err != nil || len(ids) == 0 {
		return err
	}
	if err := t.gatherClaims(ctx, ids); err != nil {
		return err
	}
	return t.gatherSections(ctx, ids)
}

func (t *Tx) gatherClaims(ctx context.Context, ids []int64) error {
	var missing []int64
	for _, id := range ids {
		if r, ok := t.known.records.get(id); ok && !r.claimed {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	claims, err := claimsOf(ctx, t, missing)
	if err != nil {
		return err
	}
	pins, err := pinsOf(ctx, t, missing)
	if err != nil {
		return err
	}
	for _, id := range missing {
		r, _ := t.known.records.get(id)
		t.known.once(claims[id])
		r.claims, r.pins, r.claimed = claims[id], pins[id], true
	}
	return nil
}

func (t *Tx) gatherSections(ctx context.Context, ids []int64) error {
	var missing []int64
	for _, id := range ids {
		if r, ok := t.known.records.get(id); ok && r.sections == nil {
			r.sections = map[inventory.SectionName]*Section{}
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := t.query(ctx, `select record_id, name, status, reason, hash, body_obs, obs_id, took_ms, look_obs from section
		where record_id in (select cast(value as bigint) from json_each($1))`, idList(missing))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, took int64
		var name inventory.SectionName
		s := &Section{}
		if err := rows.Scan(&id, &name, &s.Status, &s.Reason, &s.Hash, &s.BodyObs, &s.Obs, &took, &s.Look); err != nil {
			return err
		}
		s.Took = time.Duration(took) * time.Millisecond
		r, _ := t.known.records.get(id)
		r.sections[intern(name)] = s
	}
	return rows.Err()
}

// GatherFacts learns the present facts of sections.
func (t *Tx) GatherFacts(ctx context.Context, list []SectionRef) error {
	var b bulk
	for _, ref := range list {
		k := sectionKey{ref.Record, ref.Name}
		if t.facts[k] != nil {
			continue
		}
		if t.facts == nil {
			t.facts = map[sectionKey]*factSet{}
		}
		t.facts[k] = &factSet{have: map[string]factState{}}
		if r, ok := t.known.records.get(ref.Record); ok && r.created {
			continue // nothing is written yet
		}
		b.row(ref.Record, string(ref.Name))
	}
	if b.n == 0 {
		return nil
	}
	rows, err := t.query(ctx, `select f.record_id, f.section, f.key, f.value from json_each($1) j
		join fact f on f.record_id = cast(j.value->>0 as bigint) and f.section = j.value->>1 where f.to_obs is null`, b.text())
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var k sectionKey
		var key, value string
		if err := rows.Scan(&k.record, &k.name, &key, &value); err != nil {
			return err
		}
		t.facts[k].have[key] = factState{value: value}
	}
	return rows.Err()
}

// SectionRef names a section of a record.
type SectionRef struct {
	Record int64
	Name   inventory.SectionName
}

// Records are the records with those ids as reconciling sees them.
func (t *Tx) Records(ctx context.Context, ids []int64) ([]reconcile.Record, error) {
	if err := t.gatherStates(ctx, ids); err != nil {
		return nil, err
	}
	if err := t.gatherClaims(ctx, ids); err != nil {
		return nil, err
	}
	out := make([]reconcile.Record, 0, len(ids))
	for _, id := range ids {
		if r, ok := t.known.records.get(id); ok {
			out = append(out, reconcile.Record{ID: id, Kind: r.Key.Kind, Claims: r.claims, Pins: r.pins})
		}
	}
	return out, nil
}

// gatherStates learns the rows of records, which stay others' to change.
func (t *Tx) gatherStates(ctx context.Context, ids []int64) error {
	var missing []int64
	for _, id := range ids {
		if _, ok := t.known.records.get(id); !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := t.query(ctx, `select `+recordColumns+` from record where id in (select cast(value as bigint) from json_each($1))`, idList(missing))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return err
		}
		t.known.records.put(r.ID, &recordState{Record: r})
		if !t.d.concurrent { // elsewhere whoever changes a record finds and locks it by its key
			t.known.byKey.put(r.Key, r.ID)
		}
	}
	return rows.Err()
}

// gatherAssets learns to which assets records belong now.
func (t *Tx) gatherAssets(ctx context.Context, ids []int64) error {
	if err := t.gatherStates(ctx, ids); err != nil || !t.d.concurrent {
		return err
	}
	rows, err := t.query(ctx, `select id, asset_id from record where id in (select cast(value as bigint) from json_each($1))`, idList(ids))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, asset int64
		if err := rows.Scan(&id, &asset); err != nil {
			return err
		}
		if r, ok := t.known.records.get(id); ok {
			r.Asset = asset
		}
	}
	return rows.Err()
}

// Holders are the ids of the records that carry each key, in its place. Until the transaction ends
// nobody else decides about records that carry one.
func (t *Tx) Holders(ctx context.Context, keys []reconcile.Key, limit int) ([][]int64, error) {
	if err := t.lockValues(ctx, keys, limit); err != nil {
		return nil, err
	}
	out := make([][]int64, len(keys))
	var missing []reconcile.Key
	var at []int // their places
	for i, k := range keys {
		h, ok := t.known.holders.get(k)
		if !ok || h.cut && len(h.ids) < limit {
			missing, at = append(missing, k), append(at, i)
			continue
		}
		out[i] = h.ids[:min(len(h.ids), limit)]
	}
	if len(missing) == 0 {
		return out, nil
	}
	found, err := holders(ctx, t, missing, limit)
	if err != nil {
		return nil, err
	}
	for i, k := range missing {
		h := holderList{ids: found[i], cut: len(found[i]) >= limit}
		for _, record := range t.carriers[k] { // written or not
			h.add(record)
		}
		out[at[i]] = h.ids[:min(len(h.ids), limit)]
		t.known.holders.put(k, h)
	}
	return out, nil
}

// Assets leads from records to their assets.
func (t *Tx) Assets(ctx context.Context, ids []int64) (map[int64]int64, error) {
	if err := t.gatherAssets(ctx, ids); err != nil {
		return nil, err
	}
	out := make(map[int64]int64, len(ids))
	for _, id := range ids {
		if r, ok := t.known.records.get(id); ok {
			out[id] = r.Asset
		}
	}
	return out, nil
}

// Members are the records of each asset.
func (t *Tx) Members(ctx context.Context, assets []int64) (map[int64][]int64, error) {
	out := make(map[int64][]int64, len(assets))
	var missing []int64
	for _, a := range assets {
		if list, ok := t.known.members.get(a); ok {
			out[a] = list
		} else {
			missing = append(missing, a)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	rows, err := t.query(ctx, `select asset_id, id from record where asset_id in (select cast(value as bigint) from json_each($1)) order by id`, idList(missing))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var asset, id int64
		if err := rows.Scan(&asset, &id); err != nil {
			return nil, err
		}
		out[asset] = append(out[asset], id)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, a := range missing {
		t.known.members.put(a, out[a])
	}
	return out, nil
}

// intern keeps one copy of a text that many rows have.
func intern[T ~string](s T) T { return T(unique.Make(strings.Clone(string(s))).Value()) }
