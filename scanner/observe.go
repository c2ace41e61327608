package scanner

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Observations are what a scan tells the collector, one for each device. Counters are left
// to whoever sends them. A scan that was cut short says nothing of devices that it knows by
// their address alone: the rest of it would have told what they are.
func Observations(res *Result) []inventory.Observation {
	keys := map[string]int{}
	for _, d := range res.Devices {
		keys[nativeKey(d)]++
	}
	relays := relaysIn(res.Devices)
	out := make([]inventory.Observation, 0, len(res.Devices))
	for _, d := range res.Devices {
		o := observation(d, res.Finished, relays)
		if keys[o.NativeKey] > 1 { // one hardware address on several links: each is a record of its own
			o.NativeKey += "@" + d.Address().String()
		}
		if res.Complete || !strings.HasPrefix(o.NativeKey, byAddress) {
			out = append(out, o)
		}
	}
	return out
}

// byAddress begins the key of a device that has nothing better.
const byAddress = "address:"

func observation(d *Device, finished time.Time, relays map[ether.MAC]relay) inventory.Observation {
	o := inventory.Observation{NativeKey: nativeKey(d), SeenAt: d.SeenAt.UTC(), Complete: d.Facts != nil}
	if o.SeenAt.IsZero() {
		o.SeenAt = finished
	}
	add := func(body inventory.Body, st snmp.State) {
		s := inventory.Section{Name: body.Section(), Status: inventory.StatusOK, Body: body, Took: st.Took}
		if !st.Complete {
			s.Status, s.Reason = inventory.StatusPartial, st.Reason
			o.Complete = false
		}
		o.Sections = append(o.Sections, s)
	}
	whole := snmp.State{Complete: true}
	if d.Facts == nil {
		// The device may have more to it: names and serial numbers learnt by an earlier scan
		// stay, as do interfaces that are not on this link.
		outside := snmp.State{Reason: inventory.SeenFromOutside}
		if why := d.unread(); why != "" {
			outside.Reason += ": " + why
		}
		add(deviceBody(d), outside)
		if d.Identity.OS != (inventory.OS{}) {
			os := d.Identity.OS
			add(&os, outside)
		}
		add(outsideInterfaces(d), outside)
		addPorts(d, add)
		addHeard(d, add)
		return o
	}
	f := d.Facts
	add(deviceBody(d), f.Sections[snmp.SectionSystem])
	if device := &o.Sections[0]; device.Reason == "" {
		device.Reason = d.unknown()
	}
	if d.Identity.OS != (inventory.OS{}) {
		os := d.Identity.OS
		add(&os, whole)
	}
	if st := together(f, snmp.SectionInterfaces, snmp.SectionVLANs, snmp.SectionPorts); len(f.Interfaces) > 0 {
		add(interfaceBodies(d), st)
	} else {
		add(outsideInterfaces(d), snmp.State{Reason: "the device has no interface table", Took: st.Took})
	}
	addPorts(d, add)
	if len(f.Components) > 0 {
		add(componentBodies(f), f.Sections[snmp.SectionComponents])
	}
	if n := neighbourBodies(f, relays); f.LLDP.ChassisID != "" || len(n) > 0 || f.Bridge.Ports > 0 {
		parts := []snmp.Section{snmp.SectionLLDP, snmp.SectionCDP, snmp.SectionBridge, snmp.SectionWireless}
		if f.System.Forwarding {
			parts = append(parts, snmp.SectionARP)
		}
		add(n, together(f, parts...))
	}
	addRead(d, add)
	return o
}

