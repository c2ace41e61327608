package topology

import (
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// The address of a switch or a router stands in the tables of all bridges, and who asks where
// one of them is, or what is between two, need not read all of these. The functions here say
// which tables are wanted besides those that the network has as a whole. When they name none,
// Place and Links answer for what was asked as they would with all tables.

// few is how many tables are not worth a choice.
const few = 8

func (n *Network) partial(id inventory.AssetID) bool {
	node := n.nodes[id]
	return node != nil && node.Partial
}

// Nearer are the bridges whose tables Place wants for a station. It is a tournament: next come
// those that speak against a winner so far, then those that nobody speaks against, and at
// the end those that may follow to speak when all of their stations are known.
func (n *Network) Nearer(list []Sighting) []inventory.AssetID {
	all := n.newest(list, n.now)
	var known, rest []*Sighting
	for i := range all {
		if n.partial(all[i].Bridge) {
			rest = append(rest, &all[i])
		} else {
			known = append(known, &all[i])
		}
	}
	if len(known) == 0 || len(all) <= few {
		return bridgesOf(begin(rest))
	}
	beats := func(b, a *Sighting) bool { return a != b && n.beaten(a, b, n.now) != "" }
	stand := func(a *Sighting) bool {
		return !slices.ContainsFunc(known, func(b *Sighting) bool { return beats(b, a) })
	}
	winners := keep(known, stand)
	if len(winners) == 0 {
		return bridgesOf(rest) // tables that contradict each other all around
	}
	against := func(test func(winner, b *Sighting) bool) []*Sighting {
		return keep(rest, func(b *Sighting) bool {
			return slices.ContainsFunc(winners, func(a *Sighting) bool { return test(a, b) })
		})
	}
	if next := against(func(a, b *Sighting) bool { return beats(b, a) }); len(next) > 0 {
		return bridgesOf(next)
	}
	if next := keep(rest, stand); len(next) > 0 {
		return bridgesOf(next[:min(len(next), max(few, len(known)))])
	}
	return bridgesOf(against(func(a, b *Sighting) bool {
		return n.Toward(b.Bridge, a.Bridge, n.now) == ""
	}))
}

// begin are those to begin with: the ones that speak for themselves, or any.
func begin(list []*Sighting) []*Sighting {
	if len(list) <= few {
		return list
	}
	sure := keep(list, func(s *Sighting) bool { return s.Spoken() || s.Via == ViaWireless })
	if len(sure) == 0 {
		sure = list[:1]
	}
	return sure[:min(len(sure), few)]
}

func keep(list []*Sighting, test func(*Sighting) bool) (out []*Sighting) {
	for _, s := range list {
		if test(s) {
			out = append(out, s)
		}
	}
	return out
}

func bridgesOf(list []*Sighting) []inventory.AssetID {
	var out []inventory.AssetID
	for _, s := range list {
		out = append(out, s.Bridge)
	}
	return out
}

// Between are the bridges whose tables Links wants for the way between two: those that are on it,
// when the network has them those that nothing shows to be off it, and at the end those
// that only their own stations may show not to hang on one of its cables.
func (n *Network) Between(a, b inventory.AssetID) []inventory.AssetID {
	behind, seers := n.behindAll()
	var whole, on, unsure []inventory.AssetID
	for id, node := range n.nodes {
		if !node.Partial {
			whole = append(whole, id)
		}
	}
	for c, node := range n.nodes {
		if !node.Partial || !node.Reads && len(n.met[c]) == 0 && len(seers[c]) == 0 {
			continue
		}
		switch is, known := n.isBetween(c, a, b, whole); {
		case is:
			on = append(on, c)
		case !known:
			unsure = append(unsure, c)
		}
	}
	next := on
	if len(next) == 0 {
		next = unsure
	}
	if len(next) == 0 {
		next = n.doubtful(whole, behind, seers)
	}
	slices.Sort(next)
	return slices.Compact(next)
}

// doubtful are the bridges that alone keep a cable from being known.
func (n *Network) doubtful(whole []inventory.AssetID, behind map[Port][]inventory.AssetID, seers map[inventory.AssetID][]inventory.AssetID) []inventory.AssetID {
	var out []inventory.AssetID
	for _, a := range whole {
		for _, b := range whole {
			p, far := Port{a, n.Toward(a, b, n.now)}, Port{b, n.Toward(b, a, n.now)}
			if a >= b || p.Name == "" || far.Name == "" {
				continue
			}
			blocking := slices.Collect(n.between(p, far, behind[p], behind[far], seers[b]))
			if !slices.ContainsFunc(blocking, func(c inventory.AssetID) bool { return !n.partial(c) }) {
				out = append(out, blocking...)
			}
		}
	}
	return out
}

// isBetween says whether a bridge is on the way between two others: whether it has them behind
// different ports. Where it does not have both, one in the middle of the way whose whole table
// is known says in which half of it the bridge can be, if in any.
func (n *Network) isBetween(c, a, b inventory.AssetID, whole []inventory.AssetID) (is, known bool) {
	parts := func(a, b inventory.AssetID) (is, known bool) {
		x, y := n.Toward(c, a, n.now), n.Toward(c, b, n.now)
		return x != "" && y != "" && x != y, x != "" && y != ""
	}
	if is, known = parts(a, b); known {
		return is, known
	}
	for _, k := range whole {
		at, x, y := n.Toward(k, c, n.now), n.Toward(k, a, n.now), n.Toward(k, b, n.now)
		if at == "" || x == "" && k != a || y == "" && k != b || x == y {
			continue
		}
		half := [2]inventory.AssetID{a, k}
		switch {
		case at != x && at != y:
			return false, true
		case at == y:
			half = [2]inventory.AssetID{k, b}
		}
		if is, known = parts(half[0], half[1]); known {
			return is, known
		}
	}
	return false, false
}
