package icmp_test

import (
	"context"
	"iter"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	xicmp "golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/icmp"
)

func message(t testing.TB, kind xicmp.Type, body xicmp.MessageBody) []byte {
	t.Helper()
	b, err := (&xicmp.Message{Type: kind, Body: body}).Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeReply(t *testing.T) {
	echo := &xicmp.Echo{ID: 1, Seq: 2, Data: []byte("cookie")}
	stamp := &xicmp.RawBody{Data: []byte("cookies!receivetransmit")}
	for name, c := range map[string]struct {
		decode func([]byte) ([]byte, bool)
		packet []byte
		want   string
		ok     bool
	}{
		"reply":             {icmp.DecodeReply4, message(t, ipv4.ICMPTypeEchoReply, echo), "cookie", true},
		"reply 6":           {icmp.DecodeReply6, message(t, ipv6.ICMPTypeEchoReply, echo), "cookie", true},
		"request":           {icmp.DecodeReply4, message(t, ipv4.ICMPTypeEcho, echo), "", false},
		"unreachable":       {icmp.DecodeReply4, message(t, ipv4.ICMPTypeDestinationUnreachable, &xicmp.DstUnreach{Data: make([]byte, 28)}), "", false},
		"the other family":  {icmp.DecodeReply6, message(t, ipv4.ICMPTypeEchoReply, echo), "", false},
		"truncated":         {icmp.DecodeReply4, []byte{0, 0, 0}, "", false},
		"truncated in echo": {icmp.DecodeReply4, []byte{0, 0, 0, 0, 1}, "", false},
		"nothing":           {icmp.DecodeReply4, nil, "", false},
		"timestamp":         {icmp.DecodeStamp, message(t, ipv4.ICMPTypeTimestampReply, stamp), "cookies!", true},
		"timestamp as echo": {icmp.DecodeReply4, message(t, ipv4.ICMPTypeTimestampReply, stamp), "", false},
		"echo as timestamp": {icmp.DecodeStamp, message(t, ipv4.ICMPTypeEchoReply, echo), "", false},
		"short timestamp":   {icmp.DecodeStamp, message(t, ipv4.ICMPTypeTimestampReply, &xicmp.RawBody{Data: []byte("cookies!")}), "", false},
	} {
		data, ok := c.decode(c.packet)
		if string(data) != c.want || ok != c.ok {
			t.Errorf("%s: got %q %v, want %q %v", name, data, ok, c.want, c.ok)
		}
	}
}

func TestF20MutatedReplies(t *testing.T) {
	echo := &xicmp.Echo{ID: 1, Seq: 2, Data: []byte("cookie")}
	testkit.Mutants(t, [][]byte{message(t, ipv4.ICMPTypeEchoReply, echo), message(t, ipv6.ICMPTypeEchoReply, echo)}, func(b []byte) {
		icmp.DecodeReply4(b)
		icmp.DecodeReply6(b)
		icmp.DecodeStamp(b)
	})
}

func FuzzDecodeReply(f *testing.F) {
	f.Add(message(f, ipv4.ICMPTypeEchoReply, &xicmp.Echo{ID: 1, Data: []byte("x")}))
	f.Add(message(f, ipv6.ICMPTypeEchoReply, &xicmp.Echo{ID: 1, Data: []byte("x")}))
	f.Fuzz(func(t *testing.T, packet []byte) {
		for _, decode := range []func([]byte) ([]byte, bool){icmp.DecodeReply4, icmp.DecodeReply6, icmp.DecodeStamp} {
			if data, ok := decode(packet); ok && len(data) > len(packet) {
				t.Fatalf("%x: longer than the packet", packet)
			}
		}
	})
}

// The loopback addresses answer; an address nobody has is silence, not an error.
func TestRun(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Missing(t, "raw ICMP needs root")
	}
	targets := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.9.9.9"), netip.MustParseAddr("0.0.0.1")}
	for name, open := range map[string]func() (*icmp.Socket, error){"echo": icmp.Open4, "timestamp": icmp.OpenTimestamp} {
		s, err := open()
		if err != nil {
			t.Fatal(err)
		}
		var seen []netip.Addr
		sent := 0
		err = s.Run(t.Context(), icmp.Sweep{
			Targets: func() iter.Seq[netip.Addr] { return slices.Values(targets) },
			Wait:    func(context.Context, netip.Addr) error { return nil },
			Sent:    func() { sent++ }, Seen: func(a netip.Addr) { seen = append(seen, a) },
			Passes: 1, Settle: 300 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(seen, netip.Addr.Compare)
		if want := targets[:2]; !slices.Equal(seen, want) || sent != 3 {
			t.Errorf("%s: seen %v after %d packets, want %v after 3", name, seen, sent, want)
		}
	}
}

func TestRunStops(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Missing(t, "raw ICMP needs root")
	}
	s, err := icmp.Open6()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = s.Run(ctx, icmp.Sweep{
		Targets: func() iter.Seq[netip.Addr] { return slices.Values([]netip.Addr{netip.IPv6Loopback()}) },
		Wait:    func(ctx context.Context, _ netip.Addr) error { return ctx.Err() },
		Sent:    func() {}, Seen: func(netip.Addr) {}, Settle: time.Hour,
	})
	if err == nil {
		t.Error("no error after the end")
	}
}
