package store

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// view is one consistent read of the inventory.
type view struct {
	session
	s *Store
}

// Records and Holders make a view a reconcile.Loader, for explaining.
func (v view) Records(ctx context.Context, ids []int64) ([]reconcile.Record, error) {
	return recordsOf(ctx, v, ids)
}

func (v view) Holders(ctx context.Context, keys []reconcile.Key, limit int) ([][]int64, error) {
	return holders(ctx, v, keys, limit)
}

func (s *Store) look(ctx context.Context, fn func(view) error) error {
	tx, err := s.read.BeginTx(ctx, s.d.readOnly)
	if err != nil {
		return fmt.Errorf("begin read: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	return fn(view{session{tx, s.d}, s})
}

// assetsAsOf assembles all assets as they were at a time.
func (v view) assetsAsOf(ctx context.Context, at When, fn func(inventory.Asset) error) error {
	members, err := v.membersAt(ctx, at, nil)
	if err != nil {
		return err
	}
	var ids, records []int64
	for id, list := range members {
		ids = append(ids, id)
		for _, r := range list {
			records = append(records, r.ID)
		}
	}
	slices.Sort(ids)
	bodies, err := v.bodiesAt(ctx, at, records, summary)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := fn(assetAt(at.Time(), id, members[id], bodies)); err != nil {
			return err
		}
	}
	return nil
}

func assetAt(t time.Time, id int64, members []Record, bodies map[int64]map[inventory.SectionName]inventory.Body) inventory.Asset {
	var one assembler
	a := *one.assemble(t, membersWith(members, bodies))
	a.ID = inventory.AssetID(id)
	for _, r := range members {
		if a.FirstSeen.IsZero() || r.FirstSeen.Before(a.FirstSeen) {
			a.FirstSeen = r.FirstSeen
		}
		a.LastSeen = latest(a.LastSeen, r.LastSeen)
		if k := string(r.Key.Kind); !slices.Contains(a.Sources, k) {
			a.Sources = append(a.Sources, k)
		}
	}
	sort.Strings(a.Sources)
	return a
}

// membersAt are the records of assets as they belonged at a time; all assets when ids is nil.
// The records' last_seen is that of their last report until then.
func (v view) membersAt(ctx context.Context, at When, ids []int64) (map[int64][]Record, error) {
	which := ``
	args := at.args()
	if ids != nil {
		which = ` and m.asset_id in (select cast(value as bigint) from json_each($3))`
		args = append(args, idList(ids))
	}
	rows, err := v.query(ctx, `select r.id, m.asset_id, r.source_id, r.kind, r.scope, r.native_key, r.incarnation, r.site, r.role, r.first_seen,
			(select coalesce(max(o.seen_at), r.first_seen) from observation o where o.record_id = r.id and o.seen_at <= $1 and o.received_at <= $2), r.first_obs, r.claims_day, r.digest
		from member m join record r on r.id = m.record_id
		join observation b on b.id = m.from_obs left join observation e on e.id = m.to_obs
		where `+during+which+` order by r.id`, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64][]Record{}
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return nil, err
		}
		out[r.Asset] = append(out[r.Asset], r)
	}
	return out, rows.Err()
}

