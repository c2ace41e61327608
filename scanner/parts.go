package scanner

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

// A job is done in parts, each from its sweep to its services, so that one that is paused or
// whose scanner dies goes on with the part it was in. A link is one part whatever its size:
// what its hosts announce, and what they know of each other, belongs together.

// Routed addresses in one part: what is swept in some seconds, in whole /24s.
const (
	partSeconds = 4
	minPart     = 256
	maxPart     = 4096
)

// partSize is the size of a job's parts at a rate, unless the configuration has one.
func (c *Config) partSize(rate int) uint64 {
	if c.Part > 0 {
		return uint64(c.Part)
	}
	n := uint64(minPart)
	for n < maxPart && 2*n <= uint64(max(0, rate))*partSeconds {
		n *= 2
	}
	return n
}

// parts are plans for what of p is not done yet, links first, then routed addresses by size,
// a power of two.
func (p *Plan) parts(done Set, size uint64) []*Plan {
	left := p.Allowed.Subtract(done)
	var out []*Plan
	for _, l := range p.host.Links {
		mine := left.Intersect(l.all())
		part := *p
		part.Allowed, part.Routed, part.Links = mine, nil, nil
		for _, lp := range p.Links {
			if lp.Link.Interface.Name == l.Interface.Name {
				lp.V4, lp.V6 = lp.V4.Intersect(left), lp.V6.Intersect(left)
				part.Links = append(part.Links, lp)
			}
		}
		if len(mine) > 0 && len(part.Links) > 0 {
			out = append(out, &part)
		}
	}
	for _, set := range p.Routed.Intersect(left).pieces(size) {
		part := *p
		part.Allowed, part.Routed, part.Links = set, set, nil
		out = append(out, &part)
	}
	for i, part := range out {
		if i > 0 {
			part.Notes = nil // said once
		}
	}
	return out
}

// pieces cuts a set into ones of about size addresses, at multiples of size where it is dense.
func (s Set) pieces(size uint64) []Set {
	var out []Set
	var piece Set
	var n uint64
	for _, r := range s {
		for from := r.From; from.IsValid() && !r.To.Less(from); {
			end := blockEnd(from, size)
			if r.To.Less(end) {
				end = r.To
			}
			block := Range{From: from, To: end}
			if count := sizeOf(block); n > 0 && n+count > size {
				out, piece, n = append(out, piece), nil, 0
			}
			piece, n = append(piece, block), n+sizeOf(block)
			from = end.Next()
		}
	}
	if n > 0 {
		out = append(out, piece)
	}
	for i := range out {
		out[i] = NewSet(out[i]...)
	}
	return out
}

// blockEnd is the last address of a's block of size addresses, a power of two.
func blockEnd(a netip.Addr, size uint64) netip.Addr {
	b := a.AsSlice()
	low := b[len(b)-4:]
	binary.BigEndian.PutUint32(low, binary.BigEndian.Uint32(low)|uint32(size-1)) //nolint:gosec // at most maxPart
	end, _ := netip.AddrFromSlice(b)
	return end
}

// swept is what the run is done with. Complete are addresses that were asked one by one, with
// every right that this takes; hosts of a large IPv6 prefix may not answer the multicast.
func (r *run) swept(res *Result) []inventory.SweptRange {
	asked := r.plan.Routed
	for i := range r.plan.Links {
		asked = NewSet(append(append(slices.Clone(asked), r.plan.Links[i].V4...), r.plan.Links[i].V6...)...)
	}
	sure := asked.Intersect(r.plan.Allowed).Subtract(r.doubt)
	if !res.Complete || r.plan.host.Raw != nil && r.plan.onLink() || r.plan.host.ICMP != nil && len(r.plan.Routed) > 0 {
		sure = nil
	}
	var out []inventory.SweptRange
	add := func(set Set, complete bool) {
		for _, x := range set {
			out = append(out, inventory.SweptRange{Range: x, Complete: complete, Took: res.Finished.Sub(res.Started)})
		}
	}
	add(sure, true)
	add(r.plan.Allowed.Subtract(sure), false)
	return out
}

// onLink tells whether the plan has addresses on a link of this host.
func (p *Plan) onLink() bool {
	return slices.ContainsFunc(p.host.Links, func(l Link) bool {
		return len(p.Allowed.Intersect(l.all())) > 0
	})
}

// memory is what the parts of a job know of each other: devices that were read.
type memory struct {
	routers []*snmp.Facts
	owned   map[netip.Addr]bool
}

// and are the devices of earlier parts and those of stations that were read, for their tables.
func (m *memory) and(stations []*station) []*snmp.Facts {
	out := slices.Clone(m.routers)
	for _, st := range stations {
		if st.facts != nil {
			out = append(out, st.facts)
		}
	}
	return out
}

// drop leaves out addresses of devices that an earlier part read.
func (m *memory) drop(b *book) {
	if len(m.owned) > 0 {
		b.dropAddresses(func(e *entry) bool { return m.owned[e.addr] && !slices.Contains(e.sources, viaSelf) })
	}
}

// maxRouters bounds the tables that are kept: each may have some thousand lines.
const maxRouters = 256

func (m *memory) add(devices []*Device) {
	if m.owned == nil {
		m.owned = map[netip.Addr]bool{}
	}
	for _, d := range devices {
		if d.Facts == nil {
			continue
		}
		for _, a := range d.Addresses {
			m.owned[a] = true
		}
		if len(d.Facts.ARP) > 0 && len(m.routers) < maxRouters {
			m.routers = append(m.routers, d.Facts)
		}
	}
}
