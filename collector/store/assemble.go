package store

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// share is what a record has for the line of its asset. It follows from the record's site
// and sections, and is kept while these are as they were.
type share struct {
	site string
	said reconcile.Said
	ips  []netip.Addr
	macs []string
}

func shareOf(kind inventory.SourceKind, site string, bodies map[inventory.SectionName]inventory.Body) *share {
	s := &share{site: site, said: reconcile.Say(inventory.Source{Kind: kind, Site: site}, bodies)}
	list, _ := bodies[inventory.SectionInterfaces].(inventory.Interfaces)
	for _, i := range list {
		if inner(i.Type) {
			continue
		}
		if mac := inventory.CanonicalMAC(i.MAC); mac != "" {
			s.macs = append(s.macs, mac)
		}
		for _, p := range i.Addresses {
			if ip := p.Addr().Unmap(); !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && !ip.IsMulticast() && !ip.IsUnspecified() {
				s.ips = append(s.ips, ip.WithZone(""))
			}
		}
	}
	return s
}

// sharesOf are those of records whose sections were read.
func sharesOf(members []Record, bodies map[int64]map[inventory.SectionName]inventory.Body) map[int64]*share {
	out := make(map[int64]*share, len(members))
	for i := range members {
		r := &members[i]
		out[r.ID] = shareOf(r.Key.Kind, r.Site, bodies[r.ID])
	}
	return out
}

// assemble puts the records of one asset together into its line.
func assemble(now time.Time, members []Record, shares map[int64]*share) inventory.Asset {
	in := make([]reconcile.RecordFacts, len(members))
	for i := range members {
		r := &members[i]
		in[i] = reconcile.RecordFacts{ID: r.ID, Source: r.Key.Kind, LastSeen: r.LastSeen, Said: shares[r.ID].said}
	}
	var a inventory.Asset
	for _, attr := range reconcile.Assemble(now, in) {
		set(&a, attr.Name, attr.Value)
		a.Attributes = append(a.Attributes, attribute(attr))
	}
	addresses(&a, members, shares)
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
func addresses(a *inventory.Asset, members []Record, shares map[int64]*share) {
	var newest time.Time
	for i := range members {
		newest = latest(newest, members[i].LastSeen)
	}
	var ips []netip.Addr
	for i := range members {
		if r := &members[i]; newest.Sub(r.LastSeen) <= current {
			ips, a.MACs = append(ips, shares[r.ID].ips...), append(a.MACs, shares[r.ID].macs...)
		}
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	for _, ip := range slices.Compact(ips) {
		a.Addresses = append(a.Addresses, ip.String())
	}
	slices.Sort(a.MACs)
	a.MACs = slices.Compact(a.MACs)
}

// inner are interfaces whose addresses mean nothing outside the machine.
func inner(t inventory.InterfaceType) bool {
	return t == inventory.IfLoopback || t == inventory.IfBridge || t == inventory.IfVirtual
}
