package scanner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		conn := ethernetOf(t, speaker)
		go func() {
			for round := byte(0); round < 50; round++ {
				for _, word := range []struct{ card, host byte }{
					{1, 66}, {2, 66}, {1, 66}, // both have it
					{10 + 2*round, 200 + round}, {11 + 2*round, 200 + round}, // once from one to the other
				} {
					if send(conn, announcement(word.card, word.host)) != nil {
						return
					}
				}
				time.Sleep(100 * time.Millisecond)
			}
		}()
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
		var moved []*scanner.Device
		for _, d := range res.Devices {
			if a := d.Address().As16(); a[15] >= 200 && !d.Self {
				moved = append(moved, d)
			}
		}
		for _, d := range moved[:max(0, len(moved)-1)] { // the end may have come between the last one's two words
			if want := 11 + 2*(d.Address().As4()[3]-200); d.Seen[5] != want {
				t.Errorf("%s is that of %s, and moved on", d.Address(), d.Seen)
			}
		}
		if len(moved) < 2 {
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
