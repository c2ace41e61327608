// Package snmp asks devices for what they know of themselves and their neighbours.
//
// It owns SNMP v1, v2c and v3 sessions, the scope of credentials, the limits on what is taken
// from one device, and the standard MIBs: system, interfaces, addresses, ENTITY, ARP,
// bridge, LLDP. It refuses to send a credential outside its scope, to keep what did not
// increase or has the wrong type, and to say what a device is: identify does that.
// The caller is scanner.
package snmp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// DefaultPort is where agents listen.
const DefaultPort = 161

// Prober reads devices. It is safe for use by many goroutines.
type Prober struct {
	// Credentials in the order in which they are tried.
	Credentials []Credential
	Port        uint16        // 0 means DefaultPort
	Timeout     time.Duration // for one request; 0 means 1 s
	Retries     int           // of a request; 0 means 1, negative none
	Limits      Limits
	// Wait blocks until the next request may go to the address; nil means no limit.
	Wait func(context.Context, netip.Addr) error
	// Extra names more single values to read, by what the system group said; nil for none.
	Extra func(System) []string
	Now   func() time.Time // nil means time.Now
}

// Read tries the credentials whose scope includes addr, and reads the device with the
// first that it accepts. Without any, or without an answer, it is ErrNoAnswer; ErrRefused
// when an agent is there but none fits.
func (p *Prober) Read(ctx context.Context, addr netip.Addr) (*Facts, error) {
	var f *Facts
	err := p.try(ctx, addr, func(ctx context.Context, c *Credential, limits Limits) (err error) {
		f, err = p.readWith(ctx, addr, c, limits)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Record takes what a device has, in order, with the first credential that it accepts.
// With an error there may be a recording: what there was before a limit.
func (p *Prober) Record(ctx context.Context, addr netip.Addr) (*Recording, error) {
	var rec *Recording
	err := p.try(ctx, addr, func(ctx context.Context, c *Credential, limits Limits) (err error) {
		s, err := p.open(ctx, addr, c)
		if err != nil {
			return err
		}
		defer s.close()
		if rec, err = record(ctx, &reader{session: s, limits: limits, batch: normalBatch}); rec != nil && err != nil {
			rec.Problem, err = err.Error(), nil
		}
		return err
	})
	if err == nil && rec.Problem != "" {
		return rec, fmt.Errorf("walk %s: %s", addr, rec.Problem)
	}
	return rec, err
}

// try runs read with the credentials whose scope includes addr until one is accepted.
func (p *Prober) try(ctx context.Context, addr netip.Addr, read func(context.Context, *Credential, Limits) error) (err error) {
	defer func() { // a decoder's mistake costs this device, not the scan
		if e := recover(); e != nil {
			err = fmt.Errorf("read %s by SNMP: %w", addr, errPanic)
		}
	}()
	limits := p.Limits.orDefault()
	ctx, cancel := context.WithTimeoutCause(ctx, limits.Time, errTime)
	defer cancel()
	outcome, v3Silent := ErrNoAnswer, false
	for i := range p.Credentials {
		c := &p.Credentials[i]
		if !c.Allows(addr) || c.level() > 0 && v3Silent {
			continue
		}
		err := read(ctx, c, limits)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("read %s by SNMP: %w", addr, stopped(ctx))
		case errors.Is(err, ErrNoAnswer):
			// Discovery of version 3 needs no credential: silence holds for every user.
			v3Silent = v3Silent || c.level() > 0
		default:
			outcome = ErrRefused
		}
	}
	return fmt.Errorf("read %s by SNMP: %w", addr, outcome)
}

// Applies tells whether any credential may be sent to addr.
func (p *Prober) Applies(addr netip.Addr) bool {
	for i := range p.Credentials {
		if p.Credentials[i].Allows(addr) {
			return true
		}
	}
	return false
}

// open starts a session with the prober's settings, paced where they say so.
func (p *Prober) open(ctx context.Context, addr netip.Addr, c *Credential) (closer, error) {
	port, timeout, retries := p.Port, p.Timeout, max(0, p.Retries)
	if port == 0 {
		port = DefaultPort
	}
	if timeout == 0 {
		timeout = time.Second
	}
	if p.Retries == 0 {
		retries = 1
	}
	s, err := dial(ctx, addr, port, c, timeout, retries)
	if err != nil {
		return closer{}, err
	}
	if p.Wait == nil {
		return closer{s, s}, nil
	}
	return closer{&pacedSession{session: s, wait: func(ctx context.Context) error { return p.Wait(ctx, addr) }}, s}, nil
}

// closer is a session and what to close after it.
type closer struct {
	session
	raw *gosnmpSession
}

func (c closer) close() { c.raw.close() }

func (p *Prober) readWith(ctx context.Context, addr netip.Addr, c *Credential, limits Limits) (*Facts, error) {
	s, err := p.open(ctx, addr, c)
	if err != nil {
		return nil, err
	}
	defer s.close()
	now := p.Now
	if now == nil {
		now = time.Now
	}
	f, err := read(ctx, s, limits, p.Extra, now)
	if err != nil {
		return nil, err
	}
	f.Address, f.Credential = addr, c.String()
	if f.EngineID == "" {
		f.EngineID = s.raw.engineID()
	}
	return f, nil
}

// pacedSession waits before each request.
type pacedSession struct {
	session
	wait func(context.Context) error
}

func (s *pacedSession) get(ctx context.Context, names []oid) ([]variable, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.session.get(ctx, names)
}

func (s *pacedSession) next(ctx context.Context, name oid, n int) ([]variable, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.session.next(ctx, name, n)
}
