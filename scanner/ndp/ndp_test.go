package ndp_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/ndp"
)

var (
	us   = ether.MAC{2, 0, 0, 0, 0, 1}
	them = ether.MAC{0xb8, 0x27, 0xeb, 0x10, 0, 0x60}
)

// packet builds an ICMPv6 frame from them.
func packet(t testing.TB, src, dst string, hops uint8, kind uint8, rest ...gopacket.SerializableLayer) []byte {
	t.Helper()
	ip := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolICMPv6, HopLimit: hops,
		SrcIP: netip.MustParseAddr(src).AsSlice(), DstIP: netip.MustParseAddr(dst).AsSlice()}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	all := append([]gopacket.SerializableLayer{
		&layers.Ethernet{SrcMAC: them[:], DstMAC: us[:], EthernetType: layers.EthernetTypeIPv6}, ip, icmp,
	}, rest...)
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(buf.Bytes())
}

func TestDecode(t *testing.T) {
	target := netip.MustParseAddr("fd77::60").AsSlice()
	other := ether.MAC{0, 0x14, 0x22, 1, 2, 3}
	multicast := ether.MAC{0x33, 0x33, 0, 0, 0, 1}
	na := func(flags uint8, mac ether.MAC) *layers.ICMPv6NeighborAdvertisement {
		return &layers.ICMPv6NeighborAdvertisement{Flags: flags, TargetAddress: target,
			Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptTargetAddress, Data: mac[:]}}}
	}
	ns := &layers.ICMPv6NeighborSolicitation{TargetAddress: target,
		Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: other[:]}}}
	echo := &layers.ICMPv6Echo{Identifier: 1}
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"echo reply", packet(t, "fd77::60", "fd77::1", 64, 129, echo), "fd77::60 b8:27:eb:10:00:60"},
		{"echo reply from link-local", packet(t, "fe80::1", "fe80::2", 64, 129, echo), "fe80::1 b8:27:eb:10:00:60"},
		{"complaint about an option", packet(t, "fe80::1", "fe80::2", 64, 4, gopacket.Payload("xxxx")), "fe80::1 b8:27:eb:10:00:60"},
		{"echo request", packet(t, "fd77::60", "ff02::1", 64, 128, echo), ""},
		{"advertisement", packet(t, "fd77::60", "fd77::1", 255, 136, na(0x40, them)), "fd77::60 b8:27:eb:10:00:60"},
		{"router's advertisement", packet(t, "fd77::60", "fd77::1", 255, 136, na(0xc0, other)), "fd77::60 00:14:22:01:02:03 router"},
		{"forwarded advertisement", packet(t, "fd77::60", "fd77::1", 254, 136, na(0x40, them)), ""},
		{"advertised multicast MAC", packet(t, "fd77::60", "fd77::1", 255, 136, na(0x40, multicast)), ""},
		{"solicitation", packet(t, "fd77::9", "ff02::1:ff00:1", 255, 135, ns), "fd77::9 00:14:22:01:02:03"},
		{"duplicate address detection", packet(t, "::", "ff02::1:ff00:1", 255, 135, ns), ""},
		{"router advertisement", packet(t, "fe80::1", "ff02::1", 255, 134, gopacket.Payload(make([]byte, 12))), "fe80::1 b8:27:eb:10:00:60 router"},
		{"multicast sender", packet(t, "ff02::1", "fd77::1", 64, 129, echo), ""},
		{"empty", nil, ""},
		{"truncated", packet(t, "fd77::60", "fd77::1", 64, 129, echo)[:30], ""},
		{"truncated advertisement", packet(t, "fd77::60", "fd77::1", 255, 136, na(0x40, them))[:70], ""},
	} {
		s, ok := ndp.Decode(c.frame)
		got := ""
		if ok {
			if got = s.Addr.String() + " " + s.MAC.String(); s.Router {
				got += " router"
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// samples are an echo, an advertisement and a router's.
func samples(t testing.TB) [][]byte {
	return [][]byte{
		packet(t, "fd77::60", "fd77::1", 64, 129, &layers.ICMPv6Echo{}),
		packet(t, "fd77::60", "fd77::1", 255, 136, &layers.ICMPv6NeighborAdvertisement{
			TargetAddress: netip.MustParseAddr("fd77::60").AsSlice(),
			Options:       layers.ICMPv6Options{{Type: layers.ICMPv6OptTargetAddress, Data: them[:]}}}),
		packet(t, "fe80::1", "ff02::1", 255, 134, gopacket.Payload(make([]byte, 40))),
	}
}

func TestF20MutatedFrames(t *testing.T) {
	testkit.Mutants(t, samples(t), func(b []byte) {
		if s, ok := ndp.Decode(b); ok && (!s.Addr.Is6() || !s.MAC.Unicast() || s.Addr.IsMulticast()) {
			t.Fatalf("%x: %v", b, s)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if s, ok := ndp.Decode(frame); ok && (!s.Addr.Is6() || !s.MAC.Unicast() || s.Addr.IsMulticast()) {
			t.Fatalf("%x: %v", frame, s)
		}
	})
}

// recorder keeps the frames that are sent.
type recorder struct {
	mu     sync.Mutex
	frames [][]byte
	closed chan struct{}
}

func (r *recorder) Send(_ context.Context, frames ...[]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range frames {
		r.frames = append(r.frames, slices.Clone(f))
	}
	return nil
}
func (r *recorder) Receive(func([]byte)) error { <-r.closed; return nil }
func (r *recorder) Close() error               { close(r.closed); return nil }

func TestRunSends(t *testing.T) {
	r := &recorder{closed: make(chan struct{})}
	err := ndp.Run(t.Context(), r, ndp.Sweep{
		MAC: us, Sources: []netip.Addr{netip.MustParseAddr("fd77::1"), netip.MustParseAddr("fe80::1")},
		Targets: slices.Values([]netip.Addr{netip.MustParseAddr("fd77::abcd:ef01")}),
		Wait:    func(context.Context) error { return nil }, Sent: func() {}, Seen: func(ndp.Sighting) {},
		Passes: 1, Settle: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.frames {
		p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.Default)
		if e := p.ErrorLayer(); e != nil {
			t.Errorf("%x: %v", f, e.Error())
			continue
		}
		text := ""
		for _, l := range p.Layers() {
			text += l.LayerType().String() + " "
		}
		ip := p.NetworkLayer().(*layers.IPv6)
		got = append(got, text+ip.SrcIP.String()+" to "+ip.DstIP.String())
		if int(ip.Length) != len(f)-14-40 {
			t.Errorf("payload length %d of a frame of %d bytes", ip.Length, len(f))
		}
	}
	want := []string{
		"Ethernet IPv6 ICMPv6 ICMPv6Echo fd77::1 to ff02::1",
		"Ethernet IPv6 IPv6Destination ICMPv6 ICMPv6Echo fd77::1 to ff02::1",
		"Ethernet IPv6 ICMPv6 ICMPv6Echo fe80::1 to ff02::1",
		"Ethernet IPv6 IPv6Destination ICMPv6 ICMPv6Echo fe80::1 to ff02::1",
		"Ethernet IPv6 ICMPv6 ICMPv6NeighborSolicitation fd77::1 to ff02::1:ffcd:ef01",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFilter(t *testing.T) {
	vm, err := bpf.NewVM(ndp.Filter())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		frame []byte
		want  bool
	}{
		"echo reply": {packet(t, "fd77::60", "fd77::1", 64, 129, &layers.ICMPv6Echo{}), true},
		"TCP":        {append(make([]byte, 14+6), 6, 64, 0, 0), false},
		"short":      {make([]byte, 14), false},
	} {
		n, err := vm.Run(c.frame)
		if err != nil || n > 0 != c.want {
			t.Errorf("%s: let through %v (%v), want %v", name, n > 0, err, c.want)
		}
	}
}
