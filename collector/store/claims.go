package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// keyRow is a claim's key as it goes to the database, with its place in a list.
type keyRow struct {
	Index int            `json:"i"`
	Type  reconcile.Type `json:"y"`
	Value string         `json:"v"`
	Scope string         `json:"s"`
}

// PutClaims adds what a record claims now to what it claimed before: what it once
// carried remains evidence. It reports whether anything is new, so that the records
// which share a claim with this one have to be decided again.
func (t *Tx) PutClaims(record int64, fresh []reconcile.Claim) bool {
	r, _ := t.known.records.get(record)
	before := r.claims
	all, changed := reconcile.Accumulate(before, fresh)
	if t.before == nil {
		t.before = map[int64][]reconcile.Claim{}
	}
	if _, known := t.before[record]; !known {
		t.before[record] = before
	}
	if len(changed) == 0 {
		return false
	}
	t.known.once(all[len(before):])
	r.claims = all
	for _, c := range all[len(before):] {
		if !t.known.claimed(c.Key, record) {
			if t.carriers == nil {
				t.carriers = map[reconcile.Key][]int64{}
			}
			t.carriers[c.Key] = append(t.carriers[c.Key], record)
		}
	}
	t.wantLocks(all) // deciding leads to all of them
	if t.claims == nil {
		t.claims = map[claimKey]bool{}
	}
	was, is := lastDay(before), lastDay(all)
	for i := range all {
		if i >= len(before) || rowOf(&all[i], is) != rowOf(&before[i], was) {
			t.claims[claimKey{record, i}] = true
		}
	}
	t.touch(r) // its last day stands for those of the others
	return true
}

// claimRow is what a claim's row has besides its key.
type claimRow struct {
	tier         int32
	first, until int64 // days
	own          bool  // until is its own, not the record's last day
	days         reconcile.Days
}

func rowOf(c *reconcile.Claim, lastDay int64) claimRow {
	row := claimRow{tier: c.Tier, first: c.First.Since1970(), until: c.Last.Since1970(), days: c.Days}
	if row.own = c.Type == reconcile.TypeAddress || row.until != lastDay; !row.own {
		row.until = 0
	}
	return row
}

// lastDay is the day up to which those of a record's claims hold that have no day of their own.
func lastDay(claims []reconcile.Claim) int64 {
	last := int64(0)
	for i := range claims {
		if c := &claims[i]; c.Type != reconcile.TypeAddress {
			last = max(last, c.Last.Since1970())
		}
	}
	return last
}

// queryer is what a Tx and a Reader have in common.
type queryer interface {
	query(ctx context.Context, query string, args ...any) (rowScanner, error)
}

// claimsOf are all claims of records.
func claimsOf(ctx context.Context, q queryer, records []int64) (map[int64][]reconcile.Claim, error) {
	rows, err := q.query(ctx, `select c.record_id, c.type, c.value, c.scope, c.tier, c.first_day, coalesce(c.until_day, r.last_day), c.days
		from claim c join record r on r.id = c.record_id where c.record_id in (select cast(value as bigint) from json_each($1))
		order by c.record_id, c.type, c.value, c.scope`, idList(records))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make(map[int64][]reconcile.Claim, len(records))
	for rows.Next() {
		var id, first, last int64
		var c reconcile.Claim
		if err := rows.Scan(&id, &c.Type, &c.Value, &c.Scope, &c.Tier, &first, &last, &c.Days); err != nil {
			return nil, err
		}
		c.First, c.Last = reconcile.DaySince1970(first), reconcile.DaySince1970(last)
		out[id] = append(out[id], c)
	}
	return out, rows.Err()
}

// idList is ids as a JSON array, the one parameter form of a list.
func idList(ids []int64) string {
	if ids == nil {
		return "[]"
	}
	b, err := json.Marshal(ids)
	if err != nil {
		return "[]" // integers always marshal
	}
	return string(b)
}

// textList is texts as idList is ids, each as the member v of an object.
func textList[T ~string](texts []T) (string, error) {
	type row struct {
		Value T `json:"v"`
	}
	list := make([]row, len(texts))
	for i, t := range texts {
		list[i] = row{t}
	}
	b, err := json.Marshal(list)
	return string(b), err
}