// unread says why a device is seen from outside only, and what else kept quiet.
func (d *Device) unread() string {
	why := []string{d.Reason}
	layer2 := func(source string) bool {
		return source == viaARP || source == viaNDP || strings.HasPrefix(source, arpTableOf)
	}
	switch {
	case d.Self || d.Virtual != "" || d.Reason == inventory.UnknownListened:
	case len(d.Sources) > 0 && !slices.ContainsFunc(d.Sources, func(s string) bool { return !layer2(s) }) && len(d.Ports) == 0:
		why = append(why, inventory.UnknownOnlyARP)
	case d.PortState != nil && len(d.Ports) == 0:
		why = append(why, inventory.UnknownNoService)
	}
	return strings.Join(slices.DeleteFunc(why, func(s string) bool { return s == "" }), "; ")
}

// unknown says why a device that was read is not known.
func (d *Device) unknown() string {
	switch id := d.Identity; {
	case id.Type != "" && id.Vendor != "" && id.Model != "":
		return ""
	case id.Type != "":
		return inventory.UnknownNotTold
	case d.Facts.System.ObjectID == "":
		return inventory.UnknownNoObjectID
	}
	return inventory.UnknownObjectID + " " + d.Facts.System.ObjectID
}

// together is how reading went of what several sections make up; those that were not read at all
// have no part in it.
func together(f *snmp.Facts, names ...snmp.Section) snmp.State {
	out := snmp.State{Complete: true}
	for _, name := range names {
		if st, read := f.Sections[name]; read {
			out.Complete, out.Took = out.Complete && st.Complete, out.Took+st.Took
			out.Reason = cmp.Or(out.Reason, st.Reason)
		}
	}
	return out
}

// nativeKey is what this scanner calls a device from scan to scan: by the strongest thing
// that it can see again without asking the device.
func nativeKey(d *Device) string {
	address := d.Address().String()
	if d.Virtual != "" {
		return "virtual:" + address
	}
	if d.Seen.Unicast() {
		return "mac:" + d.Seen.String()
	}
	if d.Facts != nil {
		for _, m := range d.MACs {
			if !m.Local() {
				return "mac:" + m.String()
			}
		}
		if d.Facts.EngineID != "" {
			return "engine:" + d.Facts.EngineID
		}
	}
	return byAddress + address
}

func deviceBody(d *Device) *inventory.Device {
	id := d.Identity
	out := &inventory.Device{Class: id.Type, Vendor: id.Vendor, Model: id.Model, Serial: id.Serial}
	if d.Virtual != "" {
		out.Class, out.Role, out.Description = inventory.ClassVirtualIP, inventory.RoleVirtualAddress, d.Virtual
	}
	if d.Seen.Unicast() {
		out.Identifiers = append(out.Identifiers, inventory.Identifier{
			Type: inventory.IDMAC, Value: d.Seen.String(), Quality: inventory.QualitySeen,
		})
	}
	if f := d.Facts; f != nil {
		out.Identifiers = append(out.Identifiers, bridgeIdentifiers(d)...)
		out.Name, out.Domain = splitName(f.System.Name)
		out.Description, out.Location, out.Contact = f.System.Description, f.System.Location, f.System.Contact
		if f.EngineID != "" {
			out.Identifiers = append(out.Identifiers, inventory.Identifier{
				Type: inventory.IDSNMPEngine, Value: f.EngineID, Quality: inventory.QualityReported,
			})
		}
	} else if d.Virtual == "" {
		out.Name, out.Domain = splitName(cmp.Or(d.HostName, d.ReportedName))
	}
	out.Identifiers = append(out.Identifiers, d.hostKey()...)
	if id.Serial != "" {
		out.Identifiers = append(out.Identifiers, inventory.Identifier{
			Type: inventory.IDSerial, Value: id.Serial, Scope: id.Vendor, Part: inventory.PartSystem, Quality: inventory.QualityReported,
		})
	}
	return out
}

// maxOutside is how many addresses of one card are reported; more belong to somebody who
// answers for others.
const maxOutside = 64

