package reconcile

import (
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Evidence is what one observation says about identity.
type Evidence struct {
	Role   inventory.Role
	Claims []Claim
	// Incarnation tells things apart that a source calls by one name: it belongs to the
	// record's key. Two machines restored from one image report with one agent id, an
	// address belongs to another machine tomorrow.
	Incarnation string
}

// Read turns the facts of one thing, as its record would keep them, into evidence. seen
// is by the source's own clock. Source.Site is the place in which private addresses
// are meaningful, "" when there is none.
func Read(src inventory.Source, seen time.Time, bodies map[inventory.SectionName]inventory.Body) Evidence {
	_ = bodies
	day := seen.UTC().Truncate(24 * time.Hour)
	var e Evidence
	if src.Kind == inventory.KindAgent {
		e.Claims = append(e.Claims, Claim{Key: Key{Type: inventory.IDAgent, Value: src.ID}, Tier: 4, First: day, Last: day})
	}
	return e
}

// Accumulate adds what an observation claims to what its record claimed before.
// changed holds the claims that are new or whose days grew: what a store writes, and
// the sign that Resolve must run.
func Accumulate(have, fresh []Claim) (all, changed []Claim) {
	at := make(map[Key]int, len(have)+len(fresh))
	all = append(make([]Claim, 0, len(have)+len(fresh)), have...)
	for i := range all {
		at[all[i].Key] = i
	}
	for _, c := range fresh {
		i, known := at[c.Key]
		if !known {
			at[c.Key] = len(all)
			all, changed = append(all, c), append(changed, c)
			continue
		}
		old := all[i]
		if c.First.Before(old.First) {
			all[i].First = c.First
		}
		if c.Last.After(old.Last) {
			all[i].Last = c.Last
		}
		if all[i] != old {
			changed = append(changed, all[i])
		}
	}
	return all, changed
}
