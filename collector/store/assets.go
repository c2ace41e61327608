package store

import (
	"context"
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
	if err := t.fillShares(ctx, members); err != nil {
		return err
	}
	var lines bulk
	var one assembler
	var gone []int64
	for _, id := range ids {
		if len(members[id]) == 0 {
			gone = append(gone, id)
		} else if err := lines.document(id, one.assemble(now, members[id])); err != nil {
			return fmt.Errorf("asset %d: %w", id, err)
		}
	}
	if len(gone) > 0 {
		if err := t.exec(ctx, `delete from asset where id in (select cast(value as bigint) from json_each($1))`, idList(gone)); err != nil {
			return err
		}
	}
	if lines.n == 0 {
		return nil
	}
	return t.later(ctx, `insert into asset (id, doc) select cast(value->>0 as bigint), value->1 from json_each($1) where true
		on conflict (id) do update set doc = excluded.doc`, &lines, 0)
}

// membersNow are the records of assets, oldest first, their shares to be filled in.
func (t *Tx) membersNow(ctx context.Context, assets []int64) (map[int64][]member, error) {
	out := make(map[int64][]member, len(assets))
	if t.d.concurrent { // what was read before the assets were locked may be old
		lists, err := membersOf(ctx, t, assets)
		for asset, list := range lists {
			for i := range list {
				out[asset] = append(out[asset], member{Record: &list[i]})
			}
		}
		return out, err
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
	for asset, list := range lists {
		members := make([]member, 0, len(list))
		for _, id := range list {
			if r, ok := t.known.records.get(id); ok {
				members = append(members, member{Record: &r.Record})
			}
		}
		out[asset] = members
	}
	return out, nil
}

// fillShares fills in the shares of the records of assets.
func (t *Tx) fillShares(ctx context.Context, members map[int64][]member) error {
	var missing []*member
	for _, list := range members {
		for i := range list {
			m := &list[i]
			if st, ok := t.known.records.get(m.ID); ok && st.share != nil && st.share.site == m.Site {
				m.share = st.share
			} else {
				missing = append(missing, m)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	ids := make([]int64, len(missing))
	for i, m := range missing {
		ids[i] = m.ID
	}
	slices.Sort(ids)
	bodies, err := bodiesOf(ctx, t, ids, summary)
	if err != nil {
		return err
	}
	for _, m := range missing {
		m.share = shareOf(m.Key.Kind, m.Site, bodies[m.ID])
		if st, ok := t.known.records.get(m.ID); ok && !t.d.concurrent {
			st.share = m.share
		}
	}
	return nil
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
