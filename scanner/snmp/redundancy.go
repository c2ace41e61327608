package snmp

import (
	"cmp"
	"context"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// readRedundancy reads the groups in which routers share addresses. Several rows can be about one
// group: VRRP has its addresses in a table of their own.
func (f *Facts) readRedundancy(ctx context.Context, r *reader, tables *Tables) error {
	type key struct {
		protocol, iface string
		group           int
	}
	groups := map[key]*inventory.Redundancy{}
	err := f.described(ctx, r, tables, func(t *Table, d *described) {
		k := key{protocol: t.Protocol, group: d.number("group"), iface: d.text("name")}
		if i := f.Interface(d.number("interface")); i != nil {
			k.iface = i.Name
		}
		g := groups[k]
		if g == nil {
			g = &inventory.Redundancy{Protocol: k.protocol, Group: k.group, Interface: k.iface}
			groups[k] = g
		}
		g.State, g.MAC = cmp.Or(g.State, d.text("state")), cmp.Or(g.MAC, d.mac("mac"))
		g.Priority = cmp.Or(g.Priority, d.number("priority"))
		if a, ok := d.value("address").address(); ok && !slices.Contains(g.Addresses, a.String()) {
			g.Addresses = append(g.Addresses, a.String())
		}
	}, "redundancy")
	for _, g := range groups {
		slices.Sort(g.Addresses)
		f.Redundancy = append(f.Redundancy, *g)
	}
	slices.SortFunc(f.Redundancy, func(a, b inventory.Redundancy) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.Group, b.Group))
	})
	return err
}
