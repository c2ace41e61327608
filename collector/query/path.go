package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
)

// Step is one thing on a path: an end, a bridge or a router, or where knowledge ends.
type Step struct {
	Asset   inventory.AssetID
	Name    string
	Layer   int    // 2 for bridges, 3 for routers and ends
	In, Out string // its ports, or a router's interfaces
	// InMembers and OutMembers are, where a port is a bundle, those of which a neighbour tells.
	InMembers, OutMembers []string
	Via                   string // how the cable or route to the next one is known
	Gap                   string // what is not known between this and the next; then it is no thing
}

// Way is the path between two things.
type Way struct {
	Steps []Step
	// Whole says that there is no gap.
	Whole bool
}

// Path is the way between two things: through bridges, and through routers where they are in
// different networks.
func (q *Inventory) Path(ctx context.Context, from, to string, at When) (Way, error) {
	if err := checkWhen(at, q.now()); err != nil {
		return Way{}, err
	}
	p := pathfinder{q: q, at: at}
	a, err := q.find(ctx, from, at)
	if err != nil {
		return Way{}, err
	}
	b, err := q.find(ctx, to, at)
	if err != nil {
		return Way{}, err
	}
	if a.ID != 0 && a.ID == b.ID {
		return Way{}, inventory.Errorf(inventory.CodeInvalid, "%.80q and %.80q are the same asset, %s", from, to, a.ID)
	}
	return p.path(ctx, a, b)
}

type pathfinder struct {
	q     *Inventory
	at    When
	all   *topology.Network // once it is wanted, with its links
	links []topology.Link
}

func (p *pathfinder) path(ctx context.Context, a, b Thing) (Way, error) {
	legs, gap, err := p.route(ctx, a, b, false)
	if err != nil {
		return Way{}, err
	}
	w, err := p.way(ctx, a, b, legs, gap)
	if err != nil || w.Whole || len(legs) > 0 {
		return w, err
	}
	// Neither cables nor networks say it: routers may know where the two are.
	legs, gap, err = p.route(ctx, a, b, true)
	if err != nil || len(legs) == 0 {
		return w, err
	}
	return p.way(ctx, a, b, legs, gap)
}

// way is the whole of it: the bridges of each leg, and the routers between.
func (p *pathfinder) way(ctx context.Context, a, b Thing, legs []leg, gap string) (Way, error) {
	w := Way{Whole: gap == ""}
	w.Steps = append(w.Steps, Step{Asset: a.ID, Name: cmp.Or(a.Name, firstOf(a.MACs)), Layer: 3})
	here := a
	for _, l := range legs {
		there := Thing{l.in.Asset, []string{inventory.CanonicalMAC(l.in.MAC)}}
		if err := p.bridges(ctx, &w, here, there); err != nil {
			return w, err
		}
		w.Steps = append(w.Steps, Step{Asset: there.ID, Name: there.Name, Layer: 3, In: l.in.Name, Out: l.out.Name, Via: l.why})
		here = Thing{l.out.Asset, []string{inventory.CanonicalMAC(l.out.MAC)}}
	}
	if gap != "" {
		w.Steps = append(w.Steps, Step{Gap: gap})
	} else if err := p.bridges(ctx, &w, here, b); err != nil {
		return w, err
	}
	w.Steps = append(w.Steps, Step{Asset: b.ID, Name: cmp.Or(b.Name, firstOf(b.MACs)), Layer: 3})
	return w, nil
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// bridges adds the way through bridges between two things of one network.
func (p *pathfinder) bridges(ctx context.Context, w *Way, a, b Thing) error {
	from, err := p.port(ctx, a)
	if err != nil {
		return err
	}
	to, err := p.port(ctx, b)
	if err != nil {
		return err
	}
	gap := func(text string) { w.Whole = false; w.Steps = append(w.Steps, Step{Gap: text}) }
	for i, x := range []topology.Port{from, to} {
		if x.Bridge == 0 {
			t := []Thing{a, b}[i]
			gap("unknown between " + title(a) + " and " + title(b) + ": no bridge table has " + title(t))
			return nil
		}
	}
	path, net, err := p.between(ctx, from, to)
	if err != nil {
		return err
	}
	for i, h := range path.Hops {
		if path.Gap != "" && i == path.After {
			gap(path.Gap)
		}
		w.Steps = append(w.Steps, Step{Asset: h.Bridge, Name: Map{net: net}.Node(h.Bridge).Name, Layer: 2, In: h.In, Out: h.Out, Via: strings.Join(h.Via, " "),
			InMembers: net.Members(topology.Port{Bridge: h.Bridge, Name: h.In}), OutMembers: net.Members(topology.Port{Bridge: h.Bridge, Name: h.Out})})
	}
	return nil
}

// maxBetween is how many tables are read one by one to find a way.
const maxBetween = 128

// between is the way between two ports. The tables on it tell it, and where they don't, all
// tables are read to say what is missing.
func (p *pathfinder) between(ctx context.Context, from, to topology.Port) (topology.Path, *topology.Network, error) {
	read := 0
	found, err := p.q.store.Sightings(ctx, store.SightingAsk{At: p.at, Now: p.q.now(), Bridges: []inventory.AssetID{from.Bridge, to.Bridge},
		Further: func(s *store.Sightings) []inventory.AssetID {
			want := s.Net.Between(from.Bridge, to.Bridge)
			if read += len(want); read > maxBetween {
				return nil
			}
			return want
		}})
	if err != nil {
		return topology.Path{}, nil, fmt.Errorf("read topology: %w", err)
	}
	if read <= maxBetween {
		if path := found.Net.Path(from, to, found.Net.Links()); path.Gap == "" {
			return path, found.Net, nil
		}
	}
	if p.all == nil {
		t, err := p.q.network(ctx, p.at)
		if err != nil {
			return topology.Path{}, nil, err
		}
		p.all, p.links = t.net, t.Links
	}
	return p.all.Path(from, to, p.links), p.all, nil
}

func title(t Thing) string {
	if t.Name != "" {
		return t.Name
	}
	if t.ID != 0 {
		return t.ID.String()
	}
	return firstOf(t.MACs)
}

// port is where a thing is plugged in, and for a bridge the bridge itself.
func (p *pathfinder) port(ctx context.Context, t Thing) (topology.Port, error) {
	if t.ID != 0 {
		own, err := p.q.store.Sightings(ctx, store.SightingAsk{At: p.at, Now: p.q.now(), Bridges: []inventory.AssetID{t.ID}})
		if err != nil {
			return topology.Port{}, err
		}
		if n := own.Net.Node(t.ID); n != nil && n.Reads {
			return topology.Port{Bridge: t.ID}, nil
		}
	}
	macs := slices.DeleteFunc(slices.Clone(t.MACs), func(m string) bool { return m == "" })
	if len(macs) == 0 && t.ID != 0 {
		var err error
		if macs, err = p.q.store.MACs(ctx, t.ID); err != nil {
			return topology.Port{}, err
		}
	}
	w, err := p.q.whereabouts(ctx, Thing{t.Named, macs}, WhereQuery{When: p.at})
	if err != nil || len(w.Places) == 0 {
		return topology.Port{}, err
	}
	best := slices.MaxFunc(w.Places, func(a, b topology.Place) int {
		return cmp.Or(-boolOrder(a.Ended, b.Ended), a.Last.Compare(b.Last))
	})
	return best.Port, nil
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
