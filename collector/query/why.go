package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Explanation says why records are one asset, or two.
type Explanation struct {
	Detail
	// Other is the second asset asked about; nil when there is none, or when it is the same.
	Other     *Detail
	Joins     []reconcile.Join
	Demotions []reconcile.Demotion
	// Shared and Vetoes speak for and against the two being one.
	Shared []reconcile.Shared
	Vetoes []reconcile.Veto
	// Text is the same in words, a line each.
	Text []string
	// Assets leads from records, also others' that demotions name, to their assets.
	Assets map[int64]inventory.AssetID
	// Pins are people's words that name its records.
	Pins []store.Pin
}

// Why explains how an asset came to be one or, with a second one, what joins or separates the two.
func (q *Inventory) Why(ctx context.Context, id, other string) (Explanation, error) {
	id, other = namedAsset(id), namedAsset(other)
	d, err := q.Asset(ctx, id, When{})
	if err != nil {
		return Explanation{}, err
	}
	if other != "" {
		return q.whyTwo(ctx, d, id, other)
	}
	res, _, _, err := q.store.Why(ctx, d.ID)
	if err != nil {
		return Explanation{}, fmt.Errorf("explain asset %s: %w", d.ID, err)
	}
	e := explain(res, d)
	e.Text = reconcile.Explain(res, int64(d.ID), e.record)
	e.Pins, err = q.store.PinsOf(ctx, recordIDs(e.Records))
	return e, err
}

func explain(res reconcile.Result, d Detail) Explanation {
	e := Explanation{Detail: d, Assets: map[int64]inventory.AssetID{}, Demotions: res.Demotions}
	own := recordIDs(d.Records)
	for _, j := range res.Joins {
		if slices.ContainsFunc(j.Records, func(r int64) bool { return slices.Contains(own, r) }) {
			e.Joins = append(e.Joins, j)
		}
	}
	for record, asset := range res.Assets {
		e.Assets[record] = inventory.AssetID(asset)
	}
	return e
}

func recordIDs(list []store.RecordDetail) []int64 {
	out := make([]int64, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return out
}

// record names a record for people, with its asset when that is another one.
func (e *Explanation) record(id int64) string {
	sides := []*Detail{&e.Detail}
	if e.Other != nil {
		sides = append(sides, e.Other)
	}
	for _, d := range sides {
		for i := range d.Records {
			if d.Records[i].ID == id {
				return RecordName(&d.Records[i])
			}
		}
	}
	if asset := e.Assets[id]; asset != 0 {
		return RecordID(id) + " of asset " + asset.String()
	}
	return RecordID(id)
}

// whyTwo explains what joins two ids, or what is between them.
func (q *Inventory) whyTwo(ctx context.Context, d Detail, id, other string) (Explanation, error) {
	o, err := q.Asset(ctx, other, When{})
	if err != nil {
		return Explanation{}, err
	}
	res, rules, records, err := q.store.Why(ctx, d.ID, o.ID)
	if err != nil {
		return Explanation{}, fmt.Errorf("explain assets %s and %s: %w", d.ID, o.ID, err)
	}
	e := explain(res, d)
	if d.ID == o.ID {
		from, _ := inventory.ParseAssetID(id)
		to, _ := inventory.ParseAssetID(other)
		e.Joins = reconcile.Path(res, int64(from), int64(to))
		e.Text = append([]string{fmt.Sprintf("%s and %s are one asset, %s.", from, to, d.ID)}, reconcile.Tell(e.Joins, e.record)...)
	} else {
		e.Other = &o
		c := rules.Compare(res, records[0], records[1])
		e.Shared, e.Vetoes, e.Joins = c.Shared, c.Vetoes, nil
		e.Text = c.Text(d.ID.String(), o.ID.String(), e.record)
	}
	e.Pins, err = q.store.PinsOf(ctx, append(recordIDs(d.Records), recordIDs(o.Records)...))
	return e, err
}

// namedAsset lets people ask with a record's id as well: it is a former id of its asset.
func namedAsset(id string) string {
	if ref, err := store.ParseRef(id); err == nil && ref.Record {
		return inventory.AssetID(ref.ID).String()
	}
	return id
}
