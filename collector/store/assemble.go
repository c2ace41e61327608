package store

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// assemble puts the records of one asset together into its line.
func assemble(now time.Time, members []Record, bodies map[int64]map[inventory.SectionName]inventory.Body) inventory.Asset {
	in := make([]reconcile.RecordFacts, len(members))
	for i, r := range members {
		in[i] = reconcile.RecordFacts{ID: r.ID, Source: inventory.Source{Kind: r.Key.Kind, Site: r.Site}, LastSeen: r.LastSeen, Bodies: bodies[r.ID]}
	}
	var a inventory.Asset
	for _, attr := range reconcile.Assemble(now, in) {
		set(&a, attr.Name, attr.Value)
		a.Attributes = append(a.Attributes, attribute(attr))
	}
	addresses(&a, members, bodies)
	return a
}

// set fills the field of a line that an attribute is for; others show on the asset's page only.
func set(a *inventory.Asset, name, value string) {
	number := func() int64 { n, _ := strconv.ParseInt(value, 10, 64); return n }
	switch name {
	case "name":
		a.Name = value
	case "domain":
		a.Domain = value
	case "class":
		a.Class = inventory.Class(value)
	case "vendor":
		a.Vendor = value
	case "model":
		a.Model = value
	case "serial":
		a.Serial = value
	case "os":
		a.OS = value
	case "os_version":
		a.OSVersion = value
	case "cpu":
		a.CPU = value
	case "memory_bytes":
		a.MemoryBytes = number()
	case "disk_bytes":
		a.DiskBytes = number()
	case "user":
		a.User = value
	case "site":
		a.Site = value
	case "machine_id":
		a.MachineID = value
	}
}

func attribute(in reconcile.Attribute) inventory.Attribute {
	out := inventory.Attribute{Name: in.Name, Value: in.Value, Record: in.Record, Source: string(in.Source), At: in.Seen}
	for _, o := range in.Others {
		out.Losers = append(out.Losers, attribute(o))
	}
	return out
}

// current is how far behind an asset's newest record an older one may be for its
// addresses to count as present.
const current = 7 * 24 * time.Hour

// addresses collects the addresses and MACs of all records that are current: a sweep
// may add an address that the agent does not see, but never takes one away.
func addresses(a *inventory.Asset, members []Record, bodies map[int64]map[inventory.SectionName]inventory.Body) {
	var newest time.Time
	for _, r := range members {
		newest = latest(newest, r.LastSeen)
	}
	ips, macs := map[netip.Addr]bool{}, map[string]bool{}
	for _, r := range members {
		list, ok := bodies[r.ID][inventory.SectionInterfaces].(inventory.Interfaces)
		if !ok || newest.Sub(r.LastSeen) > current {
			continue
		}
		for _, i := range list {
			if inner(i.Type) {
				continue
			}
			if mac := inventory.CanonicalMAC(i.MAC); mac != "" {
				macs[mac] = true
			}
			for _, p := range i.Addresses {
				if ip := p.Addr().Unmap(); !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && !ip.IsMulticast() && !ip.IsUnspecified() {
					ips[ip.WithZone("")] = true
				}
			}
		}
	}
	sorted := make([]netip.Addr, 0, len(ips))
	for ip := range ips {
		sorted = append(sorted, ip)
	}
	slices.SortFunc(sorted, netip.Addr.Compare)
	for _, ip := range sorted {
		a.Addresses = append(a.Addresses, ip.String())
	}
	for mac := range macs {
		a.MACs = append(a.MACs, mac)
	}
	slices.Sort(a.MACs)
}

// inner are interfaces whose addresses mean nothing outside the machine.
func inner(t inventory.InterfaceType) bool {
	return t == inventory.IfLoopback || t == inventory.IfBridge || t == inventory.IfVirtual
}
