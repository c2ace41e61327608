package tcp

import (
	"context"
	"net/netip"
)

// Probe for tests: what is sent and believed, without a socket.
type Probe struct{ *probe }

// NewProbe is one with a key of its own.
func NewProbe(port uint16) (Probe, error) {
	p, err := newProbe(port)
	return Probe{p}, err
}

func (p Probe) SYN(source, a netip.Addr, port uint16) ([]byte, error) { return p.syn(source, a, port) }

func (p Probe) Answer(a netip.Addr, segment []byte) (Answer, bool) { return p.answer(a, segment) }

// Ask runs the order of a sweep; send stands for the socket.
func Ask(ctx context.Context, s Sweep, done func(netip.Addr) bool, send func(netip.Addr, uint16) error) error {
	s.defaults()
	return s.ask(ctx, done, send)
}
