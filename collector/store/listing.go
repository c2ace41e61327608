package store

import (
	"context"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Listing is one consistent look at the lines of all assets, as they are now or as they were at a time.
type Listing struct {
	v  view
	at When
}

// List calls fn with a listing. fn's error ends it and is returned.
func (s *Store) List(ctx context.Context, at When, fn func(Listing) error) error {
	return s.look(ctx, func(v view) error { return fn(Listing{v, at}) })
}

// Assets calls fn for every asset with all that a filter may ask of its line.
func (s *Store) Assets(ctx context.Context, at When, fn func(inventory.Asset) error) error {
	return s.List(ctx, at, func(l Listing) error {
		return l.Assets(ctx, Lines{Dated: true, Attributes: []string{"asset_tag", "os_family"}}, fn)
	})
}

// Count is how many assets there are now.
func (l Listing) Count(ctx context.Context) (n int64, err error) {
	return n, l.v.row(ctx, `select count(*) from asset`).Scan(&n)
}

// Lines is what a listing has to read. Much of the work is for what few questions need.
type Lines struct {
	// After leaves out all assets up to one.
	After inventory.AssetID
	// Dated lines say when assets were seen and by which kinds of sources. Date adds it to others.
	Dated bool
	// Attributes are the names of those that lines have with their values.
	Attributes []string
}

// block is how many lines are read at once: who has enough of them leaves the rest in the database.
const block = 1000

// Assets calls fn for every asset, in the order of ids. fn's error ends the listing and is returned.
func (l Listing) Assets(ctx context.Context, read Lines, fn func(inventory.Asset) error) error {
	if !l.at.IsZero() {
		return l.v.assetsAsOf(ctx, l.at, func(a inventory.Asset) error {
			if a.ID <= read.After {
				return nil
			}
			return fn(a)
		})
	}
	for {
		lines, err := list(ctx, l.v, func(row oneRow) (inventory.Asset, error) { return scanLine(row, read.Attributes) },
			`select id, doc from asset where id > $1 order by id limit $2`, int64(read.After), block)
		if err == nil && read.Dated {
			err = l.Date(ctx, lines)
		}
		if err != nil {
			return err
		}
		for _, a := range lines {
			if err := fn(a); err != nil {
				return err
			}
		}
		if len(lines) < block {
			return nil
		}
		read.After = lines[block-1].ID
	}
}

func scanLine(row oneRow, attributes []string) (a inventory.Asset, err error) {
	var doc string
	if err := row.Scan(&a.ID, &doc); err != nil {
		return a, err
	}
	readLine(doc, attributes, &a)
	return a, nil
}

// Date adds to assets of this listing when they were seen, and by which kinds of sources.
func (l Listing) Date(ctx context.Context, assets []inventory.Asset) error {
	if !l.at.IsZero() || len(assets) == 0 {
		return nil // they have it
	}
	ids, at := make([]int64, len(assets)), make(map[int64]*inventory.Asset, len(assets))
	for i := range assets {
		ids[i] = int64(assets[i].ID)
		at[ids[i]] = &assets[i]
	}
	rows, err := l.v.query(ctx, `select asset_id, min(first_seen), max(last_seen), `+l.v.d.list("kind")+` from record
		where asset_id in (select cast(value as bigint) from json_each($1)) group by asset_id`, idList(ids))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, first, last int64
		var kinds string
		if err := rows.Scan(&id, &first, &last, &kinds); err != nil {
			return err
		}
		if a := at[id]; a != nil {
			a.FirstSeen, a.LastSeen, a.Sources = fromMillis(first), fromMillis(last), strings.Split(kinds, ",")
			slices.Sort(a.Sources)
		}
	}
	return rows.Err()
}
