package topology

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Hop is a bridge on the way, with the ports by which frames come and go; "" when unknown.
type Hop struct {
	Bridge  inventory.AssetID
	In, Out string
	// Via says how the cable to the next bridge is known.
	Via []string
}

// Path is the way of frames from a port to another one. Where the knowledge ends, Gap says
// so, and the hops after it begin anew at the other end.
type Path struct {
	Hops []Hop
	Gap  string
	// After is how many hops come before the gap.
	After int
}

// maxHops bounds a path; of a longer one both ends are told.
const maxHops = 64

// Path finds the way between two ports over the links.
func (n *Network) Path(from, to Port, links []Link) Path {
	from, to = n.Bundle(from), n.Bundle(to)
	if from.Bridge == to.Bridge {
		return Path{Hops: []Hop{{Bridge: from.Bridge, In: from.Name, Out: to.Name}}}
	}
	cables := map[inventory.AssetID][]cable{}
	for _, l := range links {
		if l.A.Bridge != 0 && l.B.Bridge != 0 {
			cables[l.A.Bridge] = append(cables[l.A.Bridge], cable{l.A.Name, l.B, l.Via})
			cables[l.B.Bridge] = append(cables[l.B.Bridge], cable{l.B.Name, l.A, l.Via})
		}
	}
	if hops := walk(from, to, cables); len(hops) > maxHops {
		const half = maxHops / 2
		gap := fmt.Sprintf("%d more bridges: a path is told up to %d", len(hops)-maxHops, maxHops)
		return Path{Hops: slices.Delete(hops, half, len(hops)-half), Gap: gap, After: half}
	} else if hops != nil {
		return Path{Hops: hops}
	}
	return n.broken(from, to, cables)
}

// cable is a link from one of its ends.
type cable struct {
	port string
	far  Port
	via  []string
}

// walk is the shortest way, nil when there is none: without loops it is the only one.
func walk(from, to Port, cables map[inventory.AssetID][]cable) []Hop {
	type step struct {
		before inventory.AssetID
		by     cable
	}
	came := map[inventory.AssetID]step{from.Bridge: {}}
	for queue := []inventory.AssetID{from.Bridge}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to.Bridge {
			break
		}
		for _, c := range cables[at] {
			if _, been := came[c.far.Bridge]; !been {
				came[c.far.Bridge] = step{at, c}
				queue = append(queue, c.far.Bridge)
			}
		}
	}
	if _, ok := came[to.Bridge]; !ok {
		return nil
	}
	hops := []Hop{{Bridge: to.Bridge, Out: to.Name}}
	for at := to.Bridge; at != from.Bridge; {
		s := came[at]
		hops[len(hops)-1].In = s.by.far.Name
		hops = append(hops, Hop{Bridge: s.before, Out: s.by.port, Via: s.by.via})
		at = s.before
	}
	hops[len(hops)-1].In = from.Name
	slices.Reverse(hops)
	return hops
}

// broken goes from both ends towards the other as far as tables lead.
func (n *Network) broken(from, to Port, cables map[inventory.AssetID][]cable) Path {
	left := n.lead(from, to.Bridge, cables)
	right := n.lead(to, from.Bridge, cables)
	slices.Reverse(right)
	for i := range right {
		right[i].In, right[i].Out = right[i].Out, right[i].In
	}
	end, begin := &left[len(left)-1], right[0]
	gap := "unknown between " + n.at(end.Bridge, end.Out) + " and " + n.at(begin.Bridge, begin.In)
	var why []string
	for _, id := range []inventory.AssetID{end.Bridge, begin.Bridge} {
		if node := n.nodes[id]; node == nil || !node.Reads {
			why = append(why, "no bridge table of "+n.name(id))
		}
	}
	if end.Out != "" {
		for _, b := range n.Behind(Port{end.Bridge, end.Out}, n.now) {
			if node := n.nodes[b]; b != begin.Bridge && (node == nil || !node.Reads) {
				why = append(why, "no bridge table of "+n.name(b))
			}
		}
	}
	if len(left) >= maxHops || len(right) >= maxHops {
		why = append(why, fmt.Sprintf("a path is followed over %d bridges", maxHops))
	}
	if len(why) == 0 {
		why = append(why, "no table shows what joins them")
	}
	slices.Sort(why)
	gap += ": " + strings.Join(slices.Compact(why), ", ")
	return Path{Hops: append(left, right...), Gap: gap, After: len(left)}
}

// lead follows cables from a port in the direction of a bridge.
func (n *Network) lead(from Port, to inventory.AssetID, cables map[inventory.AssetID][]cable) []Hop {
	hops := []Hop{{Bridge: from.Bridge, In: from.Name}}
	been := map[inventory.AssetID]bool{from.Bridge: true}
	for len(hops) < maxHops {
		at := &hops[len(hops)-1]
		if at.Out = n.Toward(at.Bridge, to, n.now); at.Out == "" {
			return hops
		}
		i := slices.IndexFunc(cables[at.Bridge], func(c cable) bool { return c.port == at.Out && !been[c.far.Bridge] })
		if i < 0 {
			return hops
		}
		c := cables[at.Bridge][i]
		at.Via = c.via
		been[c.far.Bridge] = true
		hops = append(hops, Hop{Bridge: c.far.Bridge, In: c.far.Name})
	}
	return hops
}

func (n *Network) at(id inventory.AssetID, port string) string {
	if port == "" {
		return n.name(id)
	}
	return n.name(id) + " " + port
}
