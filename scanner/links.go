package scanner

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/icmp"
	"github.com/muster-itam/muster/scanner/tcp"
)

// Link is a network that this host is on.
type Link struct {
	Interface net.Interface
	MAC       ether.MAC
	Prefixes  []netip.Prefix // own addresses with their prefix lengths
}

// on tells whether a is in a network of the link.
func (l *Link) on(a netip.Addr) bool {
	return slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// covers is the addresses of one family that are on the link.
func (l *Link) covers(bits int) Set {
	var out []netip.Prefix
	for _, p := range l.Prefixes {
		if p.Addr().BitLen() == bits && !p.Addr().IsLinkLocalUnicast() {
			out = append(out, p)
		}
	}
	return PrefixSet(out...)
}

// all is the addresses of both families that are on the link.
func (l *Link) all() Set { return NewSet(append(l.covers(32), l.covers(128)...)...) }

// sources6 is the host's own IPv6 addresses on the link, link-local ones included.
func (l *Link) sources6() []netip.Addr {
	var out []netip.Addr
	for _, p := range l.Prefixes {
		if p.Addr().Is6() {
			out = append(out, p.Addr())
		}
	}
	return out
}

// Host is what a scan needs to know of the host it runs on.
type Host struct {
	Links []Link
	// Own is all of the host's addresses.
	Own Set
	// Raw says why raw frames cannot be sent; nil when they can.
	Raw error
	// ICMP says why no echo can be sent, SYN why no SYN of a scan's own; nil when they can.
	ICMP, SYN error
}

// ThisHost looks at the interfaces that are up, and at what this process may send.
func ThisHost() (Host, error) {
	var h Host
	ifs, err := net.Interfaces()
	if err != nil {
		return h, fmt.Errorf("list interfaces: %w", err)
	}
	var own []Range
	for _, ifi := range ifs {
		if ifi.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := ifi.Addrs()
		if err != nil {
			return h, fmt.Errorf("list addresses of %s: %w", ifi.Name, err)
		}
		l := Link{Interface: ifi}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue // not IP
			}
			p = netip.PrefixFrom(p.Addr().Unmap().WithZone(""), p.Bits())
			l.Prefixes = append(l.Prefixes, p)
			own = append(own, Range{From: p.Addr(), To: p.Addr()})
		}
		const wrong = net.FlagLoopback | net.FlagPointToPoint
		if len(ifi.HardwareAddr) == 6 && ifi.Flags&wrong == 0 && ifi.Flags&net.FlagBroadcast != 0 {
			l.MAC = ether.MAC(ifi.HardwareAddr)
			h.Links = append(h.Links, l)
		}
	}
	h.Own = NewSet(own...)
	h.Raw, h.ICMP, h.SYN = rawRight(h.Links), icmpRight(), synRight()
	return h, nil
}

// rawRight tries whether raw frames may be sent at all, by opening a socket.
func rawRight(links []Link) error {
	for i := range links {
		s, err := ether.Open(&links[i].Interface, ether.TypeARP, nil)
		if err == nil {
			return s.Close()
		}
		if errors.Is(err, ether.ErrPermission) || errors.Is(err, ether.ErrUnsupported) {
			return err
		}
	}
	return nil
}

func synRight() error {
	s, err := tcp.Open4()
	if err != nil {
		return err
	}
	return s.Close()
}

func icmpRight() error {
	s, err := icmp.Open4()
	if err != nil {
		return err
	}
	return s.Close()
}
