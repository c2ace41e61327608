package reconcile

import (
	"cmp"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// Attaching: what is left without an identity of its own, a directory's row, a phone
// under a made-up address, an address that answers, goes to the one asset that bears its
// name or held its address. It never joins two assets, so nothing that is attached can
// change what else is joined; several candidates are none.

// bearer is who may be meant: an asset by one of its records' claims.
type bearer struct {
	*component
	kind        inventory.SourceKind
	first, last Day
}

func (d *decision) attach() {
	strong := map[*component]bool{}
	var weak []*component
	for _, c := range componentsOf(d.members) {
		if d.anchored(c) {
			strong[c] = true
		} else if !slices.ContainsFunc(c.nodes, func(n *node) bool { return !n.weakDone }) {
			weak = append(weak, c)
		}
	}
	a := attacher{decision: d, strong: strong, contested: map[*held]bool{}, released: map[*component]Day{}}
	for c := range strong {
		if day := c.releasedOn(); day != 0 {
			a.released[c] = day
		}
	}
	var loose []*component
	target := map[*component]*component{}
	for _, u := range weak {
		k, tier, line := a.find(u)
		if len(line) == 0 {
			loose = append(loose, u)
			continue
		}
		c := line[len(line)-1].component
		if a.keptApart(u, c, target) {
			loose = append(loose, u)
			continue
		}
		target[u] = c
		d.handOver(u, k, line)
		d.joins = append(d.joins, Join{Key: k, Tier: tier, Rule: "only one asset has this " + typeWords(k.Type), Records: []int64{u.anchor, c.anchor}})
	}
	a.chain(loose)
	for u, c := range target {
		for _, n := range u.nodes {
			n.of = c
		}
	}
}

// keptApart says that a person told u from something that goes to the same asset: the
// elder goes there.
func (a *attacher) keptApart(u, to *component, target map[*component]*component) bool {
	for _, n := range u.nodes {
		for _, p := range a.pinList {
			if other, ok := p.other(n.ID); ok && !p.Same {
				if v := a.assetOf(other); v != nil && v != u && target[v] == to {
					return true
				}
			}
		}
	}
	return false
}

// componentsOf are the components of nodes by anchor.
func componentsOf(nodes []*node) []*component {
	seen := map[*component]bool{}
	var out []*component
	for _, n := range nodes {
		if c := n.of; !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *component) int { return cmp.Compare(a.anchor, b.anchor) })
	return out
}

// anchored says that a component has an identity: an agent's word, or a value of
// hardware or of a provider that is still believed.
func (d *decision) anchored(c *component) bool {
	for _, n := range c.nodes {
		if n.Kind == inventory.KindAgent {
			return true
		}
		for _, c := range n.strong {
			if anchors(c.Claim) && d.believed(n, c) {
				return true
			}
		}
	}
	return false
}

// believed says that a node's claim is not demoted in the node's time.
func (d *decision) believed(n *node, c carried) bool {
	for i, e := range d.judge(c.value, c.Tier) {
		if slices.Contains(e.holders, n) || c.value.many {
			return e.demotion == nil && d.demotions[inTime{c.value, i}] == nil
		}
	}
	return true
}

func anchors(c *Claim) bool {
	switch {
	case c.Type == inventory.IDDirectory:
		return false // an account, which another machine may take over
	case c.Tier <= tierMAC:
		return true
	case c.Type == inventory.IDMAC:
		class := classOf(c.Value)
		return class == macBurnedIn || class == macHypervisor || class == macRouter
	}
	return false
}

type attacher struct {
	*decision
	strong    map[*component]bool
	contested map[*held]bool // values that several assets have
	released  map[*component]Day
}

// handOver notes where a component's records belonged before the last of a line of bearers.
func (d *decision) handOver(u *component, k Key, line []bearer) {
	for i := 1; i < len(line); i++ {
		for _, n := range u.nodes {
			d.handovers = append(d.handovers, Handover{Key: k, Record: n.ID, From: line[i-1].anchor, To: line[i].anchor, On: line[i].first.Time()})
		}
	}
}

// find is the one asset that a weak component belongs to, or a line of assets of which
// each took the value over from the one before: then the last, for a directory's account
// goes on with the machine that bears its name now.
func (a *attacher) find(u *component) (k Key, tier int32, line []bearer) {
	for _, qualified := range []bool{true, false} {
		if k, line, any := a.byName(u, qualified); any {
			return k, tierName, line
		}
	}
	if addressesOnly(u) {
		if k, c := a.byAddress(u); c != nil {
			return k, tierAddress, []bearer{{component: c}}
		}
	}
	for _, c := range claimsOf(u, inventory.IDSSHHostKey) {
		if found := a.bearers(u, c, nil); len(found) == 1 {
			return c.Key, tierName, found
		}
	}
	return Key{}, 0, nil
}

// byName looks for the bearers of the name, with its domain or without. any says that
// there are some, though they may be no line.
func (a *attacher) byName(u *component, qualified bool) (k Key, line []bearer, any bool) {
	domains := domainsOf(u.nodes, "")
	var found []bearer
	for _, c := range claimsOf(u, TypeName) {
		if c.Tier != tierName || (c.Scope != "") != qualified {
			continue
		}
		for _, b := range a.bearers(u, c, func(n *node) bool {
			theirs := domainsOf([]*node{n}, c.Value)
			return qualified || len(domains) == 0 || len(theirs) == 0 || overlap(domains, theirs)
		}) {
			found, k = addBearer(found, b), c.Key
		}
	}
	return k, succession(found), len(found) > 0
}

