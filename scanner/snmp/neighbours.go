package snmp

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/muster-itam/muster/scanner/ether"
)

// Columns of ipNetToMediaTable and ipNetToPhysicalTable (RFC 4293), BRIDGE-MIB (RFC 4188)
// and Q-BRIDGE-MIB (RFC 4363).
var (
	ipNetToMediaPhysAddress    = mustOID("1.3.6.1.2.1.4.22.1.2")
	ipNetToMediaType           = mustOID("1.3.6.1.2.1.4.22.1.4")
	ipNetToPhysicalPhysAddress = mustOID("1.3.6.1.2.1.4.35.1.4")
	ipNetToPhysicalType        = mustOID("1.3.6.1.2.1.4.35.1.6")
	ipNetToPhysicalState       = mustOID("1.3.6.1.2.1.4.35.1.7")

	dot1dBasePortIfIndex = mustOID("1.3.6.1.2.1.17.1.4.1.2")
	dot1dTpFdbPort       = mustOID("1.3.6.1.2.1.17.4.3.1.2")
	dot1dTpFdbStatus     = mustOID("1.3.6.1.2.1.17.4.3.1.3")
	dot1qTpFdbPort       = mustOID("1.3.6.1.2.1.17.7.1.2.2.1.2")
	dot1qTpFdbStatus     = mustOID("1.3.6.1.2.1.17.7.1.2.2.1.3")
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
	if nerr := readNewARP(ctx, r, found); err == nil {
		err = nerr
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

func readNewARP(ctx context.Context, r *reader, found map[arpKey]ether.MAC) error {
	at := func(index oid) (arpKey, bool) {
		if len(index) < 3 || index[0] > 1<<31-1 {
			return arpKey{}, false
		}
		a, rest, ok := index[1:].addrOf()
		return arpKey{int(index[0]), a.Unmap()}, ok && len(rest) == 0
	}
	return arpTable(ctx, r, found, at, ipNetToPhysicalPhysAddress,
		arpMark{ipNetToPhysicalType, arpInvalid, arpInvalid},
		arpMark{ipNetToPhysicalState, stateInvalid, stateIncomplete})
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
		if !ok || !isMAC || !m.Unicast() || k.addr.IsMulticast() || k.addr.IsUnspecified() || k.addr.IsLoopback() {
			r.dropped++
			return
		}
		found[k] = m
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

// fdbLearned is the status of an entry that was learnt from traffic; others are the
// bridge's own addresses, static or invalid entries.
const fdbLearned = 3

func (f *Facts) readBridge(ctx context.Context, r *reader) error {
	ports := map[uint32]int{} // bridge port -> ifIndex
	err := r.columns(ctx, column{dot1dBasePortIfIndex, func(index oid, v value) {
		if n, ok := v.small(); ok && len(index) == 1 {
			ports[index[0]] = n
		}
	}})
	f.Bridge.Ports = len(ports)
	if err != nil || len(ports) == 0 {
		return err
	}
	found := map[ether.MAC]FDBEntry{}
	err = readFDB(ctx, r, ports, dot1qTpFdbPort, dot1qTpFdbStatus, 1, found)
	if oerr := readFDB(ctx, r, ports, dot1dTpFdbPort, dot1dTpFdbStatus, 0, found); err == nil {
		err = oerr
	}
	for _, e := range found {
		f.Bridge.Table = append(f.Bridge.Table, e)
	}
	slices.SortFunc(f.Bridge.Table, func(a, b FDBEntry) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), slices.Compare(a.MAC[:], b.MAC[:]))
	})
	return err
}

// readFDB reads one of the two forwarding tables. Their index is a MAC, in the VLAN-aware
// one after skip more numbers.
func readFDB(ctx context.Context, r *reader, ports map[uint32]int, port, status oid, skip int, found map[ether.MAC]FDBEntry) error {
	learned := map[ether.MAC]FDBEntry{}
	at := func(index oid) (m ether.MAC, ok bool) {
		if len(index) != 6+skip {
			r.dropped++
			return m, false
		}
		b, ok := index[skip:].bytesOf()
		if !ok {
			return m, false
		}
		return ether.MAC(b), true
	}
	err := r.columns(ctx,
		column{port, func(index oid, v value) {
			m, ok := at(index)
			n, isPort := v.small()
			if ifIndex := ports[uint32(n)]; ok && isPort && ifIndex > 0 && m.Unicast() {
				learned[m] = FDBEntry{Interface: ifIndex, MAC: m}
			}
		}},
		column{status, func(index oid, v value) {
			m, ok := at(index)
			if n, isStatus := v.small(); ok && isStatus && n != fdbLearned {
				delete(learned, m)
			}
		}},
	)
	for m, e := range learned {
		found[m] = e
	}
	return err
}
