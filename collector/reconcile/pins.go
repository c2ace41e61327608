package reconcile

import (
	"cmp"
	"maps"
	"slices"
)

// What a person said about two records stands above all evidence, and must not do more
// than was said. Records said to be the same are judged as one thing that has the marks
// of all of them: what belongs to one of them has nothing against the others. A value
// whose holders a person told apart still joins those of them that nobody told apart.

// pinned looks pins up by pair, smaller id first.
type pinned map[[2]int64]bool

func indexPins(pins []Pin) pinned {
	p := make(pinned, len(pins))
	for _, x := range pins {
		p[pairOf(x.A, x.B)] = x.Same
	}
	return p
}

func pairOf(a, b int64) [2]int64 { return [2]int64{min(a, b), max(a, b)} }

func (p pinned) same(a, b int64) bool {
	same, ok := p[pairOf(a, b)]
	return ok && same
}

func (p pinned) different(a, b int64) bool {
	same, ok := p[pairOf(a, b)]
	return ok && !same
}

func (p Pin) other(id int64) (int64, bool) {
	switch id {
	case p.A:
		return p.B, true
	case p.B:
		return p.A, true
	}
	return 0, false
}

// learn takes in the pins that come with a record.
func (g *graph) learn(pins []Pin) {
	for _, p := range pins {
		if _, known := g.pins[pairOf(p.A, p.B)]; !known {
			g.pins[pairOf(p.A, p.B)] = p.Same
			g.pinList = append(g.pinList, p)
		}
	}
}

// mates gives the records that people said to be the same the marks of all of them. It
// runs after records were added; those that are not loaded yet come out.
func (g *graph) mates() (missing []int64) {
	clusters := map[int64][]int64{}
	for _, p := range g.pinList {
		if !p.Same || g.nodes[p.A] == nil && g.nodes[p.B] == nil {
			continue
		}
		for _, id := range [2]int64{p.A, p.B} {
			if g.nodes[id] == nil && !slices.Contains(missing, id) {
				missing = append(missing, id)
			}
		}
		ca, cb := clusters[p.A], clusters[p.B]
		if slices.Contains(ca, p.B) {
			continue
		}
		both := append(slices.Clone(append(ca, cb...)), p.A, p.B)
		slices.Sort(both)
		both = slices.Compact(both)
		for _, id := range both {
			clusters[id] = both
		}
	}
	if len(missing) > 0 {
		return missing
	}
	for _, id := range slices.Sorted(maps.Keys(clusters)) {
		if list := clusters[id]; list[0] == id {
			g.blend(list)
		}
	}
	return nil
}

// blend makes what tells records apart common to some of them.
func (g *graph) blend(ids []int64) {
	all := &node{provider: map[scope][]string{}}
	for _, id := range ids {
		n := newNode(g.nodes[id].Record)
		all.serials = append(all.serials, n.serials...)
		all.uuids = append(all.uuids, n.uuids...)
		all.makers = append(all.makers, n.makers...)
		all.roles = append(all.roles, n.roles...)
		all.disks = append(all.disks, n.disks...)
		all.macs = append(all.macs, n.macs...)
		for k, v := range n.provider {
			all.provider[k] = append(all.provider[k], v...)
		}
	}
	for _, list := range []*[]string{&all.serials, &all.uuids, &all.makers, &all.roles, &all.disks, &all.macs} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	for _, id := range ids {
		n := g.nodes[id]
		n.serials, n.uuids, n.makers, n.roles = all.serials, all.uuids, all.makers, all.roles
		n.disks, n.macs, n.provider = all.disks, all.macs, all.provider
	}
}

// parts divides the holders of a value by what people told apart: two that were told
// from the same others may share it. nil when nobody told any of them apart.
func (p pinned) parts(holders []*node) [][]*node {
	if len(p) == 0 {
		return nil
	}
	against := make([][]int64, len(holders))
	any := false
	for i, a := range holders {
		for _, b := range holders {
			if p.different(a.ID, b.ID) {
				against[i] = append(against[i], b.ID)
				any = true
			}
		}
		slices.Sort(against[i])
	}
	if !any {
		return nil
	}
	var out [][]*node
	var keys [][]int64
	for i, n := range holders {
		if len(against[i]) == 0 { // it might be any of them
			continue
		}
		at := slices.IndexFunc(keys, func(k []int64) bool { return slices.Equal(k, against[i]) })
		if at < 0 {
			keys, out = append(keys, against[i]), append(out, nil)
			at = len(out) - 1
		}
		out[at] = append(out[at], n)
	}
	return slices.DeleteFunc(out, func(part []*node) bool { return len(part) < 2 })
}

// toldApart says that the only thing against a value is what people said.
func toldApart(d *Demotion) bool { return d != nil && d.Reason == reasonPin }

const reasonPin = "a person said that they are different"

// mayJoin are the groups of holders that a value may join: all of a time, or those that
// people did not tell apart.
func (g *graph) mayJoin(h *held, tier int32) [][]*node {
	var out [][]*node
	for _, e := range g.judge(h, tier) {
		out = append(out, g.parts(h.Key, e)...)
	}
	return out
}

func (g *graph) parts(k Key, e era) [][]*node {
	switch {
	case e.demotion == nil:
		return [][]*node{e.holders}
	case !toldApart(e.demotion) || g.evidence(k, e.holders):
		return nil
	}
	return g.pins.parts(e.holders)
}

// evidence says that something other than people's words stands against a value.
func (g *graph) evidence(k Key, holders []*node) bool {
	same := pinned{}
	for pair, yes := range g.pins {
		if yes {
			same[pair] = true
		}
	}
	_, _, reason := newJudge(holders, same).holders(k, holders)
	return reason != ""
}

// joinParts joins what a value may join of holders that people told apart.
func (d *decision) joinParts(v value) {
	for _, part := range d.parts(v.Key, era{v.nodes, v.demotion}) {
		slices.SortFunc(part, func(a, b *node) int { return cmp.Compare(a.ID, b.ID) })
		if d.apart(value{held: v.held, tier: v.tier, nodes: part}) == nil {
			d.join(v.held, v.tier, "", part)
		}
	}
}

// seedMates makes the records that share their marks with a seed seeds as well: they
// changed with it.
func (l *neighbourhood) seedMates(seeds []*node) {
	for len(seeds) > 0 {
		var more []*node
		for _, n := range seeds {
			for _, p := range l.pinList {
				if other, ok := p.other(n.ID); ok && p.Same && l.nodes[other] != nil && !l.seeds[l.nodes[other]] {
					l.seeds[l.nodes[other]] = true
					more = append(more, l.nodes[other])
				}
			}
		}
		seeds = more
	}
}