// gaveUp says that a component was gone when a claim was made.
func (a *attacher) gaveUp(g *component, c *Claim) bool {
	day, ok := a.released[g]
	return ok && c.First > day
}

// bearers are the assets that have the value over the same time.
func (a *attacher) bearers(u *component, c carried, admit func(*node) bool) []bearer {
	if c.value.many {
		return nil
	}
	var all, during []bearer
	j := newJudge(nil, a.pins)
	for _, n := range c.value.holders {
		g := n.of
		if g == nil || !a.strong[g] || a.gaveUp(g, c.Claim) || admit != nil && !admit(n) {
			continue
		}
		if _, _, reason := j.between(u.nodes, g.nodes); reason != "" {
			continue
		}
		theirs := n.claimOf(c.value)
		all = addBearer(all, bearer{g, n.Kind, theirs.First, theirs.Last})
	}
	if len(all) > 1 {
		a.contested[c.value] = true
	}
	for _, b := range all {
		gap := max(b.first-c.Last, c.First-b.last)
		wrongClock := b.kind == inventory.KindAgent && gap > clockOff
		if gap > nameLife && !wrongClock {
			continue
		}
		if len(all) == 1 || gap <= 0 {
			during = append(during, b)
		}
	}
	return during
}

// succession is bearers in their order when each begins after the one before ended, else nothing.
func succession(all []bearer) []bearer {
	slices.SortFunc(all, func(a, b bearer) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last), cmp.Compare(a.anchor, b.anchor))
	})
	for i := 1; i < len(all); i++ {
		if all[i].first < all[i-1].last || all[i].last == all[i-1].first {
			return nil // at once, or nobody knows who was first
		}
	}
	return all
}

// addBearer keeps one bearer an asset, over all its time.
func addBearer(all []bearer, b bearer) []bearer {
	for i := range all {
		if all[i].component == b.component {
			if b.first < all[i].first {
				all[i].first = b.first
			}
			if b.last > all[i].last {
				all[i].last = b.last
			}
			if b.kind != all[i].kind {
				all[i].kind = "" // no source's clock alone
			}
			return all
		}
	}
	return append(all, b)
}

// byAddress looks for the asset that had the component's addresses: on the same day as a
// scanner or a provider saw it, else as an agent says, else on the days next to it.
func (a *attacher) byAddress(u *component) (k Key, target *component) {
	steps := []func(c *Claim, n *node) bool{
		func(c *Claim, n *node) bool { return c.Tier == tierAddress && n.Kind != inventory.KindAgent },
		func(c *Claim, _ *node) bool { return c.Tier == tierAddress },
		func(*Claim, *node) bool { return true },
	}
	for _, admit := range steps {
		var found, leaving []*component
		var left Key
		for _, c := range claimsOf(u, TypeAddress) {
			for _, n := range c.value.holders {
				g := n.of
				if g == nil || c.value.many || !a.strong[g] || n.answersForOthers(c.value) || !admit(c.Claim, n) || slices.Contains(found, g) || a.gaveUp(g, c.Claim) {
					continue
				}
				if a.released[g] == c.First { // whoever comes on that day takes over
					if !slices.Contains(leaving, g) {
						leaving, left = append(leaving, g), c.Key
					}
					continue
				}
				found, k = append(found, g), c.Key
			}
		}
		if len(found) == 0 {
			found, k = leaving, left
		}
		if len(found) == 1 {
			if _, _, reason := newJudge(nil, a.pins).between(u.nodes, found[0].nodes); reason == "" {
				return k, found[0]
			}
		}
		if len(found) > 0 {
			for _, c := range claimsOf(u, TypeAddress) {
				a.contested[c.value] = true
			}
			return Key{}, nil
		}
	}
	return Key{}, nil
}

// maxOwn is how many addresses in one place a card has by itself on one day.
const maxOwn = 16

// answersForOthers says that a sighted card answered for more addresses than are its own:
// a router that stands in for all behind it.
func (n *node) answersForOthers(onDay *held) bool {
	return n.bareSighting() && addressesOn(n.Claims, onDay.in.Scope, 1<<onDay.day) > maxOwn
}

// addressesOn is how many addresses claims have in one place on the days of a week, at most.
func addressesOn(claims []Claim, placeAndWeek string, days Days) (most int) {
	var count [daysOfWeek]int
	for i := range claims {
		if c := &claims[i]; c.Type == TypeAddress && c.Scope == placeAndWeek {
			for d := range count {
				if on := Days(1) << d; c.Days.any()&days&on != 0 {
					count[d]++
					most = max(most, count[d])
				}
			}
		}
	}
	return most
}

// addressesOnly says that nothing but addresses was ever seen of a component.
func addressesOnly(c *component) bool {
	return !slices.ContainsFunc(c.nodes, func(n *node) bool { return !n.addressOnly() })
}

// claimsOf are a component's claims of a type; of the weak ones those that were asked for.
// An address has one for each day.
func claimsOf(c *component, t Type) []carried {
	var out []carried
	for _, n := range c.nodes {
		for _, list := range [][]carried{n.strong, n.weak, n.days} {
			for _, x := range list {
				if x.Type == t {
					out = append(out, x)
				}
			}
		}
	}
	return out
}

func valuesOf(c *component, t Type) []string {
	var out []string
	for _, x := range claimsOf(c, t) {
		out = append(out, x.Value)
	}
	return out
}

// domainsOf are the domains that nodes put a name into; any name when it is empty.
func domainsOf(nodes []*node, name string) []string {
	var out []string
	for _, n := range nodes {
		for _, k := range n.qualified {
			if name == "" || k.Value == name {
				out = append(out, k.Scope)
			}
		}
	}
	return out
}
