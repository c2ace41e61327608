package main

import (
	"context"
	"slices"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// memory keeps records in maps: reconciling alone, without a store.
type memory struct {
	byKey   map[string]int64
	records []reconcile.Record // id is index + 1
	holders map[reconcile.Key][]int64
	assets  map[int64]int64
	arrived []answer
	pins    []reconcile.Pin
	// lookBack asks for what could have been known on arrival in place of what was.
	lookBack bool
	learned  [][]reconcile.Key // with each observation, what its record claimed for the first time
}

func newMemory(lookBack bool) *memory {
	return &memory{lookBack: lookBack, byKey: map[string]int64{}, holders: map[reconcile.Key][]int64{}, assets: map[int64]int64{}}
}

func (m *memory) Records(_ context.Context, ids []int64) ([]reconcile.Record, error) {
	out := make([]reconcile.Record, len(ids))
	for i, id := range ids {
		out[i] = m.records[id-1]
	}
	return out, nil
}

func (m *memory) Holders(_ context.Context, keys []reconcile.Key, limit int) ([][]int64, error) {
	out := make([][]int64, len(keys))
	for i, k := range keys {
		h := m.holders[k]
		out[i] = h[:min(len(h), limit)]
	}
	return out, nil
}

func (m *memory) report(ctx context.Context, l *line, o *inventory.Observation) error {
	m.learned = append(m.learned, nil)
	id, err := m.take(ctx, o)
	m.arrived = append(m.arrived, answer{id: l.ID, record: id, seen: o.SeenAt, live: m.assets[id]})
	return err
}

// take takes one observation in and answers the record it belongs to.
func (m *memory) take(ctx context.Context, o *inventory.Observation) (int64, error) {
	bodies := map[inventory.SectionName]inventory.Body{}
	for _, s := range o.Sections {
		bodies[s.Name] = s.Body
	}
	e := reconcile.Read(o.Source, o.SeenAt, bodies)
	native, scope := o.NativeKey, o.Source.ID
	switch o.Source.Kind {
	case inventory.KindAgent:
		native = o.Source.ID
	case inventory.KindScanner:
		scope = o.Source.Site
	case inventory.KindAWS, inventory.KindAzure, inventory.KindImport:
	}
	key := string(o.Source.Kind) + "|" + scope + "|" + native + "|" + e.Incarnation
	id, ok := m.byKey[key]
	if !ok {
		id = int64(len(m.records) + 1)
		m.byKey[key] = id
		m.records = append(m.records, reconcile.Record{ID: id, Kind: o.Source.Kind})
	}
	r := &m.records[id-1]
	claimed, before := map[reconcile.Key]bool{}, r.Claims
	for _, c := range before {
		claimed[c.Key] = true
	}
	all, changed := reconcile.Accumulate(before, e.Claims)
	r.Claims = all
	for _, c := range changed {
		if !claimed[c.Key] {
			m.holders[c.Key] = append(m.holders[c.Key], id)
			m.learned[len(m.learned)-1] = append(m.learned[len(m.learned)-1], c.Key)
		}
	}
	if ok && len(changed) == 0 {
		return id, nil
	}
	return id, m.resolve(ctx, []int64{id}, map[int64][]reconcile.Claim{id: before})
}

func (m *memory) resolve(ctx context.Context, seeds []int64, before map[int64][]reconcile.Claim) error {
	res, err := reconcile.Resolve(ctx, m, seeds, before, m.pins)
	if err != nil {
		return err
	}
	for rec, asset := range res.Assets {
		m.assets[rec] = asset
	}
	return nil
}

func (m *memory) pin(ctx context.Context, a, b string, same bool) error {
	var ra, rb int64
	for _, x := range m.arrived {
		if x.id == a {
			ra = x.record
		}
		if x.id == b {
			rb = x.record
		}
	}
	m.pins = append(m.pins, reconcile.Pin{A: ra, B: rb, Same: same})
	var seeds []int64
	for rec, asset := range m.assets {
		if asset == m.assets[ra] || asset == m.assets[rb] {
			seeds = append(seeds, rec)
		}
	}
	slices.Sort(seeds)
	return m.resolve(ctx, seeds, nil)
}

func (m *memory) answers(_ context.Context, each func(answer) error) (reconcile.Result, int, error) {
	res, wrong := reconcile.Decide(m.records, m.pins), 0
	for id, asset := range res.Assets {
		if m.assets[id] != asset {
			wrong++
		}
	}
	if m.lookBack {
		m.hindsight(res)
	}
	for _, a := range m.arrived {
		a.final = m.assets[a.record]
		if err := each(a); err != nil {
			return reconcile.Result{}, 0, err
		}
	}
	return res, wrong, nil
}

func (m *memory) close() error { return nil }
