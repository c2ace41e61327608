package scanner

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/snmp"
)

// What tests of the inner workings need.
var (
	NewPlan    = newPlan
	VirtualMAC = virtualMAC
	SplitName  = splitName
	MadeUp     = madeUp
	ParseOUI   = parseOUI
	HostName   = hostName
)

// Pacer is the global and the subnet limits together.
type Pacer struct{ *pacer }

func NewPacer(rate int, clock Clock) Pacer { return Pacer{newPacer(rate, clock)} }

func (p Pacer) Wait(ctx context.Context, a netip.Addr) error { return p.wait(ctx, a) }

// Sighting is what a probe saw, for Merge.
type Sighting struct {
	Addr   string
	MAC    string
	Link   string
	Source string
}

// Merge runs sightings and readings, by address, through grouping, learning and merging.
func Merge(plan *Plan, seen []Sighting, facts map[string]*snmp.Facts) ([]*Device, []string, error) {
	s, err := New(Config{})
	if err != nil {
		return nil, nil, err
	}
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := &run{Scanner: s, before: &memory{}, plan: plan, book: newBook(func() time.Time { return clock })}
	for _, g := range seen {
		var mac ether.MAC
		if g.MAC != "" {
			mac = MustMAC(g.MAC)
		}
		r.book.see(sighting{addr: netip.MustParseAddr(g.Addr), mac: mac, link: g.Link, source: g.Source})
	}
	stations := r.book.stations()
	for _, st := range stations {
		for _, e := range st.entries {
			if f := facts[e.addr.String()]; f != nil {
				st.facts = f
			}
		}
		if st.facts == nil {
			st.reason = "no answer to SNMP"
		}
	}
	stations = append(stations, r.learn(stations)...)
	return r.managed(r.merge(stations)), r.notes, nil
}

// WhyFragile asks f about an address, a card and a type; those that are empty are left out.
func WhyFragile(f *Fragile, address, card, maker string, class inventory.Class) string {
	if address != "" {
		return f.address(netip.MustParseAddr(address))
	}
	if card != "" {
		return f.card(MustMAC(card), maker)
	}
	return f.class(class)
}

// FragileMakers are the names of f's rules, by their reason.
func FragileMakers(f *Fragile) map[string][]string {
	out := map[string][]string{}
	for _, r := range f.rules {
		out[r.Why] = r.Makers
	}
	return out
}

// MustMAC reads colon-separated bytes.
func MustMAC(text string) ether.MAC {
	var m ether.MAC
	for i := range m {
		for _, c := range text[3*i : 3*i+2] {
			v := byte(c - '0')
			if c >= 'a' {
				v = byte(c-'a') + 10
			}
			m[i] = m[i]<<4 | v
		}
	}
	return m
}

var PortBodies = portBodies

// Book is what takes sightings down.
type Book struct{ *book }

// NewBook keeps so many entries; 0 for no bound.
func NewBook(most int) Book {
	b := newBook(time.Now)
	b.most = most
	return Book{b}
}

func (b Book) See(a netip.Addr, link string) { b.see(sighting{addr: a, link: link, source: viaARP}) }

func (b Book) Has(a netip.Addr) bool { return b.has(a) }

func (b Book) DropOthers(link string) { b.dropOthers(link, func(*entry) bool { return false }) }

func (b Book) DropAddresses() { b.dropAddresses(func(*entry) bool { return true }) }

func (b Book) LeftOut() string { return b.leftOut() }

// Word is a sighting at a time.
type Word struct {
	At time.Duration
	Sighting
}

// Heard are the devices of words that are heard, or come as answers, and what is noted of conflicts.
func (s *Scanner) Heard(listening bool, facts map[string]*snmp.Facts, words []Word) (devices []*Device, conflicts []string) {
	var now time.Time
	r := &run{Scanner: s, before: &memory{}, plan: &Plan{}, book: newBook(func() time.Time { return now })}
	r.book.listening = listening
	for _, w := range words {
		now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(w.At)
		r.book.see(sighting{addr: netip.MustParseAddr(w.Addr), mac: MustMAC(w.MAC), link: w.Link, source: w.Source})
	}
	stations := r.book.stations()
	for _, st := range stations {
		st.facts = facts[st.entries[0].addr.String()]
	}
	devices = r.merge(stations)
	return devices, slices.DeleteFunc(r.notes, func(n string) bool { return !strings.HasPrefix(n, "address conflict") })
}

// Spread is the order in which routed addresses are asked.
func (s Set) Spread() iter.Seq[netip.Addr] { return s.spread() }