// outsideInterfaces is what can be seen of a device's card: its hardware address and the
// addresses it answers for.
func outsideInterfaces(d *Device) inventory.Interfaces {
	i := inventory.Interface{Up: true}
	if d.Seen.Unicast() {
		i.MAC = d.Seen.String()
	}
	for _, a := range d.Addresses {
		if len(i.Addresses) < maxOutside {
			i.Addresses = append(i.Addresses, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return inventory.Interfaces{i}
}

// interfaceTypes are IANAifType values in muster's words.
var interfaceTypes = map[int]inventory.InterfaceType{
	6: inventory.IfEthernet, 62: inventory.IfEthernet, 69: inventory.IfEthernet, 117: inventory.IfEthernet,
	24: inventory.IfLoopback, 53: inventory.IfVirtual, 71: inventory.IfWiFi, 131: inventory.IfVPN,
	135: inventory.IfVLAN, 136: inventory.IfVLAN, 161: inventory.IfBond, 209: inventory.IfBridge,
}

func interfaceBodies(d *Device) inventory.Interfaces {
	out := make(inventory.Interfaces, 0, len(d.Facts.Interfaces)+1)
	for _, i := range d.Facts.Interfaces {
		body := inventory.Interface{
			Name: i.Name, Type: interfaceTypes[i.Type], Index: i.Index, MTU: i.MTU, SpeedMbps: i.Mbps,
			Up: i.Up, Description: i.Alias, Addresses: i.Addresses,
		}
		if body.Description == "" && i.Description != i.Name {
			body.Description = i.Description
		}
		if i.MAC.Unicast() {
			body.MAC = i.MAC.String()
		}
		describePort(&body, &i)
		out = append(out, body)
	}
	return withSeen(out, d)
}

// withSeen adds the addresses that the device answers from and does not list itself: some
// agents have no address table, and others are behind a translation.
func withSeen(list inventory.Interfaces, d *Device) inventory.Interfaces {
	listed := map[netip.Addr]bool{}
	at := -1
	for n, i := range list {
		for _, p := range i.Addresses {
			listed[p.Addr()] = true
		}
		if at < 0 && d.Seen.Unicast() && i.MAC == d.Seen.String() {
			at = n
		}
	}
	var missing []netip.Prefix
	for _, a := range d.Addresses {
		if !listed[a] && len(missing) < maxOutside {
			missing = append(missing, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	switch {
	case len(missing) == 0:
	case at >= 0:
		list[at].Addresses = append(slices.Clip(list[at].Addresses), missing...)
	default:
		i := inventory.Interface{Up: true, Addresses: missing}
		if d.Seen.Unicast() {
			i.MAC = d.Seen.String()
		}
		list = append(list, i)
	}
	return list
}

// componentClasses are PhysicalClass values (RFC 6933).
var componentClasses = map[int]string{
	1: "other", 2: "unknown", 3: "chassis", 4: "backplane", 5: "container", 6: "power supply", 7: "fan",
	8: "sensor", 9: "module", 10: "port", 11: "stack", 12: "cpu", 13: "energy object", 14: "battery", 15: "storage drive",
}

func componentBodies(f *snmp.Facts) inventory.Components {
	out := make(inventory.Components, 0, len(f.Components))
	for _, c := range f.Components {
		name := c.Name
		if name == "" {
			name = c.Description
		}
		out = append(out, inventory.Component{
			Index: c.Index, Parent: c.Parent, Class: componentClasses[c.Class], Name: name, Model: c.Model,
			Serial: c.Serial, Vendor: c.Maker, Firmware: c.Firmware, Software: c.Software, Hardware: c.Hardware,
		})
	}
	return out
}

func neighbourBodies(f *snmp.Facts, relays map[ether.MAC]relay) inventory.Neighbours {
	out := NamedNeighbours(f)
	out = append(out, stations(f, out, relays)...)
	out = append(out, resolved(f)...)
	slices.SortFunc(out, func(a, b inventory.Neighbour) int {
		return strings.Compare(a.Protocol+a.LocalPort+a.ChassisID+a.MAC, b.Protocol+b.LocalPort+b.ChassisID+b.MAC)
	})
	return out
}
