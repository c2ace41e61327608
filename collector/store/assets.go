package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// summary are the sections an asset's line is assembled from.
var summary = []inventory.SectionName{
	inventory.SectionDevice, inventory.SectionOS, inventory.SectionHardware, inventory.SectionMemory,
	inventory.SectionInterfaces, inventory.SectionDisks, inventory.SectionComponents,
}

// AssembleAssets writes the lines of assets anew from their records, and drops the
// lines of those that have no records any more. ids are sorted.
func (t *Tx) AssembleAssets(ctx context.Context, ids []int64, now time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	if err := t.lockAssets(ctx, ids); err != nil {
		return err
	}
	members, err := t.membersNow(ctx, ids)
	if err != nil {
		return err
	}
	shares, err := t.shares(ctx, members)
	if err != nil {
		return err
	}
	docs := []byte{'['} // of {"i": id, "d": line}
	var gone []int64
	for _, id := range ids {
		if len(members[id]) == 0 {
			gone = append(gone, id)
			continue
		}
		doc, err := json.Marshal(assemble(now, members[id], shares))
		if err != nil {
			return fmt.Errorf("asset %d: %w", id, err)
		}
		if len(docs) > 1 {
			docs = append(docs, ',')
		}
		docs = fmt.Appendf(docs, `{"i":%d,"d":%s}`, id, doc)
	}
	if len(gone) > 0 {
		if err := t.exec(ctx, `delete from asset where id in (select cast(value as bigint) from json_each($1))`, idList(gone)); err != nil {
			return err
		}
	}
	if len(docs) == 1 {
		return nil
	}
	return t.exec(ctx, `insert into asset (id, doc) select cast(value->>'i' as bigint), value->'d' from json_each($1) where true
		on conflict (id) do update set doc = excluded.doc`, string(docs)+"]")
}

// membersNow are the records of assets, oldest first.
func (t *Tx) membersNow(ctx context.Context, assets []int64) (map[int64][]Record, error) {
	if t.d.concurrent { // what was read before the assets were locked may be old
		return membersOf(ctx, t, assets)
	}
	lists, err := t.Members(ctx, assets)
	if err != nil {
		return nil, err
	}
	var all []int64
	for _, list := range lists {
		all = append(all, list...)
	}
	if err := t.gatherStates(ctx, all); err != nil {
		return nil, err
	}
	out := make(map[int64][]Record, len(lists))
	for asset, list := range lists {
		for _, id := range list {
			if r, ok := t.known.records.get(id); ok {
				out[asset] = append(out[asset], r.Record)
			}
		}
	}
	return out, nil
}

// shares are those of the records of assets.
func (t *Tx) shares(ctx context.Context, members map[int64][]Record) (map[int64]*share, error) {
	out := map[int64]*share{}
	var missing []Record
	var ids []int64
	for _, list := range members {
		for _, r := range list {
			if st, ok := t.known.records.get(r.ID); ok && st.share != nil && st.share.site == r.Site {
				out[r.ID] = st.share
			} else {
				missing, ids = append(missing, r), append(ids, r.ID)
			}
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	slices.Sort(ids)
	bodies, err := bodiesOf(ctx, t, ids, summary)
	if err != nil {
		return nil, err
	}
	for id, s := range sharesOf(missing, bodies) {
		out[id] = s
		if st, ok := t.known.records.get(id); ok && !t.d.concurrent {
			st.share = s
		}
	}
	return out, nil
}

// Told says that bodies are all that is kept of a record's sections that show in a line.
func (t *Tx) Told(record int64, bodies map[inventory.SectionName]inventory.Body) {
	r, _ := t.known.records.get(record)
	r.share = shareOf(r.Key.Kind, r.Site, bodies)
}

// membersOf are the records of assets, oldest first.
func membersOf(ctx context.Context, q queryer, assets []int64) (map[int64][]Record, error) {
	rows, err := q.query(ctx, `select `+recordColumns+` from record where asset_id in (select cast(value as bigint) from json_each($1)) order by id`, idList(assets))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64][]Record{}
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return nil, err
		}
		out[r.Asset] = append(out[r.Asset], r)
	}
	return out, rows.Err()
}
