package scanner

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/snmp"
)

// learn takes addresses from the ARP tables of devices that were read: hardware addresses
// for routed ones that answered, and stations that no sweep could reach. Addresses on a
// link that was swept are left out: whoever did not answer there is not there now.
func (r *run) learn(stations []*station) []*station {
	at := map[netip.Addr]*station{}
	for _, st := range stations {
		for _, e := range st.entries {
			at[e.addr] = st
		}
	}
	var out []*station
	for _, router := range r.before.and(stations) {
		byMAC := map[ether.MAC]*station{}
		own := macSet(router)
		source := arpTableOf + displayName(router)
		for _, a := range router.ARP {
			if own[a.MAC] || !r.allowed(a.Addr) || a.Addr.IsLinkLocalUnicast() || r.onSweptLink(a.Addr) {
				continue
			}
			if st := at[a.Addr]; st != nil {
				if st.mac == (ether.MAC{}) && len(st.entries) == 1 {
					st.mac = a.MAC
					st.entries[0].macs = append(st.entries[0].macs, a.MAC)
				}
				continue
			}
			r.book.see(sighting{addr: a.Addr, mac: a.MAC, source: source})
			st := byMAC[a.MAC]
			if st == nil || virtualMAC(a.MAC) != "" {
				st = &station{mac: a.MAC}
				byMAC[a.MAC] = st
				out = append(out, st)
			}
			st.entries = append(st.entries, r.book.entry(a.Addr))
			at[a.Addr] = st
		}
	}
	return out
}

func (r *run) onSweptLink(a netip.Addr) bool {
	for i := range r.plan.Links {
		if r.plan.Links[i].Link.on(a) {
			return true
		}
	}
	return false
}

// displayName is what a device is called where a person reads it.
func displayName(f *snmp.Facts) string {
	name, _ := splitName(f.System.Name)
	if name == "" {
		return f.Address.String()
	}
	return name
}

// splitName parts a host name from its domain. A name with blanks is not a host name and
// stays whole.
func splitName(full string) (name, domain string) {
	full = strings.TrimSuffix(full, ".")
	if strings.ContainsAny(full, " /:") {
		return full, ""
	}
	if _, err := netip.ParseAddr(full); err == nil {
		return full, ""
	}
	name, domain, _ = strings.Cut(full, ".")
	return name, domain
}

// macSet is the device's own hardware addresses, shared ones left out.
func macSet(f *snmp.Facts) map[ether.MAC]bool {
	out := map[ether.MAC]bool{}
	for _, i := range f.Interfaces {
		if i.MAC.Unicast() && virtualMAC(i.MAC) == "" {
			out[i.MAC] = true
		}
	}
	return out
}

// sameDevice is a key that is equal only for two readings of one device: engine ids alone
// are copied with disk images, and MAC addresses alone are found on several virtual ones.
func sameDevice(f *snmp.Facts) string {
	macs := sortedMACs(macSet(f))
	universal := slices.ContainsFunc(macs, func(m ether.MAC) bool { return !m.Local() })
	if len(macs) == 0 || f.EngineID == "" && !universal {
		return ""
	}
	return fmt.Sprint(f.EngineID, "|", f.System.Name, "|", macs)
}

