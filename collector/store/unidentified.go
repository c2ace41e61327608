package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Unidentified is a thing that a scan met and of which class, vendor or model is not known.
type Unidentified struct {
	inventory.Asset
	Unknown []string
	Reason  string // as the scanner told it
}

// Unidentified calls fn for each of them, in the order of their ids.
func (s *Store) Unidentified(ctx context.Context, fn func(Unidentified) error) error {
	rows, err := s.rows(ctx, `select a.id, a.doc, r.site, r.last_seen, c.reason from asset a
		join record r on r.asset_id = a.id and r.kind = 'scanner' join section c on c.record_id = r.id and c.name = 'device'
		order by a.id, r.last_seen desc, r.id`)
	if err != nil {
		return fmt.Errorf("read what is not identified: %w", err)
	}
	defer func() { _ = rows.Close() }()
	before := inventory.AssetID(0)
	for rows.Next() {
		var u Unidentified
		var id, seen int64
		var doc string
		if err := rows.Scan(&id, &doc, &u.Site, &seen, &u.Reason); err != nil {
			return fmt.Errorf("read what is not identified: %w", err)
		}
		if inventory.AssetID(id) == before { // an older sighting
			continue
		}
		before = inventory.AssetID(id)
		site := u.Site
		if err := json.Unmarshal([]byte(doc), &u.Asset); err != nil {
			return fmt.Errorf("asset %d: %w", id, err)
		}
		u.ID, u.LastSeen, u.Site = before, fromMillis(seen), site
		if u.unknown(); len(u.Unknown) == 0 {
			continue
		}
		u.Reason = inventory.UnknownReason(u.Reason)
		if err := fn(u); err != nil {
			return err
		}
	}
	return rows.Err()
}

// unknown fills in what is not known. A shared address has no maker.
func (u *Unidentified) unknown() {
	if u.Class == inventory.ClassVirtualIP {
		return
	}
	for name, value := range map[string]string{"class": string(u.Class), "vendor": u.Vendor, "model": u.Model} {
		if strings.TrimSpace(value) == "" {
			u.Unknown = append(u.Unknown, name)
		}
	}
	slices.Sort(u.Unknown)
}
