package scanner

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/muster-itam/muster/scanner/arp"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/icmp"
	"github.com/muster-itam/muster/scanner/ndp"
	"github.com/muster-itam/muster/scanner/tcp"
)

// Sources of sightings.
const (
	viaARP  = "arp"
	viaNDP  = "ndp"
	viaICMP = "icmp"
	// viaTimestamp is of hosts that give no echo and answer this, which firewalls forget.
	viaTimestamp = "icmp timestamp"
	viaTCP       = "tcp"
	viaSNMP      = "snmp"
	viaSelf      = "own interface"

	arpTableOf = "arp table of " // and whose
)

// self writes down the scanning host's own addresses on what is scanned.
func (r *run) self() {
	for i := range r.plan.host.Links {
		l := &r.plan.host.Links[i]
		for _, p := range l.Prefixes {
			a := p.Addr()
			if r.plan.Allowed.Contains(a) || a.Is6() && r.whole(l.Interface.Name) && !r.plan.deny.Contains(a) {
				r.book.see(sighting{addr: a, mac: l.MAC, link: l.Interface.Name, source: viaSelf})
			}
		}
	}
}

// whole tells whether all of a link is scanned.
func (r *run) whole(name string) bool {
	for i := range r.plan.Links {
		if l := &r.plan.Links[i]; l.Whole && l.Link.Interface.Name == name {
			return true
		}
	}
	return false
}

// discover finds the addresses that are alive.
func (r *run) discover(ctx context.Context) {
	var planned uint64
	for _, s := range r.plan.Steps() {
		planned += s.Packets
	}
	stamped := r.plan.stamped()
	silent := stamped + r.plan.Routed.Count()*uint64(len(tcp.Ports()))
	phase := r.begin(PhaseSweep, planned-silent)
	sent := func() { phase.probed.Add(1) }
	var wg sync.WaitGroup
	for i := range r.plan.Links {
		l := &r.plan.Links[i]
		if len(l.V4) > 0 {
			wg.Go(func() { r.fail(ctx, "ARP on "+l.Link.Interface.Name, r.sweepARP(ctx, l, sent)) })
		}
		if l.Multicast {
			wg.Go(func() { r.fail(ctx, "IPv6 search on "+l.Link.Interface.Name, r.sweepNDP(ctx, l, sent)) })
		}
	}
	if r.plan.host.ICMP == nil {
		for _, f := range []struct {
			bits int
			open func() (*icmp.Socket, error)
		}{{32, icmp.Open4}, {128, icmp.Open6}} {
			if targets := r.plan.Routed.family(f.bits); len(targets) > 0 {
				wg.Go(func() { r.fail(ctx, "ICMP echo", r.sweepICMP(ctx, targets, f.open, sent)) })
			}
		}
	}
	wg.Wait()
	if len(r.plan.Routed) > 0 && ctx.Err() == nil {
		phase := r.begin(PhaseSilent, silent)
		sent := func() { phase.probed.Add(1) }
		if stamped > 0 {
			r.fail(ctx, "ICMP timestamp", r.sweepTimestamp(ctx, sent))
		}
		r.fail(ctx, r.plan.tcpWay(), r.sweepTCP(ctx, sent))
	}
	if r.plan.host.Raw != nil {
		r.systemARP()
	}
	r.dropStrays()
}

// dropStrays forgets IPv6 hosts that answered the multicast and that nobody asked for:
// those without a target's address on a link of which only a part is scanned.
func (r *run) dropStrays() {
	for i := range r.plan.Links {
		l := &r.plan.Links[i]
		if l.Multicast && !l.Whole {
			r.book.dropOthers(l.Link.Interface.Name, func(e *entry) bool {
				return r.plan.Allowed.Contains(e.addr) || slices.Contains(e.sources, viaSelf)
			})
		}
	}
}

func (r *run) sweepARP(ctx context.Context, l *LinkPlan, sent func()) error {
	sock, err := ether.Open(&l.Link.Interface, ether.TypeARP, nil)
	if err != nil {
		return err
	}
	err = arp.Run(ctx, sock, arp.Sweep{
		MAC: l.Link.MAC, Source: l.Source, Targets: l.V4.All, Passes: passes,
		Batch: r.pace.global.Batch(), Wait: r.pace.global.WaitN, Sent: sent,
		Seen: func(s arp.Sighting) {
			if l.V4.Contains(s.Addr) {
				r.book.see(sighting{addr: s.Addr, mac: s.MAC, link: l.Link.Interface.Name, source: viaARP})
			}
		},
	})
	r.noteDropped(l.Link.Interface.Name, sock)
	return err
}

