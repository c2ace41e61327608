package snmp

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/muster-itam/muster/scanner/ether"
)

// Columns of ipNetToMediaTable and ipNetToPhysicalTable (RFC 4293), and of what older devices have
// in place of the second for IPv6: ipv6NetToMediaTable (RFC 2465) and Cisco's cInetNetToMediaTable.
var (
	ipNetToMediaPhysAddress    = mustOID("1.3.6.1.2.1.4.22.1.2")
	ipNetToMediaType           = mustOID("1.3.6.1.2.1.4.22.1.4")
	ipNetToPhysicalPhysAddress = mustOID("1.3.6.1.2.1.4.35.1.4")
	ipNetToPhysicalType        = mustOID("1.3.6.1.2.1.4.35.1.6")
	ipNetToPhysicalState       = mustOID("1.3.6.1.2.1.4.35.1.7")
	ipv6NetToMediaPhysAddress  = mustOID("1.3.6.1.2.1.55.1.12.1.2")
	cInetNetToMediaPhysAddress = mustOID("1.3.6.1.4.1.9.10.86.1.1.3.1.3")
)

// Values that make an entry worthless: type invalid(2); state invalid(5), unknown(6), incomplete(7).
const (
	arpInvalid      = 2
	stateInvalid    = 5
	stateIncomplete = 7
)

type arpKey struct {
	iface int
	addr  netip.Addr
}

func (f *Facts) readARP(ctx context.Context, r *reader) error {
	found := map[arpKey]ether.MAC{}
	err := readOldARP(ctx, r, found)
	old := len(found)
	if nerr := readNewARP(ctx, r, found); err == nil {
		err = nerr
	}
	if err == nil && len(found) == old {
		err = f.readOldND(ctx, r, found)
	}
	for k, m := range found {
		f.ARP = append(f.ARP, ARPEntry{Interface: k.iface, Addr: k.addr, MAC: m})
	}
	slices.SortFunc(f.ARP, func(a, b ARPEntry) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Interface, b.Interface))
	})
	return err
}

func readOldARP(ctx context.Context, r *reader, found map[arpKey]ether.MAC) error {
	at := func(index oid) (arpKey, bool) {
		if len(index) != 5 || index[0] > 1<<31-1 {
			return arpKey{}, false
		}
		b, ok := index[1:].bytesOf()
		if !ok {
			return arpKey{}, false
		}
		return arpKey{int(index[0]), netip.AddrFrom4([4]byte(b))}, true
	}
	return arpTable(ctx, r, found, at, ipNetToMediaPhysAddress, arpMark{ipNetToMediaType, arpInvalid, arpInvalid})
}

// atInet is the index of tables for both families: ifIndex, type and address.
func atInet(index oid) (arpKey, bool) {
	if len(index) < 3 || index[0] > 1<<31-1 {
		return arpKey{}, false
	}
	if b, ok := index[2:].bytesOf(); ok && len(b) == 4 && index[1] == 1 { // some leave the length of the address out
		return arpKey{int(index[0]), netip.AddrFrom4([4]byte(b))}, true
	}
	a, rest, ok := index[1:].addrOf()
	return arpKey{int(index[0]), a.Unmap()}, ok && len(rest) == 0
}

func readNewARP(ctx context.Context, r *reader, found map[arpKey]ether.MAC) error {
	return arpTable(ctx, r, found, atInet, ipNetToPhysicalPhysAddress,
		arpMark{ipNetToPhysicalType, arpInvalid, arpInvalid},
		arpMark{ipNetToPhysicalState, stateInvalid, stateIncomplete})
}

// readOldND reads the tables for IPv6 of devices that lack the one for both.
func (f *Facts) readOldND(ctx context.Context, r *reader, found map[arpKey]ether.MAC) error {
	at := func(index oid) (arpKey, bool) { // ifIndex and, maybe after its length, an address
		n := len(index)
		if n != 17 && (n != 18 || index[1] != 16) || index[0] > 1<<31-1 {
			return arpKey{}, false
		}
		b, ok := index[n-16:].bytesOf()
		if !ok {
			return arpKey{}, false
		}
		return arpKey{int(index[0]), netip.AddrFrom16([16]byte(b))}, true
	}
	err := arpTable(ctx, r, found, at, ipv6NetToMediaPhysAddress)
	if err != nil || !f.canHave(r, enterpriseCisco) {
		return err
	}
	return arpTable(ctx, r, found, atInet, cInetNetToMediaPhysAddress)
}

// arpMark is a column whose values between from and to mark an entry as worthless.
type arpMark struct {
	root     oid
	from, to int
}

func arpTable(ctx context.Context, r *reader, found map[arpKey]ether.MAC, at func(oid) (arpKey, bool), physical oid, marks ...arpMark) error {
	cols := []column{{physical, func(index oid, v value) {
		if v.kind == kindBytes && len(v.bytes) == 0 {
			return // being resolved
		}
		k, ok := at(index)
		m, isMAC := v.mac()
		switch {
		case !ok || !isMAC:
			r.dropped++
		case m.Unicast() && !k.addr.IsMulticast() && !k.addr.IsUnspecified() && !k.addr.IsLoopback():
			found[k] = m
		}
	}}}
	for _, mark := range marks {
		cols = append(cols, column{mark.root, func(index oid, v value) {
			k, ok := at(index)
			if n, isNumber := v.small(); ok && isNumber && n >= mark.from && n <= mark.to {
				delete(found, k)
			}
		}})
	}
	return r.columns(ctx, cols...)
}
