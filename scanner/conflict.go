package scanner

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/scanner/ether"
)

// holding is a station's word, by ARP or neighbour discovery, that it has an address.
type holding struct {
	mac  ether.MAC
	link string
	at   time.Time // the last one
	self bool      // this host, which has it as long as the scan takes
}

const (
	// sameQuestion is how close two stations' words are when both answer one question.
	sameQuestion = time.Second
	// handOver is within what time a station that speaks for an address again, after another
	// did, did not hand it over: a machine that takes over is alone from then on, and a host
	// whose address is taken defends it at once, every ten seconds at most (RFC 5227 §2.4).
	handOver = time.Minute
)

// hold takes down s and finds rivals: two stations of one link that have e's address at the
// same time. Where questions are asked, two that answer are enough. Where only listening is
// done, who came second may have taken over, unless the first speaks again.
func (e *entry) hold(s sighting, now time.Time, asked bool) {
	if !s.claims() {
		return
	}
	mine := slices.IndexFunc(e.held, func(h holding) bool { return h.mac == s.mac && h.link == s.link })
	for _, h := range e.held {
		if h.link != s.link || h.mac == s.mac {
			continue
		}
		together := asked && now.Sub(h.at) <= sameQuestion
		again := mine >= 0 && h.at.After(e.held[mine].at) && now.Sub(e.held[mine].at) <= handOver
		if together || again || h.self {
			e.rival(h.mac)
			e.rival(s.mac)
		}
	}
	switch {
	case mine >= 0:
		e.held[mine].at = now
	case len(e.held) < maxMACs:
		e.held = append(e.held, holding{s.mac, s.link, now, s.source == viaSelf})
	}
}

// claims reports whether a sighting is a station's own word that it has an address.
func (s sighting) claims() bool {
	return s.mac.Unicast() && (s.source == viaARP || s.source == viaNDP || s.source == viaSelf)
}

// follow gives e to who says last that it has it: in hours of listening an address goes from one machine to the next.
// Rivals both have it, and this host does not give its own away.
func (e *entry) follow(s sighting) {
	if !s.claims() || len(e.macs) == 0 || slices.Contains(e.rivals, s.mac) || slices.ContainsFunc(e.held, func(h holding) bool { return h.self }) {
		return
	}
	others := slices.DeleteFunc(e.macs, func(m ether.MAC) bool { return m == s.mac })
	e.macs = slices.Insert(others[:min(len(others), maxMACs-1)], 0, s.mac)
}

func (e *entry) rival(m ether.MAC) {
	if !slices.Contains(e.rivals, m) {
		e.rivals = append(e.rivals, m)
	}
}

// conflict is one address that stations have at the same time.
type conflict struct {
	addr netip.Addr
	macs []ether.MAC
}

func (c conflict) String() string {
	text := make([]string, len(c.macs))
	for i, m := range c.macs {
		text[i] = m.String()
	}
	return fmt.Sprintf("address conflict: %s is claimed by %s", c.addr, strings.Join(text, " and "))
}

// conflicts are those about the addresses of a device. Shared addresses are meant to be several
// stations', what answers for many addresses is proxy ARP and told as that, and a device that
// was read, or this host, may answer from each of its own cards.
func (d *Device) conflicts(group []*station, relays map[ether.MAC]bool) []conflict {
	own := map[ether.MAC]bool{}
	if d.Facts != nil {
		own = macSet(d.Facts)
	}
	if d.Self {
		for _, m := range d.MACs {
			own[m] = true
		}
	}
	var out []conflict
	for _, st := range group {
		for _, e := range st.entries {
			macs := slices.DeleteFunc(slices.Clone(e.rivals), func(mac ether.MAC) bool { return relays[mac] })
			if len(macs) < 2 || slices.ContainsFunc(e.macs, shared) ||
				!slices.ContainsFunc(macs, func(mac ether.MAC) bool { return !own[mac] }) {
				continue
			}
			slices.SortFunc(macs, func(a, b ether.MAC) int { return bytes.Compare(a[:], b[:]) })
			out = append(out, conflict{e.addr, macs})
		}
	}
	return out
}

func shared(m ether.MAC) bool { return virtualMAC(m) != "" }

// relaysAmong are the hardware addresses that answer for many addresses.
func relaysAmong(stations []*station) map[ether.MAC]bool {
	count := map[ether.MAC]int{}
	for _, st := range stations {
		for _, e := range st.entries {
			for _, m := range e.macs {
				count[m]++
			}
		}
	}
	out := map[ether.MAC]bool{}
	for m, n := range count {
		if n > manyAddresses {
			out[m] = true
		}
	}
	return out
}

// maxConflicts is how many are told one by one: a station that makes them up has no end.
const maxConflicts = 16

func (r *run) noteConflicts(all []conflict) {
	for _, c := range all[:min(len(all), maxConflicts)] {
		r.note("%s", c)
	}
	if more := len(all) - maxConflicts; more > 0 {
		r.note("address conflicts: %d more", more)
	}
}
