package reconcile

import (
	"cmp"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// chain joins what belongs to no asset with its like: the same phone under another
// made-up address, the same address the day after.
func (a *attacher) chain(loose []*component) {
	var nodes []*node
	for _, u := range loose {
		nodes = append(nodes, u.nodes...)
	}
	holders := map[*held][]*node{}
	tiers := map[*held]int32{}
	for _, n := range nodes {
		only := addressesOnly(n.of)
		weak := a.weakOf(n)
		if only {
			weak = slices.Concat(weak, a.daysOf(n))
		}
		for _, c := range weak {
			if a.contested[c.value] || c.value.many {
				continue
			}
			holders[c.value] = append(holders[c.value], n)
			if t, ok := tiers[c.value]; !ok || c.Tier < t {
				tiers[c.value] = c.Tier
			}
		}
	}
	var values []value
	for h, nodes := range holders {
		for i, e := range eras(h, nodes) {
			if len(e) > 1 {
				values = append(values, value{held: h, era: i, tier: tiers[h], nodes: e})
			}
		}
	}
	slices.SortFunc(values, func(x, y value) int {
		return cmp.Or(cmp.Compare(x.tier, y.tier), compareKeys(x.Key, y.Key), cmp.Compare(x.era, y.era))
	})
	for _, v := range values {
		if len(a.components(v.nodes)) < 2 {
			continue
		}
		if dem := a.apartLoose(v); dem != nil {
			a.demotions[inTime{v.held, v.era}] = dem
			continue
		}
		a.join(v.held, v.tier, "", v.nodes)
	}
}

// apartLoose is apart for things without identity: what they have besides the value must
// not differ either.
func (a *attacher) apartLoose(v value) *Demotion {
	if dem := a.apart(v); dem != nil {
		return dem
	}
	groups := a.components(v.nodes)
	for i, g := range groups {
		for _, h := range groups[:i] {
			if reason := differ(v.Type, g, h); reason != "" {
				return &Demotion{Key: v.Key, Tier: v.tier, Reason: reason, A: h.anchor, B: g.anchor}
			}
		}
	}
	return nil
}

func differ(shared Type, g, h *component) string {
	if shared == TypeName && sideBySide(g, h) {
		return "seen side by side day after day"
	}
	for _, t := range []Type{inventory.IDDirectory, inventory.IDSSHHostKey} {
		if x, y := valuesOf(g, t), valuesOf(h, t); len(x) > 0 && len(y) > 0 && !overlap(x, y) {
			return "different " + typeWords(t) + "s"
		}
	}
	if !addressesOnly(g) || !addressesOnly(h) {
		return ""
	}
	if x, y := nicknames(g), nicknames(h); len(x) > 0 && len(y) > 0 && !overlap(x, y) {
		return "different names"
	}
	days := map[string]string{}
	for _, c := range claimsOf(g, TypeAddress) {
		if c.Tier == tierAddress {
			days[c.Scope] = c.Value
		}
	}
	for _, c := range claimsOf(h, TypeAddress) {
		if was, ok := days[c.Scope]; ok && was != c.Value && c.Tier == tierAddress {
			return "different addresses on one day"
		}
	}
	return ""
}

func nicknames(c *component) []string {
	var out []string
	for _, x := range claimsOf(c, TypeName) {
		if x.Tier == tierAddress {
			out = append(out, x.Value)
		}
	}
	return out
}

// sideBySide says that two things were about at one place on the same days, again and
// again: an old phone and a new one under one name. A phone that changes its address
// shows two on the day of the change.
func sideBySide(g, h *component) bool {
	a, b := presenceOf(g), presenceOf(h)
	both := 0
	for scope, days := range a {
		both += (days & b[scope]).count()
	}
	return both >= 3 && 2*both > min(total(a), total(b))
}

func presenceOf(c *component) map[string]Days {
	var claims [][]Claim
	for _, n := range c.nodes {
		claims = append(claims, n.Claims)
	}
	at, _ := presence(claims...)
	return at
}
