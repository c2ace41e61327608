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

// member is a record of an asset with what it has for the asset's line.
type member struct {
	*Record
	share *share
}

// membersWith are records whose sections were read.
func membersWith(records []Record, bodies map[int64]map[inventory.SectionName]inventory.Body) []member {
	out := make([]member, len(records))
	for i := range records {
		r := &records[i]
		out[i] = member{r, shareOf(r.Key.Kind, r.Site, bodies[r.ID])}
	}
	return out
}

// assembler puts the lines of assets together, one after the other.
type assembler struct {
	attributes reconcile.Assembler
	facts      []reconcile.RecordFacts
	ips        []netip.Addr
	line       inventory.Asset
}

// assemble puts the records of one asset together into its line, which is good until the next one.
func (s *assembler) assemble(now time.Time, members []member) *inventory.Asset {
	s.facts = s.facts[:0]
	for _, m := range members {
		s.facts = append(s.facts, reconcile.RecordFacts{ID: m.ID, Source: m.Key.Kind, LastSeen: m.LastSeen, Said: m.share.said})
	}
	s.line = inventory.Asset{Addresses: s.line.Addresses[:0], MACs: s.line.MACs[:0], Attributes: s.attributes.Assemble(now, s.facts)}
	for i := range s.line.Attributes {
		set(&s.line, s.line.Attributes[i].Name, s.line.Attributes[i].Value)
	}
	s.addresses(members)
	return &s.line
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

// current is how far behind an asset's newest record an older one may be for its
// addresses to count as present.
const current = 7 * 24 * time.Hour

// addresses collects the addresses and MACs of all records that are current: a sweep
// may add an address that the agent does not see, but never takes one away.
func (s *assembler) addresses(members []member) {
	var newest time.Time
	for _, m := range members {
		newest = latest(newest, m.LastSeen)
	}
	a, ips := &s.line, s.ips[:0]
	for _, m := range members {
		if newest.Sub(m.LastSeen) <= current {
			ips, a.MACs = append(ips, m.share.ips...), append(a.MACs, m.share.macs...)
		}
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	s.ips = slices.Compact(ips)
	for _, ip := range s.ips {
		a.Addresses = append(a.Addresses, ip.String())
	}
	slices.Sort(a.MACs)
	a.MACs = slices.Compact(a.MACs)
}

// inner are interfaces whose addresses mean nothing outside the machine.
func inner(t inventory.InterfaceType) bool {
	return t == inventory.IfLoopback || t == inventory.IfBridge || t == inventory.IfVirtual
}