func sortedMACs(set map[ether.MAC]bool) []ether.MAC {
	out := make([]ether.MAC, 0, len(set))
	for m := range set {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b ether.MAC) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// merge joins stations that are one device and describes each.
func (r *run) merge(stations []*station) []*Device {
	stations = r.dropImpostors(stations)
	groups, relays := join(stations), relaysAmong(stations)
	out := make([]*Device, 0, len(groups))
	var conflicts []conflict
	for _, g := range groups {
		d := r.describe(g)
		for _, c := range d.conflicts(g, relays) {
			d.Flags = append(d.Flags, c.String())
			conflicts = append(conflicts, c)
		}
		out = append(out, d)
	}
	r.noteConflicts(conflicts)
	slices.SortFunc(out, func(a, b *Device) int { return a.Address().Compare(b.Address()) })
	return out
}

// join is the partition of stations into devices, in order of their first station.
func join(stations []*station) [][]*station {
	parent := make([]int, len(stations))
	for i := range parent {
		parent[i] = i
	}
	var find func(int) int
	find = func(i int) int {
		if parent[i] != i {
			parent[i] = find(parent[i])
		}
		return parent[i]
	}
	union := func(a, b int) { parent[max(find(a), find(b))] = min(find(a), find(b)) }

	self, byFacts := -1, map[string]int{}
	for i, st := range stations {
		if st.self {
			if self >= 0 {
				union(self, i)
			}
			self = i
		}
		if st.facts == nil {
			continue
		}
		if key := sameDevice(st.facts); key != "" {
			if first, ok := byFacts[key]; ok {
				union(first, i)
			} else {
				byFacts[key] = i
			}
		}
	}
	claims := claimed(stations, find)
	for i, st := range stations {
		if st.facts != nil || st.self || virtualMAC(st.mac) != "" {
			continue
		}
		if owner, ok := claims.owner(st); ok {
			union(owner, i)
		}
	}
	byRoot := map[int]int{}
	var out [][]*station
	for i, st := range stations {
		root := find(i)
		n, ok := byRoot[root]
		if !ok {
			n = len(out)
			byRoot[root] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], st)
	}
	return out
}

// claims are the hardware and network addresses that devices say are theirs; -1 when
// several do.
type claims struct {
	macs  map[ether.MAC]int
	addrs map[netip.Addr]int
}

func claimed(stations []*station, find func(int) int) claims {
	c := claims{map[ether.MAC]int{}, map[netip.Addr]int{}}
	for i, st := range stations {
		if st.facts == nil {
			continue
		}
		root := find(i)
		for m := range macSet(st.facts) {
			claim(c.macs, m, root)
		}
		for _, a := range st.facts.Addresses() {
			claim(c.addrs, a, root)
		}
	}
	return c
}

func claim[K comparable](m map[K]int, key K, root int) {
	if old, ok := m[key]; ok && old != root {
		root = -1
	}
	m[key] = root
}

// owner is the one device that a station without facts of its own belongs to: by its
// hardware address, or by its address when it has no other.
func (c claims) owner(st *station) (int, bool) {
	if st.mac.Unicast() {
		n, ok := c.macs[st.mac]
		return n, ok && n >= 0 && !st.mac.Local()
	}
	n, ok := c.addrs[st.entries[0].addr]
	return n, ok && n >= 0
}

// impostorShare is how many addresses of a routed /24 must have been asked before "all of
// them answer" means that something answers in their place.
const impostorShare = 64

// dropImpostors leaves out routed subnets in which every single address answers: that is a
// firewall or proxy speaking for all, not as many machines.
func (r *run) dropImpostors(stations []*station) []*station {
	asked, bare := map[netip.Prefix]uint64{}, map[netip.Prefix]uint64{}
	for _, st := range stations {
		if st.facts == nil && !st.mac.Unicast() {
			bare[subnetOf(st.entries[0].addr)]++
		}
	}
	for subnet, n := range bare {
		if n < impostorShare {
			delete(bare, subnet)
			continue
		}
		asked[subnet] = r.plan.Routed.Intersect(PrefixSet(subnet)).Count()
	}
	var imposed []netip.Prefix
	var left uint64
	for subnet, n := range bare {
		if n >= asked[subnet] {
			imposed, left = append(imposed, subnet), left+n
		}
	}
	if len(imposed) == 0 {
		return stations
	}
	set := PrefixSet(imposed...)
	r.doubted(set)
	r.note("%s: all %d addresses answer, so something answers in their place; none is listed", set, left)
	return slices.DeleteFunc(stations, func(st *station) bool {
		return st.facts == nil && !st.mac.Unicast() && set.Contains(st.entries[0].addr)
	})
}

