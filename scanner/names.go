package scanner

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Limits of reverse DNS: names are hints and must not hold up a scan.
const (
	nameParallel   = 32
	nameTimeout    = 2 * time.Second
	namesPerDevice = 4
	// nameStrikes is after how many time-outs in a row the resolver is left alone.
	nameStrikes = 8
)

// names looks up the host names of devices' addresses.
func (r *run) names(ctx context.Context, devices []*Device) {
	phase := r.begin(PhaseNames, uint64(len(devices)))
	var strikes atomic.Int32
	each(nameParallel, devices, func(d *Device) {
		nameDevice(ctx, r.cfg.Resolver, d, &strikes)
		phase.probed.Add(1)
	})
	if strikes.Load() >= nameStrikes {
		r.note("reverse DNS left out: the resolver does not answer")
	}
}

func nameDevice(ctx context.Context, resolver *net.Resolver, d *Device, strikes *atomic.Int32) {
	for _, a := range nameable(d) {
		if strikes.Load() >= nameStrikes || ctx.Err() != nil {
			return
		}
		names, err := lookupAddr(ctx, resolver, a)
		if timedOut(err) {
			strikes.Add(1)
			continue
		}
		strikes.Store(0)
		for _, n := range names {
			if !slices.Contains(d.Names, n) {
				d.Names = append(d.Names, n)
			}
			if d.HostName == "" && !madeUp(n, a) && confirmed(ctx, resolver, n, a) {
				d.HostName = n
			}
		}
	}
}

func nameable(d *Device) []netip.Addr {
	var out []netip.Addr
	for _, a := range d.Addresses {
		if !a.IsLinkLocalUnicast() && len(out) < namesPerDevice {
			out = append(out, a)
		}
	}
	return out
}

// lookupAddr is the names of a that look like names, at most four.
func lookupAddr(ctx context.Context, resolver *net.Resolver, a netip.Addr) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	found, err := resolver.LookupAddr(ctx, a.String())
	var out []string
	for _, n := range found {
		if n = strings.TrimSuffix(n, "."); hostName(n) && len(out) < 4 {
			out = append(out, n)
		}
	}
	return out, err
}

// confirmed tells whether name resolves to a: reverse zones are full of leftovers.
func confirmed(ctx context.Context, resolver *net.Resolver, name string, a netip.Addr) bool {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	found, err := resolver.LookupNetIP(ctx, "ip", name)
	return err == nil && slices.ContainsFunc(found, func(f netip.Addr) bool { return f.Unmap() == a })
}

// madeUp tells whether a name was generated from the address, as DHCP pools do: such a
// name belongs to the address and not to the device.
func madeUp(name string, a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	label, _, _ := strings.Cut(name, ".")
	numbers := strings.FieldsFunc(label, func(r rune) bool { return r < '0' || r > '9' })
	ip := a.As4()
	for i := 1; i < len(numbers); i++ {
		if isOctets(numbers[i-1], numbers[i], ip[2], ip[3]) || isOctets(numbers[i-1], numbers[i], ip[3], ip[2]) {
			return true
		}
	}
	return false
}

func isOctets(a, b string, x, y byte) bool {
	m, err := strconv.ParseUint(a, 10, 8)
	n, nerr := strconv.ParseUint(b, 10, 8)
	return err == nil && nerr == nil && byte(m) == x && byte(n) == y
}

func timedOut(err error) bool {
	var de *net.DNSError
	return errors.As(err, &de) && !de.IsNotFound && (de.IsTimeout || de.IsTemporary)
}
