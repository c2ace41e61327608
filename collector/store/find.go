package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// Named is an asset with what it is called.
type Named struct {
	ID    inventory.AssetID
	Name  string
	Class inventory.Class
}

// maxFound bounds what a name or an address may mean.
const maxFound = 20

// Claimed are the assets that claim a value: a name or a hardware address. Those seen last come first.
func (s *Store) Claimed(ctx context.Context, kind reconcile.Type, value string) (out []Named, err error) {
	err = s.look(ctx, func(v view) error {
		out, err = v.named(ctx, `select a.id, coalesce(a.doc->>'name', ''), coalesce(a.doc->>'class', ''), max(r.last_seen) from claim c join record r on r.id = c.record_id
			join asset a on a.id = r.asset_id where c.type = $1 and c.value = $2 group by 1, 2, 3 order by 4 desc, 1 limit $3`, string(kind), value, maxFound)
		return err
	})
	return out, err
}

// Shown are the assets that are shown by a name: names that many machines have claim nothing.
func (s *Store) Shown(ctx context.Context, name string) (out []Named, err error) {
	err = s.look(ctx, func(v view) error {
		out, err = v.named(ctx, `select id, coalesce(doc->>'name', ''), coalesce(doc->>'class', ''), 0 from asset
			where lower(doc->>'name') = lower($1) order by id limit $2`, name, maxFound)
		return err
	})
	return out, err
}

// WithAddress are the assets that had an address on the last day, until a time, that anybody had it.
func (s *Store) WithAddress(ctx context.Context, a netip.Addr, t time.Time) (out []Named, err error) {
	err = s.look(ctx, func(v view) error {
		records, err := v.withAddress(ctx, a.String(), reconcile.DayOf(t))
		if err != nil {
			return err
		}
		out, err = v.named(ctx, `select a.id, coalesce(a.doc->>'name', ''), coalesce(a.doc->>'class', ''), max(cast(j.value->>1 as bigint))
			from json_each($1) j join record r on r.id = cast(j.value->>0 as bigint) join asset a on a.id = r.asset_id
			group by 1, 2, 3 order by 4 desc, 1 limit $2`, records, maxFound)
		return err
	})
	return out, err
}

// withAddress are the records that had an address on the last day, until a given one, that any had it or the day before, with
// their days. A claim begins at most a week before any of its days.
func (v view) withAddress(ctx context.Context, address string, until reconcile.Day) (records string, err error) {
	rows, err := v.query(ctx, `select c.record_id, c.scope, c.days from claim c where c.type = 'address' and c.value = $1 and c.first_day <= $2
		and c.first_day >= (select max(x.first_day) from claim x where x.type = 'address' and x.value = $1 and x.first_day <= $2) - 7`, address, until.Since1970())
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	had := map[int64]reconcile.Day{}
	newest := reconcile.Day(0)
	for rows.Next() {
		var id int64
		var c reconcile.Claim
		if err := rows.Scan(&id, &c.Scope, &c.Days); err != nil {
			return "", err
		}
		had[id] = max(had[id], c.LastThere(until))
		newest = max(newest, had[id])
	}
	var b bulk
	for id, day := range had {
		if day != 0 && day >= newest-1 {
			b.row(id, day.Since1970())
		}
	}
	return b.text(), rows.Err()
}

func (v view) named(ctx context.Context, query string, args ...any) ([]Named, error) {
	return list(ctx, v, func(row oneRow) (n Named, err error) {
		var order int64
		err = row.Scan(&n.ID, &n.Name, &n.Class, &order)
		return n, err
	}, query, args...)
}

// Called is an asset by its id, former ids included.
func (s *Store) Called(ctx context.Context, id inventory.AssetID) (n Named, err error) {
	err = s.look(ctx, func(v view) error {
		now, err := v.resolve(ctx, id)
		if err != nil {
			return err
		}
		list, err := v.named(ctx, `select id, coalesce(doc->>'name', ''), coalesce(doc->>'class', ''), 0 from asset where id = $1`, now)
		n = Named{ID: inventory.AssetID(now)}
		if len(list) > 0 {
			n = list[0]
		}
		return err
	})
	return n, err
}

// MACs are the hardware addresses that an asset claims.
func (s *Store) MACs(ctx context.Context, id inventory.AssetID) (out []string, err error) {
	err = s.look(ctx, func(v view) error {
		rows, err := v.query(ctx, `select distinct c.value from record r cross join claim c where r.asset_id = $1 and c.record_id = r.id and c.type = 'mac' order by 1`, int64(id))
		if err != nil {
			return err
		}
		out, err = texts(rows)
		return err
	})
	return out, err
}

// Card is an interface of an asset.
type Card struct {
	Asset Named
	inventory.Interface
}

// forwarding are the classes of what may pass packets from network to network.
var forwarding = []inventory.Class{inventory.ClassRouter, inventory.ClassFirewall, inventory.ClassSwitch, inventory.ClassLoadBalancer, inventory.ClassAccessPoint}

// Cards are the interfaces, at a time, of assets that have addresses there; without assets those of
// all that may forward.
func (s *Store) Cards(ctx context.Context, at When, now time.Time, of []inventory.AssetID) (out []Card, err error) {
	which, list := `a.id in (select cast(value as bigint) from json_each($3))`, assetList(of)
	if len(of) == 0 {
		which = `a.doc->>'class' in (select value->>'v' from json_each($3))`
		if list, err = textList(forwarding); err != nil {
			return nil, err
		}
	}
	t, known := at.Or(now), at.known()
	err = s.look(ctx, func(v view) error {
		// Most ports of a switch have no address; the text says so before it is parsed.
		rows, err := v.query(ctx, `select a.id, coalesce(a.doc->>'name', ''), coalesce(a.doc->>'class', ''), f.value from asset a join record r on r.asset_id = a.id
			join fact f on f.record_id = r.id and f.section = 'interfaces' join observation b on b.id = f.from_obs left join observation e on e.id = f.to_obs
			where `+which+` and f.value like '%"addresses":%' and `+during+` order by a.id, f.key`, millis(t), known, list)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var c Card
			var value string
			if err := rows.Scan(&c.Asset.ID, &c.Asset.Name, &c.Asset.Class, &value); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(value), &c.Interface); err != nil {
				return fmt.Errorf("interface of %s: %w", c.Asset.ID, err)
			}
			out = append(out, c)
		}
		return rows.Err()
	})
	return out, err
}
