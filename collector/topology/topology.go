// Package topology infers from what bridges tell where stations are plugged in, which ports
// lead from bridge to bridge, and how these have changed: docs/topology.md says it in words.
//
// It owns the rules. It is pure: it reads no store and knows no wall clock. It refuses to
// guess: what tables do not show stays unknown. collector/query gives it what the store has.
package topology

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Port is a port of a bridge, or a network or radio of what serves wireless clients.
type Port struct {
	Bridge inventory.AssetID
	Name   string
}

// The ways by which a sighting is known.
const (
	ViaLLDP     = "lldp"
	ViaCDP      = "cdp"
	ViaBridge   = "bridge"   // a forwarding table
	ViaWireless = "wireless" // a list of clients
	// ViaARP is a router's ARP or neighbour table: who is in the network of an interface, at
	// whatever port, so it is no sighting.
	ViaARP = "arp"
)

// Sighting says that a port had a station, or a neighbour that spoke.
type Sighting struct {
	Port
	Record int64  // who told it
	MAC    string // "" when the neighbour goes by a name alone
	Owner  inventory.AssetID
	Via    string
	VLAN   int
	// First is when it began, Last when it was last confirmed. Ended says that a later
	// look did not find it.
	First, Last time.Time
	Ended       bool
	// Begin and End are the observations that began and ended it.
	Begin, End int64
	RemotePort string
	RemoteName string
	// Capabilities are those of inventory.Neighbour.
	Capabilities []string
}

// Spoken says that the neighbour named itself: it is at the other end of the cable.
func (s *Sighting) Spoken() bool { return s.Via == ViaLLDP || s.Via == ViaCDP }

// at says whether the sighting held at a time.
func (s *Sighting) at(t time.Time) bool { return !s.First.After(t) && (!s.Ended || !s.Last.Before(t)) }

// Node is an asset that is met as a bridge or a station.
type Node struct {
	ID    inventory.AssetID
	Name  string
	Class inventory.Class
	Site  string
	// Reads says that its own table is known.
	Reads bool
	// Partial says that of its table only what is about other bridges may be in the network.
	Partial bool
	// Aggregates are the bundles of its ports, by member.
	Aggregates map[string]string
}

// Network is what is known of bridges at a time.
type Network struct {
	now       time.Time
	nodes     map[inventory.AssetID]*Node
	rows      []Sighting
	stations  map[Port]map[string]bool                  // hardware addresses that hold now
	members   map[Port][]string                         // the ports of a bundle that neighbours tell of now
	toward    map[pair][]*Sighting                      // sightings of a bridge by another one
	met       map[inventory.AssetID][]inventory.AssetID // bridges that a bridge knows the direction of
	derived   map[pair]string
	didDerive bool
	atNow     map[pair]string // answers of Toward for now
}

// pair is one bridge as seen by another.
type pair struct{ from, to inventory.AssetID }

// New makes a network of what bridges told. now is the time that is asked about.
func New(nodes []Node, rows []Sighting, now time.Time) *Network {
	n := &Network{now: now, nodes: map[inventory.AssetID]*Node{}, stations: map[Port]map[string]bool{}, members: map[Port][]string{}, toward: map[pair][]*Sighting{}, met: map[inventory.AssetID][]inventory.AssetID{}, atNow: map[pair]string{}}
	for i := range nodes {
		n.nodes[nodes[i].ID] = &nodes[i]
	}
	n.rows = slices.Clone(rows)
	bridges := map[inventory.AssetID]bool{}
	for i := range n.rows {
		r := &n.rows[i]
		if r.Spoken() && r.at(now) {
			n.bundled(r.Port)
			n.bundled(Port{r.Owner, r.RemotePort})
		}
		r.Port = n.Bundle(r.Port)
		if r.Spoken() && bridging(r.Capabilities) {
			bridges[r.Owner] = true
		}
	}
	for i := range n.rows {
		r := &n.rows[i]
		if r.Owner != 0 && r.Owner != r.Bridge && (bridges[r.Owner] || n.bridge(r.Owner)) && !n.phone(r) {
			k := pair{r.Bridge, r.Owner}
			if len(n.toward[k]) == 0 {
				n.met[r.Bridge] = append(n.met[r.Bridge], r.Owner)
			}
			n.toward[k] = append(n.toward[k], r)
		}
		if r.MAC != "" && r.at(now) {
			if n.stations[r.Port] == nil {
				n.stations[r.Port] = map[string]bool{}
			}
			n.stations[r.Port][r.MAC] = true
		}
	}
	return n
}