// noteDropped says when answers came faster than they were read.
func (r *run) noteDropped(name string, sock *ether.Socket) {
	if n := sock.Dropped(); n > 0 {
		r.doubted(r.plan.Allowed)
		r.note("%s: %d frames were lost, answers may be missing: a lower --rate helps", name, n)
	}
}

func (r *run) sweepNDP(ctx context.Context, l *LinkPlan, sent func()) error {
	sock, err := ether.Open(&l.Link.Interface, ether.TypeIPv6, ndp.Filter())
	if err != nil {
		return err
	}
	err = ndp.Run(ctx, sock, ndp.Sweep{
		MAC: l.Link.MAC, Sources: l.Link.sources6(), Targets: l.V6.All(), Passes: passes,
		Wait: r.pace.global.Wait, Sent: sent,
		Seen: func(s ndp.Sighting) {
			if !r.plan.deny.Contains(s.Addr) && r.onLink(&l.Link, s.Addr) {
				r.book.see(sighting{addr: s.Addr, mac: s.MAC, link: l.Link.Interface.Name, source: viaNDP})
			}
		},
	})
	r.noteDropped(l.Link.Interface.Name, sock)
	return err
}

// onLink tells whether a can really be on the link; anybody may claim anything in a
// neighbour solicitation.
func (r *run) onLink(l *Link, a netip.Addr) bool {
	return l.on(a) || a.IsLinkLocalUnicast()
}

func (r *run) sweepICMP(ctx context.Context, targets Set, open func() (*icmp.Socket, error), sent func()) error {
	sock, err := open()
	if err != nil {
		return err
	}
	return sock.Run(ctx, icmp.Sweep{
		Targets: targets.spread, Passes: passes, Wait: r.pace.wait, Sent: sent,
		Seen: func(a netip.Addr) {
			if targets.Contains(a) {
				r.book.see(sighting{addr: a, source: viaICMP})
			}
		},
	})
}

// sweepTimestamp asks the routed IPv4 addresses that gave no sign yet, once.
func (r *run) sweepTimestamp(ctx context.Context, sent func()) error {
	sock, err := icmp.OpenTimestamp()
	if err != nil {
		return err
	}
	targets := r.plan.Routed.family(32)
	return sock.Run(ctx, icmp.Sweep{
		Targets: targets.spread, Skip: r.leave, Passes: 1, Wait: r.pace.wait, Sent: sent,
		Seen: func(a netip.Addr) {
			if targets.Contains(a) {
				r.book.see(sighting{addr: a, source: viaTimestamp})
			}
		},
	})
}

// sweepTCP tries ports of routed addresses that gave no sign yet.
func (r *run) sweepTCP(ctx context.Context, sent func()) error {
	sweep := tcp.Sweep{
		Targets: r.plan.Routed.spread(), Skip: r.leave, Ports: tcp.Ports(), Wait: r.pace.wait, Sent: sent,
		Seen: func(a tcp.Answer) {
			if r.plan.Routed.Contains(a.Addr) {
				r.book.see(sighting{addr: a.Addr, source: viaTCP})
			}
		},
	}
	if !r.plan.SYN {
		return tcp.Connect(ctx, sweep)
	}
	var wg sync.WaitGroup
	var errs [2]error
	for i, f := range []struct {
		bits int
		open func() (*tcp.Socket, error)
	}{{32, tcp.Open4}, {128, tcp.Open6}} {
		if targets := r.plan.Routed.family(f.bits); len(targets) > 0 {
			wg.Go(func() { errs[i] = sweepSYN(ctx, f.open, targets, sweep) })
		}
	}
	wg.Wait()
	return errors.Join(errs[:]...)
}

func sweepSYN(ctx context.Context, open func() (*tcp.Socket, error), targets Set, sweep tcp.Sweep) error {
	sock, err := open()
	if err != nil {
		return err
	}
	sweep.Targets = targets.spread()
	return sock.Run(ctx, sweep)
}

// leave tells of which targets no more is wanted: those that gave a sign, and those to which
// nobody may connect.
func (r *run) leave(a netip.Addr) bool { return r.book.has(a) || r.cfg.Fragile.address(a) != "" }

// systemARP takes hardware addresses of targets from the system's own table: probing them
// filled it, whether they answered or not.
func (r *run) systemARP() {
	table, err := arp.Table()
	if err != nil {
		r.note("%v", err)
		return
	}
	for _, s := range table {
		for i := range r.plan.host.Links {
			l := &r.plan.host.Links[i]
			if l.on(s.Addr) && r.plan.Routed.Contains(s.Addr) {
				r.book.see(sighting{addr: s.Addr, mac: s.MAC, link: l.Interface.Name, source: viaARP})
			}
		}
	}
}
