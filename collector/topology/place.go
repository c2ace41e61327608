package topology

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Place is where a station is, or was last.
type Place struct {
	Sighting
	// Beyond are bridges behind the port: the station is somewhere behind one of them, and
	// none of them tells where. Empty when it is at the port itself.
	Beyond []inventory.AssetID
	// Stations is how many hardware addresses the port has.
	Stations int
	Losers   []Loser
}

// Exact says that the station is at the port, as far as is known.
func (p *Place) Exact() bool { return len(p.Beyond) == 0 }

// Loser is a sighting that is not the place, and why.
type Loser struct {
	Sighting
	Why string
}

// Place says where the station of the sightings is, false when there are none until t.
// Several addresses of one card may be given together.
func (n *Network) Place(list []Sighting, t time.Time) (Place, bool) {
	all := n.newest(list, t)
	if len(all) == 0 {
		return Place{}, false
	}
	lost := make([]string, len(all))
	for i := range all {
		for j := range all {
			if i != j && lost[i] == "" {
				lost[i] = n.beaten(&all[i], &all[j], t)
			}
		}
	}
	best := -1
	for i := range all {
		if lost[i] == "" && (best < 0 || n.likelier(&all[i], &all[best]) < 0) {
			best = i
		}
	}
	if best < 0 { // tables that contradict each other all around
		for i := range all {
			if best < 0 || n.likelier(&all[i], &all[best]) < 0 {
				best = i
			}
		}
	}
	p := Place{Sighting: all[best], Beyond: n.beyond(&all[best], all, t), Stations: n.Stations(all[best].Port)}
	for i := range all {
		if i == best {
			continue
		}
		p.Losers = append(p.Losers, Loser{all[i], cmp.Or(lost[i], n.tie(&all[i], &all[best]))})
	}
	return p, true
}

// newest are of each bridge's sightings until t those that hold then, or else the last.
func (n *Network) newest(list []Sighting, t time.Time) []Sighting {
	best := map[Port]Sighting{}
	holds := map[inventory.AssetID]bool{}
	for _, s := range list {
		if s.First.After(t) {
			continue
		}
		s.Port = n.Bundle(s.Port)
		if s.at(t) {
			s.Ended, holds[s.Bridge] = false, true
			if s.Last.After(t) {
				s.Last = t
			}
		}
		if was, ok := best[s.Port]; !ok || newer(&s, &was) {
			best[s.Port] = s
		}
	}
	last := map[inventory.AssetID]time.Time{}
	for _, s := range best {
		if s.Last.After(last[s.Bridge]) {
			last[s.Bridge] = s.Last
		}
	}
	var out []Sighting
	for _, s := range best {
		if !s.Ended || !holds[s.Bridge] && s.Last.Equal(last[s.Bridge]) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Sighting) int {
		return cmp.Or(cmp.Compare(a.Bridge, b.Bridge), strings.Compare(a.Name, b.Name))
	})
	return out
}

func newer(a, b *Sighting) bool {
	if a.Ended != b.Ended {
		return !a.Ended
	}
	if a.Spoken() != b.Spoken() {
		return a.Spoken()
	}
	return a.Last.After(b.Last) || a.Last.Equal(b.Last) && a.First.After(b.First)
}

// beaten says why a is not the place when b is a sighting too; "" when b says nothing against it.
func (n *Network) beaten(a, b *Sighting, t time.Time) string {
	if a.Bridge == b.Bridge {
		return n.beatenAtHome(a, b, t)
	}
	if !b.Ended && b.Via == ViaWireless && a.Via != ViaWireless {
		return "it is a wireless client of " + n.name(b.Bridge)
	}
	if !a.Ended && a.Via == ViaWireless && b.Via != ViaWireless {
		return ""
	}
	ab, ba := n.Toward(a.Bridge, b.Bridge, t), n.Toward(b.Bridge, a.Bridge, t)
	aAway, bAway := ab != "" && ab != a.Name, ba != "" && ba != b.Name
	switch {
	case aAway && bAway: // each has it where the other is not: it has moved
		if b.Last.After(a.Last) || b.Last.Equal(a.Last) && b.First.After(a.First) {
			return "seen since at " + n.name(b.Bridge)
		}
	case bAway && (ab == a.Name || !stale(b, a)):
		return "this port leads to " + n.name(b.Bridge) + ", which has it behind another port"
	case aAway || stale(b, a):
	case ab == a.Name && ba != b.Name:
		return n.name(b.Bridge) + " is behind this port and has it too"
	}
	return ""
}

// stale says that a's table no longer has what b's has.
func stale(a, b *Sighting) bool { return a.Ended && !b.Ended }

// beatenAtHome compares two ports of one bridge: one that leads to another bridge is not the
// place of a station that is at another port as well.
func (n *Network) beatenAtHome(a, b *Sighting, t time.Time) string {
	if a.Spoken() != b.Spoken() {
		if b.Spoken() {
			return "it says itself that it is at " + b.Name
		}
		return ""
	}
	if up, other := n.Behind(a.Port, t), n.Behind(b.Port, t); len(up) > 0 && len(other) == 0 {
		return "this port leads to " + n.name(up[0])
	}
	return ""
}

