package scanner

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/muster-itam/muster/scanner/announce"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/snmp"
)

// entry is what is known of one address.
type entry struct {
	addr    netip.Addr
	link    string
	macs    []ether.MAC // the first is whose it is
	sources []string
	seenAt  time.Time
	held    []holding
	rivals  []ether.MAC // that have it at the same time
}

// mac is the hardware address that e belongs to: a shared one before that of its holder.
func (e *entry) mac() ether.MAC {
	for _, m := range e.macs {
		if virtualMAC(m) != "" {
			return m
		}
	}
	if len(e.macs) > 0 {
		return e.macs[0]
	}
	return ether.MAC{}
}

// maxMACs bounds how many stations can claim one address before it stops being news.
const maxMACs = 4

// book collects what probes see, from many goroutines.
type book struct {
	now       func() time.Time
	most      int  // entries; 0 for no bound
	listening bool // nothing is asked: no two sightings are answers to one question

	mu      sync.Mutex
	entries map[netip.Addr]*entry
	six     int // of entries that are IPv6
	lost    int // sightings of further addresses
}

// maxSix bounds the IPv6 addresses of a scan. Other than those of IPv4 nobody asked for them
// one by one, and one station can make up as many as it likes.
const maxSix = 1 << 14

func newBook(now func() time.Time) *book {
	return &book{now: now, entries: map[netip.Addr]*entry{}}
}

// sighting is one probe's word on one address.
type sighting struct {
	addr   netip.Addr
	mac    ether.MAC // zero when not known
	link   string
	source string
}

func (b *book) see(s sighting) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[s.addr]
	if e == nil {
		if s.addr.Is6() && b.six >= maxSix || b.most > 0 && len(b.entries) >= b.most {
			b.lost++
			return
		}
		e = &entry{addr: s.addr}
		b.entries[s.addr] = e
		if s.addr.Is6() {
			b.six++
		}
	}
	e.seenAt = b.now()
	if b.listening {
		e.follow(s)
	}
	e.hold(s, e.seenAt, !b.listening)
	if s.link != "" {
		e.link = s.link
	}
	if s.mac.Unicast() && !slices.Contains(e.macs, s.mac) && len(e.macs) < maxMACs {
		e.macs = append(e.macs, s.mac)
	}
	if !slices.Contains(e.sources, s.source) {
		e.sources = append(e.sources, s.source)
	}
}

// dropOthers forgets the entries of a link that are not wanted themselves and share no
// hardware address with one that is.
func (b *book) dropOthers(link string, wanted func(*entry) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	stay := map[ether.MAC]bool{}
	for _, e := range b.entries {
		if e.link == link && wanted(e) {
			stay[e.mac()] = true
		}
	}
	b.drop(func(e *entry) bool { return e.link == link && !stay[e.mac()] })
}

// dropAddresses forgets entries.
func (b *book) dropAddresses(drop func(*entry) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(drop)
}

// drop is for who holds the lock.
func (b *book) drop(drop func(*entry) bool) {
	maps.DeleteFunc(b.entries, func(a netip.Addr, e *entry) bool {
		gone := drop(e)
		if gone && a.Is6() {
			b.six--
		}
		return gone
	})
}

func (b *book) has(a netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries[a] != nil
}

// leftOut says how many sightings were not kept; "" for none.
func (b *book) leftOut() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.lost == 0:
		return ""
	case b.most > 0:
		return fmt.Sprintf("%d sightings of further addresses are left out: more than %d of IPv6, or %d in all, are made up by somebody", b.lost, maxSix, b.most)
	}
	return fmt.Sprintf("%d sightings of further IPv6 addresses are left out: more than %d in one scan are made up by somebody", b.lost, maxSix)
}

func (b *book) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.entries)
}

// station is a set of addresses that one hardware address answers for on one link, or a
// single address without one: what SNMP is asked of. One that was only heard has no address.
type station struct {
	link    string
	mac     ether.MAC
	entries []*entry
	facts   *snmp.Facts
	reason  string
	self    bool
	speech  announce.Speech
	seenAt  time.Time // when there are no entries
}

type stationKey struct {
	link string
	mac  ether.MAC
	addr netip.Addr // when there is no MAC
}

// stations groups the book by hardware address, in ascending order of their first address.
func (b *book) stations() []*station {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := make([]*entry, 0, len(b.entries))
	for _, e := range b.entries {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(x, y *entry) int { return x.addr.Compare(y.addr) })
	byKey := map[stationKey]*station{}
	var out []*station
	for _, e := range entries {
		key := stationKey{addr: e.addr}
		if mac := e.mac(); mac.Unicast() {
			key = stationKey{link: e.link, mac: mac}
			if virtualMAC(mac) != "" {
				key.addr = e.addr // each shared address stands for itself
			}
		}
		st := byKey[key]
		if st == nil {
			st = &station{link: key.link, mac: key.mac}
			byKey[key] = st
			out = append(out, st)
		}
		st.self = st.self || slices.Contains(e.sources, viaSelf)
		st.entries = append(st.entries, e)
	}
	return out
}

// asks are the addresses at which a station may be asked by SNMP, best first.
func (s *station) asks(allowed func(netip.Addr) bool) []netip.Addr {
	var out []netip.Addr
	for _, e := range s.entries {
		if !e.addr.IsLinkLocalUnicast() && allowed(e.addr) {
			out = append(out, e.addr)
		}
	}
	// One of each family comes first: who does not answer at one IPv4 address hardly does at
	// the next.
	slices.SortStableFunc(out, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	first6 := slices.IndexFunc(out, netip.Addr.Is6)
	if first6 > 1 {
		out[1], out[first6] = out[first6], out[1]
	}
	return out[:min(len(out), maxAsks)]
}

// maxAsks is at how many of its addresses a station is asked before it counts as silent.
const maxAsks = 2
