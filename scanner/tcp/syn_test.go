package tcp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/tcp"
)

const ours = 40_000

var (
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("198.51.100.7")
	six   = netip.MustParseAddr("2001:db8::7")
)

func newProbe(t testing.TB) tcp.Probe {
	t.Helper()
	p, err := tcp.NewProbe(ours)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sequence of the SYN that p sends.
func sequence(t testing.TB, p tcp.Probe, a netip.Addr, port uint16) uint32 {
	t.Helper()
	b, err := p.SYN(netip.Addr{}, a, port)
	if err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(b[4:])
}

func TestSYN(t *testing.T) {
	b, err := newProbe(t).SYN(here, there, 443)
	if err != nil {
		t.Fatal(err)
	}
	var seg layers.TCP
	if err := seg.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		t.Fatal(err)
	}
	if !seg.SYN || seg.ACK || seg.RST || seg.FIN || seg.SrcPort != ours || seg.DstPort != 443 || len(seg.Payload) > 0 ||
		len(seg.Options) != 1 || seg.Options[0].OptionType != layers.TCPOptionKindMSS {
		t.Errorf("%+v", seg)
	}
	// The sum of the pseudo header (RFC 9293 §3.1) and a segment with its checksum is all ones.
	sum := uint32(6 + len(b))
	for _, part := range [][]byte{here.AsSlice(), there.AsSlice(), b} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	if sum != 0xffff {
		t.Errorf("checksum is wrong: %#x", sum)
	}
}

// reply is a segment from one port to another.
func reply(t testing.TB, from, to uint16, ack uint32, flags ...string) []byte {
	t.Helper()
	has := func(f string) bool { return slices.Contains(flags, f) }
	s := &layers.TCP{
		SrcPort: layers.TCPPort(from), DstPort: layers.TCPPort(to), Ack: ack, Seq: 99,
		SYN: has("syn"), ACK: has("ack"), RST: has("rst"), FIN: has("fin"),
	}
	buf := gopacket.NewSerializeBuffer()
	if err := s.SerializeTo(buf, gopacket.SerializeOptions{FixLengths: true}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Only what acknowledges the very SYN is an answer: nobody else's segments, late ones of other
// connections and made-up ones are not.
func TestAnswer(t *testing.T) {
	p := newProbe(t)
	for _, a := range []netip.Addr{there, six} {
		seq := sequence(t, p, a, 443)
		for name, c := range map[string]struct {
			segment  []byte
			from     netip.Addr
			ok, open bool
		}{
			"open":                         {reply(t, 443, ours, seq+1, "syn", "ack"), a, true, true},
			"closed":                       {reply(t, 443, ours, seq+1, "rst", "ack"), a, true, false},
			"refused by a firewall":        {reply(t, 443, ours, seq, "rst", "ack"), a, true, false},
			"SYN-ACK of nothing":           {reply(t, 443, ours, seq, "syn", "ack"), a, false, false},
			"one more":                     {reply(t, 443, ours, seq+2, "rst", "ack"), a, false, false},
			"made up":                      {reply(t, 443, ours, 1, "syn", "ack"), a, false, false},
			"made up, RST":                 {reply(t, 443, ours, 1, "rst", "ack"), a, false, false},
			"RST without acknowledgement":  {reply(t, 443, ours, seq+1, "rst"), a, false, false},
			"another address":              {reply(t, 443, ours, seq+1, "syn", "ack"), a.Next(), false, false},
			"another port of it":           {reply(t, 80, ours, seq+1, "syn", "ack"), a, false, false},
			"another port of ours":         {reply(t, 443, ours+1, seq+1, "syn", "ack"), a, false, false},
			"acknowledgement alone":        {reply(t, 443, ours, seq+1, "ack"), a, false, false},
			"a SYN with our number":        {reply(t, 443, ours, seq+1, "syn"), a, false, false},
			"everything at once":           {reply(t, 443, ours, seq+1, "syn", "ack", "rst"), a, false, false},
			"truncated":                    {reply(t, 443, ours, seq+1, "syn", "ack")[:19], a, false, false},
			"nothing":                      {nil, a, false, false},
			"open, with FIN beside, as is": {reply(t, 443, ours, seq+1, "syn", "ack", "fin"), a, true, true},
		} {
			got, ok := p.Answer(c.from, c.segment)
			if ok != c.ok || ok && (got != tcp.Answer{Addr: a, Port: 443, Open: c.open}) {
				t.Errorf("%v, %s: %+v %v", a, name, got, ok)
			}
		}
	}
	if other := newProbe(t); sequence(t, p, there, 443) == sequence(t, other, there, 443) && sequence(t, p, there, 80) == sequence(t, other, there, 80) {
		t.Error("two sweeps have the same numbers")
	}
}

func TestF20MutatedAnswers(t *testing.T) {
	p := newProbe(t)
	seq := sequence(t, p, there, 443)
	testkit.Mutants(t, [][]byte{reply(t, 443, ours, seq+1, "syn", "ack"), reply(t, 443, ours, seq+1, "rst", "ack")}, func(b []byte) { p.Answer(there, b) })
}

func FuzzAnswer(f *testing.F) {
	p := newProbe(f)
	f.Add(reply(f, 443, ours, sequence(f, p, there, 443)+1, "syn", "ack"))
	f.Add(reply(f, 443, ours, 1, "rst", "ack"))
	f.Fuzz(func(t *testing.T, segment []byte) {
		got, ok := p.Answer(there, segment)
		if !ok {
			return
		}
		// It can only be one that acknowledges what was sent to that port.
		if n := binary.BigEndian.Uint32(segment[8:]) - sequence(t, p, there, uint16(got.Port)); n > 1 || got.Addr != there {
			t.Fatalf("%x is taken for %+v", segment, got)
		}
	})
}

// Nobody is asked again before the time of the question before is over, nor after an answer;
// and the ports of many addresses do not wait for each other.
func TestAskOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout, gap, hosts = time.Second, 10 * time.Millisecond, 150
		last, asked := map[netip.Addr]time.Time{}, map[netip.Addr][]uint16{}
		answered := func(a netip.Addr) bool { return a.As4()[3]%3 == 0 && len(asked[a]) > 0 }
		began := time.Now()
		err := tcp.Ask(t.Context(), tcp.Sweep{
			Targets: func(yield func(netip.Addr) bool) {
				for i := range hosts {
					if !yield(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})) {
						return
					}
				}
			},
			Skip:  func(a netip.Addr) bool { return a.As4()[3] == 7 },
			Ports: []int{22, 443, 80}, Timeout: timeout, Sent: func() {},
			Wait: func(context.Context, netip.Addr) error { time.Sleep(gap); return nil },
		}, answered, func(a netip.Addr, port uint16) error {
			if at, ok := last[a]; ok && time.Since(at) < timeout {
				t.Errorf("%v is asked for port %d after %v", a, port, time.Since(at))
			}
			last[a], asked[a] = time.Now(), append(asked[a], port)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range hosts {
			want := []uint16{22, 443, 80}
			switch {
			case i == 7:
				want = nil
			case i%3 == 0:
				want = want[:1]
			}
			if a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}); !slices.Equal(asked[a], want) {
				t.Errorf("%v was asked for %v, want %v", a, asked[a], want)
			}
		}
		// 149 of the first port, then 99 of each: the pauses within are short, those of a sweep
		// that waits after each port would add two seconds.
		if took := time.Since(began); took > (149+2*99)*gap+timeout+3*block*gap {
			t.Errorf("took %v", took)
		}
	})
}

