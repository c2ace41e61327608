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
	"strconv"
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
	connectTime  = time.Second // a port that takes longer to answer is silent
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

// unused tells whether a answers at ports of the dynamic range where hardly anything
// listens: two of them, as one may be in use.
func (p *Prober) unused(ctx context.Context, a netip.Addr) bool {
	for range 2 {
		port := uint16(40000 + rand.IntN(9000)) //nolint:gosec // not a secret
		c, err := p.dial(ctx, "tcp", netip.AddrPortFrom(a, port))
		if err != nil {
			return false
		}
		c.close()
	}
	return true
}

func (p *Prober) connect(ctx context.Context, d *Device, at netip.AddrPort) {
	d.Asked++
	c, err := p.dial(ctx, "tcp", at)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		d.Refused++
		return
	case err != nil:
		d.Silent++
		return
	}
	l := &line{prober: p, at: at, first: c, met: d}
	answer := askTCP(ctx, l)
	if l.first != nil {
		l.first.close()
	}
	d.Ports = append(d.Ports, Port{Protocol: "tcp", Number: int(at.Port()), Answer: answer})
}

func (p *Prober) datagram(ctx context.Context, d *Device, at netip.AddrPort) {
	ask := udpProtocols[int(at.Port())]
	if ask == nil {
		return
	}
	c, err := p.dial(ctx, "udp", at)
	if err != nil {
		return
	}
	defer c.close()
	c.hurry(connectTime)
	if answer := ask(c); answer.Service != "" {
		d.Ports = append(d.Ports, Port{Protocol: "udp", Number: int(at.Port()), Answer: answer})
	}
}

// line is the way to one TCP port.
type line struct {
	prober *Prober
	at     netip.AddrPort
	first  *conn   // open already and not used yet
	met    *Device // what its other ports told so far
}

// dial opens a connection; one at a time, so the last has to be closed.
func (l *line) dial(ctx context.Context) (*conn, error) {
	if c := l.first; c != nil {
		l.first = nil
		return c, nil
	}
	return l.prober.dial(ctx, "tcp", l.at)
}

func (p *Prober) wait(ctx context.Context, a netip.Addr) error {
	if p.Wait == nil {
		return ctx.Err()
	}
	return p.Wait(ctx, a)
}

func (p *Prober) dial(ctx context.Context, network string, at netip.AddrPort) (*conn, error) {
	if network == "tcp" { // its first packet; that of a datagram socket waits in Write
		if err := p.wait(ctx, at.Addr()); err != nil {
			return nil, err
		}
	}
	dialer := net.Dialer{Timeout: connectTime, KeepAlive: -1}
	raw, err := dialer.DialContext(ctx, network, net.JoinHostPort(at.Addr().String(), strconv.Itoa(int(at.Port()))))
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, room: exchangeRoom, end: time.Now().Add(cmp.Or(p.Exchange, exchangeTime))}
	c.before = func() error { return p.wait(ctx, at.Addr()) }
	_ = raw.SetDeadline(c.end) // cannot fail on an open connection
	c.stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
	return c, nil
}
