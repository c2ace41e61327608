package announce_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/announce"
)

// crowd is a link on which one box has a thousand addresses.
var crowd = testkit.Network{
	Hosts: []string{"scanner", "box"},
	Setup: `
		scanner: ip link add eth0 type veth peer name eth0 netns {box}
		scanner: ip link set eth0 up
		scanner: ip addr add 10.89.4.1/21 dev eth0
		box: ip link set eth0 up
		box: ip addr add 10.89.5.1/21 dev eth0
		box: ip route add local 10.89.0.0/22 dev lo
	`,
}

// responders speaks mDNS for each of the box's addresses as if it was a host of its own, with a
// service whose name says which; it takes questions when it returns.
func responders(t *testing.T) {
	t.Helper()
	const box = 1
	testkit.Elsewhere(t, box, func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		conn, err := net.ListenMulticastUDP("udp4", ifi, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = conn.Close() })
		go respond(conn)
		return nil
	})
}

func respond(conn *net.UDPConn) {
	p := ipv4.NewPacketConn(conn)
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		var q dns.Msg
		if q.Unpack(buf[:n]) != nil {
			continue
		}
		for _, question := range q.Question {
			a, lines := answerOf(question)
			m := dns.Msg{MsgHdr: dns.MsgHdr{Id: q.Id, Response: true}}
			for _, l := range lines {
				rr, err := dns.NewRR(l)
				if err != nil {
					panic(err)
				}
				m.Answer = append(m.Answer, rr)
			}
			if b, err := m.Pack(); err == nil && len(lines) > 0 {
				_, _ = p.WriteTo(b, &ipv4.ControlMessage{Src: a.AsSlice()}, from)
			}
		}
	}
}

// answerOf is which of the hosts answers a question, and what: its name, with which comes a
// service, and where that is.
func answerOf(q dns.Question) (a netip.Addr, lines []string) {
	var x, y, z, w byte
	switch q.Qtype {
	case dns.TypePTR:
		if n, _ := fmt.Sscanf(q.Name, "%d.%d.%d.%d.in-addr.arpa.", &w, &z, &y, &x); n == 4 {
			a = netip.AddrFrom4([4]byte{x, y, z, w})
			host := fmt.Sprintf("%d-%d-%d-%d", x, y, z, w)
			return a, []string{q.Name + " 120 IN PTR " + host + ".local.", "_ipp._tcp.local. 120 IN PTR " + host + "._ipp._tcp.local."}
		}
	case dns.TypeSRV:
		if n, _ := fmt.Sscanf(q.Name, "%d-%d-%d-%d._ipp._tcp.local.", &x, &y, &z, &w); n == 4 {
			a = netip.AddrFrom4([4]byte{x, y, z, w})
			return a, []string{fmt.Sprintf("%s 120 IN SRV 0 0 631 %d-%d-%d-%d.local.", q.Name, x, y, z, w)}
		}
	}
	return a, nil
}

// On a link with many hosts each is asked for its name, and each service that they name is asked
// for too, however many there are.
func TestSearchManyHosts(t *testing.T) {
	testkit.InNetwork(t, crowd, func(t *testing.T) {
		responders(t)
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			t.Fatal(err)
		}
		var hosts []netip.Addr
		for a := netip.MustParseAddr("10.89.0.1"); len(hosts) < 1000; a = a.Next() {
			hosts = append(hosts, a)
		}
		var book announce.Notebook
		search := announce.Search{
			Interface: ifi, Source: netip.MustParseAddr("10.89.4.1"), Hosts: hosts, Book: &book,
			Accept: func(netip.Addr) bool { return true },
			Wait: func(ctx context.Context, _ netip.Addr) error {
				time.Sleep(time.Millisecond) // so that nobody's buffers run over
				return ctx.Err()
			},
			Sent: func() {}, Seen: func(netip.Addr, string) {},
		}
		var nameless, without []netip.Addr
		for range 3 { // what a busy machine loses comes again; what is never asked for does not
			if err := search.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			speeches := book.Speeches()
			nameless, without = nil, nil
			for _, a := range hosts {
				s := speeches[announce.Speaker{Addr: a}]
				if want := strings.ReplaceAll(a.String(), ".", "-"); !slices.Contains(s.Names, want) {
					nameless = append(nameless, a)
				}
				if len(s.Services) != 1 {
					without = append(without, a)
				}
			}
			if len(nameless)+len(without) == 0 {
				return
			}
		}
		t.Errorf("of %d hosts %d have no name (%v ...) and %d no service (%v ...)", len(hosts),
			len(nameless), nameless[:min(2, len(nameless))], len(without), without[:min(2, len(without))])
	})
}
