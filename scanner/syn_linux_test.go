package scanner_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/tcp"
)

// quiet is a box behind a link that has some of many addresses and drops all ICMP to them, so
// that it is TCP alone that finds them. It has nothing at the others.
var quiet = testkit.Network{
	Hosts: []string{"scanner", "box"},
	Setup: `
		scanner: ip link add eth0 address 02:00:00:00:00:01 type veth peer name eth0 netns {box}
		scanner: ip link set eth0 up
		scanner: ip addr add 10.97.0.1/24 dev eth0
		scanner: ip addr add fd97::1/64 dev eth0 nodad
		scanner: ip addr add 10.97.9.9/32 dev lo
		scanner: ip route add 10.96.0.0/22 via 10.97.0.2
		scanner: ip route add 10.98.0.0/24 via 10.97.0.2 src 10.97.9.9
		scanner: ip -6 route add fd96::/64 via fd97::2
		box: ip link set eth0 up
		box: ip addr add 10.97.0.2/24 dev eth0
		box: ip addr add fd97::2/64 dev eth0 nodad
		box: sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		box: ip route add 10.97.9.9/32 via 10.97.0.1
		box: ip route add local 10.96.0.8/31 dev lo
		box: ip route add local 10.96.3.200/32 dev lo
		box: ip route add local 10.98.0.4/32 dev lo
		box: ip addr add fd96::4/128 dev lo nodad
		box: ip addr add fd96::5/128 dev lo nodad
		box: ip route add blackhole 10.96.0.0/22
		box: ip route add blackhole 10.98.0.0/24
		box: ip -6 route add blackhole fd96::/64
		box: ip rule add pref 10 lookup local
		box: ip rule del pref 0
		box: ip rule add pref 5 ipproto icmp to 10.96.0.0/14 iif eth0 blackhole
		box: ip -6 rule add pref 10 lookup local
		box: ip -6 rule del pref 0
		box: ip -6 rule add pref 5 ipproto ipv6-icmp to fd96::/64 iif eth0 blackhole
	`,
}

// listenIn opens ports in another host of the network; nobody takes their connections.
func listenIn(t *testing.T, index int, at ...string) {
	t.Helper()
	testkit.Elsewhere(t, index, func() error {
		for _, a := range at {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", a)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = l.Close() })
		}
		return nil
	})
}

const box = 1

// SYNs and connections find the same, at open ports and at those that refuse, of both
// families; what may not be touched is not, and each SYN-ACK is refused by this host's kernel.
func TestSYNSweep(t *testing.T) {
	testkit.InNetwork(t, quiet, func(t *testing.T) {
		listenIn(t, box, "10.96.0.9:443", "[fd96::5]:22")
		want := []string{"[10.96.0.8] [] [tcp]", "[10.96.0.9] [] [tcp]", "[10.96.3.200] [] [tcp]", "[10.98.0.4] [] [tcp]", "[fd96::4] [] [tcp]", "[fd96::5] [] [tcp]"}
		job := scanner.Job{Targets: []string{"10.96.0.0/27", "10.96.3.192/27", "10.98.0.0/29", "fd96::/124"}, Exclude: []string{"10.96.3.210"}, Rate: 5000}
		fragile, err := scanner.ParseFragile([]string{"10.96.0.20"})
		if err != nil {
			t.Fatal(err)
		}
		for _, way := range []scanner.TCPWay{scanner.TCPSYN, scanner.TCPConnect} {
			stop := capture(t, "eth0")
			res := scan(t, scanner.Config{TCP: way, Fragile: fragile, NoSearch: true, Deny: prefixes("10.96.3.220/32")}, job)
			frames := stop()
			if d := cmp.Diff(want, found(res)); d != "" {
				t.Errorf("%s: %s", way, d)
			}
			for _, left := range []string{"10.96.3.210", "10.96.3.220"} {
				if got := about(frames, left); len(got) > 0 {
					t.Errorf("%s: %s was sent %v", way, left, got)
				}
			}
			if got := about(frames, "10.96.0.20"); !slices.Equal(got, []string{"echo"}) {
				t.Errorf("%s: a fragile address was sent %v", way, got)
			}
			if got := about(frames, "10.96.0.9"); !slices.Equal(got, []string{"echo", "tcp 22", "timestamp"}) {
				t.Errorf("%s: one that refuses the first port was sent %v", way, got)
			}
			if got := about(frames, "10.96.0.10"); len(got) != 2+8 { // echo, timestamp, all ports
				t.Errorf("%s: a silent address was sent %v", way, got)
			}
		}
	})
}

