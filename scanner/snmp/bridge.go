package snmp

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/ether"
)

// Columns of BRIDGE-MIB (RFC 4188) and Q-BRIDGE-MIB (RFC 4363).
var (
	dot1dBasePortIfIndex = mustOID("1.3.6.1.2.1.17.1.4.1.2")
	dot1dTpFdbPort       = mustOID("1.3.6.1.2.1.17.4.3.1.2")
	dot1dTpFdbStatus     = mustOID("1.3.6.1.2.1.17.4.3.1.3")
	dot1qTpFdbPort       = mustOID("1.3.6.1.2.1.17.7.1.2.2.1.2")
	dot1qTpFdbStatus     = mustOID("1.3.6.1.2.1.17.7.1.2.2.1.3")
	dot1qVlanFdbID       = mustOID("1.3.6.1.2.1.17.7.1.4.2.1.3")
)

// Status values of a forwarding entry that stand for a station: what was learnt from traffic, and
// what an administrator or port security entered. The others are invalid or the bridge's own.
const (
	fdbLearned = 3
	fdbMgmt    = 5
)

// fdbKey is what is reported once: a station that is seen in several VLANs on one port is one.
type fdbKey struct {
	mac   ether.MAC
	iface int
}

// readPorts reads which interface each bridge port is.
func readPorts(ctx context.Context, r *reader) (map[int]int, error) {
	rows, err := r.table(ctx, dot1dBasePortIfIndex)
	ports := make(map[int]int, len(rows))
	for _, row := range rows {
		if n := row.number(0); n > 0 && len(row.index) == 1 {
			ports[row.first()] = n
		}
	}
	return ports, err
}

// bridgePorts are the interfaces of a bridge's ports, and why they are not all.
type bridgePorts struct {
	at  map[int]int
	err error
}

// bridgePorts reads the ports when they are first asked for.
func (r *reader) bridgePorts(ctx context.Context) (map[int]int, error) {
	if r.ports == nil {
		at, err := readPorts(ctx, r)
		r.ports = &bridgePorts{at, err}
	}
	return r.ports.at, r.ports.err
}

// station tells whether the status of a forwarding entry is one of a station.
func (v value) station() bool {
	n, _ := v.small()
	return n == fdbLearned || n == fdbMgmt
}

func (f *Facts) readBridge(ctx context.Context, r *reader) error {
	ports, err := r.bridgePorts(ctx)
	f.Bridge.Ports = len(ports)
	if err != nil || len(ports) == 0 {
		return err
	}
	found := map[fdbKey]FDBEntry{}
	fids, err := r.table(ctx, dot1qVlanFdbID)
	vlans := vlanOfFID(fids)
	if err == nil {
		err = readFDB(ctx, r, ports, dot1qTpFdbPort, dot1qTpFdbStatus, 1, vlans, found)
	}
	aware := len(found) > 0
	if err == nil {
		err = readFDB(ctx, r, ports, dot1dTpFdbPort, dot1dTpFdbStatus, 0, nil, found)
	}
	if err == nil && !aware && len(r.vtp) > 0 {
		err = f.readFDBPerVLAN(ctx, r, found)
	}
	for _, e := range found {
		f.Bridge.Table = append(f.Bridge.Table, e)
	}
	slices.SortFunc(f.Bridge.Table, func(a, b FDBEntry) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), slices.Compare(a.MAC[:], b.MAC[:]))
	})
	return err
}

// vlanOfFID says which VLAN a filtering database is of. One that several share is of none; where
// the device does not tell, the ids are the same.
func vlanOfFID(rows []row) func(fid uint32) int {
	vlans := map[uint32]int{}
	for _, row := range rows { // the index is a time mark and the VLAN
		fid := uint32(row.number(0))
		if old, ok := vlans[fid]; ok && old != row.last() {
			vlans[fid] = 0
		} else {
			vlans[fid] = row.last()
		}
	}
	return func(fid uint32) int {
		v, ok := vlans[fid]
		if !ok && len(vlans) == 0 {
			v = int(min(fid, maxVLAN+1))
		}
		if v > maxVLAN {
			return 0
		}
		return v
	}
}

// readFDB reads one of the two forwarding tables. Their index is a MAC, in the VLAN-aware one after
// the number of the filtering database. What is found already stays: it may know its VLAN.
func readFDB(ctx context.Context, r *reader, ports map[int]int, port, status oid, skip int, vlan func(uint32) int, found map[fdbKey]FDBEntry) error {
	rows, err := r.table(ctx, port, status)
	for _, row := range rows {
		mac := row.index[min(skip, len(row.index)):]
		if len(mac) == 7 && mac[0] == 6 { // some put the length before it
			mac = mac[1:]
		}
		if len(mac) != 6 {
			r.dropped++
			continue
		}
		b, ok := mac.bytesOf()
		if !ok || row.cells[1].kind != kindNone && !row.cells[1].station() {
			continue
		}
		e := FDBEntry{Interface: ports[row.number(0)], MAC: ether.MAC(b)}
		if e.Interface == 0 || !e.MAC.Unicast() {
			continue
		}
		if vlan != nil {
			e.VLAN = vlan(row.index[0])
		}
		if k := (fdbKey{e.MAC, e.Interface}); found[k].VLAN == 0 {
			found[k] = e
		}
	}
	return err
}

// maxVLANContexts is in how many VLANs a device is asked for its forwarding table: those with ports
// first. Each costs a handful of requests.
const maxVLANContexts = 64

// readFDBPerVLAN asks a device of Cisco's kind, which keeps a forwarding table for each VLAN and
// shows one at a time: to version 1 and 2c as the community with @VLAN behind it, to version 3 as
// the context vlan-VLAN (Cisco, "Get MAC address from switch with SNMP community string indexing").
// Nobody else is asked so: the suffix is part of a secret, and it goes to the same address only.
func (f *Facts) readFDBPerVLAN(ctx context.Context, r *reader, found map[fdbKey]FDBEntry) error {
	if r.inVLAN == nil {
		return nil
	}
	for n, vlan := range r.vtp {
		if n == maxVLANContexts {
			return fmt.Errorf("forwarding tables of %d VLANs, of which %d are read", len(r.vtp), maxVLANContexts)
		}
		if err := r.inVLAN(ctx, vlan, func(r *reader) error {
			ports, err := readPorts(ctx, r) // this VLAN's only
			if err != nil || len(ports) == 0 {
				return err
			}
			return readFDB(ctx, r, ports, dot1dTpFdbPort, dot1dTpFdbStatus, 0, func(uint32) int { return vlan }, found)
		}); err != nil {
			return fmt.Errorf("forwarding table of VLAN %d: %w", vlan, err)
		}
	}
	return nil
}

// forVLAN is the credential by which a device of Cisco's kind shows one VLAN's bridge; ok is false
// where it is bound to something else already.
func (c *Credential) forVLAN(vlan int) (out *Credential, ok bool) {
	in := *c
	if c.level() > 0 {
		in.Context = fmt.Sprintf("vlan-%d", vlan)
		return &in, c.Context == ""
	}
	in.Community = inventory.Secret(fmt.Sprintf("%s@%d", c.Community.Reveal(), vlan))
	return &in, !slices.Contains([]byte(c.Community.Reveal()), '@')
}
