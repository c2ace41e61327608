package topology

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Link is a cable between two ports, of which the second may be unknown.
type Link struct {
	A, B Port // A.Bridge < B.Bridge where both are known
	// BName is what the other end calls itself where it is no known asset.
	BName string
	Via   []string
	// Both says that both ends tell of it, Inferred that it follows from tables alone.
	Both, Inferred bool
	First, Last    time.Time
}

// Links are the cables between bridges at the network's time, in a stable order.
func (n *Network) Links() []Link {
	found := map[Port][]*Link{}
	var all []*Link
	add := func(l *Link) {
		all = append(all, l)
		for _, p := range []Port{l.A, l.B} {
			if p.Name != "" {
				found[p] = append(found[p], l)
			}
		}
	}
	n.spokenLinks(add)
	for _, l := range n.inferredLinks(func(p Port) bool { return len(found[p]) > 0 }) {
		add(l)
	}
	out := make([]Link, 0, len(all))
	for _, l := range all {
		slices.Sort(l.Via)
		l.Via = slices.Compact(l.Via)
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.A.Bridge, b.A.Bridge), Natural(a.A.Name, b.A.Name), comparePorts(a.A, b.A), comparePorts(a.B, b.B), strings.Compare(a.BName, b.BName))
	})
	return out
}