// Where there is no way to an address, as to those of IPv6 in many networks, nobody is found and
// nothing is wrong.
func TestSYNWithoutARoute(t *testing.T) {
	n := quiet
	n.Setup += "scanner: ip route add blackhole 10.51.0.0/24\n"
	testkit.InNetwork(t, n, func(t *testing.T) {
		res := scan(t, scanner.Config{TCP: scanner.TCPSYN, NoSearch: true}, scanner.Job{Targets: []string{"10.50.0.1", "10.51.0.1", "fd50::1"}})
		if len(res.Devices) > 0 || len(res.Notes) > 0 {
			t.Errorf("%v, notes %q", found(res), res.Notes)
		}
	})
}

// The other side is left with no half-open connection: its SYN-ACK is answered by RST, once,
// and is not sent again.
func TestSYNLeavesNothingOpen(t *testing.T) {
	testkit.InNetwork(t, quiet, func(t *testing.T) {
		var open []string
		for _, port := range tcp.Ports() {
			open = append(open, fmt.Sprintf("10.96.0.8:%d", port), fmt.Sprintf("[fd96::4]:%d", port))
		}
		listenIn(t, box, open...)
		stop := capture(t, "eth0")
		res := scan(t, scanner.Config{TCP: scanner.TCPSYN, NoSearch: true}, scanner.Job{Targets: []string{"10.96.0.8", "fd96::4"}})
		if len(res.Devices) != 2 {
			t.Errorf("found %v", found(res))
		}
		got := map[string]int{}
		for _, f := range stop() {
			if flags, six := tcpFlags(f.data); flags >= 0 {
				got[fmt.Sprintf("%v out=%v six=%v", flagNames(flags), f.out, six)]++
			}
		}
		want := map[string]int{}
		for _, six := range []string{"false", "true"} {
			want["[SYN] out=true six="+six], want["[SYN ACK] out=false six="+six], want["[RST] out=true six="+six] = 1, 1, 1
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// tcpFlags of a frame; below 0 when it is none of TCP.
func tcpFlags(d []byte) (flags int, six bool) {
	switch {
	case len(d) >= 14+20+20 && binary.BigEndian.Uint16(d[12:]) == unix.ETH_P_IP && d[14+9] == unix.IPPROTO_TCP:
		return int(d[14+20+13]), false
	case len(d) >= 14+40+20 && binary.BigEndian.Uint16(d[12:]) == unix.ETH_P_IPV6 && d[14+6] == unix.IPPROTO_TCP:
		return int(d[14+40+13]), true
	}
	return -1, false
}

func flagNames(flags int) []string {
	var out []string
	for bit, name := range map[int]string{0x02: "SYN", 0x04: "RST", 0x10: "ACK"} {
		if flags&bit != 0 {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(b, a) })
	return out
}

// Which way is taken follows from what the process may do, and a way that it may not take is
// refused before anything is sent.
func TestTCPWay(t *testing.T) {
	unprivileged := quiet
	unprivileged.Wrap = []string{"setpriv", "--bounding-set", "-net_raw,-net_admin"}
	for name, c := range map[string]struct {
		net  testkit.Network
		want map[scanner.TCPWay]string // step, or error
	}{
		"privileged": {quiet, map[scanner.TCPWay]string{"": "TCP SYN", scanner.TCPAuto: "TCP SYN", scanner.TCPSYN: "TCP SYN", scanner.TCPConnect: "TCP connect", "udp": "invalid"}},
		"not":        {unprivileged, map[scanner.TCPWay]string{"": "TCP connect", scanner.TCPAuto: "TCP connect", scanner.TCPSYN: "forbidden", scanner.TCPConnect: "TCP connect"}},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.InNetwork(t, c.net, func(t *testing.T) {
				for way, want := range c.want {
					s, err := scanner.New(scanner.Config{TCP: way})
					if err != nil {
						t.Fatal(err)
					}
					p, err := s.Plan(t.Context(), scanner.Job{Targets: []string{"10.96.0.0/28"}})
					got := string(inventory.CodeOf(err))
					if err == nil {
						got = ""
						for _, step := range p.Steps() {
							if strings.HasPrefix(step.What, "TCP") {
								got = strings.TrimSuffix(step.What, " to the silent")
							}
						}
					}
					if got != want {
						t.Errorf("%q: %s, want %s (%v)", way, got, want, err)
					}
				}
			})
		})
	}
}
