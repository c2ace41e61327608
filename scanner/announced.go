package scanner

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/announce"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Heard is a neighbour that spoke on a link of this host: what the cable there leads to.
type Heard struct {
	Link string // interface of this host
	announce.Neighbour
}

// hearsay is what stations said, by link of this host; "" for those behind routers. Two
// links may have the same link-local addresses.
type hearsay struct {
	mu    sync.Mutex
	links map[string]*announce.Notebook
}

func (h *hearsay) link(name string) *announce.Notebook {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.links == nil {
		h.links = map[string]*announce.Notebook{}
	}
	if h.links[name] == nil {
		h.links[name] = &announce.Notebook{}
	}
	return h.links[name]
}

// search asks what was found, and everybody on links that are scanned as a whole, who they are.
func (r *run) search(ctx context.Context) {
	searches := r.searches()
	var planned uint64
	for _, s := range searches {
		planned += perFound * uint64(len(s.Hosts)+multicastPerSource) // at most
	}
	phase := r.begin(PhaseSearch, planned)
	var wg sync.WaitGroup
	for _, s := range searches {
		s.Sent = func() { phase.probed.Add(1) }
		wg.Go(func() {
			what := "search"
			if s.Interface != nil {
				what = fmt.Sprintf("search on %s from %s", s.Interface.Name, s.Source)
			}
			r.failSearch(ctx, what, s.Run(ctx))
		})
	}
	wg.Wait()
	r.describeAll(ctx)
}

// failSearch notes trouble. A search adds names to what was found, so a scan is complete without.
func (r *run) failSearch(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		r.cfg.Log.Warn("probe failed", "probe", what, "error", err)
		r.note("%s: %v", what, err)
	}
}

// searches are one for each own address on a link that is scanned as a whole, and one for all else.
func (r *run) searches() []announce.Search {
	found := r.askable()
	var out []announce.Search
	onLink := map[netip.Addr]bool{}
	for i := range r.plan.host.Links {
		l := &r.plan.host.Links[i]
		if !r.wholeLink(l) {
			continue
		}
		var hosts []netip.Addr
		for _, a := range found {
			if l.on(a) && r.allowed(a) {
				hosts = append(hosts, a)
				onLink[a] = true
			}
		}
		for _, source := range multicastSources(l) {
			out = append(out, announce.Search{
				Interface: &l.Interface, Source: source, Hosts: slices.DeleteFunc(slices.Clone(hosts), func(a netip.Addr) bool { return a.Is4() != source.Is4() }),
				Accept: func(a netip.Addr) bool { return r.acceptable(l, a) },
				Wait:   func(ctx context.Context, _ netip.Addr) error { return r.pace.global.Wait(ctx) },
				Seen: func(a netip.Addr, via string) {
					r.book.see(sighting{addr: a, link: l.Interface.Name, source: via})
				},
				Book: r.heard.link(l.Interface.Name),
			})
		}
	}
	return r.searchHosts(out, slices.DeleteFunc(found, func(a netip.Addr) bool { return onLink[a] || !r.plan.Allowed.Contains(a) }))
}

// askable are the addresses of the book that may be asked to announce themselves: not those
// of fragile stations, and of one that answers for many only the first.
func (r *run) askable() []netip.Addr {
	var out []netip.Addr
	for _, st := range r.book.stations() {
		if r.fragileStation(st) != "" {
			continue
		}
		entries := st.entries
		if len(entries) > manyAddresses {
			entries = entries[:1]
		}
		for _, e := range entries {
			out = append(out, e.addr)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// searchHosts adds searches that ask hosts one by one.
func (r *run) searchHosts(out []announce.Search, hosts []netip.Addr) []announce.Search {
	byLink := map[string][]netip.Addr{}
	for _, a := range hosts {
		link := r.book.entry(a).link
		byLink[link] = append(byLink[link], a)
	}
	for link, hosts := range byLink {
		asked := map[netip.Addr]bool{}
		for _, a := range hosts {
			asked[a] = true
		}
		out = append(out, announce.Search{
			Hosts: hosts, Accept: func(a netip.Addr) bool { return asked[a] }, Wait: r.pace.wait,
			Seen: func(a netip.Addr, via string) { r.book.see(sighting{addr: a, link: link, source: via}) },
			Book: r.heard.link(link),
		})
	}
	return out
}

// multicastSources are the own addresses that searches go out from: every IPv4 network has
// hosts that answer to nobody else, and of IPv6 the link-local address reaches all.
func multicastSources(l *Link) []netip.Addr {
	var out []netip.Addr
	six := false
	for _, p := range l.Prefixes {
		switch a := p.Addr(); {
		case a.Is4():
			out = append(out, a)
		case a.IsLinkLocalUnicast() && !six:
			out, six = append(out, a), true
		}
	}
	return out
}

// acceptable tells whether an answer from a on l counts.
func (r *run) acceptable(l *Link, a netip.Addr) bool {
	if r.plan.deny.Contains(a) {
		return false
	}
	if a.Is6() {
		return r.onLink(l, a)
	}
	return l.on(a) && r.plan.Allowed.Contains(a)
}

// wholeLink tells whether some IPv4 network of l was asked for in full, with or without the
// right to send raw frames.
func (r *run) wholeLink(l *Link) bool {
	return slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool {
		return p.Addr().Is4() && !p.Addr().IsLinkLocalUnicast() && len((Set{trim(p, true)}).Subtract(r.plan.asked)) == 0
	})
}

// describeParallel is how many descriptions are fetched at the same time.
const describeParallel = 16

// describeAll fetches the UPnP descriptions of stations that named one on themselves.
func (r *run) describeAll(ctx context.Context) {
	slots := make(chan struct{}, describeParallel)
	var wg sync.WaitGroup
	for _, book := range r.heard.links {
		for who, s := range book.Speeches() {
			e := r.book.entry(who.Addr)
			if len(s.Locations) == 0 || !r.allowed(who.Addr) || who.Addr.IsLinkLocalUnicast() || e == nil || r.fragileEntry(e) != "" {
				continue
			}
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				r.describeOne(ctx, book, who, s.Locations)
			})
		}
	}
	wg.Wait()
}