// Who has nobody to wait for does not wait.
func TestAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		asked := 0
		err := tcp.Ask(t.Context(), tcp.Sweep{
			Targets: slices.Values([]netip.Addr{here, there}), Ports: []int{22, 443, 80}, Timeout: time.Second, Sent: func() {},
			Skip: func(a netip.Addr) bool { return a == here },
			Wait: func(context.Context, netip.Addr) error { return nil },
		}, func(netip.Addr) bool { return asked > 0 }, func(netip.Addr, uint16) error { asked++; return nil })
		if took := time.Since(began); err != nil || asked != 1 || took != time.Second {
			t.Errorf("%d SYNs in %v, %v; want one, and a second for its answer", asked, took, err)
		}
	})
}

// block is how many targets share one time.
const block = 64

func TestAskStops(t *testing.T) {
	stop := errors.New("stop")
	for name, c := range map[string]struct{ wait, send error }{"waiting": {wait: stop}, "sending": {send: stop}} {
		err := tcp.Ask(t.Context(), tcp.Sweep{
			Targets: slices.Values([]netip.Addr{there}), Ports: []int{22}, Timeout: time.Hour, Sent: func() {},
			Wait: func(context.Context, netip.Addr) error { return c.wait },
		}, func(netip.Addr) bool { return false }, func(netip.Addr, uint16) error { return c.send })
		if !errors.Is(err, stop) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := tcp.Ask(ctx, tcp.Sweep{
		Targets: slices.Values([]netip.Addr{there}), Ports: []int{22, 80}, Timeout: time.Hour, Sent: func() {},
		Wait: func(context.Context, netip.Addr) error { return nil },
	}, func(netip.Addr) bool { return false }, func(netip.Addr, uint16) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
