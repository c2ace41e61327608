package announce

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/muster-itam/muster/internal/pause"
)

// Search asks devices to say who they are.
type Search struct {
	// Interface and Source are where multicasts go out; nil and zero when only single hosts
	// are asked.
	Interface *net.Interface
	Source    netip.Addr
	// Hosts are asked one by one: by NetBIOS, and where there is no multicast by all others.
	Hosts []netip.Addr
	// Accept tells whose answers count.
	Accept func(netip.Addr) bool
	// Wait blocks until a packet may go to an address or group.
	Wait func(context.Context, netip.Addr) error
	Sent func()
	Seen func(a netip.Addr, via string)
	Book *Notebook
	// Settle is how long answers are waited for after each round; 0 means 1.2 s: devices
	// may take the second that SSDP's MX grants.
	Settle time.Duration
}

// protocol is what differs between the searches.
type protocol struct {
	via    string
	port   uint16
	group4 string // "" when it is not multicast
	group6 string
	hops   int
}

var (
	mdns  = protocol{ViaMDNS, portMDNS, "224.0.0.251", "ff02::fb", 255}
	llmnr = protocol{ViaLLMNR, portLLMNR, "224.0.0.252", "ff02::1:3", 1}
	// One hop only: 239.255.255.250 is forwarded where multicast is routed.
	ssdp = protocol{ViaSSDP, portSSDP, "239.255.255.250", "ff02::c", 1}
	wsd  = protocol{ViaWSD, portWSD, "239.255.255.250", "ff02::c", 1}
	nbns = protocol{via: ViaNBNS, port: portNBNS}
)

