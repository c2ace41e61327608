package query

import (
	"cmp"
	"context"
	"net/netip"
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
	Via     string // how the cable or route to the next one is known
	Gap     string // what is not known between this and the next; then it is no thing
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
	if p.net, err = q.network(ctx, at); err != nil {
		return Way{}, err
	}
	if p.cards, err = q.store.Routing(ctx, at, q.now(), []inventory.AssetID{a.ID, b.ID}); err != nil {
		return Way{}, err
	}
	return p.path(ctx, a, b)
}

type pathfinder struct {
	q     *Inventory
	at    When
	net   Topology
	cards []store.Card
}

// leg is a part of the way inside one network: from a thing to a thing, by a card where known.
type leg struct {
	router  store.Named // at whose end it ends; zero for the last
	in, out string      // the router's interfaces
	mac     string      // of the interface by which it is reached
	outMAC  string
	why     string
}

func (p *pathfinder) path(ctx context.Context, a, b Thing) (Way, error) {
	legs, gap := p.route(a, b)
	w := Way{Whole: gap == ""}
	w.Steps = append(w.Steps, Step{Asset: a.ID, Name: cmp.Or(a.Name, firstOf(a.MACs)), Layer: 3})
	here := a
	for _, l := range legs {
		there := Thing{Named: l.router, MACs: []string{l.mac}}
		if err := p.bridges(ctx, &w, here, there); err != nil {
			return w, err
		}
		w.Steps = append(w.Steps, Step{Asset: l.router.ID, Name: l.router.Name, Layer: 3, In: l.in, Out: l.out, Via: l.why})
		here = Thing{Named: l.router, MACs: []string{l.outMAC}}
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
	path := p.net.net.Path(from, to, p.net.Links)
	for i, h := range path.Hops {
		if path.Gap != "" && i == path.After {
			gap(path.Gap)
		}
		w.Steps = append(w.Steps, Step{Asset: h.Bridge, Name: p.net.Node(h.Bridge).Name, Layer: 2, In: h.In, Out: h.Out, Via: strings.Join(h.Via, " ")})
	}
	return nil
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
	if n := p.net.net.Node(t.ID); n != nil && n.Reads {
		return topology.Port{Bridge: t.ID}, nil
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
	best := slices.MaxFunc(w.Places, func(a, b Located) int {
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

// maxRouters bounds the routers on a way.
const maxRouters = 16

// route finds the routers between two things: none when they share a network, or when
// nothing is known of their networks. gap says where no router leads on.
func (p *pathfinder) route(a, b Thing) (legs []leg, gap string) {
	here, there := p.networks(a.ID), p.networks(b.ID)
	if len(here) == 0 || len(there) == 0 || overlap(here, there) {
		return nil, ""
	}
	type state struct {
		nets []netip.Prefix
		legs []leg
	}
	been := map[inventory.AssetID]bool{}
	gateways := p.gateways(a.ID)
	for queue := []state{{nets: here}}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		for _, r := range p.routers(s.nets, gateways, len(s.legs) == 0) {
			if been[r.card.Asset.ID] || len(s.legs) >= maxRouters {
				continue
			}
			been[r.card.Asset.ID] = true
			l := leg{router: r.card.Asset, in: r.card.Name, mac: inventory.CanonicalMAC(r.card.MAC), why: r.why}
			for _, out := range p.cards {
				if out.Asset.ID != r.card.Asset.ID || !overlap(networksOf(out), there) {
					continue
				}
				l.out, l.outMAC = out.Name, inventory.CanonicalMAC(out.MAC)
				return append(s.legs, l), ""
			}
			nets := p.networks(r.card.Asset.ID)
			queue = append(queue, state{nets, append(slices.Clone(s.legs), l)})
		}
	}
	return nil, "unknown between " + title(a) + " and " + title(b) + ": no known router has both " + here[0].String() + " and " + there[0].String() + ", nor do several that share a network"
}

// networks are those that a thing has an address in, by its own word or else by that of a
// router whose network has the address.
func (p *pathfinder) networks(id inventory.AssetID) []netip.Prefix {
	var out []netip.Prefix
	var bare []netip.Addr
	for _, c := range p.cards {
		if c.Asset.ID != id || id == 0 {
			continue
		}
		out = append(out, networksOf(c)...)
		for _, a := range c.Addresses {
			if usable(a.Addr()) && a.IsSingleIP() {
				bare = append(bare, a.Addr())
			}
		}
	}
	for _, a := range bare {
		if slices.ContainsFunc(out, func(n netip.Prefix) bool { return n.Contains(a) }) {
			continue
		}
		for _, c := range p.cards {
			for _, n := range networksOf(c) {
				if n.Contains(a) && !slices.Contains(out, n) {
					out = append(out, n)
				}
			}
		}
	}
	return out
}

func usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsUnspecified()
}

func networksOf(c store.Card) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range c.Addresses {
		if usable(a.Addr()) && !a.IsSingleIP() {
			out = append(out, a.Masked())
		}
	}
	return out
}

func overlap(a, b []netip.Prefix) bool {
	return slices.ContainsFunc(a, func(x netip.Prefix) bool {
		return slices.ContainsFunc(b, func(y netip.Prefix) bool { return x.Overlaps(y) })
	})
}

// gateways are the addresses that a thing sends to what is elsewhere.
func (p *pathfinder) gateways(id inventory.AssetID) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, c := range p.cards {
		for _, g := range c.Gateways {
			if a, err := netip.ParseAddr(g); err == nil && c.Asset.ID == id {
				out[a.Unmap()] = true
			}
		}
	}
	return out
}

// found is a router's card, and why it is taken for one.
type found struct {
	card store.Card
	why  string
}

// routers are those with a card in one of the networks and one in another; at the first step
// the thing's own gateways come first, and alone where they are known.
func (p *pathfinder) routers(nets []netip.Prefix, gateways map[netip.Addr]bool, first bool) []found {
	var out, named []found
	for _, c := range p.cards {
		if !overlap(networksOf(c), nets) || !p.routes(c.Asset.ID, nets) {
			continue
		}
		out = append(out, found{c, "it has an address in " + nets[0].String()})
		if slices.ContainsFunc(c.Addresses, func(a netip.Prefix) bool { return gateways[a.Addr().Unmap()] }) {
			named = append(named, found{c, "it is the gateway"})
		}
	}
	if first && len(named) > 0 {
		return named
	}
	return out
}

// routes says that an asset of the kind that forwards has an address outside of networks too.
func (p *pathfinder) routes(id inventory.AssetID, nets []netip.Prefix) bool {
	return slices.ContainsFunc(p.cards, func(c store.Card) bool {
		if c.Asset.ID != id {
			return false
		}
		switch c.Asset.Class {
		case inventory.ClassRouter, inventory.ClassFirewall, inventory.ClassSwitch, inventory.ClassLoadBalancer, inventory.ClassAccessPoint:
		default:
			return false
		}
		return slices.ContainsFunc(networksOf(c), func(n netip.Prefix) bool { return !overlap([]netip.Prefix{n}, nets) })
	})
}
