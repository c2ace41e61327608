package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// Verification is how the stored decision compares with one made anew from all records.
type Verification struct {
	Records, Assets int
	// Misplaced are records whose asset is not the one a rebuild puts them into.
	Misplaced []Misplaced
	// Lines are assets whose line is missing, or is there without records.
	Lines []inventory.AssetID
	// History are records whose present asset differs from the end of their history.
	History []int64
}

// Good says that nothing is amiss.
func (v *Verification) Good() bool { return len(v.Misplaced)+len(v.Lines)+len(v.History) == 0 }

// Misplaced is a record that a rebuild puts elsewhere.
type Misplaced struct {
	Record       int64
	Stored, Want inventory.AssetID
}

// VerifyDecision decides anew over all records and compares. It reads one state of everything
// and keeps nobody from writing.
func (s *Store) VerifyDecision(ctx context.Context) (out Verification, err error) {
	err = s.look(ctx, func(v view) error {
		have, records, err := v.allRecords(ctx)
		if err != nil {
			return err
		}
		rules, err := v.rules(ctx)
		if err != nil {
			return err
		}
		out.Records = len(records)
		assets := map[int64]bool{}
		for id, asset := range rules.Decide(records, nil).Assets {
			assets[asset] = true
			if have[id] != asset {
				out.Misplaced = append(out.Misplaced, Misplaced{id, inventory.AssetID(have[id]), inventory.AssetID(asset)})
			}
		}
		out.Assets = len(assets)
		slices.SortFunc(out.Misplaced, func(a, b Misplaced) int { return int(a.Record - b.Record) })
		rows, err := v.query(ctx, `select id from asset where not exists (select 1 from record r where r.asset_id = asset.id)
			union select asset_id from record where asset_id <> 0 and not exists (select 1 from asset a where a.id = record.asset_id) order by 1`)
		if err != nil {
			return err
		}
		lines, err := numbers(rows)
		if err != nil {
			return err
		}
		for _, id := range lines {
			out.Lines = append(out.Lines, inventory.AssetID(id))
		}
		rows, err = v.query(ctx, `select r.id from record r where (select count(*) from member m where m.record_id = r.id and m.to_obs is null) <> 1
			or not exists (select 1 from member m where m.record_id = r.id and m.to_obs is null and m.asset_id = r.asset_id) order by 1`)
		if err != nil {
			return err
		}
		out.History, err = numbers(rows)
		return err
	})
	return out, err
}

// allRecords are all records with the assets they are in. It reads in steps: a statement
// for a million ids is none that an engine likes.
func (v view) allRecords(ctx context.Context) (have map[int64]int64, records []reconcile.Record, err error) {
	have = map[int64]int64{}
	rows, err := v.query(ctx, `select id, asset_id from record`)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, asset int64
		if err := rows.Scan(&id, &asset); err != nil {
			return nil, nil, err
		}
		have[id] = asset
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	records = make([]reconcile.Record, 0, len(have))
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(have)), 5000) {
		some, err := v.Records(ctx, chunk)
		if err != nil {
			return nil, nil, err
		}
		records = append(records, some...)
	}
	return have, records, nil
}

// repairStep bounds what one transaction of a repair decides.
const repairStep = 200

// RepairDecision puts right what VerifyDecision found. What deciding about the records by themselves does
// not bring about is written as the rebuild has it.
func (s *Store) RepairDecision(ctx context.Context, who string, now time.Time) (Verification, error) {
	bad, err := s.VerifyDecision(ctx)
	if err != nil || bad.Good() {
		return bad, err
	}
	for chunk := range slices.Chunk(bad.Misplaced, repairStep) {
		var ids []int64
		for _, m := range chunk {
			ids = append(ids, m.Record)
		}
		if err := s.decideAgain(ctx, ids, "repair", now); err != nil {
			return bad, err
		}
	}
	left, err := s.VerifyDecision(ctx)
	if err != nil {
		return bad, err
	}
	return bad, s.Update(ctx, func(t *Tx) error {
		obs, err := t.decision(ctx, now)
		if err != nil {
			return err
		}
		var touched []int64
		var moves []moveOf
		for _, m := range left.Misplaced {
			moves = append(moves, moveOf{record: m.Record, from: int64(m.Stored), to: int64(m.Want), obs: obs})
			touched = append(touched, int64(m.Stored), int64(m.Want))
		}
		if err := t.move(ctx, moves); err != nil {
			return err
		}
		if err := t.straighten(ctx, left.History, obs); err != nil {
			return err
		}
		for _, id := range bad.Lines {
			touched = append(touched, int64(id))
		}
		slices.Sort(touched)
		if err := t.AssembleAssets(ctx, slices.Compact(touched), now); err != nil {
			return err
		}
		return t.Audit(ctx, now, who, "inventory repaired", "inventory", "")
	})
}

// decideAgain decides about records in a transaction of its own.
func (s *Store) decideAgain(ctx context.Context, ids []int64, cause string, now time.Time) error {
	return s.Update(ctx, func(t *Tx) error {
		obs, err := t.decision(ctx, now)
		if err != nil {
			return err
		}
		_, err = t.decideAround(ctx, ids, obs, cause, now)
		return err
	})
}

// straighten makes the history of records end with the asset they are in.
func (t *Tx) straighten(ctx context.Context, records []int64, obs int64) error {
	list := idList(records)
	for _, q := range []string{
		`update member set to_obs = $2 where to_obs is null and record_id in (select cast(value as bigint) from json_each($1))`,
		`insert into member (record_id, from_obs, asset_id) select id, $2, asset_id from record where id in (select cast(value as bigint) from json_each($1)) and asset_id <> 0
			on conflict (record_id, from_obs) do update set asset_id = excluded.asset_id, to_obs = null`,
	} {
		if err := t.exec(ctx, q, list, obs); err != nil {
			return err
		}
	}
	return nil
}