// likelier orders sightings of which none speaks against the other.
func (n *Network) likelier(a, b *Sighting) int {
	if a.Ended != b.Ended {
		if b.Ended {
			return -1
		}
		return 1
	}
	if d := a.Last.Sub(b.Last); d > 24*time.Hour || d < -24*time.Hour {
		return -cmp.Compare(d, 0)
	}
	return cmp.Or(cmp.Compare(n.Stations(a.Port), n.Stations(b.Port)), b.Last.Compare(a.Last), b.First.Compare(a.First),
		cmp.Compare(a.Bridge, b.Bridge), strings.Compare(a.Name, b.Name))
}

// tie says why a came after b.
func (n *Network) tie(a, b *Sighting) string {
	switch {
	case a.Ended != b.Ended, a.Last.Before(b.Last.Add(-24 * time.Hour)):
		return "seen since at " + n.name(b.Bridge) + " " + b.Name
	case n.Stations(a.Port) > n.Stations(b.Port):
		return "more stations are behind this port"
	}
	return "seen later at " + n.name(b.Bridge) + " " + b.Name
}

// beyond are the bridges behind the port of a sighting that the station may be behind.
func (n *Network) beyond(s *Sighting, all []Sighting, t time.Time) []inventory.AssetID {
	if s.Spoken() || s.Via == ViaWireless {
		return nil
	}
	var out []inventory.AssetID
	for _, b := range n.Behind(s.Port, t) {
		if b == s.Owner || n.sharesCable(b, s, all, t) {
			continue
		}
		if n.bridge(s.Owner) { // bridges behind it are behind the port as well
			x, y := n.Toward(b, s.Bridge, t), n.Toward(b, s.Owner, t)
			if x == "" || y == "" || x == y {
				continue
			}
		}
		out = append(out, b)
	}
	return out
}

// sharesCable says that a bridge sees the station on the port by which it sees the other
// bridge: it is between the two.
func (n *Network) sharesCable(b inventory.AssetID, s *Sighting, all []Sighting, t time.Time) bool {
	return slices.ContainsFunc(all, func(o Sighting) bool {
		return o.Bridge == b && !o.Ended && o.Name == n.Toward(b, s.Bridge, t)
	})
}

func (n *Network) name(id inventory.AssetID) string {
	if node := n.nodes[id]; node != nil && node.Name != "" {
		return node.Name
	}
	return id.String()
}

// Stay is a time that a station was at a place.
type Stay struct {
	Place
	// From is when it was first seen there, Until when last, both by looks at its bridge.
	From, Until time.Time
	// Now says that it is still there.
	Now bool
}

// History are the places of a station in order. Stays at one port with no more than ShortGap
// between them are one. What is only known to be behind a bridge counts when it lasts.
func (n *Network) History(list []Sighting) []Stay {
	times := make([]time.Time, 0, len(list))
	for _, s := range list {
		times = append(times, s.First)
	}
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	var out []Stay
	for i, t := range times {
		p, ok := n.Place(list, t)
		if !ok {
			continue
		}
		until := n.until(list, p.Port, t)
		if i+1 < len(times) && until.After(times[i+1]) {
			until = times[i+1]
		}
		if last := len(out) - 1; last >= 0 && out[last].Port == p.Port && t.Sub(out[last].Until) <= ShortGap {
			if until.After(out[last].Until) {
				out[last].Until = until
			}
			out[last].Place = p
			continue
		}
		if p.Ended {
			continue // a place that it had left
		}
		out = append(out, Stay{Place: p, From: t, Until: until})
	}
	out = slices.DeleteFunc(out, func(s Stay) bool { return !s.Exact() && s.Until.Sub(s.From) < ShortGap && len(out) > 1 })
	out = merged(out)
	if last := len(out) - 1; last >= 0 {
		if p, ok := n.Place(list, n.now); ok && p.Port == out[last].Port {
			out[last].Place, out[last].Now = p, !p.Ended
			out[last].Until = n.until(list, p.Port, n.now)
		}
	}
	return out
}

// Rows are the sightings at a port.
func (n *Network) Rows(list []Sighting, p Port) []Sighting {
	p = n.Bundle(p)
	var out []Sighting
	for _, s := range list {
		if n.Bundle(s.Port) == p {
			out = append(out, s)
		}
	}
	return out
}

// until is when the port had the station last, of the sightings that had begun by t.
func (n *Network) until(list []Sighting, p Port, t time.Time) time.Time {
	last := time.Time{}
	for _, s := range n.Rows(list, p) {
		if !s.First.After(t) && s.Last.After(last) {
			last = s.Last
		}
	}
	return last
}

// merged joins stays that follow each other at one port.
func merged(list []Stay) []Stay {
	var out []Stay
	for _, s := range list {
		if last := len(out) - 1; last >= 0 && out[last].Port == s.Port && s.From.Sub(out[last].Until) <= ShortGap {
			s.From = out[last].From
			out[last] = s
			continue
		}
		out = append(out, s)
	}
	return out
}
