package store

import (
	"context"

	"github.com/muster-itam/muster/internal/inventory"
)

// resolveAt is the asset that the record behind an id belonged to at a time; the
// present one when that is now, or when the record came later.
func (v view) resolveAt(ctx context.Context, id inventory.AssetID, at When) (int64, error) {
	if at.IsZero() {
		return v.resolve(ctx, id)
	}
	rows, err := v.query(ctx, `select m.asset_id from member m
		join observation b on b.id = m.from_obs left join observation e on e.id = m.to_obs
		where m.record_id = $3 and `+during, at.args(int64(id))...)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		var then int64
		return then, rows.Scan(&then)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	return v.resolve(ctx, id)
}
