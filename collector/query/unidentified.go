package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// ReasonCount is how many things are not identified for a reason.
type ReasonCount struct {
	Reason string
	Count  int64
}

// UnidentifiedList is what scans met and could not name, least known first.
type UnidentifiedList struct {
	List    []store.Unidentified
	Reasons []ReasonCount // of all, most frequent first
	Total   int64
}

const maxReason = 200

// Unidentified lists up to limit things whose reason contains a text. Reasons and Total count all that do.
func (q *Inventory) Unidentified(ctx context.Context, reason string, limit int) (UnidentifiedList, error) {
	limit, err := pageLimit(limit)
	if err != nil {
		return UnidentifiedList{}, err
	}
	if len(reason) > maxReason {
		return UnidentifiedList{}, inventory.Errorf(inventory.CodeInvalid, "reason: %d bytes, at most %d allowed", len(reason), maxReason)
	}
	var out UnidentifiedList
	counts := map[string]int64{}
	reason = strings.ToLower(reason)
	err = q.store.Unidentified(ctx, func(u store.Unidentified) error {
		if !strings.Contains(strings.ToLower(u.Reason), reason) {
			return nil
		}
		out.Total++
		counts[u.Reason]++
		if out.List = append(out.List, u); len(out.List) >= 2*limit {
			out.cut(limit)
		}
		return nil
	})
	if err != nil {
		return UnidentifiedList{}, err
	}
	out.cut(limit)
	for r, n := range counts {
		out.Reasons = append(out.Reasons, ReasonCount{r, n})
	}
	slices.SortFunc(out.Reasons, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return out, nil
}

// cut keeps the first of them.
func (l *UnidentifiedList) cut(limit int) {
	slices.SortFunc(l.List, func(a, b store.Unidentified) int {
		return cmp.Or(len(b.Unknown)-len(a.Unknown), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.ID, b.ID))
	})
	l.List = l.List[:min(len(l.List), limit)]
}
