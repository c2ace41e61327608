package snmp

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/ether"
)

// Wireless is what a controller or access point tells of its networks.
type Wireless struct {
	AccessPoints []AccessPoint
	Networks     inventory.WirelessNetworks
	Clients      []WirelessClient
}

// AccessPoint is one that the device manages.
type AccessPoint struct {
	MAC                                  ether.MAC
	Name, Vendor, Model, Serial, Version string
	Address                              netip.Addr

	keys []string // by which other tables name it
}

// WirelessClient is a station at an access point or interface of the device.
type WirelessClient struct {
	At      string // the name of the access point or interface, else what is known of it
	MAC     ether.MAC
	Name    string
	Address netip.Addr
	VLAN    int
}

func (f *Facts) readWireless(ctx context.Context, r *reader, tables *Tables) error {
	w := &f.Wireless
	networks := map[string]inventory.WirelessNetwork{}
	type unplaced struct {
		WirelessClient
		ap string
	}
	var clients []unplaced
	err := f.described(ctx, r, tables, func(t *Table, d *described) {
		switch t.Gives {
		case "access point":
			if a, ok := d.accessPoint(); ok {
				w.add(a)
			}
		case "network":
			n := inventory.WirelessNetwork{SSID: d.text("ssid"), VLAN: d.vlan(), Security: d.text("security"), Disabled: d.text("disabled") == "yes"}
			if old, ok := networks[n.SSID]; ok { // another radio's or access point's word on it
				n.VLAN, n.Security, n.Disabled = cmp.Or(old.VLAN, n.VLAN), cmp.Or(old.Security, n.Security), old.Disabled && n.Disabled
			}
			if n.SSID != "" && n.SSID != "N/A" {
				networks[n.SSID] = n
			}
		case "client":
			c := WirelessClient{Name: d.text("name"), VLAN: d.vlan()}
			c.MAC, _ = d.value("mac").mac()
			c.Address, _ = d.value("address").address()
			if i := f.Interface(d.number("interface")); i != nil {
				c.At = i.Name
			}
			if c.MAC.Unicast() {
				clients = append(clients, unplaced{c, d.value("ap").key()})
			}
		}
	}, "access point", "network", "client")
	byKey := map[string]string{}
	for _, a := range w.AccessPoints {
		for _, key := range append(a.keys, a.Address.String(), a.Name, a.MAC.String()) {
			byKey[key] = cmp.Or(a.Name, a.MAC.String())
		}
	}
	for _, c := range clients {
		if c.ap != "" {
			c.At = cmp.Or(byKey[c.ap], c.ap)
		}
		w.Clients = append(w.Clients, c.WirelessClient)
	}
	for _, n := range networks {
		w.Networks = append(w.Networks, n)
	}
	slices.SortFunc(w.Networks, func(a, b inventory.WirelessNetwork) int { return cmp.Compare(a.SSID, b.SSID) })
	slices.SortFunc(w.Clients, func(a, b WirelessClient) int {
		return cmp.Or(cmp.Compare(a.At, b.At), slices.Compare(a.MAC[:], b.MAC[:]))
	})
	return err
}

// add keeps an access point, or what another table knows of it: of its radios, of the addresses by
// which these are known.
func (w *Wireless) add(a AccessPoint) {
	i := slices.IndexFunc(w.AccessPoints, func(x AccessPoint) bool { return x.MAC == a.MAC && (a.MAC.Unicast() || x.Address == a.Address) })
	if i < 0 {
		w.AccessPoints = append(w.AccessPoints, a)
		return
	}
	x := &w.AccessPoints[i]
	x.Name, x.Vendor, x.Model = cmp.Or(x.Name, a.Name), cmp.Or(x.Vendor, a.Vendor), cmp.Or(x.Model, a.Model)
	x.Serial, x.Version = cmp.Or(x.Serial, a.Serial), cmp.Or(x.Version, a.Version)
	if !x.Address.IsValid() {
		x.Address = a.Address
	}
	x.keys = append(x.keys, a.keys...)
}

// accessPoint is a row as an access point. One without a hardware address or network address could
// not be told from the next.
func (d *described) accessPoint() (AccessPoint, bool) {
	a := AccessPoint{
		Name: d.text("name"), Vendor: d.text("vendor"), Model: d.text("model"), Serial: d.text("serial"), Version: d.text("version"),
		keys: []string{d.value("key").key()},
	}
	a.MAC, _ = d.value("mac").mac()
	if !a.MAC.Unicast() {
		a.MAC = ether.MAC{}
	}
	a.Address, _ = d.value("address").address()
	if d.table.Fields["vendor"] == "" {
		a.Vendor = d.table.Vendor
	}
	return a, a.MAC.Unicast() || a.Address.IsValid()
}

// key is a value by which rows of two tables find each other.
func (v value) key() string {
	if m, ok := v.mac(); ok {
		return m.String()
	}
	if a, ok := v.address(); ok {
		return a.String()
	}
	return v.shown()
}
