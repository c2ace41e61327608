package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
)

// TopologyQuery asks for the cables between bridges.
type TopologyQuery struct {
	When
	Site string
	// Around is an asset, Depth how many cables away from it; the stations on the bridges
	// within are listed too.
	Around string
	Depth  int
}

// Topology is a part of the network.
type Topology struct {
	Links    []topology.Link
	Stations []topology.Place // with Around
	Nodes    []topology.Node
	Map
}

// maxAround bounds Depth.
const maxAround = 32

// Topology lists cables, and around an asset who is at their ends.
func (q *Inventory) Topology(ctx context.Context, ask TopologyQuery) (Topology, error) {
	if err := checkWhen(ask.When, q.now()); err != nil {
		return Topology{}, err
	}
	if ask.Depth < 0 || ask.Depth > maxAround {
		return Topology{}, inventory.Errorf(inventory.CodeInvalid, "depth: %d given, 0 to %d allowed", ask.Depth, maxAround)
	}
	if len(ask.Site) > inventory.MaxText {
		return Topology{}, inventory.Errorf(inventory.CodeInvalid, "site: %d bytes, at most %d allowed", len(ask.Site), inventory.MaxText)
	}
	var centre Thing
	if ask.Around != "" {
		var err error
		if centre, err = q.find(ctx, ask.Around, ask.When); err != nil {
			return Topology{}, err
		}
	}
	t, err := q.network(ctx, ask.When)
	if err != nil {
		return t, err
	}
	t.Links = slices.DeleteFunc(t.Links, func(l topology.Link) bool { return ask.Site != "" && t.Node(l.A.Bridge).Site != ask.Site })
	if ask.Around != "" {
		if err := q.around(ctx, &t, centre, ask); err != nil {
			return t, err
		}
	}
	t.name()
	return t, nil
}

// network is all of it.
func (q *Inventory) network(ctx context.Context, at When) (Topology, error) {
	found, err := q.store.Sightings(ctx, store.SightingAsk{At: at, Now: q.now()})
	if err != nil {
		return Topology{}, fmt.Errorf("read topology: %w", err)
	}
	t := Topology{Map: Map{found.Net, found.Ports}}
	t.Links = t.net.Links()
	return t, nil
}

// around keeps what is near an asset and adds the stations there.
func (q *Inventory) around(ctx context.Context, t *Topology, centre Thing, ask TopologyQuery) error {
	near := map[inventory.AssetID]bool{}
	if n := t.net.Node(centre.ID); n != nil && n.Reads {
		near[centre.ID] = true
	} else {
		w, err := q.whereabouts(ctx, centre, WhereQuery{When: ask.When})
		if err != nil {
			return err
		}
		for _, p := range w.Places {
			near[p.Bridge] = true
		}
	}
	for range max(ask.Depth, 1) - 1 {
		next := map[inventory.AssetID]bool{}
		for _, l := range t.Links {
			if near[l.A.Bridge] || near[l.B.Bridge] {
				next[l.A.Bridge], next[l.B.Bridge] = true, true
			}
		}
		delete(next, 0)
		for id := range next {
			near[id] = true
		}
	}
	t.Links = slices.DeleteFunc(t.Links, func(l topology.Link) bool { return !near[l.A.Bridge] && !near[l.B.Bridge] })
	for _, id := range sortedIDs(near) {
		s, err := q.portsOf(ctx, id, ask.When)
		if err != nil {
			return err
		}
		for _, p := range s.Ports {
			for _, x := range p.Stations {
				if x.Owner != 0 && s.Node(x.Owner).Reads {
					continue // a cable of its own
				}
				t.Stations = append(t.Stations, x)
				if x.Owner != 0 && t.net.Node(x.Owner) == nil {
					t.Nodes = append(t.Nodes, s.Node(x.Owner))
				}
			}
		}
	}
	return nil
}

func sortedIDs(set map[inventory.AssetID]bool) []inventory.AssetID {
	var out []inventory.AssetID
	for id := range set {
		if id != 0 {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// Find is an asset that the answer speaks of: stations are not in the network of cables.
func (t Topology) Find(id inventory.AssetID) topology.Node {
	for _, n := range t.Nodes {
		if n.ID == id {
			return n
		}
	}
	return t.Node(id)
}

// name lists the assets that the links and stations speak of.
func (t *Topology) name() {
	ids := map[inventory.AssetID]bool{}
	for _, l := range t.Links {
		ids[l.A.Bridge], ids[l.B.Bridge] = true, true
	}
	for _, s := range t.Stations {
		ids[s.Bridge], ids[s.Owner] = true, true
	}
	for _, n := range t.Nodes {
		delete(ids, n.ID)
	}
	for _, id := range sortedIDs(ids) {
		t.Nodes = append(t.Nodes, t.Node(id))
	}
	slices.SortFunc(t.Nodes, func(a, b topology.Node) int { return int(a.ID - b.ID) })
}
