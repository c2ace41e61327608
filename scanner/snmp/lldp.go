package snmp

import (
	"cmp"
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/muster-itam/muster/scanner/ether"
)

// lldpMIB is where one of the two LLDP MIBs has what is read: they differ in the index alone.
type lldpMIB struct {
	local, ports, remotes, addresses, inventory oid

	first int // column of the chassis id's subtype
	skip  int // numbers of the index between the local port and the row's own number
	// byIfIndex says that ports are numbered by ifIndex, so that they need no table.
	byIfIndex bool
}

// LLDP-MIB (IEEE 802.1AB-2005) with LLDP-EXT-MED-MIB (ANSI/TIA-1057), and LLDP-V2-MIB (IEEE
// 802.1AB-2009), which has a destination address in its indexes.
var lldpMIBs = []lldpMIB{
	{
		local: mustOID("1.0.8802.1.1.2.1.3"), ports: mustOID("1.0.8802.1.1.2.1.3.7.1"), remotes: mustOID("1.0.8802.1.1.2.1.4.1.1"),
		addresses: mustOID("1.0.8802.1.1.2.1.4.2.1.3"), inventory: mustOID("1.0.8802.1.1.2.1.5.4795.1.3.3.1"), first: 4,
	},
	{
		local: mustOID("1.3.111.2.802.1.1.13.1.3"), remotes: mustOID("1.3.111.2.802.1.1.13.1.4.1.1"),
		addresses: mustOID("1.3.111.2.802.1.1.13.1.4.2.1.3"), first: 5, skip: 1, byIfIndex: true,
	},
}

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

// lldpKey is the index of a row about a neighbour without its time mark: local port and number.
type lldpKey struct{ local, row uint32 }

func (m *lldpMIB) key(index oid) (lldpKey, oid, bool) {
	n := 3 + m.skip
	if len(index) < n {
		return lldpKey{}, nil, false
	}
	return lldpKey{index[1], index[n-1]}, index[n:], true
}

func (f *Facts) readLLDP(ctx context.Context, r *reader) error {
	if err := f.readRemotes(ctx, r, &lldpMIBs[0]); err != nil || f.LLDP.ChassisID != "" || len(f.LLDP.Neighbours) > 0 {
		return err
	}
	newer := &lldpMIBs[1]
	if r.missing(newer.local) {
		return nil
	}
	v, err := r.get(ctx, newer.self()...)
	if err != nil {
		return err
	}
	f.LLDP.itself(newer, v)
	return f.readRemotes(ctx, r, newer)
}

// self are the single values in which a device tells of itself: subtype and id of its chassis, and
// its description.
func (m *lldpMIB) self() []oid {
	return []oid{m.local.child(1, 0), m.local.child(2, 0), m.local.child(4, 0)}
}

// itself takes those values.
func (l *LLDP) itself(m *lldpMIB, v map[string]value) {
	names := m.self()
	if id := v[names[1].String()]; id.kind == kindBytes && len(id.bytes) > 0 {
		subtype, _ := v[names[0].String()].small()
		l.ChassisID = lldpID{subtype, id.bytes}.text(chassisMAC, chassisAddress)
	}
	l.Description, _ = v[names[2].String()].text()
}

func (f *Facts) readRemotes(ctx context.Context, r *reader, m *lldpMIB) error {
	var columns []oid // subtype and id of chassis and port, port's description, name, description, capabilities in use
	for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 8} {
		columns = append(columns, m.remotes.child(uint32(m.first+n)))
	}
	rows, err := r.table(ctx, columns...)
	if len(rows) == 0 {
		return err
	}
	locals, lerr := readLocals(ctx, r, m)
	addresses, aerr := r.table(ctx, m.addresses)
	told, terr := readInventory(ctx, r, m)
	at := map[lldpKey]netip.Addr{}
	for _, a := range addresses { // the address stands in the index, after the row's own numbers
		k, rest, ok := m.key(a.index)
		if addr, _, isAddr := rest.addrOf(); ok && isAddr && better(addr, at[k]) {
			at[k] = addr
		}
	}
	for _, row := range rows {
		k, rest, ok := m.key(row.index)
		if !ok || len(rest) > 0 {
			r.dropped++
			continue
		}
		chassis, port := lldpID{row.number(0), row.cells[1].bytes}, lldpID{row.number(2), row.cells[3].bytes}
		n := LLDPNeighbour{
			LocalPort: f.localPort(k.local, locals[k.local]), RemoteName: row.text(5), Address: at[k],
			ChassisID: chassis.text(chassisMAC, chassisAddress), RemotePort: remotePort(port, row.text(4)),
			Platform: cmp.Or(told[k].platform, row.text(6)), Capabilities: capabilities(row.cells[7]),
			Serial: told[k].serial, Version: told[k].version,
		}
		n.ChassisMAC, _ = chassis.mac(chassisMAC)
		f.LLDP.Neighbours = append(f.LLDP.Neighbours, n)
	}
	slices.SortFunc(f.LLDP.Neighbours, func(a, b LLDPNeighbour) int {
		return cmp.Or(cmp.Compare(a.LocalPort, b.LocalPort), cmp.Compare(a.ChassisID, b.ChassisID), cmp.Compare(a.RemotePort, b.RemotePort))
	})
	return cmp.Or(err, lerr, aerr, terr)
}

// lldpInventory is what phones and the like tell of themselves.
type lldpInventory struct{ platform, serial, version string }

// readInventory reads lldpXMedRemInventoryTable, in which every column may be empty.
func readInventory(ctx context.Context, r *reader, m *lldpMIB) (map[lldpKey]lldpInventory, error) {
	out := map[lldpKey]lldpInventory{}
	if m.inventory == nil {
		return out, nil
	}
	rows, err := r.table(ctx, m.inventory.children(6, 5, 4, 3, 2)...) // model, maker, serial number, software, firmware
	for _, row := range rows {
		k, _, ok := m.key(row.index)
		if !ok {
			continue
		}
		in := lldpInventory{serial: row.text(2), version: cmp.Or(row.text(3), row.text(4))}
		if model := row.text(0); model != "" {
			in.platform = strings.TrimSpace(row.text(1) + " " + model)
		}
		out[k] = in
	}
	return out, err
}

// capabilityNames are the bits of LldpSystemCapabilitiesMap; those of bridges for VLANs, which came
// with IEEE 802.1Q-2011, are bridges too.
var capabilityNames = []string{"other", "repeater", "bridge", "access_point", "router", "phone", "docsis", "station", "bridge", "bridge", "bridge"}

func capabilities(v value) []string {
	var out []string
	if len(v.bytes) > 4 { // the map has two octets at most
		return nil
	}
	for _, b := range v.bits(0) {
		if b < len(capabilityNames) && !slices.Contains(out, capabilityNames[b]) {
			out = append(out, capabilityNames[b])
		}
	}
	return out
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

func readLocals(ctx context.Context, r *reader, m *lldpMIB) (map[uint32]lldpLocal, error) {
	found := map[uint32]lldpLocal{}
	if m.byIfIndex {
		return found, nil
	}
	rows, err := r.table(ctx, m.ports.child(2), m.ports.child(3), m.ports.child(4)) // subtype, id, description
	for _, row := range rows {
		if len(row.index) == 1 {
			found[row.index[0]] = lldpLocal{lldpID{row.number(0), row.cells[1].bytes}, row.text(2)}
		}
	}
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
