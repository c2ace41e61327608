package snmp

import (
	"cmp"
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"unicode/utf8"

	"github.com/muster-itam/muster/scanner/ether"
)

// Columns of LLDP-MIB (IEEE 802.1AB-2005).
var (
	lldpLocChassisIDSubtype = mustOID("1.0.8802.1.1.2.1.3.1.0")
	lldpLocChassisID        = mustOID("1.0.8802.1.1.2.1.3.2.0")
	lldpLocSysDesc          = mustOID("1.0.8802.1.1.2.1.3.4.0")
	lldpLocPortIDSubtype    = mustOID("1.0.8802.1.1.2.1.3.7.1.2")
	lldpLocPortID           = mustOID("1.0.8802.1.1.2.1.3.7.1.3")
	lldpLocPortDesc         = mustOID("1.0.8802.1.1.2.1.3.7.1.4")

	lldpRemChassisIDSubtype = mustOID("1.0.8802.1.1.2.1.4.1.1.4")
	lldpRemChassisID        = mustOID("1.0.8802.1.1.2.1.4.1.1.5")
	lldpRemPortIDSubtype    = mustOID("1.0.8802.1.1.2.1.4.1.1.6")
	lldpRemPortID           = mustOID("1.0.8802.1.1.2.1.4.1.1.7")
	lldpRemPortDesc         = mustOID("1.0.8802.1.1.2.1.4.1.1.8")
	lldpRemSysName          = mustOID("1.0.8802.1.1.2.1.4.1.1.9")
	lldpRemManAddrIfSubtype = mustOID("1.0.8802.1.1.2.1.4.2.1.3")
)

// Subtypes of chassis and port identifiers.
const (
	chassisMAC     = 4
	chassisAddress = 5
	portAlias      = 1
	portMAC        = 3
	portAddress    = 4
	portName       = 5
)

// lldpID is an identifier with its subtype.
type lldpID struct {
	subtype int
	raw     []byte
}

// isMAC tells whether the identifier is a hardware address.
func (id lldpID) mac(subtype int) (ether.MAC, bool) {
	if id.subtype != subtype || len(id.raw) != 6 {
		return ether.MAC{}, false
	}
	return ether.MAC(id.raw), true
}

// address is a network address: a family number of RFC 3232 and its bytes.
func (id lldpID) address(subtype int) (netip.Addr, bool) {
	if id.subtype != subtype || len(id.raw) < 5 {
		return netip.Addr{}, false
	}
	a, ok := netip.AddrFromSlice(id.raw[1:])
	return a, ok && (id.raw[0] == 1 && a.Is4() || id.raw[0] == 2 && a.Is6())
}

func (id lldpID) text(macSubtype, addressSubtype int) string {
	if m, ok := id.mac(macSubtype); ok {
		return m.String()
	}
	if a, ok := id.address(addressSubtype); ok {
		return a.String()
	}
	if s := cleanText(id.raw); s != "" && utf8.Valid(id.raw) {
		return s
	}
	return hex.EncodeToString(id.raw[:min(len(id.raw), 255)])
}

type lldpLocal struct {
	id   lldpID
	desc string
}

type lldpRemote struct {
	local   uint32
	chassis lldpID
	port    lldpID
	desc    string
	name    string
	address netip.Addr
}

// lldpKey is the index of lldpRemTable without its time mark: local port and row.
type lldpKey struct{ local, row uint32 }

func (f *Facts) readLLDP(ctx context.Context, r *reader) error {
	remotes, err := readRemotes(ctx, r)
	if len(remotes) == 0 {
		return err
	}
	locals, lerr := readLocals(ctx, r)
	if err == nil {
		err = lerr
	}
	for _, rem := range remotes {
		n := LLDPNeighbour{
			LocalPort: f.localPort(rem.local, locals[rem.local]), RemoteName: rem.name, Address: rem.address,
			ChassisID: rem.chassis.text(chassisMAC, chassisAddress), RemotePort: remotePort(rem.port, rem.desc),
		}
		n.ChassisMAC, _ = rem.chassis.mac(chassisMAC)
		f.LLDP.Neighbours = append(f.LLDP.Neighbours, n)
	}
	slices.SortFunc(f.LLDP.Neighbours, func(a, b LLDPNeighbour) int {
		return cmp.Or(cmp.Compare(a.LocalPort, b.LocalPort), cmp.Compare(a.ChassisID, b.ChassisID), cmp.Compare(a.RemotePort, b.RemotePort))
	})
	return err
}