// Run asks by all protocols: groups at the same time, single hosts by one after the other, so
// that none has two questions to answer. What was heard before an error is in Book.
func (s Search) Run(ctx context.Context) error {
	if s.Settle == 0 {
		s.Settle = 1200 * time.Millisecond
	}
	if s.Interface == nil {
		return errors.Join(s.nbns(ctx), s.ssdp(ctx), s.wsd(ctx))
	}
	searches := []func(context.Context) error{s.ssdp, s.wsd, s.nbns, s.mdns, s.llmnr}
	errs := make([]error, len(searches))
	var wg sync.WaitGroup
	for i, search := range searches {
		wg.Go(func() { errs[i] = search(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// conn is the socket of one search.
type conn struct {
	*net.UDPConn
	Search
	protocol
	hear func(from netip.Addr, payload []byte) bool
	done chan struct{}
}

// open makes a socket that hears until it is closed.
func (s Search) open(p protocol, hear func(from netip.Addr, payload []byte) bool) (*conn, error) {
	network, local := "udp", &net.UDPAddr{}
	if s.Source.IsValid() {
		network, local = "udp4", &net.UDPAddr{IP: s.Source.AsSlice()}
		if s.Source.Is6() {
			network = "udp6"
			if s.Source.IsLinkLocalUnicast() {
				local.Zone = s.Interface.Name
			}
		}
	}
	u, err := net.ListenUDP(network, local)
	if err != nil {
		return nil, fmt.Errorf("open socket for %s: %w", p.via, err)
	}
	c := &conn{UDPConn: u, Search: s, protocol: p, hear: hear, done: make(chan struct{})}
	if err := c.multicast(); err != nil {
		_ = u.Close()
		return nil, fmt.Errorf("set up multicast of %s on %s: %w", p.via, s.Interface.Name, err)
	}
	go c.receive()
	return c, nil
}

// multicast keeps what is sent on the link that is searched.
func (c *conn) multicast() error {
	switch {
	case c.Interface == nil || c.group4 == "":
		return nil
	case c.Source.Is6():
		p := ipv6.NewPacketConn(c.UDPConn)
		return errors.Join(p.SetMulticastInterface(c.Interface), p.SetMulticastHopLimit(c.hops), p.SetMulticastLoopback(false))
	}
	p := ipv4.NewPacketConn(c.UDPConn)
	return errors.Join(p.SetMulticastInterface(c.Interface), p.SetMulticastTTL(c.hops), p.SetMulticastLoopback(false))
}

func (c *conn) receive() {
	defer close(c.done)
	buf := make([]byte, 1<<16)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error about an earlier packet
		}
		a := from.Addr().Unmap().WithZone("")
		if c.Accept(a) && c.hear(a, buf[:n]) {
			c.Seen(a, c.via)
		}
	}
}

func (c *conn) close() {
	_ = c.Close()
	<-c.done
}

// target of multicasts.
func (c *conn) target() netip.AddrPort {
	group := c.group4
	if c.Source.Is6() {
		group = c.group6 + "%" + c.Interface.Name
	}
	return netip.AddrPortFrom(netip.MustParseAddr(group), c.port)
}

// send sends to the group, or to each host when there is none. That a host cannot be
// reached is an answer like any silence.
func (c *conn) send(ctx context.Context, packet []byte) error {
	if c.Interface == nil || c.group4 == "" {
		return c.sendHosts(ctx, packet)
	}
	to := c.target()
	if err := c.Wait(ctx, to.Addr()); err != nil {
		return err
	}
	if _, err := c.WriteToUDPAddrPort(packet, to); err != nil {
		return fmt.Errorf("send %s: %w", c.via, err)
	}
	c.Sent()
	return nil
}

func (c *conn) sendHosts(ctx context.Context, packet []byte) error {
	for _, h := range c.Hosts {
		if h.IsLinkLocalUnicast() || c.Source.IsValid() && c.Source.Is4() != h.Is4() {
			continue
		}
		if err := c.Wait(ctx, h); err != nil {
			return err
		}
		_, _ = c.WriteToUDPAddrPort(packet, netip.AddrPortFrom(h, c.port))
		c.Sent()
	}
	return nil
}

// once sends one packet to everybody and waits.
func (s Search) once(ctx context.Context, p protocol, packet []byte, parse func(netip.Addr, []byte) (Speech, bool)) error {
	c, err := s.open(p, func(from netip.Addr, b []byte) bool {
		speech, ok := parse(from, b)
		if ok {
			s.Book.Add(Speaker{Addr: from}, speech)
		}
		return ok
	})
	if err != nil {
		return err
	}
	defer c.close()
	for range passes { // nobody says that a datagram was lost
		if err := c.send(ctx, packet); err != nil {
			return err
		}
		if err := pause.For(ctx, s.Settle/passes); err != nil {
			return err
		}
	}
	return pause.For(ctx, s.Settle/passes)
}

// passes is how often a question is sent.
const passes = 2

func (s Search) ssdp(ctx context.Context) error {
	host := netip.AddrPortFrom(netip.MustParseAddr(ssdp.group4), ssdp.port)
	return s.once(ctx, ssdp, ssdpSearch(host), func(from netip.Addr, b []byte) (Speech, bool) { return parseSSDP(b, from) })
}

func (s Search) wsd(ctx context.Context) error {
	return s.once(ctx, wsd, wsdProbe(), func(_ netip.Addr, b []byte) (Speech, bool) { return parseWSD(b) })
}

func (s Search) nbns(ctx context.Context) error {
	s.Hosts = slices.DeleteFunc(slices.Clone(s.Hosts), func(a netip.Addr) bool { return !a.Is4() })
	if len(s.Hosts) == 0 {
		return nil
	}
	id, err := randomID()
	if err != nil {
		return err
	}
	return s.once(ctx, nbns, nodeStatus(id), func(_ netip.Addr, b []byte) (Speech, bool) {
		if len(b) < 2 || binary.BigEndian.Uint16(b) != id {
			return Speech{}, false
		}
		return parseNodeStatus(b)
	})
}

func randomID() (uint16, error) {
	var b [2]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("make query id: %w", err)
	}
	return binary.BigEndian.Uint16(b[:]), nil
}

// dnsConn is a search whose answers carry the id of the question and come from its port.
func (s Search) dnsConn(p protocol, id uint16) (*conn, error) {
	return s.open(p, func(from netip.Addr, b []byte) bool {
		if len(b) < 2 || binary.BigEndian.Uint16(b) != id {
			return false
		}
		records, ok := parseRecords(b)
		if ok {
			s.Book.addRecords(Speaker{Addr: from}, p.via, records)
		}
		return ok
	})
}

// llmnr asks for the name of each host: by multicast, as the unicast form is for TCP and
// nobody answers it (RFC 4795 §2.4).
func (s Search) llmnr(ctx context.Context) error {
	id, err := randomID()
	if err != nil {
		return err
	}
	c, err := s.dnsConn(llmnr, id)
	if err != nil {
		return err
	}
	defer c.close()
	for _, h := range s.Hosts {
		if h.Is4() != s.Source.Is4() {
			continue
		}
		packet, err := question(id, dns.TypePTR, false, reverse(h)) // one question each (§2.1.1)
		if err != nil {
			return err
		}
		if err := c.send(ctx, packet); err != nil {
			return err
		}
	}
	return pause.For(ctx, s.Settle)
}
