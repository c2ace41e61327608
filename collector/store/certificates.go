package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// CertificateEnds are the last days of the certificates that assets show at their ports, now or at
// a time. Assets without any are left out.
func (s *Store) CertificateEnds(ctx context.Context, at When) (map[inventory.AssetID][]time.Time, error) {
	out := map[inventory.AssetID][]time.Time{}
	err := s.look(ctx, func(v view) error {
		assets, err := v.owners(ctx, at)
		if err != nil {
			return err
		}
		return v.certificates(ctx, at, func(record int64, until time.Time) {
			if id, ok := assets[record]; ok {
				out[id] = append(out[id], until)
			}
		})
	})
	return out, err
}

func (v view) certificates(ctx context.Context, at When, each func(record int64, until time.Time)) error {
	// From the records: a fact's section comes second in its key.
	q, args := `select r.id, f.value from record r cross join fact f where f.record_id = r.id and f.section = 'ports' and f.to_obs is null`, []any(nil)
	if !at.IsZero() {
		q = `select r.id, f.value from record r cross join fact f join observation b on b.id = f.from_obs left join observation e on e.id = f.to_obs
			where f.record_id = r.id and f.section = 'ports' and ` + during
		args = at.args()
	}
	rows, err := v.query(ctx, q+` and f.value like '%"certificate_until"%'`, args...)
	if err != nil {
		return fmt.Errorf("read certificates: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var record int64
		var value string
		var port inventory.Port
		if err := rows.Scan(&record, &value); err != nil {
			return fmt.Errorf("read certificates: %w", err)
		}
		if err := json.Unmarshal([]byte(value), &port); err != nil {
			return fmt.Errorf("port of record %d: %w", record, err)
		}
		if until, err := time.Parse(time.DateOnly, port.CertificateUntil); err == nil { // else it is not for us to say
			each(record, until)
		}
	}
	return rows.Err()
}