func recordsOf(ctx context.Context, q queryer, ids []int64) ([]reconcile.Record, error) {
	claims, err := claimsOf(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	pins, err := pinsOf(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	rows, err := q.query(ctx, `select id, kind from record where id in (select cast(value as bigint) from json_each($1)) order by id`, idList(ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reconcile.Record
	for rows.Next() {
		var r reconcile.Record
		if err := rows.Scan(&r.ID, &r.Kind); err != nil {
			return nil, err
		}
		r.Claims, r.Pins = claims[r.ID], pins[r.ID]
		out = append(out, r)
	}
	return out, rows.Err()
}

func holders(ctx context.Context, q queryer, keys []reconcile.Key, limit int) ([][]int64, error) {
	list := make([]keyRow, len(keys))
	for i, k := range keys {
		list[i] = keyRow{i, k.Type, k.Value, k.Scope}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	// The inner limit keeps a value that half the estate carries from costing half the estate.
	rows, err := q.query(ctx, `select cast(j.value->>'i' as int), (select string_agg(cast(record_id as text), ',') from (select record_id from claim
		where type = j.value->>'y' and value = j.value->>'v' and scope = j.value->>'s' order by record_id limit $2) l)
		from json_each($1) j`, string(text), limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make([][]int64, len(keys))
	for rows.Next() {
		var i int
		var ids sql.NullString
		if err := rows.Scan(&i, &ids); err != nil {
			return nil, err
		}
		for id := range strings.SplitSeq(ids.String, ",") {
			n, err := strconv.ParseInt(id, 10, 64)
			if err == nil {
				out[i] = append(out[i], n)
			}
		}
	}
	return out, rows.Err()
}

// regroup moves records to the assets decided for them. cause has the records that
// changed with the observations that changed them: a move is dated by the one of the
// asset that the record comes to or leaves.
func (t *Tx) regroup(ctx context.Context, cause, want map[int64]int64) ([]moveOf, error) {
	all := slices.Sorted(maps.Keys(want))
	if err := t.gatherAssets(ctx, all); err != nil {
		return nil, err
	}
	var moves []moveOf
	newest := int64(0)
	byAsset := map[int64]int64{} // the newest cause of what becomes or was of an asset
	for _, id := range all {
		r, ok := t.known.records.get(id)
		if !ok {
			return nil, fmt.Errorf("record %d is gone", id)
		}
		if obs, ok := cause[id]; ok {
			newest = max(newest, obs)
			byAsset[want[id]] = max(byAsset[want[id]], obs)
			if r.Asset != 0 {
				byAsset[r.Asset] = max(byAsset[r.Asset], obs)
			}
		}
		if r.Asset != want[id] {
			moves = append(moves, moveOf{record: id, from: r.Asset, to: want[id]})
		}
	}
	for i := range moves {
		m := &moves[i]
		m.obs = cmp.Or(cause[m.record], byAsset[m.to], byAsset[m.from], newest)
	}
	return moves, t.move(ctx, moves)
}

// moveOf is a record that goes from one asset to another, from 0 when it is new.
type moveOf struct{ record, from, to, obs int64 }

// move writes moves, which are sorted by record, for transactions side by side.
func (t *Tx) move(ctx context.Context, moves []moveOf) error {
	if len(moves) == 0 {
		return nil
	}
	t.moved = true
	var b bulk
	for _, m := range moves {
		b.row(m.record, m.to, m.obs)
		if r, ok := t.known.records.get(m.record); ok {
			t.known.moved(r, m.to)
		}
	}
	const list = `(select cast(value->>0 as bigint) as record, cast(value->>1 as bigint) as asset, cast(value->>2 as bigint) as obs from json_each($1)) n`
	if err := t.exec(ctx, `update record set asset_id = n.asset from `+list+` where record.id = n.record`, b.text()); err != nil {
		return err
	}
	if err := t.exec(ctx, `update member set to_obs = n.obs from `+list+`
		where member.record_id = n.record and member.to_obs is null and member.from_obs <> n.obs`, b.text()); err != nil {
		return err
	}
	// A record that moves twice in one observation belongs to the last asset.
	return t.exec(ctx, `insert into member (record_id, from_obs, asset_id) select n.record, n.obs, n.asset from `+list+` where true
		on conflict (record_id, from_obs) do update set asset_id = excluded.asset_id`, b.text())
}

// Bodies are a record's present sections with their content.
func (t *Tx) Bodies(ctx context.Context, record int64, names []inventory.SectionName) (map[inventory.SectionName]inventory.Body, error) {
	refs := make([]SectionRef, len(names))
	for i, name := range names {
		refs[i] = SectionRef{record, name}
	}
	if err := t.GatherFacts(ctx, refs); err != nil {
		return nil, err
	}
	out := map[inventory.SectionName]inventory.Body{}
	for _, name := range names {
		have := t.facts[sectionKey{record, name}].have
		if len(have) == 0 {
			continue
		}
		facts := make([]inventory.Fact, 0, len(have))
		for _, key := range slices.Sorted(maps.Keys(have)) {
			facts = append(facts, inventory.Fact{Key: key, Value: have[key].value})
		}
		body, err := inventory.BodyOf(name, facts)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", record, err)
		}
		if body != nil {
			out[name] = body
		}
	}
	return out, nil
}

// bodiesOf are records' present sections with their content.
func bodiesOf(ctx context.Context, q queryer, records []int64, names []inventory.SectionName) (map[int64]map[inventory.SectionName]inventory.Body, error) {
	list, err := textList(names)
	if err != nil {
		return nil, err
	}
	rows, err := q.query(ctx, `select record_id, section, key, value from fact
		where record_id in (select cast(value as bigint) from json_each($1)) and section in (select value->>'v' from json_each($2)) and to_obs is null
		order by record_id, section, key`, idList(records), list)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	return collectBodies(rows)
}

// collectBodies reads rows of (record, section, key, value), sorted, into bodies.
func collectBodies(rows rowScanner) (map[int64]map[inventory.SectionName]inventory.Body, error) {
	out := map[int64]map[inventory.SectionName]inventory.Body{}
	var id int64
	var name inventory.SectionName
	var facts []inventory.Fact
	flush := func() error {
		if len(facts) == 0 {
			return nil
		}
		body, err := inventory.BodyOf(name, facts)
		if err != nil {
			return fmt.Errorf("record %d: %w", id, err)
		}
		if body != nil {
			if out[id] == nil {
				out[id] = map[inventory.SectionName]inventory.Body{}
			}
			out[id][name] = body
		}
		facts = facts[:0]
		return nil
	}
	for rows.Next() {
		var r int64
		var n inventory.SectionName
		var f inventory.Fact
		if err := rows.Scan(&r, &n, &f.Key, &f.Value); err != nil {
			return nil, err
		}
		if r != id || n != name {
			if err := flush(); err != nil {
				return nil, err
			}
			id, name = r, n
		}
		facts = append(facts, f)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return out, flush()
}
