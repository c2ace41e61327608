package query

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sort"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
)

// maxRouters bounds the routers on a way.
const maxRouters = 16

// leg is a part of the way inside one network, which ends at a router.
type leg struct {
	in, out store.Card // the router's, towards and onwards
	why     string     // it is taken for the router
}

// routing are the networks that things have an address in.
type routing struct {
	cards []store.Card
	nets  [][]netip.Prefix            // that a card has an address in, and hosts of its ARP table
	of    map[inventory.AssetID][]int // cards of an asset
	table []network                   // in the order of their addresses
}

type network struct {
	netip.Prefix
	card int
}

// route finds the routers between two things: none when they share a network, or when
// nothing is known of their networks. gap says where no router leads on. With ARP a thing is also
// in the networks of the routers' interfaces that have its hardware address in their tables.
func (p *pathfinder) route(ctx context.Context, a, b Thing, arp bool) (legs []leg, gap string, err error) {
	ends := slices.DeleteFunc([]inventory.AssetID{a.ID, b.ID}, func(id inventory.AssetID) bool { return id == 0 })
	r, err := p.cards(ctx, ends)
	if err != nil || !arp && (len(ends) < 2 || overlap(r.networks(a.ID), r.networks(b.ID))) {
		return nil, "", err
	}
	routers, err := p.cards(ctx, nil)
	if err != nil {
		return nil, "", err
	}
	r = newRouting(append(r.cards, slices.DeleteFunc(routers.cards, func(c store.Card) bool { return slices.Contains(ends, c.Asset.ID) })...))
	here, there := r.networks(a.ID), r.networks(b.ID)
	var left, right []host
	if arp {
		if left, err = p.hosts(ctx, r, a); err != nil {
			return nil, "", err
		}
		if right, err = p.hosts(ctx, r, b); err != nil {
			return nil, "", err
		}
		here, there = append(here, prefixes(left)...), append(there, prefixes(right)...)
	}
	if len(here) == 0 || len(there) == 0 || overlap(here, there) {
		return nil, "", nil
	}
	if legs = r.search(a.ID, here, there); legs == nil {
		gap = "unknown between " + title(a) + " and " + title(b) + ": no known router has both " + here[0].String() + " and " + there[0].String() + ", nor do several that share a network"
	}
	for i := range legs {
		legs[i].why += told(left, legs[i].in, a) + told(right, legs[i].out, b)
	}
	return legs, gap, nil
}

func (p *pathfinder) cards(ctx context.Context, of []inventory.AssetID) (*routing, error) {
	if of != nil && len(of) == 0 {
		return newRouting(nil), nil
	}
	list, err := p.q.store.Cards(ctx, p.at, p.q.now(), of)
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	return newRouting(list), nil
}

// host is a thing behind a router's interface, by the router's ARP or neighbour table.
type host struct {
	netip.Prefix // its address alone
	card         store.Card
}

// hosts looks for a thing in the ARP tables of routers, and notes its address as a network of the
// interface.
func (p *pathfinder) hosts(ctx context.Context, r *routing, t Thing) ([]host, error) {
	if len(t.MACs) == 0 {
		return nil, nil
	}
	found, err := p.q.store.Resolved(ctx, p.at, p.q.now(), t.MACs)
	if err != nil {
		return nil, fmt.Errorf("read ARP tables: %w", err)
	}
	var out []host
	for _, s := range found {
		addr, err := netip.ParseAddr(s.RemotePort)
		card := r.card(s.Port)
		if err != nil || card < 0 || !usable(addr) {
			continue
		}
		net := netip.PrefixFrom(addr, addr.BitLen())
		r.nets[card] = append(r.nets[card], net)
		r.table = append(r.table, network{net, card})
		out = append(out, host{net, r.cards[card]})
	}
	r.sort()
	return out, nil
}

// card is an interface of a router; one without an address is new.
func (r *routing) card(p topology.Port) int {
	own := r.of[p.Bridge]
	if i := slices.IndexFunc(own, func(i int) bool { return r.cards[i].Name == p.Name }); i >= 0 {
		return own[i]
	}
	if len(own) == 0 {
		return -1
	}
	i := len(r.cards)
	r.cards = append(r.cards, store.Card{Asset: r.cards[own[0]].Asset, Interface: inventory.Interface{Name: p.Name}})
	r.nets, r.of[p.Bridge] = append(r.nets, nil), append(own, i)
	return i
}

func prefixes(list []host) (out []netip.Prefix) {
	for _, h := range list {
		out = append(out, h.Prefix)
	}
	return out
}

// told says that a router's table has a thing at the interface.
func told(list []host, c store.Card, t Thing) string {
	for _, h := range list {
		if h.card.Asset.ID == c.Asset.ID && h.card.Name == c.Name {
			return "; its ARP table has " + title(t) + " at " + c.Name
		}
	}
	return ""
}

func newRouting(cards []store.Card) *routing {
	r := &routing{cards: cards, of: map[inventory.AssetID][]int{}}
	for i, c := range cards {
		r.of[c.Asset.ID] = append(r.of[c.Asset.ID], i)
		r.nets = append(r.nets, networksOf(c))
		for _, n := range r.nets[i] {
			r.table = append(r.table, network{n, i})
		}
	}
	r.sort()
	return r
}

