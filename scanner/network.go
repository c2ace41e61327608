package scanner

import (
	"cmp"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

// addRead adds the sections of a device that was read by SNMP beyond those that every device has.
// A switch says that it has no VLANs, a router that it is in no group: those may end. Of what else
// is not there nothing is said.
func addRead(d *Device, add func(inventory.Body, snmp.State)) {
	f := d.Facts
	section := func(body inventory.Body, name snmp.Section, always bool) {
		if st, read := f.Sections[name]; read && (body.Len() > 0 || always) {
			add(body, st)
		}
	}
	section(f.VLANs, snmp.SectionVLANs, f.Bridge.Ports > 0)
	section(f.Redundancy, snmp.SectionRedundancy, f.System.Forwarding)
	section(f.Wireless.Networks, snmp.SectionWireless, false)
	section(f.Supplies, snmp.SectionSupplies, false)
	section(f.Meters, snmp.SectionMeters, false)
	section(f.Host.Filesystems, snmp.SectionHost, false)
	section(f.Host.Disks, snmp.SectionHost, false)
	section(f.Host.Software, snmp.SectionSoftware, false)
	if hw := f.Host.Hardware; hw != (inventory.Hardware{}) {
		add(&hw, f.Sections[snmp.SectionHost])
	}
}

// describePort adds what an interface has beside IF-MIB.
func describePort(body *inventory.Interface, i *snmp.Interface) {
	body.Disabled, body.VLAN, body.Tagged, body.Aggregate = i.Disabled, i.VLAN, i.Tagged, i.Aggregate
	body.Duplex, body.PoE, body.PoEClass = i.Duplex, i.PoE, i.PoEClass
}

// NamedNeighbours are the neighbours that a device names itself: by LLDP and CDP, and the clients of its
// radios.
func NamedNeighbours(f *snmp.Facts) inventory.Neighbours {
	out := inventory.Neighbours{}
	for _, n := range f.LLDP.Neighbours {
		body := inventory.Neighbour{
			Protocol: "lldp", LocalPort: n.LocalPort, ChassisID: n.ChassisID, RemotePort: n.RemotePort, RemoteName: n.RemoteName,
			VLAN: n.VLAN, Platform: n.Platform, Capabilities: n.Capabilities, Serial: n.Serial, Version: n.Version,
		}
		if n.Address.IsValid() {
			body.Address = n.Address.String()
		}
		out = append(out, body)
	}
	for _, n := range f.CDP {
		body := inventory.Neighbour{
			Protocol: "cdp", LocalPort: n.LocalPort, ChassisID: n.DeviceID, RemotePort: n.RemotePort, RemoteName: n.DeviceID,
			VLAN: n.VLAN, Platform: n.Platform, Capabilities: n.Capabilities,
		}
		if n.Address.IsValid() {
			body.Address = n.Address.String()
		}
		out = append(out, body)
	}
	for _, c := range f.Wireless.Clients {
		body := inventory.Neighbour{Protocol: "wireless", LocalPort: c.At, MAC: c.MAC.String(), RemoteName: c.Name, VLAN: c.VLAN}
		if c.Address.IsValid() {
			body.Address = c.Address.String()
		}
		out = append(out, body)
	}
	return out
}

// viaController begins the source of what only a controller's table tells.
const viaController = "table of "

// managed adds the access points that controllers among devices manage: to the device that has the
// address, else as devices of their own. What may not be scanned is not reported either.
func (r *run) managed(devices []*Device) []*Device {
	if !slices.ContainsFunc(devices, func(d *Device) bool { return d.Facts != nil && len(d.Facts.Wireless.AccessPoints) > 0 }) {
		return devices
	}
	byMAC, byAddr := map[string]*Device{}, map[string]*Device{}
	for _, d := range devices {
		for _, m := range d.MACs {
			byMAC[m.String()] = d
		}
		for _, a := range d.Addresses {
			byAddr[a.String()] = d
		}
	}
	for _, controller := range slices.Clone(devices) {
		if controller.Facts == nil {
			continue
		}
		source := viaController + displayName(controller.Facts)
		for i := range controller.Facts.Wireless.AccessPoints {
			a := &controller.Facts.Wireless.AccessPoints[i]
			if a.Address.IsValid() && r.plan.deny.Contains(a.Address) {
				continue
			}
			d := byMAC[a.MAC.String()]
			if other := byAddr[a.Address.String()]; d == nil && other != nil && (!a.MAC.Unicast() || !other.Seen.Unicast()) {
				d = other
			}
			if d == nil {
				d = &Device{Seen: a.MAC, SeenAt: r.cfg.Now(), MACVendor: r.makers.of(a.MAC), Reason: "known by its controller"}
				devices = append(devices, d)
			}
			d.learnFrom(a, source)
			if a.MAC.Unicast() {
				byMAC[a.MAC.String()] = d
			}
			if a.Address.IsValid() {
				byAddr[a.Address.String()] = d
			}
		}
	}
	slices.SortFunc(devices, func(a, b *Device) int { return a.Address().Compare(b.Address()) })
	return devices
}

// learnFrom takes what a controller knows of an access point. What the device says itself stands.
func (d *Device) learnFrom(a *snmp.AccessPoint, source string) {
	if !slices.Contains(d.Sources, source) {
		d.Sources = append(d.Sources, source)
		slices.Sort(d.Sources)
	}
	if a.MAC.Unicast() && !slices.Contains(d.MACs, a.MAC) {
		d.MACs = append(d.MACs, a.MAC)
	}
	if a.Address.IsValid() && !slices.Contains(d.Addresses, a.Address) {
		d.Addresses = append(d.Addresses, a.Address)
	}
	if a.Name != "" && !slices.ContainsFunc(d.Names, func(n string) bool { return strings.EqualFold(n, a.Name) }) {
		d.Names = append(d.Names, a.Name)
	}
	d.ReportedName = cmp.Or(d.ReportedName, a.Name)
	id := &d.Identity
	if d.Facts == nil { // what was guessed from the outside is less than what a controller knows
		id.Type = inventory.ClassAccessPoint
	}
	id.Type = cmp.Or(id.Type, inventory.ClassAccessPoint)
	id.Vendor, id.Model, id.Serial = cmp.Or(id.Vendor, a.Vendor), cmp.Or(id.Model, a.Model), cmp.Or(id.Serial, a.Serial)
	id.OS.Version = cmp.Or(id.OS.Version, a.Version)
}
