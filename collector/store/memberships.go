package store

import (
	"context"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
)

// Membership is where an observation belongs: its record's asset now, and the one it
// had when the observation arrived.
type Membership struct {
	Epoch, Seq       int64
	Record           int64
	Said             time.Time // by the source's clock
	Asset, AtTheTime int64
}

// Memberships calls fn for every observation in the order of arrival.
func (s *Store) Memberships(ctx context.Context, fn func(Membership) error) error {
	return s.look(ctx, func(v view) error {
		rows, err := v.query(ctx, `select o.epoch, o.seq, o.record_id, o.said_at, r.asset_id, coalesce((select m.asset_id from member m
			where m.record_id = o.record_id and m.from_obs <= o.id order by m.from_obs desc limit 1), 0)
			from observation o join record r on r.id = o.record_id order by o.id`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var m Membership
			var said int64
			if err := rows.Scan(&m.Epoch, &m.Seq, &m.Record, &said, &m.Asset, &m.AtTheTime); err != nil {
				return err
			}
			m.Said = time.UnixMilli(said).UTC()
			if err := fn(m); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// Recheck decides anew over all records. wrong are those whose asset differs from the
// stored one: there are none unless something is amiss.
func (s *Store) Recheck(ctx context.Context) (res reconcile.Result, wrong []int64, err error) {
	err = s.look(ctx, func(v view) error {
		have, records, err := v.allRecords(ctx)
		if err != nil {
			return err
		}
		rules, err := v.rules(ctx)
		if err != nil {
			return err
		}
		res = rules.Decide(records, nil)
		for id, asset := range res.Assets {
			if have[id] != asset {
				wrong = append(wrong, id)
			}
		}
		return nil
	})
	return res, wrong, err
}