// bodiesAt are records' sections as they were at a time.
func (v view) bodiesAt(ctx context.Context, at When, records []int64, names []inventory.SectionName) (map[int64]map[inventory.SectionName]inventory.Body, error) {
	if at.IsZero() {
		return bodiesOf(ctx, v, records, names)
	}
	list, err := textList(names)
	if err != nil {
		return nil, err
	}
	rows, err := v.query(ctx, `select f.record_id, f.section, f.key, f.value from fact f
		join observation b on b.id = f.from_obs left join observation e on e.id = f.to_obs
		where f.record_id in (select cast(value as bigint) from json_each($3)) and f.section in (select value->>'v' from json_each($4)) and `+during+`
		order by f.record_id, f.section, f.key`, at.args(idList(records), list)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	return collectBodies(rows)
}

// RecordDetail is one record with everything in it.
type RecordDetail struct {
	Record
	SourceName string
	Sections   map[inventory.SectionName]Section
	SectionAt  map[inventory.SectionName]time.Time
	Bodies     map[inventory.SectionName]inventory.Body
	Software   inventory.SoftwareList
}

// AssetDetail is one asset with its records.
type AssetDetail struct {
	inventory.Asset
	// Former is the id that was asked for when it is not the asset's present one.
	Former  inventory.AssetID
	Records []RecordDetail
}

// Resolve is the asset that the record behind an id belongs to now: former ids of
// merged assets lead to the asset they became.
func (s *Store) Resolve(ctx context.Context, id inventory.AssetID) (inventory.AssetID, error) {
	var now int64
	err := s.look(ctx, func(v view) error {
		var err error
		now, err = v.resolve(ctx, id)
		return err
	})
	return inventory.AssetID(now), err
}

func (v view) resolve(ctx context.Context, id inventory.AssetID) (int64, error) {
	rows, err := v.query(ctx, `select asset_id from record where id = $1 and asset_id <> 0`, int64(id))
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return 0, err
		}
		return 0, inventory.Errorf(inventory.CodeNotFound, "there is no asset %s", id)
	}
	var now int64
	return now, rows.Scan(&now)
}

// everything are the sections kept as facts.
var everything = slices.DeleteFunc(inventory.Sections(), func(name inventory.SectionName) bool { return name == inventory.SectionSoftware })

// Asset is everything about one asset, now or as it was at a time.
func (s *Store) Asset(ctx context.Context, id inventory.AssetID, at When) (AssetDetail, error) {
	var d AssetDetail
	err := s.look(ctx, func(v view) error {
		now, err := v.resolveAt(ctx, id, at)
		if err != nil {
			return err
		}
		var members map[int64][]Record
		if at.IsZero() {
			members, err = membersOf(ctx, v, []int64{now})
		} else {
			members, err = v.membersAt(ctx, at, []int64{now})
		}
		if err != nil {
			return err
		}
		if len(members[now]) == 0 {
			return inventory.Errorf(inventory.CodeNotFound, "asset %s was not known at %s", id, at.Time().Format(time.RFC3339))
		}
		if d.Records, err = v.details(ctx, members[now], at); err != nil {
			return err
		}
		bodies := map[int64]map[inventory.SectionName]inventory.Body{}
		for _, r := range d.Records {
			bodies[r.ID] = r.Bodies
		}
		then := at.Time()
		if at.IsZero() {
			then = time.Now()
		}
		d.Asset = assetAt(then, now, members[now], bodies)
		if inventory.AssetID(now) != id {
			d.Former = id
		}
		return nil
	})
	return d, err
}

func (v view) details(ctx context.Context, members []Record, at When) ([]RecordDetail, error) {
	ids := make([]int64, len(members))
	for i, r := range members {
		ids[i] = r.ID
	}
	bodies, err := v.bodiesAt(ctx, at, ids, everything)
	if err != nil {
		return nil, err
	}
	out := make([]RecordDetail, len(members))
	for i, r := range members {
		d := RecordDetail{Record: r, Bodies: bodies[r.ID]}
		if d.Software, err = v.software(ctx, r.ID, at); err != nil {
			return nil, err
		}
		if err := v.sectionStates(ctx, &d); err != nil {
			return nil, err
		}
		out[i] = d
	}
	return out, nil
}

func (v view) sectionStates(ctx context.Context, d *RecordDetail) error {
	rows, err := v.query(ctx, `select s.name, s.status, s.reason, s.obs_id, s.took_ms, o.seen_at, src.name
		from section s join observation o on o.id = s.obs_id join record r on r.id = s.record_id join source src on src.id = r.source_id
		where s.record_id = $1 order by s.name`, d.ID)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	d.Sections, d.SectionAt = map[inventory.SectionName]Section{}, map[inventory.SectionName]time.Time{}
	for rows.Next() {
		var name inventory.SectionName
		var s Section
		var took, at int64
		if err := rows.Scan(&name, &s.Status, &s.Reason, &s.Obs, &took, &at, &d.SourceName); err != nil {
			return err
		}
		s.Took = time.Duration(took) * time.Millisecond
		d.Sections[name], d.SectionAt[name] = s, fromMillis(at)
	}
	return rows.Err()
}
