package snmp

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Rows of Q-BRIDGE-MIB (RFC 4363), CISCO-VTP-MIB and CISCO-VLAN-MEMBERSHIP-MIB.
var (
	dot1qVlanCurrentEntry = mustOID("1.3.6.1.2.1.17.7.1.4.2.1")
	dot1qVlanStaticEntry  = mustOID("1.3.6.1.2.1.17.7.1.4.3.1")
	dot1qPvid             = mustOID("1.3.6.1.2.1.17.7.1.4.5.1.1")
	vtpVlanEntry          = mustOID("1.3.6.1.4.1.9.9.46.1.3.1.1")
	vlanTrunkPortEntry    = mustOID("1.3.6.1.4.1.9.9.46.1.6.1.1")
	vmVlan                = mustOID("1.3.6.1.4.1.9.9.68.1.2.2.1.2")
)

// maxVLAN is the last id of IEEE 802.1Q.
const maxVLAN = 4094

// membership is the VLANs of one interface.
type membership struct {
	native           int // of what arrives without a tag
	untagged, tagged []int
}

func (f *Facts) readVLANs(ctx context.Context, r *reader) error {
	names := map[int]string{}
	members := map[int]*membership{} // by ifIndex
	ports, err := r.bridgePorts(ctx)
	if err == nil {
		err = readQBridge(ctx, r, ports, names, members)
	}
	if err == nil && f.canHave(r, enterpriseCisco) {
		err = readVTP(ctx, r, names, members)
	}
	for id, name := range names {
		f.VLANs = append(f.VLANs, inventory.VLAN{ID: id, Name: name})
	}
	slices.SortFunc(f.VLANs, func(a, b inventory.VLAN) int { return cmp.Compare(a.ID, b.ID) })
	for i := range f.Interfaces {
		m := members[f.Interfaces[i].Index]
		if m == nil {
			continue
		}
		f.Interfaces[i].VLAN, f.Interfaces[i].Tagged = m.vlan(), ranges(m.tagged)
	}
	return err
}

// vlan is the one of untagged frames: that which leaves without a tag, where there is one only, or
// else the one that they are put into on arrival, unless that one is tagged.
func (m *membership) vlan() int {
	switch {
	case len(m.untagged) == 1:
		return m.untagged[0]
	case slices.Contains(m.untagged, m.native), len(m.untagged) == 0 && len(m.tagged) == 0:
		return m.native
	}
	return 0
}

func member(members map[int]*membership, ifIndex int) *membership {
	if members[ifIndex] == nil {
		members[ifIndex] = &membership{}
	}
	return members[ifIndex]
}

// readQBridge reads what is in force, and what is configured where a device does not show that.
func readQBridge(ctx context.Context, r *reader, ports map[int]int, names map[int]string, members map[int]*membership) error {
	static, err := r.table(ctx, dot1qVlanStaticEntry.child(1), dot1qVlanStaticEntry.child(2), dot1qVlanStaticEntry.child(4))
	for _, row := range static {
		if id := row.last(); id > 0 && id <= maxVLAN && len(row.index) == 1 {
			names[id] = row.text(0)
		}
	}
	if err != nil {
		return err
	}
	current, err := r.table(ctx, dot1qVlanCurrentEntry.child(4), dot1qVlanCurrentEntry.child(5)) // egress, untagged
	for _, row := range current {
		join(ports, row, 0, names, members)
	}
	if err == nil && len(current) == 0 {
		for _, row := range static {
			join(ports, row, 1, names, members)
		}
	}
	if err != nil {
		return err
	}
	pvids, err := r.table(ctx, dot1qPvid)
	for _, row := range pvids {
		if i, id := ports[row.first()], row.number(0); i > 0 && id > 0 && id <= maxVLAN {
			member(members, i).native = id
		}
	}
	return err
}