// describeOne fetches the descriptions of one station, one after the other.
func (r *run) describeOne(ctx context.Context, book *announce.Notebook, who announce.Speaker, locations []string) {
	for _, location := range locations {
		if r.pace.wait(ctx, who.Addr) != nil {
			return
		}
		described, err := announce.Describe(ctx, location, who.Addr)
		if err != nil {
			r.cfg.Log.Debug("no description", "address", who.Addr, "error", err)
			continue
		}
		book.Add(who, described)
	}
}

// attach gives stations what they said, and answers with those that said something without
// an address that anybody saw.
func (r *run) attach(stations []*station) []*station {
	var out []*station
	for link, book := range r.heard.links {
		if n := book.Lost(); n > 0 {
			r.note("%d announcements were lost: more stations spoke than are kept", n)
		}
		speeches := book.Speeches()
		for _, st := range stations {
			if st.link != link {
				continue
			}
			speakers := []announce.Speaker{{MAC: st.mac}}
			for _, e := range st.entries {
				speakers = append(speakers, announce.Speaker{Addr: e.addr})
			}
			for _, who := range speakers {
				if s, ok := speeches[who]; ok && !st.self {
					st.speech.Merge(s)
					delete(speeches, who)
				}
			}
		}
		for who, s := range speeches {
			if who.MAC.Unicast() {
				out = append(out, &station{link: link, mac: who.MAC, speech: s, seenAt: r.cfg.Now()})
			}
		}
	}
	return append(stations, out...)
}

// announced adds what a group of stations said to the device that they are.
func (r *run) announced(d *Device, group []*station) {
	for _, st := range group {
		d.Announced.Merge(st.speech)
	}
	if d.Virtual == "" {
		d.Evidence = append(d.Evidence, r.rules.Announced(d.Announced.Facts, &d.Identity)...)
	}
	d.Sources = append(d.Sources, slices.DeleteFunc(slices.Clone(d.Announced.Via), func(v string) bool { return slices.Contains(d.Sources, v) })...)
	slices.Sort(d.Sources)
}

// nameByAnnouncement adds the names that devices gave themselves after those of reverse DNS.
func nameByAnnouncement(devices []*Device) {
	for _, d := range devices {
		for _, n := range d.Announced.Names {
			if !slices.Contains(d.Names, n) {
				d.Names = append(d.Names, n)
			}
			if d.HostName == "" && hostName(n) {
				d.HostName = n
			}
		}
	}
}

// heardNeighbours gives this host's own device what was heard on its links by LLDP and CDP:
// who speaks there is at the other end of this host's cable, and of nobody else's.
func (r *run) heardNeighbours(devices []*Device) {
	self := slices.IndexFunc(devices, func(d *Device) bool { return d.Self })
	if self < 0 {
		return
	}
	for link, book := range r.heard.links {
		for _, s := range book.Speeches() {
			if s.Neighbour != nil {
				devices[self].Heard = append(devices[self].Heard, Heard{link, *s.Neighbour})
			}
		}
	}
	slices.SortFunc(devices[self].Heard, func(a, b Heard) int {
		return slices.Compare([]string{a.Link, a.Protocol, a.ChassisID, a.Port}, []string{b.Link, b.Protocol, b.ChassisID, b.Port})
	})
}

// outsideOnly is the state of lists that come from announcements: what is missing may be there all the same.
var outsideOnly = snmp.State{Reason: "heard by its announcement only"}

// announcedPorts are the services that a device announced.
func announcedPorts(d *Device) inventory.Ports {
	var out inventory.Ports
	for _, s := range d.Announced.Services {
		out = append(out, inventory.Port{Protocol: s.Protocol, Number: s.Port, Service: s.Name})
	}
	return out
}

// addPorts adds the ports that answered, and those that were only announced: what was asked
// knows better, and what is only announced comes and goes.
func addPorts(d *Device, add func(inventory.Body, snmp.State)) {
	state := outsideOnly
	var ports inventory.Ports
	asked := map[string]bool{}
	if d.PortState != nil {
		state, ports = *d.PortState, portBodies(d.Ports)
		for _, p := range ports {
			asked[fmt.Sprint(p.Protocol, p.Number)] = true
		}
	}
	for _, p := range announcedPorts(d) {
		if !asked[fmt.Sprint(p.Protocol, p.Number)] {
			ports = append(ports, p)
			state.Complete = false
			state.Reason = cmp.Or(state.Reason, "some services are known by announcement only")
		}
	}
	if len(ports) > 0 || d.PortState != nil {
		add(ports, state)
	}
}

// addHeard adds the neighbours of the scanning host, which is never read by SNMP.
func addHeard(d *Device, add func(inventory.Body, snmp.State)) {
	if heard := heardBodies(d); len(heard) > 0 {
		add(heard, outsideOnly)
	}
}

// heardBodies are the neighbours of the scanning host.
func heardBodies(d *Device) inventory.Neighbours {
	var out inventory.Neighbours
	for _, h := range d.Heard {
		n := inventory.Neighbour{Protocol: h.Protocol, LocalPort: h.Link, ChassisID: h.ChassisID, RemotePort: h.Port, RemoteName: h.Name}
		if h.Address.IsValid() {
			n.Address = h.Address.String()
		}
		out = append(out, n)
	}
	return out
}
