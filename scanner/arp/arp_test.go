package arp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/arp"
	"github.com/muster-itam/muster/scanner/ether"
)

const (
	eth   = "ffffffffffff 02aabbccddee 0806 "
	reply = "0001 0800 06 04 0002 "
)

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, frame string
		want        string
	}{
		{"reply", eth + reply + "001422100010 0a4d010a 0277000002500a4d01fa", "10.77.1.10 00:14:22:10:00:10"},
		{"request", eth + "0001 0800 06 04 0001 001422100010 0a4d010a 000000000000 0a4d01fa", "10.77.1.10 00:14:22:10:00:10"},
		{"VLAN tag", "ffffffffffff 02aabbccddee 8100 0007 0806 " + reply + "001422100010 0a4d010a 0277000002500a4d01fa", "10.77.1.10 00:14:22:10:00:10"},
		{"sender differs from frame: VRRP", "ffffffffffff 02aabbccddee 0806" + reply + "00005e000128 0a4d0128 0277000002500a4d01fa", "10.77.1.40 00:00:5e:00:01:28"},
		{"probe without address (RFC 5227)", eth + "0001 0800 06 04 0001 001422100010 00000000 000000000000 0a4d010a", ""},
		{"zero MAC", eth + reply + "000000000000 0a4d010a 0277000002500a4d01fa", ""},
		{"multicast MAC", eth + reply + "010000000000 0a4d010a 0277000002500a4d01fa", ""},
		{"broadcast address", eth + reply + "001422100010 ffffffff 0277000002500a4d01fa", ""},
		{"reverse ARP", eth + "0001 0800 06 04 0003 001422100010 0a4d010a 000000000000 0a4d01fa", ""},
		{"wrong sizes", eth + "0001 0800 08 04 0002 001422100010 0a4d010a 0277000002500a4d01fa", ""},
		{"sizes beyond the frame", eth + "0001 0800 ff ff 0002 001422100010 0a4d010a", ""},
		{"not IPv4", eth + "0001 86dd 06 10 0002 001422100010 fd770000000100000000000000000010 000000000000 fd770000000100000000000000000001", ""},
		{"truncated", eth + reply + "0014221000", ""},
		{"another protocol", "ffffffffffff 02aabbccddee 0800 4500001c", ""},
		{"nothing", "", ""},
	} {
		s, ok := arp.Decode(bytesOf(t, c.frame))
		got := ""
		if ok {
			got = s.Addr.String() + " " + s.MAC.String()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(bytesOf(f, eth+reply+"001422100010 0a4d010a 0277000002500a4d01fa"))
	f.Add(bytesOf(f, "ffffffffffff 02aabbccddee 8100 0007 0806"+reply+"001422100010 0a4d010a"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if s, ok := arp.Decode(frame); ok && (!s.Addr.Is4() || !s.MAC.Unicast()) {
			t.Fatalf("%x: %v", frame, s)
		}
	})
}

func TestF20MutatedFrames(t *testing.T) {
	seeds := [][]byte{
		bytesOf(t, eth+reply+"001422100010 0a4d010a 0277000002500a4d01fa"),
		bytesOf(t, "ffffffffffff 02aabbccddee 8100 0007 0806"+reply+"001422100010 0a4d010a 0277000002500a4d01fa"),
	}
	testkit.Mutants(t, seeds, func(b []byte) {
		if s, ok := arp.Decode(b); ok && (!s.Addr.Is4() || !s.MAC.Unicast()) {
			t.Fatalf("%x: %v", b, s)
		}
	})
	testkit.Mutants(t, [][]byte{[]byte(table)}, func(b []byte) { _, _ = arp.ParseTable(bytes.NewReader(b)) })
}

const table = `IP address       HW type     Flags       HW address            Mask     Device
10.77.1.10       0x1         0x2         00:14:22:10:00:10     *        eth0
10.77.1.11       0x1         0x0         00:00:00:00:00:00     *        eth0
10.77.1.40       0x1         0x6         00:00:5e:00:01:28     *        eth0
nonsense
`

func TestParseTable(t *testing.T) {
	got, err := arp.ParseTable(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	want := []arp.Sighting{
		{Addr: netip.MustParseAddr("10.77.1.10"), MAC: ether.MAC{0x00, 0x14, 0x22, 0x10, 0x00, 0x10}},
		{Addr: netip.MustParseAddr("10.77.1.40"), MAC: ether.MAC{0x00, 0x00, 0x5e, 0x00, 0x01, 0x28}},
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte(table))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, _ := arp.ParseTable(bytes.NewReader(text))
		for _, s := range got {
			if !s.MAC.Unicast() {
				t.Fatalf("%q: %v", text, s)
			}
		}
	})
}

