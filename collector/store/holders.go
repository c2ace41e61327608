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
		assets, err := v.owners(ctx, at)
		if err != nil {
			return err
		}
		return v.eachInstall(ctx, 0, at, func(in installed) {
			if titles.has(in.title) {
				if asset, ok := assets[in.record]; ok {
					out[asset] = true
				}
			}
		})
	})
	return out, err
}

func (v view) matchingTitles(ctx context.Context, part string, match func(inventory.Software) bool) (titleSet, error) {
	// LIKE knows the case of ASCII letters only: match has the last word on the name.
	rows, err := v.query(ctx, `select id, source, name, version, arch, publisher, kind, edition from title where lower(name) like $1 escape '\'`,
		likePattern(asciiPart(part)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out titleSet
	for rows.Next() {
		var id int64
		var sw inventory.Software
		if err := rows.Scan(&id, &sw.Source, &sw.Name, &sw.Version, &sw.Arch, &sw.Publisher, &sw.Kind, &sw.Edition); err != nil {
			return nil, err
		}
		if match(sw) {
			out.add(id)
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
