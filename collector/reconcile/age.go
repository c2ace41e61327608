package reconcile

import (
	"cmp"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// Ageing: what a card, a disk or a name said long ago says nothing of who has it now.
// No clock decides that: the days of the holders are compared with each other, so the
// outcome is the same whenever it is worked out.

// How far apart two holders of a value may be in time for it to mean one thing.
const (
	cardLife Day = 90 // addresses of network cards, disks, machine-ids
	nameLife Day = 30 // names, SSH host keys
)

// clockOff is how far apart an agent's days and others' lie when its clock is wrong: then
// they say nothing. Nobody else's clock is an endpoint's.
const clockOff Day = 2 * 365

// lifeOf is how long a value outlives its holder's last word of it; 0 is for ever.
func lifeOf(t Type) Day {
	switch t {
	case inventory.IDMAC, inventory.IDMachine, TypeDisk:
		return cardLife
	case TypeName, inventory.IDSSHHostKey:
		return nameLife
	default: // the rest is given for life, or for a day and says so in its scope
		return 0
	}
}

// era is holders of a value whose days lie near each other.
type era struct {
	holders  []*node
	demotion *Demotion
}

// eras divides the holders of a value by time.
func eras(h *held, holders []*node) [][]*node {
	life := lifeOf(h.Type)
	if life == 0 || len(holders) < 2 || within(holders, life) {
		return [][]*node{holders}
	}
	type span struct {
		*node
		first, last Day
	}
	spans := make([]span, len(holders))
	for i, n := range holders {
		c := n.claimOf(h)
		spans[i] = span{n, c.First, c.Last}
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last), cmp.Compare(a.ID, b.ID))
	})
	var out [][]*node
	var last Day   // of the era at hand
	agents := true // hold it alone
	for i, s := range spans {
		gap := s.first - last
		wrongClock := gap > clockOff && (agents || s.Kind == inventory.KindAgent)
		if i == 0 || gap > life && !wrongClock {
			out, agents = append(out, nil), true
		}
		out[len(out)-1] = append(out[len(out)-1], s.node)
		agents = agents && s.Kind == inventory.KindAgent
		if s.last > last {
			last = s.last
		}
	}
	return out
}

// longSilence says that nobody held a value for so long that clocks decide what belongs
// together: one more holder can then divide what was one.
func longSilence(h *held, holders []*node) bool {
	if lifeOf(h.Type) == 0 || len(holders) < 2 || within(holders, clockOff) {
		return false
	}
	claims := make([]Claim, len(holders))
	for i, n := range holders {
		claims[i] = n.claimOf(h)
	}
	slices.SortFunc(claims, func(a, b Claim) int { return cmp.Compare(a.First, b.First) })
	last := claims[0].Last
	for _, c := range claims[1:] {
		if c.First-last > clockOff {
			return true
		}
		if c.Last > last {
			last = c.Last
		}
	}
	return false
}

// within says that all that was ever heard of nodes lies within a time.
func within(nodes []*node, d Day) bool {
	first, last := nodes[0].first, nodes[0].last
	for _, n := range nodes[1:] {
		if n.first < first {
			first = n.first
		}
		if n.last > last {
			last = n.last
		}
	}
	return last-first <= d
}

// distanceKept says that a claim on a value lies within a time of another's if it did, and
// as well in order that it overlaps with it, touches it or is apart from it. Where a clock
// may be wrong nothing is said.
func distanceKept(was, is, then, now *Claim, life Day, order bool) bool {
	for _, gap := range [2][2]Day{{then.First - was.Last, now.First - is.Last}, {was.First - then.Last, is.First - now.Last}} {
		before, after := gap[0], gap[1]
		if max(before, after) > clockOff || before > life != (after > life) || order && cmp.Compare(before, 0) != cmp.Compare(after, 0) {
			return false
		}
	}
	return true
}

// claimOf is the node's claim with that value; zero when it has none.
func (n *node) claimOf(h *held) Claim {
	for _, list := range [][]carried{n.strong, n.weak, n.days} {
		for _, c := range list {
			if c.value == h {
				return *c.Claim
			}
		}
	}
	if c := claimIn(n.Claims, h.Key); c != nil { // its weak claims were not asked for
		return *c
	}
	return Claim{}
}
