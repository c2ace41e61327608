package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
)

const (
	weekRecords = 1000 // whose claims are rewritten at a time
	tierNearby  = 9    // of a day next to one on which the thing was there
)

// keepWeeks goes over from a claim on an address for each day to one for each week.
func keepWeeks(ctx context.Context, t *Tx) error {
	return wrap("keep weeks", t.inPortions(ctx, `select distinct record_id from claim where type = 'address' and record_id > $1 order by record_id limit $2`,
		weekRecords, t.keepWeeksOf))
}

func (t *Tx) keepWeeksOf(ctx context.Context, records []int64) error {
	claims, err := claimsOf(ctx, t, records)
	if err != nil {
		return err
	}
	if err := t.exec(ctx, `delete from claim where type = 'address' and `+ofRecords, idList(records)); err != nil {
		return err
	}
	var b bulk
	for _, id := range slices.Sorted(maps.Keys(claims)) {
		var weeks []reconcile.Claim
		for _, c := range claims[id] {
			at := strings.LastIndexByte(c.Scope, '@')
			if c.Type != reconcile.TypeAddress || at < 0 {
				continue
			}
			day, err := time.Parse(time.DateOnly, c.Scope[at+1:])
			if err != nil {
				return fmt.Errorf("record %d: address on %q: %w", id, c.Scope[at+1:], err)
			}
			c.Scope, c.Days = reconcile.InWeek(c.Scope[:at], reconcile.DayOf(day), c.Tier == tierNearby)
			weeks, _ = reconcile.Accumulate(weeks, []reconcile.Claim{c})
		}
		for _, c := range weeks {
			b.row(id, string(c.Type), c.Value, c.Scope, int(c.Tier), c.First.Since1970(), c.Last.Since1970(), int(c.Days))
		}
	}
	return t.putClaims(ctx, &b)
}
