// Package announce hears what devices say of themselves on their own link, and asks them to.
//
// It owns the messages: mDNS and DNS-SD (RFC 6762, RFC 6763), LLMNR (RFC 4795), SSDP and
// UPnP descriptions, WS-Discovery, NetBIOS names (RFC 1002), DHCP, LLDP and CDP. It refuses
// to believe what a station says of another one, and to decide what it means: identify's
// rules do that, scanner merges it into devices. The callers are scanner's search and
// scanner's listening.
package announce

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/muster-itam/muster/scanner/ether"
)

// How a station was heard.
const (
	ViaMDNS  = "mdns"
	ViaLLMNR = "llmnr"
	ViaSSDP  = "ssdp"
	ViaWSD   = "ws-discovery"
	ViaNBNS  = "netbios"
	ViaDHCP  = "dhcp"
	ViaLLDP  = "lldp"
	ViaCDP   = "cdp"
)

// Fact is one thing that a station said of itself. Keys are words with dots, as rules
// write them: mdns.service, mdns.txt._ipp._tcp.ty, dhcp.vendor_class.
type Fact struct{ Key, Value string }

// Service is a port that a station announced.
type Service struct {
	Protocol string // tcp, udp
	Port     int
	Name     string // as registered with IANA: ipp, http
}

// Neighbour is what a station said of the cable that it was heard on.
type Neighbour struct {
	Protocol  string // lldp, cdp
	ChassisID string // a MAC where it is one
	Port      string // of the station
	Name      string
	Address   netip.Addr
}

// Speaker names a station: by its address, or by its hardware address where a message says
// nothing of an address that could be relied on. One of the two is set.
type Speaker struct {
	Addr netip.Addr
	MAC  ether.MAC
}

// Speech is what one station said.
type Speech struct {
	Via       []string
	Names     []string // host names, the best first
	Facts     []Fact
	Services  []Service
	Neighbour *Neighbour
	// Locations are URLs of UPnP descriptions on the station itself.
	Locations []string
}

// Limits of what is kept: a station that talks without end, or as many others, must not
// cost more than this.
const (
	maxSpeakers  = 1 << 16
	maxFacts     = 256
	maxServices  = 128
	maxNames     = 8
	maxLocations = 3
	maxText      = 255
	maxBytes     = 64 << 20 // of all texts together
)

// Notebook collects speeches, from many goroutines. The zero value is empty.
type Notebook struct {
	mu    sync.Mutex
	pages map[Speaker]*page
	bytes int
	lost  int
}

type page struct {
	Speech
	zone zone
}

// page of a speaker; nil when the book is full.
func (b *Notebook) page(who Speaker) *page {
	p := b.pages[who]
	if p == nil {
		if len(b.pages) >= maxSpeakers || b.bytes > maxBytes {
			b.lost++
			return nil
		}
		if b.pages == nil {
			b.pages = map[Speaker]*page{}
		}
		p = &page{}
		b.pages[who] = p
		b.bytes += 512
	}
	return p
}

// Add writes down what who said.
func (b *Notebook) Add(who Speaker, s Speech) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.page(who); p != nil {
		b.bytes += p.add(s)
	}
}

// addRecords writes down DNS records that who sent.
func (b *Notebook) addRecords(who Speaker, via string, records []record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch p := b.page(who); {
	case p == nil: // counted there
	case b.bytes > maxBytes:
		b.lost++
	default:
		b.bytes += p.zone.add(records)
		add(&p.Via, maxNames, via)
	}
}

// Lost is how many speeches there was no room for.
func (b *Notebook) Lost() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}

// Speeches are what every station said, in the same order whatever order it came in: names
// by mDNS and LLMNR first.
func (b *Notebook) Speeches() map[Speaker]Speech {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[Speaker]Speech, len(b.pages))
	for who, p := range b.pages {
		var s Speech
		if who.Addr.IsValid() {
			s = p.zone.speech(who.Addr)
			slices.Sort(s.Names)
		}
		other := p.Speech
		other.Names = slices.Sorted(slices.Values(other.Names))
		s.add(other)
		s.sort()
		out[who] = s
	}
	return out
}

// Merge adds what other says, as one station under another address does.
func (s *Speech) Merge(other Speech) {
	s.add(other)
	s.sort()
}

func (s *Speech) sort() {
	slices.Sort(s.Via)
	slices.SortFunc(s.Facts, func(a, b Fact) int { return strings.Compare(a.Key+"\x00"+a.Value, b.Key+"\x00"+b.Value) })
	slices.SortFunc(s.Services, func(a, b Service) int {
		if a.Port != b.Port {
			return a.Port - b.Port
		}
		return strings.Compare(a.Protocol+a.Name, b.Protocol+b.Name)
	})
}

// add answers with how many bytes were added.
func (s *Speech) add(o Speech) (n int) {
	for _, v := range o.Via {
		n += add(&s.Via, maxNames, v) * len(v)
	}
	for _, name := range o.Names {
		n += add(&s.Names, maxNames, name) * len(name)
	}
	for _, f := range o.Facts {
		n += add(&s.Facts, maxFacts, f) * (len(f.Key) + len(f.Value) + 32)
	}
	for _, v := range o.Services {
		n += add(&s.Services, maxServices, v) * 48
	}
	for _, l := range o.Locations {
		n += add(&s.Locations, maxLocations, l) * len(l)
	}
	if o.Neighbour != nil {
		s.Neighbour = o.Neighbour
	}
	return n
}

// add appends v unless it is there or the list is full; it answers with how many were added.
func add[T comparable](list *[]T, limit int, v T) int {
	if len(*list) >= limit || slices.Contains(*list, v) {
		return 0
	}
	*list = append(*list, v)
	return 1
}

// fact adds a fact with a value that says something.
func (s *Speech) fact(key, value string) {
	if value = text([]byte(value)); value != "" {
		add(&s.Facts, maxFacts, Fact{key, value})
	}
}

func (s *Speech) name(n string) {
	if n = text([]byte(n)); n != "" {
		add(&s.Names, maxNames, n)
	}
}

// text is b without control characters and marks that turn text around, at most 255 bytes.
// Bytes that are not UTF-8 are taken for Latin-1.
func text(b []byte) string {
	if len(b) > 4*maxText {
		b = b[:4*maxText]
	}
	var sb strings.Builder
	latin := !utf8.Valid(b)
	put := func(r rune) bool {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case !unicode.IsPrint(r):
			return true
		}
		if sb.Len()+utf8.RuneLen(r) > maxText {
			return false
		}
		sb.WriteRune(r)
		return true
	}
	if latin {
		for _, c := range b {
			if !put(rune(c)) {
				break
			}
		}
	} else {
		for _, r := range string(b) {
			if !put(r) {
				break
			}
		}
	}
	return strings.TrimSpace(sb.String())
}
