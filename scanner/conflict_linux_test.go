package scanner_test

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner"
)

// conflicts are the notes about them.
func conflicts(res *scanner.Result) []string {
	return slices.DeleteFunc(slices.Clone(res.Notes), func(n string) bool { return !strings.HasPrefix(n, "address conflict") })
}

// Two machines were given one address, and one of them is beside a router that answers for half of the network.
func TestScanAddressConflict(t *testing.T) {
	n := talkers
	n.Setup += `
		speaker: ip addr add 10.92.1.66/24 dev eth0
		bystander: ip addr add 10.92.1.66/24 dev eth0
		bystander: ip addr add 10.92.1.140/24 dev eth0
		lan: ip link add p4 type veth peer name eth0 address 00:1a:a1:00:00:09 netns {proxy}
		lan: ip link set p4 master br0 up
		proxy: ip link set eth0 up
		proxy: ip route add local 10.92.1.128/26 dev lo
	`
	n.Hosts = append(slices.Clone(n.Hosts), "proxy")
	testkit.InNetwork(t, n, func(t *testing.T) {
		res := scan(t, scanner.Config{NoSearch: true}, scanner.Job{Targets: []string{"10.92.1.0/24"}})
		want := []string{"address conflict: 10.92.1.66 is claimed by 00:14:22:00:00:10 and 00:25:90:00:00:50"}
		if d := cmp.Diff(want, conflicts(res)); d != "" {
			t.Errorf("%s: %v", d, found(res))
		}
		if flags := deviceAt(t, res, "10.92.1.66").Flags; !slices.Contains(flags, want[0]) {
			t.Errorf("flags %q", flags)
		}
		if notes := strings.Join(res.Notes, "\n"); !strings.Contains(notes, "00:1a:a1:00:00:09 answers for ") {
			t.Errorf("notes %q do not tell of the proxy", notes)
		}
	})
}

// Listening alone tells a conflict from an address that goes from one machine to another.
func TestListenAddressConflict(t *testing.T) {
	testkit.InNetwork(t, talkers, func(t *testing.T) {
		testkit.Elsewhere(t, speaker, func() error {
			ifi, err := net.InterfaceByName("eth0")
			if err != nil {
				return err
			}
			conn, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = conn.Close() })
			go func() {
				for round := byte(0); round < 50; round++ {
					for _, word := range []struct{ card, host byte }{
						{1, 66}, {2, 66}, {1, 66}, // both have it
						{10 + 2*round, 200 + round}, {11 + 2*round, 200 + round}, // once from one to the other
					} {
						f := announcement(word.card, word.host)
						if _, err := conn.WriteTo(f, &packet.Addr{HardwareAddr: net.HardwareAddr(f[:6])}); err != nil {
							return
						}
					}
					time.Sleep(100 * time.Millisecond)
				}
			}()
			return nil
		})
		s, err := scanner.New(scanner.Config{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Listen(t.Context(), scanner.ListenJob{For: 4 * time.Second, Interfaces: []string{"eth0"}})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"address conflict: 10.92.1.66 is claimed by 00:14:22:00:00:01 and 00:14:22:00:00:02"}
		if d := cmp.Diff(want, conflicts(res)); d != "" {
			t.Error(d)
		}
		moved := func(d *scanner.Device) bool {
			return slices.ContainsFunc(d.Addresses, func(a netip.Addr) bool { return a.Is4() && a.As4()[3] >= 200 && a.As4()[3] != 250 })
		}
		if !slices.ContainsFunc(res.Devices, moved) {
			t.Errorf("no address was heard that moved: %v", found(res))
		}
	})
}

// announcement is a gratuitous ARP request (RFC 5227 §3) of a card.
func announcement(card, host byte) []byte {
	mac := "\x00\x14\x22\x00\x00" + string([]byte{card})
	a := "\x0a\x5c\x01" + string([]byte{host})
	return []byte("\xff\xff\xff\xff\xff\xff" + mac + "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + mac + a + "\x00\x00\x00\x00\x00\x00" + a)
}
