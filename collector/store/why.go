package store

import (
	"context"
	"slices"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// Why decides the records of assets anew and returns the decision with its reasons, and
// the records of each of the assets.
func (s *Store) Why(ctx context.Context, ids ...inventory.AssetID) (res reconcile.Result, rules reconcile.Rules, records [][]reconcile.Record, err error) {
	err = s.look(ctx, func(v view) error {
		var seeds []int64
		for _, id := range ids {
			now, err := v.resolve(ctx, id)
			if err != nil {
				return err
			}
			members, err := membersOf(ctx, v, []int64{now})
			if err != nil {
				return err
			}
			var own []int64
			for _, r := range members[now] {
				own = append(own, r.ID)
			}
			recs, err := v.Records(ctx, own)
			if err != nil {
				return err
			}
			records, seeds = append(records, recs), append(seeds, own...)
		}
		slices.Sort(seeds)
		if rules, err = v.rules(ctx); err != nil {
			return err
		}
		res, err = rules.Resolve(ctx, v, slices.Compact(seeds), nil, nil)
		return err
	})
	return res, rules, records, err
}
