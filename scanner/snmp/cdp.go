package snmp

import (
	"cmp"
	"context"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
)

// enterpriseCisco is where Cisco's MIBs are; others' devices have CDP's too.
const enterpriseCisco = 9

// cdpCacheEntry is the row of cdpCacheTable in CISCO-CDP-MIB: what was heard on an interface.
var cdpCacheEntry = mustOID("1.3.6.1.4.1.9.9.23.1.2.1.1")

func (f *Facts) readCDP(ctx context.Context, r *reader) error {
	if !f.canHave(r, enterpriseCisco) {
		return nil
	}
	// Device id, address, port, platform, capabilities, native VLAN.
	rows, err := r.table(ctx, cdpCacheEntry.children(6, 4, 7, 8, 9, 11)...)
	for _, row := range rows {
		i := f.Interface(row.first())
		if i == nil || len(row.index) != 2 || row.text(0) == "" {
			r.dropped++
			continue
		}
		n := CDPNeighbour{LocalPort: i.Name, DeviceID: row.text(0), RemotePort: row.text(2), Platform: row.text(3)}
		n.Address, _ = row.cells[1].address()
		if b := row.cells[4].bytes; len(b) == 4 {
			n.Capabilities = cdpCapabilities(binary.BigEndian.Uint32(b))
		}
		if ciscoAP.MatchString(n.Platform) {
			n.Capabilities = append(n.Capabilities, "access_point")
		}
		if v := row.number(5); v <= maxVLAN {
			n.VLAN = v
		}
		if !f.heardByLLDP(&n) {
			f.CDP = append(f.CDP, n)
		}
	}
	slices.SortFunc(f.CDP, func(a, b CDPNeighbour) int {
		return cmp.Or(cmp.Compare(a.LocalPort, b.LocalPort), cmp.Compare(a.DeviceID, b.DeviceID), cmp.Compare(a.RemotePort, b.RemotePort))
	})
	return err
}

// ciscoAP are the names of Cisco's access points: CDP has no capability of theirs, they are bridges.
var ciscoAP = regexp.MustCompile(`\b(AIR-[A-Z]*AP|C91\d\dAX|CW91\d\d)`)

// cdpCapabilities are the bits of a CDP capabilities TLV, the last bit first.
func cdpCapabilities(word uint32) []string {
	names := []string{"router", "bridge", "bridge", "bridge", "station", "", "repeater", "phone"} // the fourth is "switch"
	var out []string
	for i, name := range names {
		if word&(1<<i) != 0 && name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// heardByLLDP tells whether LLDP names the same device on the same port, by name, address or for
// lack of any other, and tells it what only CDP knows.
func (f *Facts) heardByLLDP(c *CDPNeighbour) bool {
	var on []*LLDPNeighbour
	for i := range f.LLDP.Neighbours {
		if n := &f.LLDP.Neighbours[i]; n.LocalPort == c.LocalPort {
			on = append(on, n)
		}
	}
	for _, n := range on {
		same := sameName(n.RemoteName, c.DeviceID) || n.Address.IsValid() && n.Address == c.Address
		if same || len(on) == 1 && n.RemoteName == "" && !n.Address.IsValid() {
			n.Platform, n.VLAN = cmp.Or(n.Platform, c.Platform), cmp.Or(n.VLAN, c.VLAN)
			if !n.Address.IsValid() {
				n.Address = c.Address
			}
			return true
		}
	}
	return false
}

// sameName compares host names without their domains; CDP puts a serial number in parentheses
// after some.
func sameName(a, b string) bool {
	host := func(s string) string {
		s, _, _ = strings.Cut(s, "(")
		s, _, _ = strings.Cut(s, ".")
		return s
	}
	return host(a) != "" && strings.EqualFold(host(a), host(b))
}