// Bundle is the port that frames are counted on: the bundle of a member, else the port itself.
func (n *Network) Bundle(p Port) Port {
	if b := n.nodes[p.Bridge]; b != nil && b.Aggregates[p.Name] != "" {
		p.Name = b.Aggregates[p.Name]
	}
	return p
}

// bundled notes a port that a neighbour tells of when it is a member of a bundle.
func (n *Network) bundled(p Port) {
	if b := n.Bundle(p); b != p && !slices.Contains(n.members[b], p.Name) {
		n.members[b] = append(n.members[b], p.Name)
		slices.Sort(n.members[b])
	}
}

// Members are the ports of a bundle that cables end at, as far as neighbours tell.
func (n *Network) Members(p Port) []string { return n.members[p] }

// Node is an asset of the network; nil when it is not in it.
func (n *Network) Node(id inventory.AssetID) *Node { return n.nodes[id] }

// Stations are the hardware addresses that a port has now.
func (n *Network) Stations(p Port) int { return len(n.stations[n.Bundle(p)]) }

// bridge says whether an asset forwards frames for others. A telephone does too, and is
// none: whoever is plugged into it is where the telephone is.
func (n *Network) bridge(id inventory.AssetID) bool {
	node := n.nodes[id]
	if node == nil || node.Class == inventory.ClassPhoneVoIP {
		return false
	}
	switch node.Class {
	case inventory.ClassSwitch, inventory.ClassAccessPoint, inventory.ClassRadio:
		return true
	default:
		return node.Reads
	}
}

func bridging(capabilities []string) bool {
	return (slices.Contains(capabilities, "bridge") || slices.Contains(capabilities, "access_point")) && !slices.Contains(capabilities, "phone")
}

func (n *Network) phone(r *Sighting) bool {
	node := n.nodes[r.Owner]
	return slices.Contains(r.Capabilities, "phone") || node != nil && node.Class == inventory.ClassPhoneVoIP
}

// ShortGap is how long a station may be away from a port without having left it: a weekend.
const ShortGap = 72 * time.Hour

// Toward is the port of a bridge behind which another one was at a time; "" when unknown.
func (n *Network) Toward(from, to inventory.AssetID, t time.Time) string {
	k := pair{from, to}
	if !t.Equal(n.now) {
		return n.look(k, t)
	}
	port, known := n.atNow[k]
	if !known {
		port = n.look(k, t)
		n.atNow[k] = port
	}
	return port
}

func (n *Network) look(k pair, t time.Time) string {
	var best *Sighting
	for _, r := range n.toward[k] {
		if r.First.After(t.Add(ShortGap)) {
			continue
		}
		if best == nil || clearer(r, best, t) {
			best = r
		}
	}
	if best != nil {
		return best.Name
	}
	return n.derive()[k]
}

// clearer says whether a tells better than b where a bridge was at a time: what held then, what
// it said itself, what is newer.
func clearer(a, b *Sighting, t time.Time) bool {
	if x, y := a.at(t), b.at(t); x != y {
		return x
	}
	if x, y := a.Spoken(), b.Spoken(); x != y {
		return x
	}
	return cmp.Or(a.Last.Compare(b.Last), a.First.Compare(b.First), strings.Compare(b.Name, a.Name)) > 0
}

// Behind are the bridges behind a port at a time, in the order of ids.
func (n *Network) Behind(p Port, t time.Time) []inventory.AssetID {
	p = n.Bundle(p)
	var out []inventory.AssetID
	n.derive()
	for _, to := range n.met[p.Bridge] {
		if n.Toward(p.Bridge, to, t) == p.Name {
			out = append(out, to)
		}
	}
	slices.Sort(out)
	return out
}
