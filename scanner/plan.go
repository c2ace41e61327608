package scanner

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/tcp"
)

// Job is what somebody asks a scanner for.
type Job struct {
	Targets []string
	Exclude []string
	Rate    int  // packets a second; 0 means DefaultRate
	Large   bool // more than a /16 is meant
}

// Plan is what a scan is going to do.
type Plan struct {
	// Allowed is every address that may be probed, listed, or sent a credential.
	Allowed Set
	// Links are the sweeps by ARP and neighbour discovery.
	Links []LinkPlan
	// Routed are the addresses asked by echo and connection.
	Routed Set
	// Names of targets that were given by name.
	Names map[string]string // address -> name
	Rate  int
	// Search asks devices to announce themselves.
	Search bool
	// SYN sends SYNs of the scan's own to the silent, in place of connecting to them.
	SYN bool
	// Notes say what cannot be done here, for the person who asked.
	Notes []string

	host  Host
	asked Set // targets before exclusions
	deny  Set // exclusions and the scanner's own deny list
}

// LinkPlan is the sweep of one link.
type LinkPlan struct {
	Link   Link
	V4     Set        // in one network of the link
	Source netip.Addr // own address in it
	V6     Set        // solicited one by one
	// Multicast asks all IPv6 hosts of the link to speak. Unless the Whole link is wanted,
	// only those count that are targets or have an address that is one.
	Multicast, Whole bool
}

// maxSolicit is the size up to which IPv6 targets on a link are solicited one by one.
const maxSolicit = 4096

// newPlan spreads allowed targets over links and routes.
func newPlan(t Targets, job Job, host Host, allow, deny Set) (*Plan, error) {
	p := &Plan{Rate: job.Rate, Names: map[string]string{}, host: host, deny: deny}
	if p.Rate == 0 {
		p.Rate = DefaultRate
	}
	if p.Rate < 0 || p.Rate > maxRate {
		return nil, inventory.Errorf(inventory.CodeInvalid, "rate must be between 1 and %d packets a second", maxRate)
	}
	set := t.Addresses
	if len(allow) > 0 {
		if outside := set.Subtract(allow); len(outside) > 0 {
			return nil, inventory.Errorf(inventory.CodeForbidden, "this scanner may not scan %s", outside)
		}
	}
	p.Allowed, p.asked = set.Subtract(deny), set
	if len(p.Allowed) == 0 {
		return nil, inventory.Errorf(inventory.CodeForbidden, "nothing is left to scan: every target is excluded")
	}
	for a, name := range t.Names {
		if p.Allowed.Contains(a) {
			p.Names[a.String()] = name
		}
	}
	rest := p.planLinks()
	if err := checkSize(rest, p.Links, job.Large); err != nil {
		return nil, err
	}
	p.Routed = NewSet(append(p.Routed, rest...)...)
	p.note()
	return p, nil
}

// planLinks takes the targets that are on links and answers with the rest.
func (p *Plan) planLinks() Set {
	rest := p.Allowed
	for _, l := range p.host.Links {
		on4 := rest.family(32).Intersect(l.covers(32))
		on6 := rest.family(128).Intersect(l.covers(128))
		rest = rest.Subtract(on4).Subtract(on6)
		switch {
		case len(on4) == 0 && len(on6) == 0:
		case p.host.Raw != nil:
			p.planWithoutRaw(l, on4, on6)
		default:
			p.planLink(l, on4, on6)
		}
	}
	return rest
}

// planWithoutRaw asks hosts on a link like routed ones. IPv6 prefixes cannot be.
func (p *Plan) planWithoutRaw(l Link, on4, on6 Set) {
	p.Routed = NewSet(append(p.Routed, on4...)...)
	if on6.Count() <= maxSolicit {
		p.Routed = NewSet(append(p.Routed, on6...)...)
	} else {
		p.Notes = append(p.Notes, fmt.Sprintf("IPv6 hosts on %s: not searched for, %v", l.Interface.Name, p.host.Raw))
	}
}

// planLink makes one sweep for each own IPv4 network of a link: hosts answer those who ask
// from their own network.
func (p *Plan) planLink(l Link, on4, on6 Set) {
	first := LinkPlan{Link: l, Multicast: len(l.sources6()) > 0}
	if on6.Count() <= maxSolicit {
		first.V6 = on6
	}
	plans := []LinkPlan{first}
	for _, own := range l.Prefixes {
		if own.Addr().Is4() && len((Set{trim(own, true)}).Subtract(p.asked)) == 0 {
			plans[0].Whole = true
		}
		part := on4.Intersect(PrefixSet(own))
		if len(part) == 0 {
			continue
		}
		on4 = on4.Subtract(part)
		if last := &plans[len(plans)-1]; len(last.V4) == 0 {
			last.V4, last.Source = part, own.Addr()
		} else {
			plans = append(plans, LinkPlan{Link: l, V4: part, Source: own.Addr()})
		}
	}
	p.Links = append(p.Links, plans...)
}