// Natural orders names as people count: Gi0/2 before Gi0/10.
func Natural(a, b string) int {
	for a != "" && b != "" {
		m, n := digits(a), digits(b)
		if m == 0 || n == 0 {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := strings.TrimLeft(a[:m], "0"), strings.TrimLeft(b[:n], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
			return c
		}
		a, b = a[m:], b[n:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

func comparePorts(a, b Port) int {
	return cmp.Or(cmp.Compare(a.Bridge, b.Bridge), strings.Compare(a.Name, b.Name))
}

// spokenLinks are those that LLDP and CDP tell of. The two ends of one cable are one link.
func (n *Network) spokenLinks(add func(*Link)) {
	type ends struct{ a, b Port }
	known := map[ends]*Link{}
	rows := n.spokenNow()
	for _, r := range rows {
		far := Port{r.Owner, ""}
		if r.Owner != 0 {
			far.Name = n.farPort(r, rows)
		}
		e := ends{r.Port, far}
		if far.Bridge != 0 && comparePorts(far, r.Port) < 0 {
			e = ends{far, r.Port}
		}
		l := known[e]
		if l == nil {
			l = &Link{A: e.a, B: e.b, First: r.First, Last: r.Last}
			if far.Bridge == 0 {
				l.BName = cmp.Or(r.RemoteName, r.MAC)
				if r.RemotePort != "" {
					l.B.Name = r.RemotePort
				}
			}
			known[e] = l
			add(l)
		}
		l.Via = append(l.Via, r.Via)
		l.Both = l.Both || n.answered(r, far)
		if r.First.Before(l.First) {
			l.First = r.First
		}
		if r.Last.After(l.Last) {
			l.Last = r.Last
		}
	}
}

// spokenNow are the neighbours that hold now and are bridges, or may be: what is no known asset.
func (n *Network) spokenNow() []*Sighting {
	var rows []*Sighting
	for i := range n.rows {
		r := &n.rows[i]
		if !r.Spoken() || !r.at(n.now) {
			continue
		}
		if len(n.toward[pair{r.Bridge, r.Owner}]) > 0 || r.Owner == 0 && bridging(r.Capabilities) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b *Sighting) int {
		return cmp.Or(comparePorts(a.Port, b.Port), strings.Compare(a.Via, b.Via), cmp.Compare(a.Owner, b.Owner), strings.Compare(a.RemotePort, b.RemotePort))
	})
	return rows
}

// farPort is the name that the far end has for its port: as it says it itself where it tells
// of this cable too, else as the near end heard it.
func (n *Network) farPort(r *Sighting, rows []*Sighting) string {
	var back []*Sighting
	for _, b := range rows {
		if b.Bridge == r.Owner && b.Owner == r.Bridge {
			back = append(back, b)
		}
	}
	remote, near := n.Bundle(Port{r.Owner, r.RemotePort}).Name, r.Name
	for _, b := range back {
		if samePort(b.Name, remote) || samePort(n.Bundle(Port{r.Bridge, b.RemotePort}).Name, near) {
			return b.Name
		}
	}
	if names := portsOf(back); len(names) == 1 {
		return names[0]
	}
	return cmp.Or(remote, n.Toward(r.Owner, r.Bridge, n.now))
}

// samePort compares two names of a port, of which one may be the short form of the other:
// Gi0/1 is GigabitEthernet0/1.
func samePort(a, b string) bool {
	wordA, numberA := splitPort(a)
	wordB, numberB := splitPort(b)
	if a == "" || b == "" || numberA != numberB {
		return false
	}
	return wordA == wordB || numberA != "" && min(len(wordA), len(wordB)) >= 2 &&
		(strings.HasPrefix(wordA, wordB) || strings.HasPrefix(wordB, wordA))
}

func splitPort(name string) (word, number string) {
	name = strings.ToLower(name)
	i := strings.IndexAny(name, "0123456789")
	if i < 0 {
		return name, ""
	}
	return strings.TrimRight(name[:i], " -"), name[i:]
}

func portsOf(rows []*Sighting) []string {
	var out []string
	for _, r := range rows {
		if !slices.Contains(out, r.Name) {
			out = append(out, r.Name)
		}
	}
	return out
}

// answered says that the far end tells of the near one at that port.
func (n *Network) answered(r *Sighting, far Port) bool {
	return slices.ContainsFunc(n.toward[pair{far.Bridge, r.Bridge}], func(b *Sighting) bool {
		return b.Spoken() && b.at(n.now) && b.Name == far.Name
	})
}

// maxAdjacent is how many of the bridges behind a port are looked at as its neighbour. The one
// that is has the fewest bridges behind its own port for the cable, so it comes first.
const maxAdjacent = 8

// inferredLinks are those that tables show: a bridge is behind a port, and none is between.
// Ports of which a link is known already are left out.
func (n *Network) inferredLinks(taken func(Port) bool) []*Link {
	behind, seers := n.behindAll()
	var out []*Link
	for p, list := range behind {
		if taken(p) || n.partial(p.Bridge) {
			continue
		}
		far := make([]Port, 0, len(list))
		for _, b := range list {
			if !n.partial(b) {
				far = append(far, Port{b, n.Toward(b, p.Bridge, n.now)})
			}
		}
		slices.SortFunc(far, func(a, b Port) int { return cmp.Or(cmp.Compare(len(behind[a]), len(behind[b])), comparePorts(a, b)) })
		for _, f := range far[:min(len(far), maxAdjacent)] {
			if f.Name != "" && (taken(f) || p.Bridge > f.Bridge) || !n.adjacent(p, f, list, behind[f], seers[f.Bridge]) {
				continue
			}
			l := &Link{A: p, B: f, Via: []string{ViaBridge}, Inferred: true}
			if l.First, l.Last = n.span(p.Bridge, f.Bridge); l.Last.IsZero() && n.sawOnce(p.Bridge, f.Bridge) {
				continue // they saw each other once
			}
			if comparePorts(l.B, l.A) < 0 {
				l.A, l.B = l.B, l.A
			}
			out = append(out, l)
		}
	}
	return out
}

// behindAll are the bridges behind each port, and those that know where a bridge is.
func (n *Network) behindAll() (behind map[Port][]inventory.AssetID, seers map[inventory.AssetID][]inventory.AssetID) {
	behind, seers = map[Port][]inventory.AssetID{}, map[inventory.AssetID][]inventory.AssetID{}
	add := func(k pair, p string) {
		if p != "" {
			behind[Port{k.from, p}] = append(behind[Port{k.from, p}], k.to)
			seers[k.to] = append(seers[k.to], k.from)
		}
	}
	n.derive()
	for from, list := range n.met {
		for _, to := range list {
			add(pair{from, to}, n.Toward(from, to, n.now))
		}
	}
	return behind, seers
}

// between are the bridges that may be between two ports: of all that are behind either of
// them, or see either end, those that do not show that they are somewhere else.
func (n *Network) between(p, far Port, lists ...[]inventory.AssetID) iter.Seq[inventory.AssetID] {
	return func(yield func(inventory.AssetID) bool) {
		for _, list := range lists {
			for _, c := range list {
				if c != far.Bridge && c != p.Bridge && !n.elsewhere(c, p, far) && !yield(c) {
					return
				}
			}
		}
	}
}

func (n *Network) adjacent(p, far Port, lists ...[]inventory.AssetID) bool {
	for range n.between(p, far, lists...) {
		return false
	}
	return true
}

// elsewhere says that a bridge is not between two ports: it is behind another port of one of
// the two, or has both behind one of its own.
func (n *Network) elsewhere(c inventory.AssetID, p, far Port) bool {
	if seen := n.Toward(far.Bridge, c, n.now); seen != "" && far.Name != "" && seen != far.Name {
		return true
	}
	if seen := n.Toward(p.Bridge, c, n.now); seen != "" && seen != p.Name {
		return true
	}
	a, b := n.Toward(c, p.Bridge, n.now), n.Toward(c, far.Bridge, n.now)
	return a != "" && a == b
}

// sawOnce says that one of two bridges has had the other in a table.
func (n *Network) sawOnce(a, b inventory.AssetID) bool {
	return len(n.toward[pair{a, b}])+len(n.toward[pair{b, a}]) > 0
}

// span is the time in which the sightings of two bridges by each other hold.
func (n *Network) span(a, b inventory.AssetID) (first, last time.Time) {
	for _, k := range []pair{{a, b}, {b, a}} {
		for _, r := range n.toward[k] {
			if !r.at(n.now) {
				continue
			}
			if first.IsZero() || r.First.Before(first) {
				first = r.First
			}
			if r.Last.After(last) {
				last = r.Last
			}
		}
	}
	return first, last
}