// join puts the ports of a VLAN's row into it: cell has those that send it, the next one those of
// them that do so without a tag.
func join(ports map[int]int, row row, cell int, names map[int]string, members map[int]*membership) {
	id := row.last()
	if id == 0 || id > maxVLAN {
		return
	}
	if _, ok := names[id]; !ok {
		names[id] = ""
	}
	untagged := portList(row.cells[cell+1])
	for _, port := range portList(row.cells[cell]) {
		i := ports[port]
		if i == 0 {
			continue
		}
		m := member(members, i)
		if slices.Contains(untagged, port) {
			m.untagged = append(m.untagged, id)
		} else {
			m.tagged = append(m.tagged, id)
		}
	}
}

// portList is a PortList; some of Juniper's systems write port numbers with commas in its place.
func portList(v value) []int {
	if v.kind != kindBytes || len(v.bytes) < 3 || !bytes.Contains(v.bytes, []byte(",")) || len(bytes.Trim(v.bytes, "0123456789,")) > 0 {
		return v.bits(1)
	}
	var out []int
	for _, s := range strings.Split(string(v.bytes), ",") {
		if n, err := strconv.Atoi(s); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// Values of Cisco's MIBs: a VLAN that works, of Ethernet; a port that is a trunk.
const (
	vtpOperational = 1
	vtpEthernet    = 1
	trunking       = 1
)

func readVTP(ctx context.Context, r *reader, names map[int]string, members map[int]*membership) error {
	vlans, err := r.table(ctx, vtpVlanEntry.child(2), vtpVlanEntry.child(3), vtpVlanEntry.child(4)) // state, type, name
	known := map[int]bool{}
	for _, row := range vlans {
		id := row.last()
		if id == 0 || id > maxVLAN || len(row.index) != 2 || row.cells[1].kind != kindNone && row.number(1) != vtpEthernet {
			continue
		}
		names[id], known[id] = row.text(2), row.number(0) == vtpOperational || row.cells[0].kind == kindNone
	}
	if err != nil || len(vlans) == 0 {
		return err
	}
	access, err := r.table(ctx, vmVlan)
	used := map[int]bool{}
	for _, row := range access {
		if id := row.number(0); id > 0 && id <= maxVLAN && len(row.index) == 1 {
			member(members, row.first()).untagged, used[id] = []int{id}, true
		}
	}
	for id, works := range known {
		if works {
			r.vtp = append(r.vtp, id)
		}
	}
	slices.SortFunc(r.vtp, func(a, b int) int { // those that ports are in first
		if used[a] != used[b] {
			return map[bool]int{true: -1, false: 1}[used[a]]
		}
		return cmp.Compare(a, b)
	})
	if err != nil {
		return err
	}
	return readTrunks(ctx, r, known, members)
}

// readTrunks reads what Cisco's trunks carry: of the VLANs that they may, those that there are.
func readTrunks(ctx context.Context, r *reader, known map[int]bool, members map[int]*membership) error {
	// Status, native VLAN, and 1,024 VLANs a column.
	rows, err := r.table(ctx, vlanTrunkPortEntry.children(14, 5, 4, 17, 18, 19)...)
	for _, row := range rows {
		if len(row.index) != 1 || row.number(0) != trunking {
			continue
		}
		m := member(members, row.first())
		*m = membership{}
		if id := row.number(1); id > 0 && id <= maxVLAN {
			m.untagged = []int{id}
		}
		for n := range 4 {
			for _, id := range row.cells[2+n].bits(n * 1024) {
				if known[id] && id != row.number(1) && id < (n+1)*1024 {
					m.tagged = append(m.tagged, id)
				}
			}
		}
	}
	return err
}

// ranges writes numbers as 10,20-29.
func ranges(ids []int) string {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var b strings.Builder
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(ids[i]))
		if j > i {
			b.WriteString("-" + strconv.Itoa(ids[j]))
		}
		i = j + 1
	}
	return b.String()
}
