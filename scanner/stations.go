package scanner

import (
	"net"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/snmp"
)

// relay is what a device does with others' frames, as far as a scan can tell.
type relay int

const (
	relayRoutes  relay = iota + 1 // its own address is worth telling on any port
	relayServes                   // an access point: stations behind it are at its port
	relayBridges                  // a port that leads to it is an uplink
)

// relaysIn are the hardware addresses of a scan's devices that pass frames on.
func relaysIn(devices []*Device) map[ether.MAC]relay {
	out := map[ether.MAC]relay{}
	for _, d := range devices {
		kind := relayOf(d)
		if kind == 0 {
			continue
		}
		macs := slices.Clone(d.MACs)
		if f := d.Facts; f != nil {
			macs = append(macs, f.Hints.BridgeAddress)
			for _, i := range f.Interfaces {
				macs = append(macs, i.MAC)
			}
		}
		for _, m := range macs {
			if m.Unicast() && virtualMAC(m) == "" {
				out[m] = max(out[m], kind)
			}
		}
	}
	return out
}

func relayOf(d *Device) relay {
	switch d.Identity.Type {
	case inventory.ClassAccessPoint, inventory.ClassRadio:
		return relayServes
	case inventory.ClassPhoneVoIP:
		return 0 // whoever is behind it is where it is
	default:
	}
	switch {
	case d.Facts != nil && len(d.Facts.Bridge.Table) > 0, d.Identity.Type == inventory.ClassSwitch:
		return relayBridges
	case d.Identity.Type == inventory.ClassRouter, d.Identity.Type == inventory.ClassFirewall:
		return relayRoutes
	}
	return 0
}

// maxBehindPort is how many stations of one port are told. Many behind one port are an
// unmanaged switch's or a hypervisor's; more are behind a switch that the scan does not know.
const maxBehindPort = 256

// stations are the entries of a forwarding table that are told. Of a port that leads to another
// bridge of the scan, these are the addresses of what passes frames on alone: where others
// are that bridge tells. It keeps what an estate reports near one entry a station.
func stations(f *snmp.Facts, named inventory.Neighbours, relays map[ether.MAC]relay) inventory.Neighbours {
	behind, up, vlans := map[int][]ether.MAC{}, map[int]bool{}, map[snmp.FDBEntry]int{}
	own := macSet(f)
	for _, e := range f.Bridge.Table {
		if own[e.MAC] || virtualMAC(e.MAC) != "" {
			continue
		}
		behind[e.Interface] = append(behind[e.Interface], e.MAC)
		vlans[snmp.FDBEntry{Interface: e.Interface, MAC: e.MAC}] = e.VLAN
		up[e.Interface] = up[e.Interface] || relays[e.MAC] == relayBridges
	}
	leads := map[string]bool{}
	for _, n := range named {
		leads[n.LocalPort] = leads[n.LocalPort] || leadsOn(n, relays)
	}
	out := inventory.Neighbours{}
	for _, i := range f.Interfaces {
		macs := behind[i.Index]
		if up[i.Index] || leads[i.Name] {
			macs = slices.DeleteFunc(macs, func(m ether.MAC) bool { return relays[m] == 0 })
		}
		slices.SortStableFunc(macs, func(a, b ether.MAC) int { return int(relays[b]) - int(relays[a]) })
		for _, m := range macs[:min(len(macs), maxBehindPort)] {
			out = append(out, inventory.Neighbour{
				Protocol: "bridge", LocalPort: i.Name, MAC: m.String(), VLAN: vlans[snmp.FDBEntry{Interface: i.Index, MAC: m}],
			})
		}
	}
	return out
}

// maxResolved is how many hosts of a router's ARP and neighbour tables are told.
const maxResolved = 8192

// resolved are the hosts that a router has the hardware address of, one address each: they are
// behind its interface, which is all that is known of hosts in networks without a switch that tells.
func resolved(f *snmp.Facts) inventory.Neighbours {
	if !f.System.Forwarding {
		return nil
	}
	names := map[int]string{}
	for _, i := range f.Interfaces {
		names[i.Index] = i.Name
	}
	out := inventory.Neighbours{}
	own, seen := macSet(f), map[snmp.FDBEntry]bool{}
	for _, e := range f.ARP { // IPv4 comes first
		k := snmp.FDBEntry{Interface: e.Interface, MAC: e.MAC}
		if seen[k] || own[e.MAC] || virtualMAC(e.MAC) != "" || e.Addr.IsLinkLocalUnicast() || names[e.Interface] == "" || len(out) == maxResolved {
			continue
		}
		seen[k] = true
		out = append(out, inventory.Neighbour{Protocol: "arp", LocalPort: names[e.Interface], MAC: e.MAC.String(), Address: e.Addr.String()})
	}
	return out
}

// leadsOn says that a neighbour which spoke passes frames on for others.
func leadsOn(n inventory.Neighbour, relays map[ether.MAC]relay) bool {
	for _, c := range []string{"phone", "access_point", "station"} {
		if slices.Contains(n.Capabilities, c) {
			return false
		}
	}
	m, ok := parseMAC(n.ChassisID)
	return ok && relays[m] == relayBridges || slices.Contains(n.Capabilities, "bridge")
}

// bridgeIdentifiers are the addresses by which bridges know a device, besides those of its
// interfaces: that of its spanning tree and that of its LLDP.
func bridgeIdentifiers(d *Device) []inventory.Identifier {
	var out []inventory.Identifier
	seen := map[ether.MAC]bool{{}: true, d.Seen: true}
	for _, i := range d.Facts.Interfaces {
		seen[i.MAC] = true
	}
	chassis, _ := parseMAC(d.Facts.LLDP.ChassisID)
	for _, m := range []ether.MAC{d.Facts.Hints.BridgeAddress, chassis} {
		if m.Unicast() && !seen[m] {
			seen[m] = true
			out = append(out, inventory.Identifier{Type: inventory.IDMAC, Value: m.String(), Quality: inventory.QualityReported})
		}
	}
	return out
}

func parseMAC(text string) (ether.MAC, bool) {
	hw, err := net.ParseMAC(inventory.CanonicalMAC(text))
	if err != nil {
		return ether.MAC{}, false
	}
	return ether.MAC(hw), true
}