func checkSize(routed Set, links []LinkPlan, large bool) error {
	if n := routed.family(128).Count(); n > maxAddresses {
		return inventory.Errorf(inventory.CodeTooLarge,
			"%s cannot be counted through: IPv6 prefixes are scanned only on a link of this host", routed.family(128))
	}
	n := routed.Count()
	for _, l := range links {
		n += l.V4.Count()
	}
	limit := uint64(maxAddresses)
	if large {
		limit = maxAddressesLarge
	}
	if n > limit {
		hint := ""
		if !large && n <= maxAddressesLarge {
			hint = "; --large allows up to 16,777,216"
		}
		return inventory.Errorf(inventory.CodeTooLarge, "%d addresses to scan, at most %d allowed%s", n, limit, hint)
	}
	return nil
}

func (p *Plan) note() {
	if p.host.Raw != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("no ARP: %v; hosts on this link that answer neither echo nor connections are found only in the system's ARP table", p.host.Raw))
	}
	if p.host.ICMP != nil && len(p.Routed) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("no echo requests: %v; connections are tried instead", p.host.ICMP))
	}
}

// Addresses is the number of addresses that are asked one by one.
func (p *Plan) Addresses() uint64 {
	n := p.Routed.Count()
	for _, l := range p.Links {
		n += l.V4.Count() + l.V6.Count()
	}
	return n
}

// Step is one line of a plan: what is sent, to how many addresses.
type Step struct {
	What      string
	Where     string
	Addresses uint64
	// Packets is the most that may be sent: as if nobody answered.
	Packets uint64
	Time    time.Duration
}

// Passes of the sweeps, and what a multicast search sends from each own address.
const (
	passes             = 2
	multicastPerSource = 2
	// perFound is what a found host costs at most when it is asked to announce itself.
	perFound = 6
)

// Steps lists the discovery probes. Reading by SNMP comes after them and depends on what
// they find.
func (p *Plan) Steps() []Step {
	var out []Step
	add := func(what, where string, addresses, packets uint64, rate int) {
		out = append(out, Step{what, where, addresses, packets, time.Duration(float64(packets) / float64(rate) * float64(time.Second))})
	}
	for _, l := range p.Links {
		name := l.Link.Interface.Name
		if n := l.V4.Count(); n > 0 {
			packets := n * passes
			if l.V4.Contains(l.Source) { // who has that is known
				packets -= passes
			}
			add("ARP", name, n, packets, p.Rate)
		}
		if l.Multicast || len(l.V6) > 0 {
			n := l.V6.Count()
			add("IPv6 multicast echo and neighbour discovery", name, n,
				(uint64(len(l.Link.sources6()))*multicastPerSource+n)*passes, p.Rate)
		}
	}
	if n := p.Routed.Count(); n > 0 {
		rate := p.routedRate()
		if p.host.ICMP == nil {
			add("ICMP echo", "routed", n, n*passes, rate)
		}
		if n := p.stamped(); n > 0 {
			add("ICMP timestamp to the silent", "routed", n, n, rate)
		}
		add(p.tcpWay()+" to the silent", "routed", n, n*uint64(len(tcp.Ports())), rate)
	}
	if n := p.Addresses(); p.Search && n > 0 {
		add("mDNS, SSDP, WS-Discovery, NetBIOS, LLMNR", "what is found", n, n*perFound, p.Rate)
	}
	return out
}

// tcpWay names how the silent are tried by TCP.
func (p *Plan) tcpWay() string {
	if p.SYN {
		return "TCP SYN"
	}
	return "TCP connect"
}

// stamped is how many routed addresses are asked for a timestamp when they give no echo.
func (p *Plan) stamped() uint64 {
	if p.host.ICMP != nil || p.host.Raw != nil {
		return 0
	}
	return p.Routed.family(32).Count()
}

// routedRate is the rate that the routed subnets together may get.
func (p *Plan) routedRate() int {
	subnets := map[string]bool{}
	for a := range p.Routed.All() {
		if subnets[subnetOf(a).String()] = true; len(subnets) >= subnetShare {
			return p.Rate
		}
	}
	return max(1, p.Rate*len(subnets)/subnetShare)
}
