package scanner

import (
	"fmt"
	"iter"
	"math"
	"math/big"
	"net/netip"
	"slices"
	"sort"

	"github.com/muster-itam/muster/internal/inventory"
)

// Range is a run of addresses.
type Range = inventory.Range

// prefixRange is the run of addresses that p covers.
func prefixRange(p netip.Prefix) Range {
	p = p.Masked()
	b := p.Addr().AsSlice()
	for i := range b {
		switch host := (i+1)*8 - p.Bits(); {
		case host >= 8:
			b[i] = 0xff
		case host > 0:
			b[i] |= 1<<host - 1
		}
	}
	to, _ := netip.AddrFromSlice(b)
	return Range{From: p.Addr(), To: to}
}

// sizeOf is the number of addresses, at most MaxUint64.
func sizeOf(r Range) uint64 {
	from := new(big.Int).SetBytes(r.From.AsSlice())
	n := new(big.Int).SetBytes(r.To.AsSlice())
	n.Sub(n, from).Add(n, big.NewInt(1))
	if !n.IsUint64() {
		return math.MaxUint64
	}
	return n.Uint64()
}

// Set is a set of addresses: ranges in ascending order that neither overlap nor touch.
// IPv4 addresses are plain, never mapped into IPv6, and no address has a zone.
type Set []Range

// NewSet is the union of ranges.
func NewSet(ranges ...Range) Set { return inventory.UnionRanges(ranges) }

// PrefixSet is the union of prefixes.
func PrefixSet(prefixes ...netip.Prefix) Set {
	ranges := make([]Range, 0, len(prefixes))
	for _, p := range prefixes {
		ranges = append(ranges, prefixRange(p))
	}
	return NewSet(ranges...)
}

// Contains tells whether a is in the set.
func (s Set) Contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	i := sort.Search(len(s), func(i int) bool { return !s[i].To.Less(a) })
	return i < len(s) && !a.Less(s[i].From)
}

// Subtract is the set without the addresses of other.
func (s Set) Subtract(other Set) Set {
	var out []Range
	for _, r := range s {
		rest := []Range{r}
		for _, o := range other {
			if o.From.BitLen() != r.From.BitLen() {
				continue
			}
			last := rest[len(rest)-1]
			if o.To.Less(last.From) || last.To.Less(o.From) {
				continue
			}
			rest = rest[:len(rest)-1]
			if last.From.Less(o.From) {
				rest = append(rest, Range{From: last.From, To: o.From.Prev()})
			}
			if !o.To.Less(last.To) {
				break
			}
			rest = append(rest, Range{From: o.To.Next(), To: last.To})
		}
		out = append(out, rest...)
	}
	return NewSet(out...)
}

// Intersect is the set of addresses in both.
func (s Set) Intersect(other Set) Set { return s.Subtract(s.Subtract(other)) }

// Count is the number of addresses, at most MaxUint64.
func (s Set) Count() uint64 {
	var n uint64
	for _, r := range s {
		c := sizeOf(r)
		if n+c < n {
			return math.MaxUint64
		}
		n += c
	}
	return n
}

// All visits the addresses in ascending order.
func (s Set) All() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for _, r := range s {
			for a := r.From; a.IsValid() && !r.To.Less(a); a = a.Next() {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// spread visits the addresses of all subnets in turn, so that none gets them in one run.
func (s Set) spread() iter.Seq[netip.Addr] {
	type cursor struct {
		next netip.Addr
		rest []Range // the first is the one that next is in
	}
	var subnets []cursor
	var last netip.Prefix
	for _, r := range s {
		for from := r.From; from.IsValid() && !r.To.Less(from); {
			subnet := subnetOf(from)
			part := Range{From: from, To: prefixRange(subnet).To}
			if r.To.Less(part.To) {
				part.To = r.To
			}
			if subnet != last {
				subnets, last = append(subnets, cursor{next: from}), subnet
			}
			c := &subnets[len(subnets)-1]
			c.rest = append(c.rest, part)
			from = part.To.Next()
		}
	}
	return func(yield func(netip.Addr) bool) {
		for left := slices.Clone(subnets); len(left) > 0; {
			open := left[:0]
			for _, c := range left {
				if !yield(c.next) {
					return
				}
				if c.next != c.rest[0].To {
					c.next = c.next.Next()
				} else if c.rest = c.rest[1:]; len(c.rest) > 0 {
					c.next = c.rest[0].From
				}
				if len(c.rest) > 0 {
					open = append(open, c)
				}
			}
			left = open
		}
	}
}

// family is the part of the set with addresses of that many bits.
func (s Set) family(bits int) Set {
	var out Set
	for _, r := range s {
		if r.From.BitLen() == bits {
			out = append(out, r)
		}
	}
	return out
}

func (s Set) String() string {
	text := ""
	for i, r := range s {
		if i == 8 {
			return fmt.Sprintf("%s and %d more", text, len(s)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += r.String()
	}
	return text
}
