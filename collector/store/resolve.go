package store

import (
	"context"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// resolveAt is the asset that the record behind an id belonged to at t; the present one
// when t is zero, or when the record came later.
func (v view) resolveAt(ctx context.Context, id inventory.AssetID, t time.Time) (int64, error) {
	if t.IsZero() {
		return v.resolve(ctx, id)
	}
	rows, err := v.query(ctx, `select m.asset_id from member m
		join observation b on b.id = m.from_obs left join observation e on e.id = m.to_obs
		where m.record_id = $2 and `+during, millis(t), int64(id))
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
