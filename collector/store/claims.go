package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// claimRow is a claim as it goes to the database. Days are counted from 1970.
type claimRow struct {
	Type  reconcile.Type `json:"y"`
	Value string         `json:"v"`
	Scope string         `json:"s"`
	Tier  int            `json:"t"`
	First int64          `json:"f"`
	Last  int64          `json:"l"`
}

// keyRow is a claim's key as it goes to the database, with its place in a list.
type keyRow struct {
	Index int            `json:"i"`
	Type  reconcile.Type `json:"y"`
	Value string         `json:"v"`
	Scope string         `json:"s"`
}

const dayMillis = 24 * 60 * 60 * 1000

// PutClaims adds what a record claims now to what it claimed before: what it once
// carried remains evidence. It reports whether anything is new, so that the records
// which share a claim with this one have to be decided again.
func (t *Tx) PutClaims(ctx context.Context, record int64, fresh []reconcile.Claim) (bool, error) {
	had, err := claimsOf(ctx, t, []int64{record})
	if err != nil {
		return false, err
	}
	all, changed := reconcile.Accumulate(had[record], fresh)
	if len(changed) == 0 {
		return false, nil
	}
	t.wantLocks(all) // deciding leads to all of them
	write := make([]claimRow, len(changed))
	for i, c := range changed {
		write[i] = claimRow{c.Type, c.Value, c.Scope, c.Tier, millis(c.First) / dayMillis, millis(c.Last) / dayMillis}
	}
	text, err := json.Marshal(write)
	if err != nil {
		return false, err
	}
	return true, t.exec(ctx, `insert into claim (type, value, scope, record_id, tier, first_day, last_day)
		select value->>'y', value->>'v', value->>'s', $1, cast(value->>'t' as int), cast(value->>'f' as bigint), cast(value->>'l' as bigint)
		from json_each($2) where true
		on conflict (record_id, type, value, scope) do update set tier = excluded.tier,
		first_day = excluded.first_day, last_day = excluded.last_day`, record, string(text))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// queryer is what a Tx and a Reader have in common.
type queryer interface {
	query(ctx context.Context, query string, args ...any) (rowScanner, error)
}

// claimsOf are all claims of records.
func claimsOf(ctx context.Context, q queryer, records []int64) (map[int64][]reconcile.Claim, error) {
	rows, err := q.query(ctx, `select record_id, type, value, scope, tier, first_day, last_day from claim
		where record_id in (select cast(value as bigint) from json_each($1)) order by record_id, type, value, scope`, idList(records))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make(map[int64][]reconcile.Claim, len(records))
	for rows.Next() {
		var id, first, last int64
		var c reconcile.Claim
		if err := rows.Scan(&id, &c.Type, &c.Value, &c.Scope, &c.Tier, &first, &last); err != nil {
			return nil, err
		}
		c.First, c.Last = time.UnixMilli(first*dayMillis).UTC(), time.UnixMilli(last*dayMillis).UTC()
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

// Records are the records with those ids as reconciling sees them.
func (t *Tx) Records(ctx context.Context, ids []int64) ([]reconcile.Record, error) {
	return recordsOf(ctx, t, ids)
}

func recordsOf(ctx context.Context, q queryer, ids []int64) ([]reconcile.Record, error) {
	claims, err := claimsOf(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	rows, err := q.query(ctx, `select id, kind, `+pinsOfRecord+` from record where id in (select cast(value as bigint) from json_each($1)) order by id`, idList(ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []reconcile.Record
	for rows.Next() {
		var r reconcile.Record
		var pins sql.NullString
		if err := rows.Scan(&r.ID, &r.Kind, &pins); err != nil {
			return nil, err
		}
		r.Claims, r.Pins = claims[r.ID], readPins(r.ID, pins.String)
		out = append(out, r)
	}
	return out, rows.Err()
}

// Holders are the ids of the records that carry each key. Until the transaction ends
// nobody else decides about records that carry one.
func (t *Tx) Holders(ctx context.Context, keys []reconcile.Key, limit int) (map[reconcile.Key][]int64, error) {
	if err := t.lockValues(ctx, keys, limit); err != nil {
		return nil, err
	}
	return holders(ctx, t, keys, limit)
}

func holders(ctx context.Context, q queryer, keys []reconcile.Key, limit int) (map[reconcile.Key][]int64, error) {
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
	out := make(map[reconcile.Key][]int64, len(keys))
	for rows.Next() {
		var i int
		var ids sql.NullString
		if err := rows.Scan(&i, &ids); err != nil {
			return nil, err
		}
		for id := range strings.SplitSeq(ids.String, ",") {
			n, err := strconv.ParseInt(id, 10, 64)
			if err == nil {
				out[keys[i]] = append(out[keys[i]], n)
			}
		}
	}
	return out, rows.Err()
}

// regroup moves records to the assets decided for them. cause has the records that
// changed with the observations that changed them: a move is dated by the one of the
// asset that the record comes to or leaves.
func (t *Tx) regroup(ctx context.Context, cause, want map[int64]int64) ([]moveOf, error) {
	all := make([]int64, 0, len(want))
	for id := range want {
		all = append(all, id)
	}
	rows, err := t.query(ctx, `select id, asset_id from record where id in (select cast(value as bigint) from json_each($1)) order by id`, idList(all))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var moves []moveOf
	newest := int64(0)
	byAsset := map[int64]int64{} // the newest cause of what becomes or was of an asset
	for rows.Next() {
		var m moveOf
		if err := rows.Scan(&m.record, &m.from); err != nil {
			return nil, err
		}
		m.to = want[m.record]
		if obs, ok := cause[m.record]; ok {
			newest = max(newest, obs)
			byAsset[m.to] = max(byAsset[m.to], obs)
			if m.from != 0 {
				byAsset[m.from] = max(byAsset[m.from], obs)
			}
		}
		if m.from != m.to {
			moves = append(moves, m)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i := range moves { // by id, for transactions side by side
		m := &moves[i]
		m.obs = cmp.Or(cause[m.record], byAsset[m.to], byAsset[m.from], newest)
		if err := t.move(ctx, m.record, m.to, m.obs); err != nil {
			return nil, err
		}
	}
	return moves, nil
}

// moveOf is a record that goes from one asset to another, from 0 when it is new.
type moveOf struct{ record, from, to, obs int64 }

func (t *Tx) move(ctx context.Context, record, asset, obs int64) error {
	if err := t.exec(ctx, `update record set asset_id = $2 where id = $1`, record, asset); err != nil {
		return err
	}
	if err := t.exec(ctx, `update member set to_obs = $2 where record_id = $1 and to_obs is null and from_obs <> $2`, record, obs); err != nil {
		return err
	}
	// A record that moves twice in one observation belongs to the last asset.
	return t.exec(ctx, `insert into member (record_id, from_obs, asset_id) values ($1, $2, $3)
		on conflict (record_id, from_obs) do update set asset_id = excluded.asset_id`, record, obs, asset)
}

// Bodies are a record's present sections with their content.
func (t *Tx) Bodies(ctx context.Context, record int64, names []inventory.SectionName) (map[inventory.SectionName]inventory.Body, error) {
	all, err := bodiesOf(ctx, t, []int64{record}, names)
	return all[record], err
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
