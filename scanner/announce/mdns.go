package announce

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/muster-itam/muster/internal/pause"
)

// commonTypes are asked for by name: not every device answers when asked for all.
var commonTypes = []string{
	"_ipp._tcp", "_ipps._tcp", "_printer._tcp", "_pdl-datastream._tcp", "_uscan._tcp", "_airplay._tcp", "_raop._tcp", "_googlecast._tcp",
	"_device-info._tcp", "_hap._tcp", "_smb._tcp", "_ssh._tcp", "_workstation._tcp", "_http._tcp", "_axis-video._tcp", "_sonos._tcp",
	"_spotify-connect._tcp", "_companion-link._tcp", "_androidtvremote2._tcp", "_matter._tcp", "_esphomelib._tcp", "_hue._tcp",
}

// perPacket is how many questions go into one packet, so that it stays below any MTU.
const perPacket = 16

// What stations name is asked for as well, within limits: of each station so many names of a kind
// in a round, so that none keeps the others from being asked, and of all together so many for
// each host that is searched. Rounds end when nothing new is named.
const (
	perStation = 32
	perHost    = 32
	spareNames = 64
	rounds     = 16
)

// query is one question; its name is in lower case.
type query struct {
	kind uint16
	name string
}

// mdns asks from a port of its own, as RFC 6762 §6.7 has it for simple resolvers: answers
// come to it alone. Round by round it asks for what the records so far point to.
func (s Search) mdns(ctx context.Context) error {
	id, err := randomID()
	if err != nil {
		return err
	}
	c, err := s.dnsConn(mdns, id)
	if err != nil {
		return err
	}
	defer c.close()
	asked := map[query]bool{}
	ask := func(kind uint16, names []string) error {
		for chunk := range slices.Chunk(names, perPacket) {
			for _, n := range chunk {
				asked[query{kind, strings.ToLower(n)}] = true
			}
			packet, err := question(id, kind, true, chunk...)
			if err != nil {
				continue // a name that cannot be asked for: it came from the wire
			}
			if err := c.send(ctx, packet); err != nil {
				return err
			}
		}
		return nil
	}
	first := []string{metaQuery}
	for _, t := range commonTypes {
		first = append(first, t+".local.")
	}
	for _, h := range s.Hosts {
		first = append(first, reverse(h))
	}
	for range passes {
		if err := ask(dns.TypePTR, first); err != nil {
			return err
		}
		if err := pause.For(ctx, s.Settle/passes); err != nil {
			return err
		}
	}
	left := spareNames + perHost*len(s.Hosts)
	for range rounds {
		if err := pause.For(ctx, s.Settle/passes); err != nil {
			return err
		}
		next, before := s.Book.wanted(s.Accept, asked), left
		for _, kind := range []uint16{dns.TypePTR, dns.TypeSRV, dns.TypeTXT, dns.TypeA, dns.TypeAAAA} {
			names := next[kind][:min(len(next[kind]), left)]
			left -= len(names)
			if err := ask(kind, names); err != nil {
				return err
			}
		}
		if left == before {
			return nil
		}
	}
	return pause.For(ctx, s.Settle)
}

// wanted are the names that records point to, that nobody described yet and that were not asked
// for, by type of record.
func (b *Notebook) wanted(accept func(netip.Addr) bool, asked map[query]bool) map[uint16][]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[uint16][]string{}
	taken := map[query]bool{}
	for who, p := range b.pages {
		if !who.Addr.IsValid() || !accept(who.Addr) {
			continue
		}
		share := map[uint16]int{}
		p.zone.wants(func(kind uint16, name string) {
			q := query{kind, strings.ToLower(name)}
			if name != "" && !asked[q] && !taken[q] && share[kind] < perStation {
				taken[q], out[kind] = true, append(out[kind], name)
				share[kind]++
			}
		})
	}
	for _, names := range out {
		slices.Sort(names) // the same questions in the same order, whoever answered first
	}
	return out
}

// wants calls want with the names that z's records point to and do not describe.
func (z *zone) wants(want func(kind uint16, name string)) {
	for _, r := range z.records {
		target := strings.ToLower(r.target)
		switch {
		case r.kind == dns.TypePTR && r.name == metaQuery:
			if _, _, ok := serviceType("x." + target); ok {
				want(dns.TypePTR, r.target)
			}
		case r.kind == dns.TypePTR:
			if _, _, ok := serviceType(r.target); !ok || len(dns.SplitDomainName(r.target)) < 4 {
				continue
			}
			for _, kind := range []uint16{dns.TypeSRV, dns.TypeTXT} {
				if !z.has(target, kind) {
					want(kind, r.target)
				}
			}
		case r.kind == dns.TypeSRV && !z.has(target, dns.TypeA) && !z.has(target, dns.TypeAAAA):
			want(dns.TypeA, r.target)
			want(dns.TypeAAAA, r.target)
		}
	}
}
