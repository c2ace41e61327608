package scanner_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner"
)

// lan is a network with a bridge, hosts of all kinds on it, a router, and hosts behind it.
var lan = testkit.Network{
	Hosts: []string{"scanner", "lan", "a", "multi", "six", "vrrp", "router", "far", "mute"},
	Setup: `
		lan: ip link add br0 type bridge forward_delay 0 mcast_snooping 0
		lan: sysctl -qw net.ipv6.conf.all.disable_ipv6=1
		lan: ip link set br0 up
		lan: ip link add p1 type veth peer name eth0 address 02:00:00:00:00:01 netns {scanner}
		lan: ip link add p2 type veth peer name eth0 address 00:14:22:00:00:10 netns {a}
		lan: ip link add p3 type veth peer name eth0 address 00:25:90:00:00:50 netns {multi}
		lan: ip link add p4 type veth peer name eth0 address b8:27:eb:00:00:60 netns {six}
		lan: ip link add p5 type veth peer name eth0 address 00:00:5e:00:01:28 netns {vrrp}
		lan: ip link add p6 type veth peer name eth0 address 00:1a:a1:00:00:01 netns {router}
		lan: ip link set p1 master br0 up
		lan: ip link set p2 master br0 up
		lan: ip link set p3 master br0 up
		lan: ip link set p4 master br0 up
		lan: ip link set p5 master br0 up
		lan: ip link set p6 master br0 up
		scanner: ip link set eth0 up
		scanner: ip addr add 10.90.1.250/24 dev eth0
		scanner: ip addr add fd90:1::250/64 dev eth0 nodad
		scanner: ip route add default via 10.90.1.1
		a: ip link set eth0 up
		a: ip addr add 10.90.1.10/24 dev eth0
		a: ip addr add fd90:1::10/64 dev eth0 nodad
		multi: ip link set eth0 up
		multi: ip addr add 10.90.1.50/24 dev eth0
		multi: ip addr add 10.90.1.51/24 dev eth0
		multi: ip addr add 10.90.1.52/24 dev eth0
		six: ip link set eth0 up
		six: ip addr add fd90:1::60/64 dev eth0 nodad
		vrrp: ip link set eth0 up
		vrrp: ip addr add 10.90.1.40/24 dev eth0
		router: ip link set eth0 up
		router: ip addr add 10.90.1.1/24 dev eth0
		router: sysctl -qw net.ipv4.ip_forward=1
		router: ip link add eth1 type veth peer name eth0 netns {far}
		router: ip addr add 10.90.2.1/25 dev eth1
		router: ip link set eth1 up
		far: ip link set eth0 up
		far: ip addr add 10.90.2.10/25 dev eth0
		far: ip route add default via 10.90.2.1
		router: ip link add eth2 type veth peer name eth0 netns {mute}
		router: ip addr add 10.90.2.129/25 dev eth2
		router: ip link set eth2 up
		mute: ip link set eth0 up
		mute: ip addr add 10.90.2.130/25 dev eth0
		mute: ip route add default via 10.90.2.129
		mute: sysctl -qw net.ipv4.icmp_echo_ignore_all=1
	`,
}

func scan(t *testing.T, cfg scanner.Config, job scanner.Job) *scanner.Result {
	t.Helper()
	cfg.NoNames = true
	s, err := scanner.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if !res.Complete {
		t.Errorf("incomplete: %v", res.Notes)
	}
	return res
}

// found is a line for each device: addresses that are not link-local, MACs, sources.
func found(res *scanner.Result) []string {
	var out []string
	for _, d := range res.Devices {
		var addrs []string
		for _, a := range d.Addresses {
			if !a.IsLinkLocalUnicast() {
				addrs = append(addrs, a.String())
			}
		}
		line := fmt.Sprint(addrs, d.MACs, d.Sources)
		if d.Virtual != "" {
			line += " " + d.Virtual
		}
		out = append(out, line)
	}
	return out
}

