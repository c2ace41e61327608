package tcp

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/muster-itam/muster/internal/pause"
)

var (
	// ErrPermission means that this process lacks the right to open raw sockets.
	ErrPermission = errors.New("a SYN sweep needs root or CAP_NET_RAW")
	// ErrUnsupported means that this operating system hands TCP to nobody but its own stack.
	ErrUnsupported = errors.New("a SYN sweep is not supported on this operating system")
)

// probe makes SYNs and knows the answers to them, without keeping either in mind.
type probe struct {
	key  [32]byte
	port uint16 // of this host
}

func newProbe(port uint16) (*probe, error) {
	p := &probe{port: port}
	if _, err := rand.Read(p.key[:]); err != nil {
		return nil, fmt.Errorf("make key of SYN sweep: %w", err)
	}
	return p, nil
}

// sequence is the initial sequence number of the SYN to a port of a: a keyed hash of where it
// goes, as RFC 6528 has it for connections and SYN cookies (RFC 4987 §3.6) for their answers.
// An answer has to acknowledge it, which nobody can who did not see the SYN, but for one guess
// in 2^32.
func (p *probe) sequence(a netip.Addr, port uint16) uint32 {
	h := hmac.New(sha256.New, p.key[:])
	to := a.As16()
	h.Write(to[:])
	h.Write(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, port), p.port))
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// Of a SYN: any window does, and a largest segment as every system names one, since some
// filters drop SYNs without.
const (
	window     = 65535
	maxSegment = 1460
)

// syn is the segment to a port of a. The source is for the checksum of IPv4; of IPv6 the kernel
// makes that, and source is the zero Addr.
func (p *probe) syn(source, a netip.Addr, port uint16) ([]byte, error) {
	t := &layers.TCP{
		SrcPort: layers.TCPPort(p.port), DstPort: layers.TCPPort(port), Seq: p.sequence(a, port), SYN: true, Window: window,
		Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: binary.BigEndian.AppendUint16(nil, maxSegment)}},
	}
	opts := gopacket.SerializeOptions{FixLengths: true}
	if source.IsValid() {
		opts.ComputeChecksums = true
		ip := &layers.IPv4{SrcIP: source.AsSlice(), DstIP: a.AsSlice(), Protocol: layers.IPProtocolTCP}
		if err := t.SetNetworkLayerForChecksum(ip); err != nil {
			return nil, fmt.Errorf("build SYN: %w", err)
		}
	}
	buf := gopacket.NewSerializeBuffer()
	if err := t.SerializeTo(buf, opts); err != nil {
		return nil, fmt.Errorf("build SYN: %w", err)
	}
	return buf.Bytes(), nil
}

// Where in a segment its fields are, and its flags (RFC 9293 §3.1).
const (
	headerSize = 20
	flagsAt    = 13

	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// answer reads a segment that came from a; ok is false unless it answers a SYN of this probe. An
// open port sends SYN and ACK, a closed one RST and ACK, and both acknowledge the SYN, which
// counts as one byte (RFC 9293 §3.10.7). Some firewalls that refuse do not count it.
func (p *probe) answer(a netip.Addr, segment []byte) (Answer, bool) {
	if len(segment) < headerSize || binary.BigEndian.Uint16(segment[2:]) != p.port {
		return Answer{}, false
	}
	from, flags := binary.BigEndian.Uint16(segment), segment[flagsAt]
	counted := binary.BigEndian.Uint32(segment[8:]) - p.sequence(a, from)
	out := Answer{Addr: a, Port: int(from)}
	switch flags & (flagSYN | flagRST | flagACK) {
	case flagSYN | flagACK:
		out.Open = true
		return out, counted == 1
	case flagRST | flagACK:
		return out, counted <= 1
	}
	return Answer{}, false
}

// block is how many targets have one time in mind when they were asked.
const block = 64

// ask sends a SYN to one port after the other of all targets that did not answer. No address is
// asked for the next before its answer had time to come; beyond that no port waits for the one
// before.
func (s Sweep) ask(ctx context.Context, done func(netip.Addr) bool, send func(netip.Addr, uint16) error) error {
	leave := func(a netip.Addr) bool { return s.Skip(a) || done(a) }
	var last time.Time
	var before []time.Time // by block, when the last of it was sent to
	for _, port := range s.Ports {
		var asked []time.Time
		n := 0
		for a := range s.Targets {
			i := n / block
			if n++; i == len(asked) {
				asked = append(asked, time.Time{})
			}
			if leave(a) {
				continue
			}
			if i < len(before) {
				if err := pause.For(ctx, time.Until(before[i].Add(s.Timeout))); err != nil {
					return err
				}
				if leave(a) { // meanwhile
					continue
				}
			}
			if err := s.Wait(ctx, a); err != nil {
				return err
			}
			if err := send(a, uint16(port)); err != nil { //nolint:gosec // a port
				return err
			}
			s.Sent()
			last = time.Now()
			asked[i] = last
		}
		before = asked
	}
	return pause.For(ctx, time.Until(last.Add(s.Timeout)))
}

// addrSet is a set of addresses for two goroutines.
type addrSet struct {
	mu sync.Mutex
	m  map[netip.Addr]struct{}
}

// add tells whether a is new.
func (s *addrSet) add(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.m[a]
	s.m[a] = struct{}{}
	return !known
}

func (s *addrSet) has(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.m[a]
	return ok
}