func (r *routing) sort() {
	slices.SortStableFunc(r.table, func(a, b network) int { return a.Compare(b.Prefix) })
}

// reach is a router on the way from the start, or the start itself.
type reach struct {
	from *reach
	in   int // its card
	why  string
	nets []netip.Prefix // it has an address in
	far  int
}

// search goes from network to network, the nearest first, and looks once who is in each.
func (r *routing) search(start inventory.AssetID, here, there []netip.Prefix) []leg {
	been, done := map[inventory.AssetID]bool{start: true}, map[netip.Prefix]bool{}
	gateways := r.gateways(start)
	for queue := []*reach{{nets: here}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		next := r.routers(at.nets, done)
		if named := slices.DeleteFunc(slices.Clone(next), func(x *reach) bool { return !r.has(x.in, gateways) }); at.from == nil && len(named) > 0 {
			next = named // its own gateways come first; others in its network after what is behind these
			clear(done)
			for _, x := range next {
				x.why = "it is the gateway"
			}
		}
		for _, x := range next {
			id := r.cards[x.in].Asset.ID
			if been[id] || at.far >= maxRouters {
				continue
			}
			been[id], x.from, x.far, x.nets = true, at, at.far+1, r.networks(id)
			if out := r.facing(id, there); out >= 0 {
				return r.legs(x, out)
			}
			queue = append(queue, x)
		}
	}
	return nil
}

// legs are the way to a router that leads on by a card.
func (r *routing) legs(x *reach, out int) []leg {
	var legs []leg
	for ; x.from != nil; x = x.from {
		legs = append(legs, leg{r.cards[x.in], r.cards[out], x.why})
		if x.from.from != nil {
			out = r.facing(r.cards[x.from.in].Asset.ID, r.nets[x.in])
		}
	}
	slices.Reverse(legs)
	return legs
}

// routers are those with a card in one of the networks that were not looked at yet, and with one
// in a network besides, in the order of assets.
func (r *routing) routers(nets []netip.Prefix, done map[netip.Prefix]bool) []*reach {
	var out []*reach
	for _, n := range nets {
		if done[n] {
			continue
		}
		done[n] = true
		for _, card := range r.in(n) {
			id := r.cards[card].Asset.ID
			if slices.ContainsFunc(r.networks(id), func(x netip.Prefix) bool { return !overlap([]netip.Prefix{x}, nets) }) {
				out = append(out, &reach{in: card, why: "it has an address in " + n.String()})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *reach) int { return a.in - b.in })
	return out
}

// in are the cards with an address in a network, or in one that overlaps with it.
func (r *routing) in(p netip.Prefix) (out []int) {
	p = p.Masked()
	from := func(x netip.Prefix) int {
		return sort.Search(len(r.table), func(i int) bool { return r.table[i].Compare(x) >= 0 })
	}
	for bits := range p.Bits() { // those that contain it
		wide := netip.PrefixFrom(p.Addr(), bits).Masked()
		for i := from(wide); i < len(r.table) && r.table[i].Prefix == wide; i++ {
			out = append(out, r.table[i].card)
		}
	}
	for i := from(p); i < len(r.table) && p.Contains(r.table[i].Addr()); i++ {
		out = append(out, r.table[i].card)
	}
	return out
}

// networks are those that a thing has an address in, by its own word or else by that of
// others whose network has the address.
func (r *routing) networks(id inventory.AssetID) []netip.Prefix {
	var out []netip.Prefix
	for _, i := range r.of[id] {
		out = append(out, r.nets[i]...)
	}
	for _, i := range r.of[id] {
		for _, a := range r.cards[i].Addresses {
			if !usable(a.Addr()) || !a.IsSingleIP() || slices.ContainsFunc(out, func(n netip.Prefix) bool { return n.Contains(a.Addr()) }) {
				continue
			}
			for _, card := range r.in(a) {
				for _, n := range r.nets[card] {
					if n.Contains(a.Addr()) && !slices.Contains(out, n) {
						out = append(out, n)
					}
				}
			}
		}
	}
	return out
}

// facing is the first card of an asset in one of the networks, -1 when it has none.
func (r *routing) facing(id inventory.AssetID, nets []netip.Prefix) int {
	for _, i := range r.of[id] {
		if overlap(r.nets[i], nets) {
			return i
		}
	}
	return -1
}

// gateways are the addresses that a thing sends to what is elsewhere.
func (r *routing) gateways(id inventory.AssetID) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, i := range r.of[id] {
		for _, g := range r.cards[i].Gateways {
			if a, err := netip.ParseAddr(g); err == nil {
				out[a.Unmap()] = true
			}
		}
	}
	return out
}

func (r *routing) has(card int, addrs map[netip.Addr]bool) bool {
	return slices.ContainsFunc(r.cards[card].Addresses, func(a netip.Prefix) bool { return addrs[a.Addr().Unmap()] })
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