func TestScanNetwork(t *testing.T) {
	testkit.InNetwork(t, lan, func(t *testing.T) {
		res := scan(t, scanner.Config{}, scanner.Job{Targets: []string{"10.90.1.0/24", "10.90.2.8-12", "10.90.2.130"}, Rate: 2000})
		want := []string{
			"[10.90.1.1] [00:1a:a1:00:00:01] [arp ndp]",
			"[10.90.1.10 fd90:1::10] [00:14:22:00:00:10] [arp ndp]",
			"[10.90.1.40] [00:00:5e:00:01:28] [arp] VRRP 40",
			"[10.90.1.50 10.90.1.51 10.90.1.52] [00:25:90:00:00:50] [arp ndp]",
			"[10.90.1.250 fd90:1::250] [02:00:00:00:00:01] [own interface]",
			"[10.90.2.10] [] [icmp]",
			"[10.90.2.130] [] [icmp timestamp]",
			"[fd90:1::60] [b8:27:eb:00:00:60] [ndp]",
		}
		// The shared address's link-local IPv6 address stands for itself.
		got := slices.DeleteFunc(found(res), func(s string) bool { return strings.HasPrefix(s, "[] [00:00:5e:00:01:28] [ndp]") })
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// Asked for a part of a link, a scan does not list its other hosts, whatever they answer to.
func TestScanPartOfALink(t *testing.T) {
	testkit.InNetwork(t, lan, func(t *testing.T) {
		res := scan(t, scanner.Config{}, scanner.Job{Targets: []string{"10.90.1.8-12"}})
		if d := cmp.Diff([]string{"[10.90.1.10 fd90:1::10] [00:14:22:00:00:10] [arp ndp]"}, others(res)); d != "" {
			t.Error(d)
		}
		res = scan(t, scanner.Config{}, scanner.Job{Targets: []string{"fd90:1::/64"}})
		want := []string{"[fd90:1::10] [00:14:22:00:00:10] [ndp]", "[fd90:1::60] [b8:27:eb:00:00:60] [ndp]"}
		if d := cmp.Diff(want, others(res)); d != "" {
			t.Error(d)
		}
	})
}

// others is what was found but for this host.
func others(res *scanner.Result) []string {
	return slices.DeleteFunc(found(res), func(s string) bool { return strings.Contains(s, "own interface") })
}

// Without the right to send raw frames, hosts on the link are found by echo, connection and
// the system's ARP table.
func TestScanNetworkUnprivileged(t *testing.T) {
	n := lan
	n.Wrap = []string{"setpriv", "--bounding-set", "-net_raw,-net_admin"}
	testkit.InNetwork(t, n, func(t *testing.T) {
		res := scan(t, scanner.Config{}, scanner.Job{Targets: []string{"10.90.1.8-12", "10.90.1.40", "10.90.2.130"}, Rate: 2000})
		want := []string{
			"[10.90.1.10] [00:14:22:00:00:10] [arp icmp]",
			"[10.90.1.40] [00:00:5e:00:01:28] [arp icmp] VRRP 40",
			"[10.90.2.130] [] [tcp]",
		}
		if d := cmp.Diff(want, found(res)); d != "" {
			t.Error(d)
		}
		if notes := strings.Join(res.Notes, "\n"); !strings.Contains(notes, "CAP_NET_RAW") {
			t.Errorf("notes do not say what could not be done: %q", notes)
		}
	})
}

// Excluded and denied addresses are not asked for, not by any probe: this watches the wire.
func TestA26DeniedAddressesAreLeftAlone(t *testing.T) {
	testkit.InNetwork(t, lan, func(t *testing.T) {
		asked := watch(t, "eth0")
		res := scan(t, scanner.Config{Deny: prefixes("10.90.1.48/28", "fd90:1::60/128")},
			scanner.Job{Targets: []string{"10.90.1.0/24", "10.90.2.10"}, Exclude: []string{"10.90.1.10", "10.90.2.0/24"}, Rate: 2000})
		for _, a := range asked() {
			if a.Is4() && (prefixes("10.90.1.48/28", "10.90.1.10/32", "10.90.2.0/24").Contains(a)) {
				t.Errorf("%s was probed", a)
			}
		}
		for _, line := range found(res) {
			for _, bad := range []string{"10.90.1.5", "10.90.1.10", "10.90.2.10", "fd90:1::60"} {
				if strings.Contains(line, bad) && !strings.Contains(line, "10.90.1.250") {
					t.Errorf("listed: %s", line)
				}
			}
		}
	})
}

// ethernet is an interface as its frames see it.
func ethernet(name string) (*packet.Conn, error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	return packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
}

// ethernetOf is eth0 of a host in the test's network.
func ethernetOf(t *testing.T, host int) (conn *packet.Conn) {
	t.Helper()
	testkit.Elsewhere(t, host, func() (err error) {
		conn, err = ethernet("eth0")
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// own is the hardware address of a wire's interface.
func own(conn *packet.Conn) net.HardwareAddr {
	if a, ok := conn.LocalAddr().(*packet.Addr); ok {
		return a.HardwareAddr
	}
	return nil
}

// send puts a frame on a wire.
func send(conn *packet.Conn, frame []byte) error {
	_, err := conn.WriteTo(frame, &packet.Addr{HardwareAddr: net.HardwareAddr(frame[:6])})
	return err
}

// watch records the IPv4 addresses that frames leaving an interface are about.
func watch(t *testing.T, name string) (stop func() []netip.Addr) {
	t.Helper()
	conn, err := ethernet(name)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[netip.Addr]bool{}
	var mu sync.Mutex
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			f := buf[:n]
			if n < 42 || !bytes.Equal(f[6:12], own(conn)) {
				continue
			}
			var at int
			switch binary.BigEndian.Uint16(f[12:]) {
			case unix.ETH_P_ARP:
				at = 38
			case unix.ETH_P_IP:
				at = 30
			default:
				continue
			}
			mu.Lock()
			seen[netip.AddrFrom4([4]byte(f[at:at+4]))] = true
			mu.Unlock()
		}
	}()
	return func() []netip.Addr {
		_ = conn.Close()
		<-done
		var out []netip.Addr
		for a := range seen {
			out = append(out, a)
		}
		if len(out) < 100 {
			t.Errorf("only %d addresses seen on the wire: the watch does not work", len(out))
		}
		return out
	}
}

// One host that answers for a whole network, at full speed.
func TestF22ProxyARP(t *testing.T) {
	n := testkit.Network{
		Hosts: []string{"scanner", "proxy"},
		Setup: `
			scanner: ip link add eth0 address 02:00:00:00:00:01 type veth peer name eth0 address 00:1a:a1:00:00:09 netns {proxy}
			scanner: ip link set eth0 up
			scanner: ip addr add 10.91.0.1/16 dev eth0
			proxy: ip link set eth0 up
			proxy: ip addr add 10.91.255.1/16 dev eth0
			proxy: ip route add local 10.91.32.0/19 dev lo
		`,
	}
	testkit.InNetwork(t, n, func(t *testing.T) {
		res := scan(t, scanner.Config{}, scanner.Job{Targets: []string{"10.91.0.0/16"}, Rate: 200_000})
		if len(res.Devices) != 2 {
			t.Fatalf("%d devices, want the proxy and this host", len(res.Devices))
		}
		d := res.Devices[slices.IndexFunc(res.Devices, func(d *scanner.Device) bool { return !d.Self })]
		count := 0
		for _, a := range d.Addresses {
			if a.Is4() {
				count++
			}
		}
		if count != 8193 { // all of the /19, and the proxy's own address
			t.Errorf("%d addresses", count)
		}
		if notes := strings.Join(res.Notes, "\n"); !strings.Contains(notes, "00:1a:a1:00:00:09 answers for 8194 addresses from 10.91.32.0 on: it is listed as one device") {
			t.Errorf("notes %q", notes)
		}
		for _, o := range scanner.Observations(res) {
			for _, s := range o.Sections {
				if list, ok := s.Body.(inventory.Interfaces); ok && len(list[0].Addresses) > 64 {
					t.Errorf("%d addresses are reported", len(list[0].Addresses))
				}
			}
		}
		if len(d.Flags) != 1 || !strings.Contains(d.Flags[0], "proxy ARP") {
			t.Errorf("flags %v", d.Flags)
		}
	})
}

// A scan that is stopped ends at once and tells what it has.
func TestScanStops(t *testing.T) {
	testkit.InNetwork(t, lan, func(t *testing.T) {
		s, err := scanner.New(scanner.Config{NoNames: true})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Plan(t.Context(), scanner.Job{Targets: []string{"10.90.1.0/24"}, Rate: 30})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		res, err := s.Run(ctx, p)
		if err != nil || res.Complete {
			t.Fatalf("complete %v, %v", res.Complete, err)
		}
		if took := res.Finished.Sub(res.Started); took > 2500*time.Millisecond {
			t.Errorf("stopped %v after the start, asked to after 1 s", took)
		}
		if len(res.Devices) < 2 {
			t.Errorf("what was found before the stop is missing: %v", found(res))
		}
	})
}
