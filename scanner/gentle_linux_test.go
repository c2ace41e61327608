package scanner_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

// frame is one on the wire, as a program on the interface saw it.
type frame struct {
	at   time.Duration // since the capture began; not earlier than it was sent
	out  bool
	data []byte
}

// capture takes all frames of an interface until it is stopped.
func capture(t *testing.T, name string) (stop func() []frame) {
	t.Helper()
	conn, err := ethernet(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var seen []frame
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			seen = append(seen, frame{time.Since(began), bytes.Equal(buf[6:12], own(conn)), bytes.Clone(buf[:n])})
		}
	}()
	return func() []frame {
		st, err := conn.Stats()
		_ = conn.Close()
		<-done
		if err != nil || st.Drops > 0 {
			t.Fatalf("the capture is not whole: %d frames lost, %v", st.Drops, err)
		}
		return seen
	}
}

// what names what a frame is and where it goes: "arp 10.0.0.1", "udp 10.0.0.1:161".
func (f frame) what() string {
	d := f.data
	if len(d) < 42 {
		return ""
	}
	switch binary.BigEndian.Uint16(d[12:]) {
	case unix.ETH_P_ARP:
		if f.out && !bytes.Equal(d[:6], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) {
			return "" // the kernel's own answers
		}
		return "arp " + netip.AddrFrom4([4]byte(d[38:42])).String()
	case unix.ETH_P_IPV6:
		return "ipv6"
	case unix.ETH_P_IP:
	default:
		return ""
	}
	to, port := netip.AddrFrom4([4]byte(d[30:34])), binary.BigEndian.Uint16(d[36:])
	switch {
	case d[23] == unix.IPPROTO_ICMP && d[34] == 8:
		return "echo " + to.String()
	case d[23] == unix.IPPROTO_ICMP && d[34] == 13:
		return "timestamp " + to.String()
	case d[23] == unix.IPPROTO_UDP:
		return fmt.Sprintf("udp %s:%d", to, port)
	case d[23] == unix.IPPROTO_TCP && d[47]&0x12 == 0x02: // SYN alone
		return fmt.Sprintf("tcp %s:%d", to, port)
	}
	return ""
}

