package snmp

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
)

// Columns of ifTable and ifXTable (RFC 2863), ipAddrTable and ipAddressTable (RFC 4293).
var (
	ifDescr       = mustOID("1.3.6.1.2.1.2.2.1.2")
	ifType        = mustOID("1.3.6.1.2.1.2.2.1.3")
	ifMtu         = mustOID("1.3.6.1.2.1.2.2.1.4")
	ifSpeed       = mustOID("1.3.6.1.2.1.2.2.1.5")
	ifPhysAddress = mustOID("1.3.6.1.2.1.2.2.1.6")
	ifOperStatus  = mustOID("1.3.6.1.2.1.2.2.1.8")
	ifName        = mustOID("1.3.6.1.2.1.31.1.1.1.1")
	ifHighSpeed   = mustOID("1.3.6.1.2.1.31.1.1.1.15")
	ifAlias       = mustOID("1.3.6.1.2.1.31.1.1.1.18")

	ipAdEntIfIndex   = mustOID("1.3.6.1.2.1.4.20.1.2")
	ipAdEntNetMask   = mustOID("1.3.6.1.2.1.4.20.1.3")
	ipAddressIfIndex = mustOID("1.3.6.1.2.1.4.34.1.3")
	ipAddressType    = mustOID("1.3.6.1.2.1.4.34.1.4")
	ipAddressPrefix  = mustOID("1.3.6.1.2.1.4.34.1.5")
)

func (f *Facts) readInterfaces(ctx context.Context, r *reader) error {
	rows := map[int]*Interface{}
	at := func(index oid) *Interface {
		if len(index) != 1 || index[0] > 1<<31-1 {
			return nil
		}
		return rows[int(index[0])]
	}
	text := func(set func(*Interface, string)) func(oid, value) {
		return func(index oid, v value) {
			if s, ok := v.text(); ok && at(index) != nil {
				set(at(index), s)
			} else {
				r.dropped++
			}
		}
	}
	number := func(set func(*Interface, int64)) func(oid, value) {
		return func(index oid, v value) {
			if n, ok := v.int(); ok && n >= 0 && at(index) != nil {
				set(at(index), n)
			} else {
				r.dropped++
			}
		}
	}
	err := r.columns(ctx,
		column{ifType, func(index oid, v value) {
			if n, ok := v.small(); ok && len(index) == 1 && index[0] <= 1<<31-1 {
				rows[int(index[0])] = &Interface{Index: int(index[0]), Type: n}
			} else {
				r.dropped++
			}
		}},
		column{ifDescr, text(func(i *Interface, s string) { i.Description, i.Name = s, s })},
		column{ifPhysAddress, func(index oid, v value) {
			if m, ok := v.mac(); ok && m.Unicast() && at(index) != nil {
				at(index).MAC = m
			}
		}},
		column{ifOperStatus, number(func(i *Interface, n int64) { i.Up = n == 1 })},
		column{ifMtu, number(func(i *Interface, n int64) { i.MTU = int(min(n, 1<<31-1)) })},
		column{ifSpeed, number(func(i *Interface, n int64) { i.Mbps = n / 1_000_000 })},
		column{ifName, text(func(i *Interface, s string) {
			if s != "" {
				i.Name = s
			}
		})},
		column{ifHighSpeed, number(func(i *Interface, n int64) {
			if n > 0 {
				i.Mbps = n
			}
		})},
		column{ifAlias, text(func(i *Interface, s string) { i.Alias = s })},
	)
	if err == nil {
		err = readAddresses(ctx, r, rows)
	}
	for _, i := range rows {
		f.Interfaces = append(f.Interfaces, *i)
	}
	slices.SortFunc(f.Interfaces, func(a, b Interface) int { return cmp.Compare(a.Index, b.Index) })
	return err
}

// address is a row of either address table.
type address struct {
	index   int
	bits    int
	unicast bool
}

// maxAddressesPerInterface bounds what a device can claim of itself.
const maxAddressesPerInterface = 1024

func readAddresses(ctx context.Context, r *reader, rows map[int]*Interface) error {
	found := map[netip.Addr]*address{}
	err := readOldAddresses(ctx, r, found)
	if err == nil {
		err = readNewAddresses(ctx, r, found)
	}
	addrs := make([]netip.Addr, 0, len(found))
	for a := range found {
		addrs = append(addrs, a)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	for _, a := range addrs {
		e := found[a]
		i := rows[e.index]
		if i == nil || !e.unicast || a.IsUnspecified() || a.IsMulticast() || len(i.Addresses) == maxAddressesPerInterface {
			continue
		}
		i.Addresses = append(i.Addresses, netip.PrefixFrom(a, e.bits))
	}
	return err
}

// readOldAddresses reads ipAddrTable: IPv4 only, indexed by the address.
func readOldAddresses(ctx context.Context, r *reader, found map[netip.Addr]*address) error {
	at := func(index oid) (netip.Addr, bool) {
		b, ok := index.bytesOf()
		if !ok || len(b) != 4 {
			r.dropped++
			return netip.Addr{}, false
		}
		return netip.AddrFrom4([4]byte(b)), true
	}
	return r.columns(ctx,
		column{ipAdEntIfIndex, func(index oid, v value) {
			a, ok := at(index)
			if n, isIndex := v.small(); ok && isIndex {
				found[a] = &address{index: n, bits: 32, unicast: true}
			}
		}},
		column{ipAdEntNetMask, func(index oid, v value) {
			a, ok := at(index)
			if e := found[a]; ok && e != nil && v.kind == kindAddress && v.addr.Is4() {
				if bits, ok := maskBits(v.addr.As4()); ok {
					e.bits = bits
				}
			}
		}},
	)
}

// maskBits is the number of leading ones; ok is false for a mask with holes.
func maskBits(m [4]byte) (bits int, ok bool) {
	n := uint32(m[0])<<24 | uint32(m[1])<<16 | uint32(m[2])<<8 | uint32(m[3])
	for n&(1<<31) != 0 {
		bits++
		n <<= 1
	}
	return bits, n == 0
}

// unicastType is IpAddressType unicast(1) of RFC 4293; others are anycast and broadcast.
const unicastType = 1

// readNewAddresses reads ipAddressTable: both families. The prefix column points to a row
// of ipAddressPrefixTable, whose index ends with the prefix length.
func readNewAddresses(ctx context.Context, r *reader, found map[netip.Addr]*address) error {
	at := func(index oid) (*address, netip.Addr) {
		a, rest, ok := index.addrOf()
		if !ok || len(rest) != 0 {
			r.dropped++
			return nil, netip.Addr{}
		}
		return found[a.Unmap()], a.Unmap()
	}
	return r.columns(ctx,
		column{ipAddressIfIndex, func(index oid, v value) {
			e, a := at(index)
			if n, ok := v.small(); ok && a.IsValid() && e == nil {
				found[a] = &address{index: n, bits: a.BitLen(), unicast: true}
			}
		}},
		column{ipAddressType, func(index oid, v value) {
			if e, _ := at(index); e != nil {
				n, ok := v.small()
				e.unicast = ok && n == unicastType
			}
		}},
		column{ipAddressPrefix, func(index oid, v value) {
			e, a := at(index)
			if e == nil || v.kind != kindOID || len(v.oid) < 2 {
				return
			}
			if bits := int(v.oid[len(v.oid)-1]); bits > 0 && bits <= a.BitLen() {
				e.bits = bits
			}
		}},
	)
}