func readRemotes(ctx context.Context, r *reader) (map[lldpKey]*lldpRemote, error) {
	found := map[lldpKey]*lldpRemote{}
	at := func(index oid) *lldpRemote {
		if len(index) < 3 {
			r.dropped++
			return nil
		}
		return found[lldpKey{index[1], index[2]}]
	}
	id := func(set func(*lldpRemote, []byte)) func(oid, value) {
		return func(index oid, v value) {
			if e := at(index); e != nil && v.kind == kindBytes {
				set(e, v.bytes)
			}
		}
	}
	err := r.columns(ctx,
		column{lldpRemChassisIDSubtype, func(index oid, v value) {
			if n, ok := v.small(); ok && len(index) == 3 {
				found[lldpKey{index[1], index[2]}] = &lldpRemote{local: index[1], chassis: lldpID{subtype: n}}
			}
		}},
		column{lldpRemChassisID, id(func(e *lldpRemote, b []byte) { e.chassis.raw = b })},
		column{lldpRemPortIDSubtype, func(index oid, v value) {
			if e := at(index); e != nil {
				e.port.subtype, _ = v.small()
			}
		}},
		column{lldpRemPortID, id(func(e *lldpRemote, b []byte) { e.port.raw = b })},
		column{lldpRemPortDesc, id(func(e *lldpRemote, b []byte) { e.desc = cleanText(b) })},
		column{lldpRemSysName, id(func(e *lldpRemote, b []byte) { e.name = cleanText(b) })},
		// The management address stands in the index, after the row's own three numbers.
		column{lldpRemManAddrIfSubtype, func(index oid, _ value) {
			e := at(index)
			if e == nil {
				return
			}
			if a, _, ok := index[3:].addrOf(); ok && better(a, e.address) {
				e.address = a
			}
		}},
	)
	return found, err
}

// better prefers an address that can be reached from elsewhere, and IPv4 among those.
func better(a, than netip.Addr) bool {
	rank := func(a netip.Addr) int {
		switch {
		case !a.IsValid() || a.IsUnspecified() || a.IsLoopback():
			return 0
		case a.IsLinkLocalUnicast():
			return 1
		case a.Is6():
			return 2
		}
		return 3
	}
	return rank(a) > rank(than)
}

func readLocals(ctx context.Context, r *reader) (map[uint32]lldpLocal, error) {
	found := map[uint32]lldpLocal{}
	set := func(change func(*lldpLocal, value)) func(oid, value) {
		return func(index oid, v value) {
			if len(index) != 1 {
				r.dropped++
				return
			}
			l := found[index[0]]
			change(&l, v)
			found[index[0]] = l
		}
	}
	err := r.columns(ctx,
		column{lldpLocPortIDSubtype, set(func(l *lldpLocal, v value) { l.id.subtype, _ = v.small() })},
		column{lldpLocPortID, set(func(l *lldpLocal, v value) {
			if v.kind == kindBytes {
				l.id.raw = v.bytes
			}
		})},
		column{lldpLocPortDesc, set(func(l *lldpLocal, v value) { l.desc, _ = v.text() })},
	)
	return found, err
}

// localPort names a port of the device as its interface table does, so that links and
// interfaces meet: by the port's own id, its description, its MAC, or its number, which
// many agents set to the ifIndex.
func (f *Facts) localPort(number uint32, l lldpLocal) string {
	id := cleanText(l.id.raw)
	var byMAC []string
	for _, i := range f.Interfaces {
		if i.Name != "" && l.id.subtype != portMAC && (id == i.Name || id == i.Description) {
			return i.Name
		}
		if l.desc != "" && (l.desc == i.Name || l.desc == i.Description) {
			return i.Name
		}
		if m, ok := l.id.mac(portMAC); ok && m == i.MAC {
			byMAC = append(byMAC, i.Name)
		}
	}
	if len(byMAC) == 1 {
		return byMAC[0]
	}
	if i := f.Interface(int(number)); i != nil && len(l.id.raw) == 0 {
		return i.Name
	}
	if l.desc != "" && l.id.subtype == portMAC {
		return l.desc
	}
	return l.id.text(portMAC, portAddress)
}

// remotePort names the far port: a MAC says less than the description next to it.
func remotePort(id lldpID, desc string) string {
	switch id.subtype {
	case portName, portAlias:
		if s := cleanText(id.raw); s != "" {
			return s
		}
	case portMAC, portAddress:
		if desc != "" {
			return desc
		}
	default: // local and circuit ids are often mere numbers, which desc explains
		if s := cleanText(id.raw); desc != "" && !hasLetter(s) {
			return desc
		}
	}
	return id.text(portMAC, portAddress)
}

func hasLetter(s string) bool {
	for _, r := range s {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return true
		}
	}
	return false
}
