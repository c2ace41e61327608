package store

import (
	"context"
	"fmt"
)

// packRecords is how many records one step of packInstalls takes.
const packRecords = 200

// packInstalls moves present software from a row an install to a row a record.
func packInstalls(ctx context.Context, t *Tx) error {
	return t.inPortions(ctx, `select distinct record_id from install where to_obs is null and record_id > $1 order by record_id limit $2`, packRecords, t.packInstallsOf)
}

func (t *Tx) packInstallsOf(ctx context.Context, ids []int64) error {
	list := idList(ids)
	rows, err := t.query(ctx, `select i.record_id, i.title_id, i.from_obs, 0, coalesce(i.day, ''), i.bytes, coalesce(i.path, ''), ''
		from install i where i.to_obs is null and i.`+ofRecords, list)
	if err != nil {
		return err
	}
	t.installs = map[int64]*installSet{}
	if err := scanPast(rows, func(in installed, _ int64) {
		set := t.installs[in.record]
		if set == nil {
			set = &installSet{changed: true}
			t.installs[in.record] = set
		}
		in.own = in.bytes != 0 || in.path != "" // the dictionary has neither
		set.have = append(set.have, in.install)
	}); err != nil {
		return err
	}
	if err := t.flushInstalls(ctx); err != nil {
		return fmt.Errorf("pack software: %w", err)
	}
	t.installs = nil
	return t.exec(ctx, `delete from install where to_obs is null and `+ofRecords, list)
}
