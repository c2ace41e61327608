package store

import (
	"context"

	"github.com/muster-itam/muster/internal/inventory"
)

// AssetsWithTitle are the assets on which a software title is installed, now or at a
// time, whose name contains part (lower case) and that match takes. match sees every
// title of the dictionary once, however often it is installed.
func (s *Store) AssetsWithTitle(ctx context.Context, part string, match func(inventory.Software) bool, at When) (map[inventory.AssetID]bool, error) {
	out := map[inventory.AssetID]bool{}
	err := s.look(ctx, func(v view) error {
		titles, err := v.matchingTitles(ctx, part, match)
		if err != nil || len(titles) == 0 {
			return err
		}
		q, args := `select distinct r.asset_id from install i join record r on r.id = i.record_id
			where i.title_id in (select cast(value as bigint) from json_each($1)) and i.to_obs is null`, []any{idList(titles)}
		if !at.IsZero() {
			// The install and the membership both have to be of that time.
			q = `select distinct m.asset_id from install i
				join observation b on b.id = i.from_obs left join observation e on e.id = i.to_obs
				join member m on m.record_id = i.record_id
				join observation mb on mb.id = m.from_obs left join observation me on me.id = m.to_obs
				where i.title_id in (select cast(value as bigint) from json_each($3)) and ` + during + `
				and mb.seen_at <= $1 and mb.received_at <= $2 and (me.id is null or me.seen_at > $1 or me.received_at > $2)`
			args = at.args(idList(titles))
		}
		rows, err := v.query(ctx, q, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id inventory.AssetID
			if err := rows.Scan(&id); err != nil {
				return err
			}
			out[id] = true
		}
		return rows.Err()
	})
	return out, err
}

func (v view) matchingTitles(ctx context.Context, part string, match func(inventory.Software) bool) ([]int64, error) {
	// LIKE knows the case of ASCII letters only: match has the last word on the name.
	rows, err := v.query(ctx, `select id, source, name, version, arch, publisher from title where lower(name) like $1 escape '\'`,
		likePattern(asciiPart(part)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []int64
	for rows.Next() {
		var id int64
		var sw inventory.Software
		if err := rows.Scan(&id, &sw.Source, &sw.Name, &sw.Version, &sw.Arch, &sw.Publisher); err != nil {
			return nil, err
		}
		if match(sw) {
			out = append(out, id)
		}
	}
	return out, rows.Err()
}

// asciiPart is the longest run of ASCII in a text.
func asciiPart(s string) string {
	best, start := "", 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] >= 0x80 {
			if i-start > len(best) {
				best = s[start:i]
			}
			start = i + 1
		}
	}
	return best
}
