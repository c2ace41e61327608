// Package ndp finds the IPv6 hosts of a link.
//
// It owns the frames for that: ICMPv6 echo requests to all nodes (RFC 4443), packets with
// an option nobody knows, which must be complained about even by hosts that do not answer
// multicast echo (RFC 8200 §4.2), and neighbour solicitation and advertisement (RFC 4861).
// A /64 is never counted through. scanner merges what it sees into devices.
package ndp

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"

	"github.com/muster-itam/muster/scanner/ether"
)

// Sighting is a station that spoke from an address.
type Sighting struct {
	Addr   netip.Addr // without zone
	MAC    ether.MAC
	Router bool // it advertised itself as a router
}

// Link is the Ethernet that a sweep goes to.
type Link interface {
	Send(ctx context.Context, frames ...[]byte) error
	Receive(handle func(frame []byte)) error
	Close() error
}

// Sweep says what to ask.
type Sweep struct {
	MAC ether.MAC // ours
	// Sources are our addresses on the link. Hosts answer a multicast echo from the address
	// that suits the asker's, so each source brings out other addresses.
	Sources []netip.Addr
	// Targets are single addresses to solicit; nil for none.
	Targets iter.Seq[netip.Addr]
	// Wait blocks until the next frame may be sent.
	Wait func(context.Context) error
	Sent func()
	// Seen is called with each sighting, repeatedly for the same. One goroutine calls it.
	Seen func(Sighting)
	// Passes is how often everything is asked; 0 means 2.
	Passes int
	// Settle is how long answers are waited for in the end; 0 means 1 s, as hosts may delay
	// answers to multicast. Between passes half of that has to do.
	Settle time.Duration
}

// Filter lets ICMPv6 through that follows the IPv6 header at once.
func Filter() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 14 + 6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(layers.IPProtocolICMPv6), SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
}

// Run sweeps link and closes it.
func Run(ctx context.Context, link Link, s Sweep) error {
	frames, err := s.frames()
	if err != nil {
		_ = link.Close()
		return err
	}
	received := make(chan error, 1)
	go func() {
		d := newDecoder()
		received <- link.Receive(func(frame []byte) {
			if st, ok := d.decode(frame); ok && st.MAC != s.MAC {
				s.Seen(st)
			}
		})
	}()
	err = s.send(ctx, link, frames)
	closeErr := link.Close()
	if rerr := <-received; err == nil {
		err = rerr
	}
	if err == nil {
		err = closeErr
	}
	return err
}

func (s Sweep) send(ctx context.Context, link Link, frames [][]byte) error {
	passes, settle := s.Passes, s.Settle
	if passes == 0 {
		passes = 2
	}
	if settle == 0 {
		settle = time.Second
	}
	for pass := range passes {
		for _, f := range frames {
			if err := s.Wait(ctx); err != nil {
				return err
			}
			if err := link.Send(ctx, f); err != nil {
				return err
			}
			s.Sent()
		}
		wait := settle / 2
		if pass == passes-1 {
			wait = settle
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

// maxTargets bounds the addresses solicited one by one.
const maxTargets = 1 << 16

func (s Sweep) frames() ([][]byte, error) {
	var out [][]byte
	for _, src := range s.Sources {
		for _, build := range []func(ether.MAC, netip.Addr) ([]byte, error){echoAll, unknownOption} {
			f, err := build(s.MAC, src)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
		}
	}
	if s.Targets == nil || len(s.Sources) == 0 {
		return out, nil
	}
	for target := range s.Targets {
		if len(out) == maxTargets {
			break
		}
		f, err := solicit(s.MAC, s.Sources[0], target)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

var (
	allNodes    = netip.MustParseAddr("ff02::1")
	allNodesMAC = ether.MAC{0x33, 0x33, 0, 0, 0, 1}
)

// echoID marks our echo requests; answers are told by their kind alone.
const echoID = 0x6d75

func ipHeader(src, dst netip.Addr, hops uint8) *layers.IPv6 {
	return &layers.IPv6{
		Version: 6, NextHeader: layers.IPProtocolICMPv6, HopLimit: hops,
		SrcIP: src.AsSlice(), DstIP: dst.AsSlice(),
	}
}

func echoAll(mac ether.MAC, src netip.Addr) ([]byte, error) {
	ip := ipHeader(src, allNodes, 1)
	return frame(mac, allNodesMAC, ip, layers.ICMPv6TypeEchoRequest,
		&layers.ICMPv6Echo{Identifier: echoID, SeqNumber: 1}, gopacket.Payload("muster"))
}

// unknownOption is an echo request behind a destination options header whose one option
// has a type that starts with binary 10: a receiver that does not know it must discard the
// packet and say so, multicast or not.
func unknownOption(mac ether.MAC, src netip.Addr) ([]byte, error) {
	f, err := echoAll(mac, src)
	if err != nil {
		return nil, err
	}
	const ipEnd = 14 + 40
	options := []byte{byte(layers.IPProtocolICMPv6), 0, 0x80, 4, 0, 0, 0, 0}
	out := append([]byte{}, f[:ipEnd]...)
	out = append(out, options...)
	out = append(out, f[ipEnd:]...)
	out[14+6] = byte(layers.IPProtocolIPv6Destination)
	length := binary.BigEndian.Uint16(out[14+4:])
	binary.BigEndian.PutUint16(out[14+4:], length+uint16(len(options)))
	return out, nil
}

// solicit asks who has target, at its solicited-node multicast address (RFC 4291 §2.7.1).
func solicit(mac ether.MAC, src, target netip.Addr) ([]byte, error) {
	t := target.As16()
	group := netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: t[13], 14: t[14], 15: t[15]})
	groupMAC := ether.MAC{0x33, 0x33, 0xff, t[13], t[14], t[15]}
	return frame(mac, groupMAC, ipHeader(src, group, 255), layers.ICMPv6TypeNeighborSolicitation,
		&layers.ICMPv6NeighborSolicitation{
			TargetAddress: t[:],
			Options:       layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: mac[:]}},
		})
}

func frame(src, dst ether.MAC, ip *layers.IPv6, icmpType uint8, rest ...gopacket.SerializableLayer) ([]byte, error) {
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(icmpType, 0)}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, fmt.Errorf("build ICMPv6 frame: %w", err)
	}
	eth := &layers.Ethernet{SrcMAC: src[:], DstMAC: dst[:], EthernetType: layers.EthernetTypeIPv6}
	buf := gopacket.NewSerializeBuffer()
	all := append([]gopacket.SerializableLayer{eth, ip, icmp}, rest...)
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, all...); err != nil {
		return nil, fmt.Errorf("build ICMPv6 frame: %w", err)
	}
	return append([]byte{}, buf.Bytes()...), nil
}
