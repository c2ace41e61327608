package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// Rehearsal is what assets would become under other rules.
type Rehearsal struct {
	Records, Before, After int
	Merges, Splits         []Regrouping
	// Moved are the records that would be in another asset.
	Moved []int64
}

// Regrouping is an asset that others would come into, or that would fall apart into others.
type Regrouping struct {
	Asset  AssetRef
	Others []AssetRef
}

// AssetRef is an asset with what it is called.
type AssetRef struct {
	ID   inventory.AssetID
	Name string
}

// Rehearse decides over all records under other rules and compares with what is stored.
// It changes nothing and keeps nobody from writing.
func (s *Store) Rehearse(ctx context.Context, rules reconcile.Rules) (out Rehearsal, err error) {
	err = s.look(ctx, func(v view) error {
		have, records, err := v.allRecords(ctx)
		if err != nil {
			return err
		}
		want := rules.Decide(records, nil).Assets
		identified := map[int64]bool{}
		for i := range records {
			if records[i].Identified() {
				identified[records[i].ID] = true
			}
		}
		into, apart := map[int64]map[int64]bool{}, map[int64]map[int64]bool{}
		before, after := map[int64]bool{}, map[int64]bool{}
		for _, id := range slices.Sorted(maps.Keys(want)) {
			from, to := have[id], want[id]
			before[from], after[to] = true, true
			if from != to {
				out.Moved = append(out.Moved, id)
			}
			if identified[id] {
				note(into, to, from)
				note(apart, from, to)
			}
		}
		out.Records, out.Before, out.After = len(records), len(before), len(after)
		out.Merges, out.Splits = regroupings(into), regroupings(apart)
		return v.nameAssets(ctx, out.Merges, out.Splits)
	})
	return out, err
}

func note(m map[int64]map[int64]bool, a, b int64) {
	if m[a] == nil {
		m[a] = map[int64]bool{}
	}
	m[a][b] = true
}

// regroupings are the assets that have to do with more than one.
func regroupings(m map[int64]map[int64]bool) []Regrouping {
	var out []Regrouping
	for _, id := range slices.Sorted(maps.Keys(m)) {
		if len(m[id]) < 2 {
			continue
		}
		g := Regrouping{Asset: AssetRef{ID: inventory.AssetID(id)}}
		for _, other := range slices.Sorted(maps.Keys(m[id])) {
			if other != id {
				g.Others = append(g.Others, AssetRef{ID: inventory.AssetID(other)})
			}
		}
		out = append(out, g)
	}
	return out
}

func (v view) nameAssets(ctx context.Context, lists ...[]Regrouping) error {
	var refs []*AssetRef
	var ids []int64
	for _, list := range lists {
		for i := range list {
			refs = append(refs, &list[i].Asset)
			for j := range list[i].Others {
				refs = append(refs, &list[i].Others[j])
			}
		}
	}
	for _, r := range refs {
		ids = append(ids, int64(r.ID))
	}
	rows, err := v.query(ctx, `select id, coalesce(doc->>'name', '') from asset where id in (select cast(value as bigint) from json_each($1))`, idList(ids))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	names := map[inventory.AssetID]string{}
	for rows.Next() {
		var id inventory.AssetID
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		names[id] = name
	}
	for _, r := range refs {
		r.Name = names[r.ID]
	}
	return rows.Err()
}

// CommitRules puts rules in force: from then on everything is decided under them. The
// records that they move are decided in small steps afterwards by ApplyRules.
func (s *Store) CommitRules(ctx context.Context, text, who, why string, now time.Time) (RuleSet, error) {
	r := RuleSet{Text: text, Who: who, Why: why, At: now}
	if _, err := reconcile.ParseRules([]byte(text)); err != nil {
		return r, err
	}
	err := s.Update(ctx, func(t *Tx) error {
		if err := t.alone(ctx); err != nil {
			return err
		}
		if err := t.row(ctx, `insert into rule_set (text, why, who, at, done_at) values ($1, $2, $3, $4, 0) returning id`, text, why, who, millis(now)).Scan(&r.ID); err != nil {
			return wrap("add rules", err)
		}
		return t.Audit(ctx, now, who, "rules put in force", fmt.Sprintf("rules:%d", r.ID), why)
	})
	return r, err
}

// ApplyRules decides anew about what newly committed rules move, if that is not done
// yet, and says how many records that were.
func (s *Store) ApplyRules(ctx context.Context, now func() time.Time) (moved int, err error) {
	set, err := s.RulesInForce(ctx)
	if err != nil || set.ID == 0 || !set.Done.IsZero() {
		return 0, err
	}
	rules, err := reconcile.ParseRules([]byte(set.Text))
	if err != nil {
		return 0, err
	}
	plan, err := s.Rehearse(ctx, rules)
	if err != nil {
		return 0, err
	}
	for chunk := range slices.Chunk(plan.Moved, repairStep) {
		if err := s.decideAgain(ctx, chunk, fmt.Sprintf("rules:%d", set.ID), now()); err != nil {
			return moved, err
		}
		moved += len(chunk)
	}
	return moved, s.Update(ctx, func(t *Tx) error {
		return t.exec(ctx, `update rule_set set done_at = $2 where id = $1`, set.ID, millis(now()))
	})
}

// RulesInForce are the newest rules; the zero RuleSet when there are none.
func (s *Store) RulesInForce(ctx context.Context) (r RuleSet, err error) {
	err = s.look(ctx, func(v view) error {
		r, err = newestRules(ctx, v, `select `+ruleColumns+` from rule_set order by id desc limit 1`)
		return err
	})
	return r, err
}
