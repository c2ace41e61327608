package reconcile

import (
	"cmp"
	"slices"
)

// NearMiss is two assets that agree on several values which do not suffice to join them,
// and that nothing is known to keep apart.
type NearMiss struct {
	A, B int64 // records, one of each asset
	Keys []Key
}

// nearMisses finds them among the assets decided upon. Values that more than two assets
// have say nothing of any two of them.
func (d *decision) nearMisses() []NearMiss {
	type pair struct{ a, b *component }
	agree := map[pair][]Key{}
	for k, h := range d.byKey {
		if h.many || len(h.holders) < 2 || !weakAgreement(h) {
			continue
		}
		if c := d.components(h.holders); len(c) == 2 {
			p := pair{c[0], c[1]}
			if p.a.anchor > p.b.anchor {
				p.a, p.b = p.b, p.a
			}
			agree[p] = append(agree[p], k)
		}
	}
	var out []NearMiss
	for p, keys := range agree {
		slices.SortFunc(keys, compareKeys)
		kinds := slices.CompactFunc(slices.Clone(keys), func(x, y Key) bool { return x.Type == y.Type })
		if len(kinds) < 2 || !d.anchored(p.a) || !d.anchored(p.b) {
			continue
		}
		if _, _, reason := newJudge(slices.Concat(p.a.nodes, p.b.nodes), d.pins).between(p.a.nodes, p.b.nodes); reason == "" {
			out = append(out, NearMiss{A: p.a.anchor, B: p.b.anchor, Keys: keys})
		}
	}
	slices.SortFunc(out, func(x, y NearMiss) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
	return out
}

// weakAgreement says that a value is one of a machine's parts or names, for all who have it.
func weakAgreement(h *held) bool {
	for _, n := range h.holders {
		if t := n.claimOf(h).Tier; t != tierPart && t != tierName {
			return false
		}
	}
	return true
}