// about is the kinds of what was sent to an address, once each, in order.
func about(frames []frame, address string) []string {
	var out []string
	for _, f := range frames {
		kind, to, _ := strings.Cut(f.what(), " ")
		host, port, _ := strings.Cut(to, ":")
		if text := strings.TrimSpace(kind + " " + port); f.out && host == address && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

// plant is a link with a controller, a host that somebody named, one by its card, and an
// ordinary one; and a router with a host behind it.
var plant = testkit.Network{
	Hosts: []string{"scanner", "lan", "plc", "named", "card", "plain"},
	Setup: `
		lan: ip link add br0 type bridge forward_delay 0 mcast_snooping 0
		lan: sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1
		lan: ip link set br0 up
		lan: ip addr add 10.93.1.1/24 dev br0
		lan: ip link add p1 type veth peer name eth0 address 02:00:00:00:00:01 netns {scanner}
		lan: ip link add p2 type veth peer name eth0 address 00:01:e3:00:00:10 netns {plc}
		lan: ip link add p3 type veth peer name eth0 address 00:14:22:00:00:20 netns {named}
		lan: ip link add p4 type veth peer name eth0 address 02:77:77:00:00:30 netns {card}
		lan: ip link add p5 type veth peer name eth0 address 00:25:90:00:00:50 netns {plain}
		lan: ip link set p1 master br0 up
		lan: ip link set p2 master br0 up
		lan: ip link set p3 master br0 up
		lan: ip link set p4 master br0 up
		lan: ip link set p5 master br0 up
		scanner: ip link set eth0 up
		scanner: ip addr add 10.93.1.250/24 dev eth0
		scanner: ip route add default via 10.93.1.1
		plc: ip link set eth0 up
		plc: ip addr add 10.93.1.10/24 dev eth0
		named: ip link set eth0 up
		named: ip addr add 10.93.1.20/24 dev eth0
		card: ip link set eth0 up
		card: ip addr add 10.93.1.30/24 dev eth0
		plain: ip link set eth0 up
		plain: ip addr add 10.93.1.50/24 dev eth0
	`,
}

// Fragile devices are found, asked by SNMP, and sent nothing else; the result says why.
func TestF21FragileDevices(t *testing.T) {
	testkit.InNetwork(t, plant, func(t *testing.T) {
		fragile, err := scanner.ParseFragile([]string{"10.93.1.20", "02:77:77", "10.99.0.0/30"})
		if err != nil {
			t.Fatal(err)
		}
		stop := capture(t, "eth0")
		res := scan(t, scanner.Config{
			Fragile: fragile, Services: service.Ports{TCP: []int{22, 80}, UDP: []int{623}},
			Credentials: []snmp.Credential{{Version: gosnmp.Version2c, Community: "public"}},
		}, scanner.Job{Targets: []string{"10.93.1.0/24", "10.99.0.0/29"}, Rate: 2000})
		frames := stop()
		// Without a scan, the cards that the system's ARP table has tell.
		for address, why := range map[string]string{"10.93.1.10": "industrial controller, by the maker of its card", "10.93.1.30": "named as fragile", "10.93.1.50": ""} {
			if got := fragile.Unasked()(netip.MustParseAddr(address)); got != why {
				t.Errorf("%s is fragile: %q", address, got)
			}
		}
		for address, why := range map[string]string{
			"10.93.1.10": "industrial controller, by the maker of its card", "10.93.1.20": "named as fragile", "10.93.1.30": "named as fragile", "10.93.1.50": "",
		} {
			want := []string{"arp", "udp 161"}
			if why == "" {
				want = append(want, "tcp 22", "tcp 80", "udp 137", "udp 623")
				slices.Sort(want)
			}
			if d := cmp.Diff(want, about(frames, address)); d != "" {
				t.Errorf("%s: %s", address, d)
			}
			d := deviceAt(t, res, address)
			flags := strings.Join(d.Flags, "; ")
			if why != "" && (!strings.Contains(flags, why) || !strings.Contains(d.PortState.Reason, why)) || why == "" && flags != "" {
				t.Errorf("%s: flags %q, ports %+v, want %q", address, flags, d.PortState, why)
			}
		}
		if got := about(frames, "10.99.0.2"); !slices.Equal(got, []string{"echo"}) {
			t.Errorf("a fragile address behind the router was sent %v", got)
		}
		if got := about(frames, "10.99.0.5"); !slices.Contains(got, "tcp 22") {
			t.Errorf("its neighbour that is not was sent %v", got)
		}
	})
}

// What a sweep sends is what the plan says, to the packet, where nobody answers; who answers
// is asked no more. And no packet goes out before its time.
func TestF21PlanIsKept(t *testing.T) {
	testkit.InNetwork(t, plant, func(t *testing.T) {
		s, err := scanner.New(scanner.Config{NoNames: true, NoSearch: true})
		if err != nil {
			t.Fatal(err)
		}
		const rate = 1500
		p, err := s.Plan(t.Context(), scanner.Job{Targets: []string{"10.93.1.0/24", "10.99.0.0/25"}, Rate: rate})
		if err != nil {
			t.Fatal(err)
		}
		planned := map[string]int{}
		for _, step := range p.Steps() {
			kind := strings.ToLower(strings.Fields(step.What)[0])
			if strings.Contains(step.What, "timestamp") {
				kind = "timestamp"
			}
			planned[kind] += int(step.Packets)
		}
		stop := capture(t, "eth0")
		if _, err := s.Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		frames := slices.DeleteFunc(stop(), func(f frame) bool { return !f.out || f.what() == "" || f.what() == "arp 10.93.1.1" })
		sent := map[string]int{}
		paced := 0
		for _, f := range frames {
			kind, _, _ := strings.Cut(f.what(), " ")
			if kind == "ipv6" && f.data[14+40] != 128 && f.data[14+6] != unix.IPPROTO_DSTOPTS {
				continue // the kernel's own neighbour discovery
			}
			sent[kind]++
			paced++
			// Whatever delays a packet makes this true all the more.
			if earliest := time.Duration(float64(paced-1)/rate*float64(time.Second)) - 7*time.Millisecond; f.at < earliest {
				t.Fatalf("packet %d (%s) at %v, allowed from %v on", paced, f.what(), f.at, earliest)
			}
		}
		const answered = 4 // of the link's hosts; the router's own address is left out of the count
		want := map[string]int{"arp": planned["arp"] - answered - 2, "ipv6": planned["ipv6"], "echo": planned["icmp"], "timestamp": planned["timestamp"], "tcp": planned["tcp"]}
		if d := cmp.Diff(want, sent); d != "" {
			t.Errorf("planned and sent differ: %s", d)
		}
	})
}

// A device has one question to answer at a time, whichever probe asks: the wire has no second
// exchange with it before the first is over.
func TestF21OneRequestAtATime(t *testing.T) {
	n := talkers
	n.Setup += "speaker: sysctl -qw net.ipv4.icmp_ratelimit=0\n"
	testkit.InNetwork(t, n, func(t *testing.T) {
		startResponder(t)
		stop := capture(t, "eth0")
		res := scan(t, scanner.Config{
			Services:    service.Default(),
			Credentials: []snmp.Credential{{Version: gosnmp.Version2c, Community: "public"}, {Version: gosnmp.Version2c, Community: "other"}},
		}, scanner.Job{Targets: []string{"10.92.1.8-12"}})
		if d := deviceAt(t, res, "10.92.1.10"); d.HostName != "prn7" || len(d.Announced.Facts) == 0 {
			t.Fatalf("the responder did not speak: %+v", d)
		}
		device := netip.MustParseAddr("10.92.1.10").As4()
		open, exchanges := map[string]bool{}, 0
		for _, f := range stop() {
			d := f.data
			if len(d) < 42 || d[12] != 8 || d[13] != 0 || !bytes.Equal(d[30:34], device[:]) && !bytes.Equal(d[26:30], device[:]) {
				continue
			}
			local := 34
			if !f.out {
				local = 36
			}
			key := fmt.Sprint(d[23], " port ", binary.BigEndian.Uint16(d[local:]))
			switch {
			case d[23] == unix.IPPROTO_ICMP && d[34] == 3: // about the datagram inside
				delete(open, fmt.Sprint(d[51], " port ", binary.BigEndian.Uint16(d[62:])))
			case d[23] == unix.IPPROTO_UDP && f.out, d[23] == unix.IPPROTO_TCP && f.out && d[47]&0x02 != 0:
				exchanges++
				open[key] = true
			case d[23] == unix.IPPROTO_UDP, d[23] == unix.IPPROTO_TCP && d[47]&0x05 != 0: // FIN or RST of either side
				delete(open, key)
			}
			if len(open) > 1 {
				t.Fatalf("%v are open at the same time after %s", open, f.what())
			}
		}
		if exchanges < 20 {
			t.Errorf("only %d exchanges seen: the watch does not work", exchanges)
		}
	})
}

// TestTarpit is no test but the tarpit of the one below: it takes connections at the ports that
// are asked and at those that nothing uses.
func TestTarpit(t *testing.T) {
	if os.Getenv(responderEnv) == "" {
		return
	}
	ports := []int{22, 80, 443, 445}
	for port := 40000; port < 49000; port++ {
		ports = append(ports, port)
	}
	for _, port := range ports {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("0.0.0.0:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		if port < 1024 {
			go func() {
				for c, err := l.Accept(); err == nil; c, err = l.Accept() {
					_ = c.Close()
				}
			}()
		}
	}
	time.Sleep(2 * time.Minute) // until the test below ends it
}

// One address of a tarpit is like the next: what answers for all, or at every port, is told
// and not listed.
func TestF22Tarpit(t *testing.T) {
	const noICMP = `
			tarpit: ip rule add pref 10 lookup local
			tarpit: ip rule del pref 0
			tarpit: ip rule add pref 5 ipproto icmp to 10.95.0.0/16 iif eth0 blackhole
		`
	for name, more := range map[string]string{"with ICMP": "", "by TCP alone": noICMP} {
		t.Run(name, func(t *testing.T) { testTarpit(t, more) })
	}
}

func testTarpit(t *testing.T, more string) {
	n := testkit.Network{
		Hosts: []string{"scanner", "router", "tarpit"},
		Setup: `
			scanner: ip link add eth0 address 02:00:00:00:00:01 type veth peer name eth0 address 00:1a:a1:00:00:09 netns {router}
			scanner: ip link set eth0 up
			scanner: ip addr add 10.94.1.250/24 dev eth0
			scanner: ip route add default via 10.94.1.1
			router: ip link set eth0 up
			router: ip addr add 10.94.1.1/24 dev eth0
			router: sysctl -qw net.ipv4.ip_forward=1
			router: ip link add eth1 type veth peer name eth0 netns {tarpit}
			router: ip link set eth1 up
			router: ip addr add 10.94.2.1/24 dev eth1
			router: ip route add 10.95.0.0/16 via 10.94.2.2
			tarpit: ip link set eth0 up
			tarpit: ip addr add 10.94.2.2/24 dev eth0
			tarpit: ip route add default via 10.94.2.1
			tarpit: ip route add local 10.95.0.0/16 dev lo
			tarpit: sysctl -qw net.ipv4.icmp_ratelimit=0
		` + more,
	}
	testkit.InNetwork(t, n, func(t *testing.T) {
		const tarpit = 2
		inHostTest(t, tarpit, "TestTarpit")
		awaitPort(t, "10.94.2.2:48999")
		res := scan(t, scanner.Config{NoSearch: true, Services: service.Ports{TCP: []int{22, 80, 443, 445}}},
			scanner.Job{Targets: []string{"10.95.0.0/23", "10.95.7.1-20", "10.94.2.2"}, Rate: 5000})
		if got := found(res); len(got) != 1 || !strings.HasPrefix(got[0], "[10.94.2.2]") {
			t.Errorf("%d devices: %v", len(got), got[:min(3, len(got))])
		}
		if flags := strings.Join(res.Devices[0].Flags, "; "); !strings.Contains(flags, "every port answers") {
			t.Errorf("flags of the machine: %q", flags)
		}
		notes := strings.Join(res.Notes, "\n")
		for _, want := range []string{"10.95.0.0-10.95.1.255: all 510 addresses answer", "10.95.7.0-10.95.7.255: every port of 20 addresses answers"} {
			if !strings.Contains(notes, want) {
				t.Errorf("notes %q do not say %q", notes, want)
			}
		}
		if n := len(scanner.Observations(res)); n != 1 {
			t.Errorf("%d observations", n)
		}
	})
}

// Frames of one station that makes up addresses and cards: what is kept has an end.
func TestF22MadeUpNeighbours(t *testing.T) {
	seen := make([]scanner.Sighting, 0, 40_000)
	for i := range cap(seen) {
		a := netip.AddrFrom16([16]byte{0: 0xfd, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
		seen = append(seen, scanner.Sighting{Addr: a.String(), MAC: ether.MAC{2, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)}.String(), Link: "eth0", Source: "ndp"})
	}
	devices, _, err := scanner.Merge(&scanner.Plan{}, seen, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(devices) != 1<<14 {
		t.Errorf("%d devices of %d made-up stations", len(devices), len(seen))
	}
}