// dropTarpits leaves out the devices of routed subnets that are known by their address alone
// and on which every port answers, where there are many of them: a tarpit stands in for
// addresses that nobody has. A single one may be a machine behind a proxy, and stays.
func (r *run) dropTarpits(devices []*Device) []*Device {
	bare := func(d *Device) bool {
		return d.Everything && d.Facts == nil && !d.Seen.Unicast() && len(d.Announced.Via) == 0
	}
	pits := map[netip.Prefix]int{}
	for _, d := range devices {
		if bare(d) {
			pits[subnetOf(d.Address())]++
		}
	}
	var imposed []netip.Prefix
	left := 0
	for subnet, n := range pits {
		if n >= tarpitShare {
			imposed, left = append(imposed, subnet), left+n
		}
	}
	if len(imposed) == 0 {
		return devices
	}
	set := PrefixSet(imposed...)
	r.doubted(set)
	r.note("%s: every port of %d addresses answers, so a tarpit or a proxy answers in their place; none of these is listed", set, left)
	return slices.DeleteFunc(devices, func(d *Device) bool { return bare(d) && set.Contains(d.Address()) })
}

// tarpitShare is from how many addresses of a subnet on they are taken for a tarpit's.
const tarpitShare = 8

// manyAddresses is from how many addresses on a host is taken to answer for others.
const manyAddresses = 32

// describe is the device that a group of stations is.
func (r *run) describe(group []*station) *Device {
	m := merged{Device: &Device{}, addrs: map[netip.Addr]bool{}, macs: map[ether.MAC]bool{}, sources: map[string]bool{}}
	for _, st := range group {
		m.station(st)
		if n := len(st.entries); n > manyAddresses {
			r.note("%s answers for %d addresses from %s on: it is listed as one device", st.mac, n, st.entries[0].addr)
		}
		for _, e := range st.entries {
			m.entry(e)
			if name := r.plan.Names[e.addr.String()]; name != "" && !slices.Contains(m.Names, name) {
				m.Names = append(m.Names, name)
			}
		}
	}
	if f := m.Facts; f != nil {
		m.Reason = ""
		m.sources[viaSNMP] = true
		m.Identity, m.Evidence = r.rules.Device(f)
		m.Evidence = append(m.Evidence, r.serviceRules.Identify(&m.Identity, m.Evidence, identify.Told(f.System))...)
		for _, a := range f.Addresses() {
			m.addrs[a] = true
		}
		for mac := range macSet(f) {
			m.macs[mac] = true
		}
	}
	if m.Virtual != "" {
		m.Identity.Type = inventory.ClassVirtualIP
	}
	m.Addresses = slices.SortedFunc(maps.Keys(m.addrs), netip.Addr.Compare)
	m.MACs = sortedMACs(m.macs)
	m.Sources = slices.Sorted(maps.Keys(m.sources))
	m.MACVendor = r.makers.of(m.Seen)
	r.announced(m.Device, group)
	return m.Device
}

// merged is a device being put together.
type merged struct {
	*Device
	addrs   map[netip.Addr]bool
	macs    map[ether.MAC]bool
	sources map[string]bool
}

func (m *merged) station(st *station) {
	m.Self = m.Self || st.self
	if st.link != "" {
		m.Link = st.link
	}
	if st.facts != nil && (m.Facts == nil || better(st.facts, m.Facts)) {
		m.Facts = st.facts
	}
	if st.mac.Unicast() {
		m.macs[st.mac] = true
		m.Virtual = virtualMAC(st.mac)
		if m.Seen == (ether.MAC{}) || m.Seen.Local() && !st.mac.Local() {
			m.Seen = st.mac
		}
	}
	if m.Reason == "" {
		m.Reason = st.reason
	}
	if st.seenAt.After(m.SeenAt) {
		m.SeenAt = st.seenAt
	}
	if len(st.entries) > manyAddresses {
		m.Flags = append(m.Flags, fmt.Sprintf("answers for %d addresses: proxy ARP, or one host with many", len(st.entries)))
	}
}

func (m *merged) entry(e *entry) {
	m.addrs[e.addr] = true
	if e.seenAt.After(m.SeenAt) {
		m.SeenAt = e.seenAt
	}
	for _, s := range e.sources {
		m.sources[s] = true
	}
}

// better prefers the reading that got further, and among equals the first.
func better(a, than *snmp.Facts) bool {
	complete := func(f *snmp.Facts) (n int) {
		for _, s := range f.Sections {
			if s.Complete {
				n++
			}
		}
		return n
	}
	return complete(a) > complete(than)
}

// entry of an address; nil when it was never seen.
func (b *book) entry(a netip.Addr) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries[a]
}
