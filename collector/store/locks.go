package store

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/muster-itam/muster/collector/reconcile"
)

// Where transactions run side by side, one that takes reports locks, in this order:
// its sources, sorted; their records; the claim values that it decides upon, those of the
// changed records sorted and at once, then those that deciding leads to; the assets that it writes,
// sorted. Two decisions that could have an effect on each other meet at a value, because
// a record is only reached through a value that it carries; the later one sees what the
// earlier one committed. What is left to meet crosswise is found by the server and tried
// again by Update.

// locks are the claim values of a transaction.
type locks struct {
	want []reconcile.Key
	held map[reconcile.Key]bool
}

func (t *Tx) wantLocks(claims []reconcile.Claim) {
	if !t.d.concurrent {
		return
	}
	for _, c := range claims {
		t.want = append(t.want, c.Key)
	}
}

// LockClaims waits for all other transactions that decide about a claim of the records
// which this one changed. It comes after the last PutClaims and before the first decision.
func (t *Tx) LockClaims(ctx context.Context) error {
	if len(t.want) == 0 {
		return nil
	}
	more, err := t.carriedWith(ctx, t.want)
	if err == nil {
		err = t.lockValues(ctx, append(t.want, more...), crowded)
	}
	t.want = nil
	return err
}

// carriedWith are the values that records carry which carry one of keys: nearly all that
// a decision may come to. Locked with the others, in one order, they cannot be met crosswise.
func (t *Tx) carriedWith(ctx context.Context, keys []reconcile.Key) ([]reconcile.Key, error) {
	text, err := json.Marshal(keyRows(keys))
	if err != nil {
		return nil, err
	}
	rows, err := t.query(ctx, `select distinct o.type, o.value, o.scope from json_each($1) j
		join claim c on c.type = j.value->>'y' and c.value = j.value->>'v' and c.scope = j.value->>'s'
		join claim o on o.record_id = c.record_id where `+few, string(text), crowded)
	if err != nil {
		return nil, err
	}
	return read(rows, func(row oneRow) (k reconcile.Key, err error) {
		err = row.Scan(&k.Type, &k.Value, &k.Scope)
		return k, err
	})
}

// few is the condition that fewer than $2 records carry a value j.
const few = `(select count(*) from (select 1 from claim n where n.type = j.value->>'y' and n.value = j.value->>'v'
	and n.scope = j.value->>'s' limit $2) x) < $2`

// keyRows are keys, each once, in the order in which all transactions lock them.
func keyRows(keys []reconcile.Key) []keyRow {
	list := make([]keyRow, len(keys))
	for i, k := range keys {
		list[i] = keyRow{Type: k.Type, Value: k.Value, Scope: k.Scope}
	}
	slices.SortFunc(list, func(a, b keyRow) int {
		return cmp.Or(strings.Compare(string(a.Type), string(b.Type)), strings.Compare(a.Value, b.Value), strings.Compare(a.Scope, b.Scope))
	})
	return slices.Compact(list)
}

// crowded is more records than a value can join, however many of them are new.
const crowded = 256

// lockValues locks values that fewer than limit records carry. The others join nobody
// whoever comes to carry them too, and half the estate would queue for them.
func (t *Tx) lockValues(ctx context.Context, keys []reconcile.Key, limit int) error {
	if !t.d.concurrent {
		return nil
	}
	if t.held == nil {
		t.held = map[reconcile.Key]bool{}
	}
	keys = slices.DeleteFunc(slices.Clone(keys), func(k reconcile.Key) bool { return t.held[k] })
	if len(keys) == 0 {
		return nil
	}
	for _, k := range keys {
		t.held[k] = true
	}
	list := keyRows(keys)
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	// A row that is being inserted makes the other who inserts it wait.
	n, err := t.changed(ctx, `insert into claim_lock (type, value, scope)
		select j.value->>'y', j.value->>'v', j.value->>'s' from json_each($1) j where `+few+` on conflict do nothing`, string(text), limit)
	if err != nil || int(n) == len(list) {
		return err
	}
	return t.exec(ctx, `select 1 from json_each($1) j join claim_lock l on l.type = j.value->>'y' and l.value = j.value->>'v'
		and l.scope = j.value->>'s' where `+few+` order by l.type, l.value, l.scope for update of l`, string(text), limit)
}

// lockAssets locks the lines of assets, and makes those that do not exist yet.
func (t *Tx) lockAssets(ctx context.Context, ids []int64) error {
	if !t.d.concurrent {
		return nil
	}
	list := idList(ids)
	lock := func() (int64, error) {
		return t.changed(ctx, `select 1 from asset where id in (select cast(value as bigint) from json_each($1)) order by id`+t.d.forUpdate, list)
	}
	n, err := lock()
	if err != nil || int(n) == len(ids) {
		return err
	}
	if err := t.exec(ctx, `insert into asset (id, doc) select cast(value as bigint), '{}' from json_each($1) where true on conflict do nothing`, list); err != nil {
		return err
	}
	_, err = lock()
	return err
}
