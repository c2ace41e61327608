package store

import (
	"context"
	"encoding/json"
	"fmt"
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
	members, err := membersOf(ctx, t, ids)
	if err != nil {
		return err
	}
	var records []int64
	for _, list := range members {
		for _, r := range list {
			records = append(records, r.ID)
		}
	}
	bodies, err := bodiesOf(ctx, t, records, summary)
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
		doc, err := json.Marshal(assemble(now, members[id], bodies))
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
