package reconcile

import (
	"context"
	"slices"
)

// Decide is the decision over records that are everything there is.
func Decide(records []Record, pins []Pin) Result {
	_ = pins
	res := Result{Assets: make(map[int64]int64, len(records))}
	first := map[Key]int64{}
	byID := slices.Clone(records)
	slices.SortFunc(byID, func(a, b Record) int { return int(a.ID - b.ID) })
	for _, r := range byID {
		root := r.ID
		for _, c := range r.Claims {
			if f, ok := first[c.Key]; ok && c.Tier <= 6 {
				root = min(root, res.Assets[f])
			} else {
				first[c.Key] = r.ID
			}
		}
		res.Assets[r.ID] = root
	}
	return res
}

// Resolve decides anew what the seeds, records that changed, can have an effect on.
// It equals Decide over all records, for the records that it names.
func Resolve(ctx context.Context, load Loader, seeds []int64, pins []Pin) (Result, error) {
	records, err := load.Records(ctx, seeds)
	if err != nil {
		return Result{}, err
	}
	return Decide(records, pins), nil
}
