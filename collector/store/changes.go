package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// changedObs is an observation that changed something.
type changedObs struct {
	obs, record int64
	at          time.Time
	asset       inventory.AssetID
	name        string
	kind        string
	sections    string
}

// changed lists observations that changed something, newest first, with ids below before when that is not 0.
func (v view) changed(ctx context.Context, asset inventory.AssetID, since, until time.Time, before int64, limit int) ([]changedObs, error) {
	q := `select o.id, o.record_id, o.seen_at, r.asset_id, coalesce(a.doc->>'name', ''), r.kind, o.changes
		from observation o join record r on r.id = o.record_id left join asset a on a.id = r.asset_id
		where o.changes <> '' and o.seen_at >= $1`
	args := []any{int64(0)}
	if !since.IsZero() {
		args[0] = millis(since)
	}
	add := func(cond string, arg any) {
		args = append(args, arg)
		q += cond + "$" + strconv.Itoa(len(args))
	}
	if !until.IsZero() {
		add(` and o.seen_at < `, millis(until))
	}
	if asset != 0 {
		add(` and r.asset_id = `, int64(asset))
	}
	if before > 0 {
		add(` and o.id < `, before)
	}
	add(` order by o.id desc limit `, limit)
	rows, err := v.query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []changedObs
	for rows.Next() {
		var o changedObs
		var at int64
		if err := rows.Scan(&o.obs, &o.record, &at, &o.asset, &o.name, &o.kind, &o.sections); err != nil {
			return nil, err
		}
		o.at = fromMillis(at)
		out = append(out, o)
	}
	return out, rows.Err()
}

// changesOf are the differences that one observation made.
func (v view) changesOf(ctx context.Context, o changedObs) ([]Change, error) {
	base := Change{Obs: o.obs, At: o.at, Asset: o.asset, AssetName: o.name, Source: o.kind}
	if o.sections == "*" {
		base.Kind, base.Section = "appeared", "record"
		base.Item = o.kind
		return []Change{base}, nil
	}
	var out []Change
	for _, name := range strings.Split(o.sections, ",") {
		var rows rowScanner
		var err error
		if inventory.SectionName(name) == inventory.SectionSoftware {
			// An update is one package that leaves and enters with another version.
			rows, err = v.query(ctx, `select t.name || case when t.arch = '' then '' else ':' || t.arch end, t.version, i.from_obs = $2 from install i
				join title t on t.id = i.title_id where i.record_id = $1 and (i.from_obs = $2 or i.to_obs = $2) order by 1, 3`, o.record, o.obs)
		} else {
			rows, err = v.query(ctx, `select key, value, from_obs = $2 from fact where record_id = $1 and section = $3
				and (from_obs = $2 or to_obs = $2) order by 1, 3`, o.record, o.obs, name)
		}
		if err != nil {
			return nil, err
		}
		base.Section = name
		more, err := pairUp(rows, base)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// pairUp turns rows (item, value, began), sorted by item with ends first, into changes.
func pairUp(rows rowScanner, base Change) ([]Change, error) {
	defer func() { _ = rows.Close() }()
	var out []Change
	for rows.Next() {
		c := base
		var value string
		var began bool
		if err := rows.Scan(&c.Item, &value, &began); err != nil {
			return nil, err
		}
		switch last := len(out) - 1; {
		case !began:
			c.Kind, c.Before = "removed", value
			out = append(out, c)
		case last >= 0 && out[last].Item == c.Item && out[last].Kind == "removed":
			out[last].Kind, out[last].After = "changed", value
			if out[last].Before == value { // what differs is not shown: a package's day of installation, say
				out = out[:last]
			}
		default:
			c.Kind, c.After = "added", value
			out = append(out, c)
		}
	}
	return out, rows.Err()
}

// Cursors are numbers in text so that their meaning can change.
func offset(cursor string) int64 {
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func formatOffset(n int64) string { return strconv.FormatInt(n, 10) }
