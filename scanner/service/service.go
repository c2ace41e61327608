// Package service asks the ports of a device what speaks there, without credentials.
//
// It owns the exchanges (one file a protocol: a parser of bytes and the few messages that
// make the other side talk), their limits, and the ports that are asked. It refuses to log
// in, to trust a certificate and to send anything that changes the other side; it draws no
// conclusions, that is scanner/identify's. The caller is scanner.
package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Answer is what a port told. The zero value is a port that told nothing.
type Answer struct {
	Service string // ssh, http, https ...; empty when it was not recognised
	Banner  string // one clean line for a person
	Facts   Facts
}

// Facts are texts by name, as "ssh.software"; all clean, see Clean.
type Facts map[string]string

// set keeps text under name unless there is nothing in it.
func (f Facts) set(name, text string) {
	if text = Clean(text, maxFact); text != "" {
		f[name] = text
	}
}

// Port is one that answered.
type Port struct {
	Protocol string // tcp, udp
	Number   int
	Answer
}

// Device is what the ports of one device told.
type Device struct {
	Ports []Port // in the order in which they were asked
	// Asked, Refused and Silent count TCP ports.
	Asked, Refused, Silent int
	// Everything is set when a port answers that nothing uses: something answers in the
	// place of services, and what it says is not taken.
	Everything bool
	// Reason says why not every port was asked; empty when all were.
	Reason string
}

// Prober asks devices, any number of them at a time, each by one connection at a time.
type Prober struct {
	Ports Ports
	// Wait blocks until a packet may go to an address; nil for no limit.
	Wait func(ctx context.Context, a netip.Addr) error
	// Exchange is how long one connection may take, however much the other side still has to
	// say; 0 means 5 s.
	Exchange time.Duration
}

// Limits of what one device may cost.
const (
	connectTime  = time.Second            // a port that takes longer to answer is silent
	hushTime     = 300 * time.Millisecond // the same, of a device that lets nothing through
	hushed       = 6                      // so many ports silent and none that answers: nothing is let through
	exchangeTime = 5 * time.Second
	deviceTime   = 60 * time.Second // all ports of a device
	exchangeRoom = 64 << 10         // bytes that are taken from one connection
	suspicious   = 4                // so many ports open and none closed: is it every port?
)

// Read asks the ports of the device at a. It never fails: what could not be asked is told
// in Reason.
func (p *Prober) Read(ctx context.Context, a netip.Addr) *Device {
	ctx, cancel := context.WithTimeoutCause(ctx, deviceTime, fmt.Errorf("ports took more than %s", deviceTime))
	defer cancel()
	d := &Device{}
	for _, port := range p.Ports.UDP {
		if ctx.Err() == nil {
			p.datagram(ctx, d, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	for _, port := range p.Ports.TCP {
		if ctx.Err() != nil {
			break
		}
		p.connect(ctx, d, netip.AddrPortFrom(a, uint16(port)))
		if open := d.Asked - d.Refused - d.Silent; open == suspicious && d.Refused+d.Silent == 0 && p.unused(ctx, a) {
			return &Device{Asked: d.Asked, Everything: true}
		}
	}
	if ctx.Err() != nil {
		d.Reason = context.Cause(ctx).Error()
	}
	return d
}

// maxUnused is how many ports that nothing uses are tried.
const maxUnused = 2

// unused tells whether a answers at ports of the dynamic range where hardly anything
// listens: more than one, as one may be in use.
func (p *Prober) unused(ctx context.Context, a netip.Addr) bool {
	for range maxUnused {
		port := uint16(40000 + rand.IntN(9000)) //nolint:gosec // not a secret
		c, err := p.line(netip.AddrPortFrom(a, port), 1).dial(ctx)
		if err != nil {
			return false
		}
		c.close()
	}
	return true
}

func (p *Prober) connect(ctx context.Context, d *Device, at netip.AddrPort) {
	d.Asked++
	protocol := tcpProtocol(int(at.Port()))
	l := p.line(at, protocol.most)
	l.met = d
	if d.Silent >= hushed && d.Silent == d.Asked-1 {
		l.patience = hushTime
	}
	c, err := l.dial(ctx)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		d.Refused++
		return
	case err != nil:
		d.Silent++
		return
	}
	l.first = c
	answer := protocol.ask(ctx, l)
	if l.first != nil {
		l.first.close()
	}
	d.Ports = append(d.Ports, Port{Protocol: "tcp", Number: int(at.Port()), Answer: answer})
}

func (p *Prober) datagram(ctx context.Context, d *Device, at netip.AddrPort) {
	protocol := udpProtocols[int(at.Port())]
	c, err := p.line(at, protocol.most).open(ctx, "udp")
	if err != nil {
		return
	}
	defer c.close()
	c.hurry(connectTime)
	if answer := protocol.ask(c); answer.Service != "" {
		d.Ports = append(d.Ports, Port{Protocol: "udp", Number: int(at.Port()), Answer: answer})
	}
}

// line is the way to one port.
type line struct {
	patience time.Duration // with a connection
	prober   *Prober
	at       netip.AddrPort
	left     int     // packets that may still be sent
	first    *conn   // open already and not used yet
	met      *Device // what its other ports told so far
}

func (p *Prober) line(at netip.AddrPort, packets int) *line {
	return &line{prober: p, at: at, left: packets, patience: connectTime, met: &Device{}}
}

var errTooMany = errors.New("more packets than one port is sent")

// wait blocks until one more packet may be sent.
func (l *line) wait(ctx context.Context) error {
	if l.left <= 0 {
		return errTooMany
	}
	l.left--
	if l.prober.Wait == nil {
		return ctx.Err()
	}
	return l.prober.Wait(ctx, l.at.Addr())
}

// dial opens a connection; one at a time, so the last has to be closed.
func (l *line) dial(ctx context.Context) (*conn, error) {
	if c := l.first; c != nil {
		l.first = nil
		return c, nil
	}
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	return l.open(ctx, "tcp")
}

func (l *line) open(ctx context.Context, network string) (*conn, error) {
	dialer := net.Dialer{Timeout: l.patience, KeepAlive: -1}
	raw, err := dialer.DialContext(ctx, network, l.at.String())
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, room: exchangeRoom, end: time.Now().Add(cmp.Or(l.prober.Exchange, exchangeTime))}
	c.before = func() error { return l.wait(ctx) }
	_ = raw.SetDeadline(c.end) // cannot fail on an open connection
	c.stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
	return c, nil
}