// network is a link with hosts on it, some of which miss the first question.
type network struct {
	hosts map[netip.Addr]ether.MAC
	deaf  map[netip.Addr]bool // to the first question

	mu      sync.Mutex
	asked   []netip.Addr
	replies chan []byte
}

func (n *network) Send(_ context.Context, frames ...[]byte) error {
	for _, f := range frames {
		n.send(f)
	}
	return nil
}

func (n *network) send(frame []byte) {
	if len(frame) < ether.MinFrame {
		panic("frame too short")
	}
	target := netip.AddrFrom4([4]byte(frame[38:42]))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, target)
	mac, ok := n.hosts[target]
	if !ok || n.deaf[target] {
		delete(n.deaf, target)
		return
	}
	out := slices.Clone(frame)
	binary.BigEndian.PutUint16(out[20:], 2)
	copy(out[0:], frame[6:12])
	copy(out[6:], mac[:])
	copy(out[32:], frame[22:32])
	copy(out[22:], mac[:])
	ip := target.As4()
	copy(out[28:], ip[:])
	n.replies <- out
}

func (n *network) Receive(handle func([]byte)) error {
	for f := range n.replies {
		handle(f)
	}
	return nil
}

func (n *network) Close() error { close(n.replies); return nil }

func TestRun(t *testing.T) {
	addr := netip.MustParseAddr
	n := &network{
		hosts:   map[netip.Addr]ether.MAC{addr("10.0.0.3"): {2, 0, 0, 0, 0, 3}, addr("10.0.0.5"): {2, 0, 0, 0, 0, 5}},
		deaf:    map[netip.Addr]bool{addr("10.0.0.5"): true},
		replies: make(chan []byte, 100),
	}
	own := addr("10.0.0.1")
	seen := map[netip.Addr]ether.MAC{}
	sent, waited := 0, 0
	err := arp.Run(t.Context(), n, arp.Sweep{
		MAC: ether.MAC{2, 0, 0, 0, 0, 1}, Source: own, Settle: 50 * time.Millisecond,
		Targets: func() iter.Seq[netip.Addr] {
			return func(yield func(netip.Addr) bool) {
				for a := own; a != addr("10.0.0.7"); a = a.Next() {
					if !yield(a) {
						return
					}
				}
			}
		},
		Batch: 3,
		Wait:  func(_ context.Context, n int) error { waited += n; return nil }, Sent: func() { sent++ },
		Seen: func(s arp.Sighting) { seen[s.Addr] = s.MAC },
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(n.hosts, seen, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	count := map[netip.Addr]int{}
	for _, a := range n.asked {
		count[a]++
	}
	want := map[netip.Addr]int{addr("10.0.0.2"): 2, addr("10.0.0.4"): 2, addr("10.0.0.5"): 2, addr("10.0.0.6"): 2, addr("10.0.0.3"): 1}
	if d := cmp.Diff(want, count, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("questions: %s", d)
	}
	if sent != len(n.asked) || waited != sent {
		t.Errorf("%d counted as sent and %d waited for, %d were", sent, waited, len(n.asked))
	}
}
