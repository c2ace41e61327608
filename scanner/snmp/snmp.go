// Package snmp asks devices for what they know of themselves and their neighbours.
//
// It owns SNMP v1, v2c and v3 sessions, the scope of credentials, the limits on what is taken
// from one device, the standard MIBs (system, interfaces, ENTITY, LLDP, ARP, bridges and VLANs,
// printers, hosts) and descriptions of makers' tables, which are data: tables/*.yaml. It refuses to send a credential outside its scope, to keep what did not
// increase or has the wrong type, and to say what a device is: identify does that.
// The caller is scanner.
package snmp

import (
	"cmp"
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
	Port        uint16 // 0 means DefaultPort
	// Timeout is the longest wait for an answer before the question is repeated, and the first
	// one until some device has answered; 0 means 1 s. Waits are shorter where answers are quick.
	Timeout time.Duration
	// Retries is how often a question is repeated in each of two rounds to a device that has not
	// answered yet; 0 means once, negative never and in one round.
	Retries int
	Limits  Limits
	// Wait blocks until the next packet may go to the address; nil means no limit.
	Wait func(context.Context, netip.Addr) error
	// Extra names more single values to read, by what the system group said; nil for none.
	Extra func(System) []string
	// Needs tells whether a section, from what was read before it, is wanted; nil for all.
	Needs func(*Facts, Section) bool
	// Tables describe makers' tables; nil for none.
	Tables *Tables
	Now    func() time.Time // nil means time.Now

	network network
}

// Read tries the credentials whose scope includes addr, and reads the device with the
// first that it accepts. Without any, or without an answer, it is ErrNoAnswer; ErrRefused
// when an agent is there but none fits, ErrUnusable when its answers are none.
func (p *Prober) Read(ctx context.Context, addr netip.Addr) (*Facts, error) {
	return p.ReadFirst(ctx, addr, "")
}

// ReadFirst is Read with the credential of a name, which the device accepted before, tried
// first. Where that finds no answer, no other is tried: the device is silent, and need not
// see them all.
func (p *Prober) ReadFirst(ctx context.Context, addr netip.Addr, name string) (*Facts, error) {
	var f *Facts
	err := p.try(ctx, addr, name, func(ctx context.Context, c *Credential, s *gosnmpSession) (err error) {
		w := p.wishes()
		w.cautious = s.conn.peer.last
		r := newReader(s, p.Limits.orDefault())
		r.inVLAN = func(ctx context.Context, vlan int, read func(*reader) error) error {
			return p.inVLAN(ctx, s.conn.peer, c, vlan, r, read)
		}
		if f, err = read(ctx, r, w); err != nil {
			return err
		}
		f.Address, f.Credential, f.CredentialName = addr, c.String(), c.Name
		f.EngineID = cmp.Or(f.EngineID, s.engineID())
		return nil
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
	var cut error // why it ends before its end
	err := p.try(ctx, addr, "", func(ctx context.Context, _ *Credential, s *gosnmpSession) (err error) {
		if rec, err = record(ctx, newReader(s, p.Limits.orDefault())); rec == nil {
			return err
		}
		cut = err
		return nil
	})
	if err == nil && cut != nil {
		err = fmt.Errorf("walk %s: %w", addr, cut)
	}
	return rec, err
}

// try runs read with the credentials whose scope includes addr until one is accepted, with
// that of a name first, and alone unless it is refused.
func (p *Prober) try(ctx context.Context, addr netip.Addr, name string, read func(context.Context, *Credential, *gosnmpSession) error) (err error) {
	defer func() { // a decoder's mistake costs this device, not the scan
		if e := recover(); e != nil {
			err = fmt.Errorf("read %s by SNMP: %w", addr, errPanic)
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, p.Limits.orDefault().Time, errTime)
	defer cancel()
	to := p.peer(addr)
	var first, others []*Credential
	for i := range p.Credentials {
		switch c := &p.Credentials[i]; {
		case !c.Allows(addr):
		case name != "" && c.Name == name:
			first = append(first, c)
		default:
			others = append(others, c)
		}
	}
	if len(first) > 0 {
		if err := p.tryEach(ctx, to, first, read); !errors.Is(err, ErrRefused) && !errors.Is(err, ErrUnusable) {
			return wrapRead(addr, err)
		}
	}
	err = p.tryEach(ctx, to, others, read)
	if len(first) > 0 && errors.Is(err, ErrNoAnswer) {
		err = ErrRefused // of the first: somebody is there
	}
	return wrapRead(addr, err)
}

func wrapRead(addr netip.Addr, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read %s by SNMP: %w", addr, err)
}

// tryEach runs read with one credential after the other. What gets no answer is tried once
// more after all others, with more patience: a credential that does not fit is met with
// silence by most agents, and must not cost much.
func (p *Prober) tryEach(ctx context.Context, to *peer, left []*Credential, read func(context.Context, *Credential, *gosnmpSession) error) error {
	outcome := ErrNoAnswer
	for to.last = p.Retries < 0; ; to.last = true {
		var silent []*Credential
		v3Silent := false
		for _, c := range left {
			if c.level() > 0 && v3Silent {
				continue // discovery needs no credential: silence holds for every user
			}
			err := p.with(ctx, to, c, read)
			switch {
			case err == nil:
				return nil
			case ctx.Err() != nil:
				return stopped(ctx)
			case errors.Is(err, ErrNoAnswer):
				silent = append(silent, c)
				v3Silent = v3Silent || c.level() > 0
			case !errors.Is(outcome, ErrUnusable): // which says more than that a later one is refused
				outcome = err
			}
		}
		if left = silent; len(left) == 0 || to.last {
			if to.foreign && errors.Is(outcome, ErrNoAnswer) {
				return errForeign
			}
			return outcome
		}
	}
}

func (p *Prober) with(ctx context.Context, to *peer, c *Credential, read func(context.Context, *Credential, *gosnmpSession) error) error {
	s, err := dial(ctx, to, c)
	if err != nil {
		return err
	}
	defer s.close()
	return read(ctx, c, s)
}

func (p *Prober) wishes() wishes {
	w := wishes{extra: p.Extra, tables: p.Tables, needs: p.Needs, now: p.Now}
	if w.now == nil {
		w.now = time.Now
	}
	return w
}

// errContext means that a credential has no room for a VLAN.
var errContext = errors.New("the credential has an @ or a context of its own")

// inVLAN runs read with c as it is for one VLAN, within the limits of r and at the same address.
func (p *Prober) inVLAN(ctx context.Context, to *peer, c *Credential, vlan int, r *reader, read func(*reader) error) error {
	own, ok := c.forVLAN(vlan)
	if !ok {
		return errContext
	}
	return p.with(ctx, to, own, func(_ context.Context, _ *Credential, s *gosnmpSession) error {
		in := newReader(s, r.limits)
		in.variables, in.bytes = r.variables, r.bytes
		err := read(in)
		r.variables, r.bytes, r.dropped = in.variables, in.bytes, r.dropped+in.dropped
		return err
	})
}

// peer is how addr is asked, by the prober's settings.
func (p *Prober) peer(addr netip.Addr) *peer {
	to := &peer{
		addr: netip.AddrPortFrom(addr, cmp.Or(p.Port, DefaultPort)), network: &p.network,
		timeout: cmp.Or(p.Timeout, time.Second), retries: max(0, cmp.Or(p.Retries, 1)),
	}
	if p.Wait != nil {
		to.pace = func(ctx context.Context) error { return p.Wait(ctx, addr) }
	}
	return to
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
