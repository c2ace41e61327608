// Package arp asks every IPv4 address of a link who has it, and hears who answers.
//
// It owns ARP frames (RFC 826) and the order of a sweep: passes, pauses, listening all
// the while. It refuses to decide what an answer means; scanner merges answers into
// devices. It also reads the kernel's own ARP table for hosts without raw sockets.
package arp

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/muster-itam/muster/internal/pause"
	"github.com/muster-itam/muster/scanner/ether"
)

// Sighting is one station saying that it has an address.
type Sighting struct {
	Addr netip.Addr
	MAC  ether.MAC
}

// Link is the Ethernet that a sweep goes to.
type Link interface {
	Send(ctx context.Context, frames ...[]byte) error
	Receive(handle func(frame []byte)) error
	Close() error
}

// Sweep says what to ask.
type Sweep struct {
	MAC     ether.MAC  // ours
	Source  netip.Addr // our address on the link
	Targets func() iter.Seq[netip.Addr]
	// Batch is how many frames are sent at a time; 0 means 1.
	Batch int
	// Wait blocks until the next n frames, at most Batch, may be sent.
	Wait func(ctx context.Context, n int) error
	// Sent is called after each frame.
	Sent func()
	// Seen is called with each sighting, also of addresses that were not asked for, and
	// repeatedly for the same. One goroutine calls it.
	Seen func(Sighting)
	// Passes is how often an address that does not answer is asked; 0 means 2.
	Passes int
	// Settle is how long each answer is waited for; 0 means 500 ms.
	Settle time.Duration
}

// Run sweeps link and closes it. What was seen before an error or the end of ctx was
// handed to Seen.
func Run(ctx context.Context, link Link, s Sweep) error {
	template, err := request(s.MAC, s.Source)
	if err != nil {
		_ = link.Close()
		return err
	}
	answered := &addrSet{m: map[netip.Addr]struct{}{}}
	received := make(chan error, 1)
	go func() {
		d := newDecoder()
		received <- link.Receive(func(frame []byte) {
			if st, ok := d.decode(frame); ok && st.MAC != s.MAC {
				answered.add(st.Addr)
				s.Seen(st)
			}
		})
	}()
	err = s.send(ctx, link, template, answered)
	closeErr := link.Close()
	if rerr := <-received; err == nil {
		err = rerr
	}
	if err == nil {
		err = closeErr
	}
	return err
}

// send makes the passes. No address is asked again before its answer had time to come, and
// beyond that no pass waits for the one before.
func (s Sweep) send(ctx context.Context, link Link, template []byte, answered *addrSet) error {
	passes, settle := s.Passes, s.Settle
	if passes == 0 {
		passes = 2
	}
	if settle == 0 {
		settle = 500 * time.Millisecond
	}
	out := newBatch(template, max(1, s.Batch))
	var asked []time.Time // when a batch of the first pass went out, one after the other
	for pass := range passes {
		n := 0
		for a := range s.Targets() {
			if pass > 0 && n%len(out.frames) == 0 {
				if err := pause.For(ctx, time.Until(asked[n/len(out.frames)].Add(settle*time.Duration(pass)))); err != nil {
					return err
				}
			}
			n++
			if a != s.Source && !answered.has(a) {
				out.add(a)
			}
			if n%len(out.frames) == 0 {
				if err := s.flush(ctx, link, out); err != nil {
					return err
				}
				if pass == 0 {
					asked = append(asked, time.Now())
				}
			}
		}
		if err := s.flush(ctx, link, out); err != nil {
			return err
		}
		if pass == 0 {
			asked = append(asked, time.Now())
		}
	}
	return pause.For(ctx, settle)
}

// flush sends what is in out.
func (s Sweep) flush(ctx context.Context, link Link, out *batch) error {
	if out.n == 0 {
		return nil
	}
	if err := s.Wait(ctx, out.n); err != nil {
		return err
	}
	if err := link.Send(ctx, out.frames[:out.n]...); err != nil {
		return err
	}
	for range out.n {
		s.Sent()
	}
	out.n = 0
	return nil
}

// batch is frames that are used again and again.
type batch struct {
	frames [][]byte
	n      int // of them that are to be sent
}

func newBatch(template []byte, size int) *batch {
	b := &batch{frames: make([][]byte, size)}
	for i := range b.frames {
		b.frames[i] = slices.Clone(template)
	}
	return b
}

func (b *batch) add(target netip.Addr) {
	ip := target.As4()
	copy(b.frames[b.n][targetOffset:], ip[:])
	b.n++
}

// targetOffset is where the target protocol address stands in a frame: 14 bytes of
// Ethernet, then 24 of ARP.
const targetOffset = 14 + 24

// request is a broadcast who-has frame with the target left zero.
func request(mac ether.MAC, source netip.Addr) ([]byte, error) {
	if !source.Is4() {
		return nil, fmt.Errorf("build ARP request: source %v is not IPv4", source)
	}
	ip := source.As4()
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{},
		&layers.Ethernet{
			SrcMAC: mac[:], DstMAC: layers.EthernetBroadcast, EthernetType: layers.EthernetTypeARP,
		},
		&layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
			HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
			SourceHwAddress: mac[:], SourceProtAddress: ip[:],
			DstHwAddress: make([]byte, 6), DstProtAddress: make([]byte, 4),
		})
	if err != nil {
		return nil, fmt.Errorf("build ARP request: %w", err)
	}
	frame := buf.Bytes()
	if pad := ether.MinFrame - len(frame); pad > 0 {
		frame = append(frame, make([]byte, pad)...)
	}
	return frame, nil
}

// decoder reads ARP frames, VLAN-tagged or not, without allocating.
type decoder struct {
	parser *gopacket.DecodingLayerParser
	eth    layers.Ethernet
	tag    layers.Dot1Q
	arp    layers.ARP
	found  []gopacket.LayerType
}

func newDecoder() *decoder {
	d := &decoder{}
	d.parser = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &d.eth, &d.tag, &d.arp)
	return d
}

// Decode reads the sender of an Ethernet frame with ARP inside. ok is false for any other
// frame, and for senders that say nothing: RFC 5227 probes, broadcast addresses.
func Decode(frame []byte) (s Sighting, ok bool) { return newDecoder().decode(frame) }

func (d *decoder) decode(frame []byte) (Sighting, bool) {
	// An error means a layer that is not wanted here, or a broken one: what was decoded
	// before it is in found either way.
	_ = d.parser.DecodeLayers(frame, &d.found)
	if n := len(d.found); n == 0 || d.found[n-1] != layers.LayerTypeARP {
		return Sighting{}, false
	}
	a := &d.arp
	if a.AddrType != layers.LinkTypeEthernet || a.Protocol != layers.EthernetTypeIPv4 ||
		len(a.SourceHwAddress) != 6 || len(a.SourceProtAddress) != 4 ||
		(a.Operation != layers.ARPRequest && a.Operation != layers.ARPReply) {
		return Sighting{}, false
	}
	s := Sighting{Addr: netip.AddrFrom4([4]byte(a.SourceProtAddress)), MAC: ether.MAC(a.SourceHwAddress)}
	if !s.MAC.Unicast() || s.Addr.IsUnspecified() || s.Addr.IsMulticast() || s.Addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return Sighting{}, false
	}
	return s, true
}

type addrSet struct {
	mu sync.Mutex
	m  map[netip.Addr]struct{}
}

func (s *addrSet) add(a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[a] = struct{}{}
}

func (s *addrSet) has(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.m[a]
	return ok
}
