package scanner

import (
	"context"
	"net/netip"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Sizes of a scan, in addresses. IPv6 prefixes count only where they are swept one
// address at a time; on a link they are asked by multicast.
const (
	maxAddresses      = 1 << 16 // without Job.Large
	maxAddressesLarge = 1 << 24
	maxTargets        = 10_000
)

// Targets is what a scan shall reach.
type Targets struct {
	// Addresses is every address asked for, exclusions taken away.
	Addresses Set
	// Names are the host names that were given, with what they resolved to.
	Names map[netip.Addr]string
}

// Lookup resolves a host name.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// ParseTargets reads prefixes (10.0.0.0/24), addresses, ranges (10.0.0.1-50,
// 10.0.0.1-10.0.1.7) and host names. Of an IPv4 prefix its network and broadcast
// address are left out, as nothing can have them.
func ParseTargets(ctx context.Context, texts []string, lookup Lookup) (Targets, error) {
	if len(texts) == 0 {
		return Targets{}, inventory.Errorf(inventory.CodeInvalid, "no targets given: name an address, a range, a prefix or a host")
	}
	if len(texts) > maxTargets {
		return Targets{}, inventory.Errorf(inventory.CodeTooLarge, "%d targets given, at most %d allowed", len(texts), maxTargets)
	}
	var ranges []Range
	names := map[netip.Addr]string{}
	for _, text := range texts {
		r, err := parseRange(strings.TrimSpace(text), true)
		if err != nil {
			return Targets{}, err
		}
		if r.From.IsValid() {
			ranges = append(ranges, r)
			continue
		}
		addrs, err := resolve(ctx, text, lookup)
		if err != nil {
			return Targets{}, err
		}
		for _, a := range addrs {
			names[a] = text
			ranges = append(ranges, Range{From: a, To: a})
		}
	}
	set := NewSet(ranges...)
	for _, r := range set {
		if err := probeable(r); err != nil {
			return Targets{}, err
		}
	}
	return Targets{Addresses: set, Names: names}, nil
}

// ParseExclusions reads the same forms as ParseTargets but host names, takes prefixes
// whole, and allows any size.
func ParseExclusions(texts []string) (Set, error) {
	var ranges []Range
	for _, text := range texts {
		r, err := parseRange(strings.TrimSpace(text), false)
		if err != nil {
			return nil, err
		}
		if !r.From.IsValid() {
			return nil, inventory.Errorf(inventory.CodeInvalid, "%q is no address, range or prefix", text)
		}
		ranges = append(ranges, r)
	}
	return NewSet(ranges...), nil
}

// parseRange reads an address, range or prefix. A zero Range without an error means that
// text can only be a host name.
func parseRange(text string, hostsOnly bool) (Range, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Zone() != "" || a.Is6() && a.IsLinkLocalUnicast() {
			return Range{}, inventory.Errorf(inventory.CodeInvalid,
				"%s is a link-local address: name a prefix of its link instead, its hosts are found by multicast", text)
		}
		a = a.Unmap()
		return Range{From: a, To: a}, nil
	}
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return Range{}, inventory.Errorf(inventory.CodeInvalid, "%q is not a prefix like 192.0.2.0/24", text)
		}
		if p.Addr().Is4In6() {
			return Range{}, inventory.Errorf(inventory.CodeInvalid, "%q: write IPv4 prefixes as IPv4", text)
		}
		return trim(p, hostsOnly), nil
	}
	from, to, _ := strings.Cut(text, "-")
	if a, err := netip.ParseAddr(from); err == nil {
		return parseEnd(text, a.Unmap(), to)
	}
	return Range{}, nil
}

// trim is p as a range, without network and broadcast address when only hosts are meant.
func trim(p netip.Prefix, hostsOnly bool) Range {
	r := prefixRange(p)
	if hostsOnly && p.Addr().Is4() && p.Bits() > 0 && p.Bits() < 31 {
		r.From, r.To = r.From.Next(), r.To.Prev()
	}
	return r
}

// parseEnd reads the part after the dash: an address, or the last octet of an IPv4 one.
func parseEnd(text string, from netip.Addr, end string) (Range, error) {
	to, err := netip.ParseAddr(end)
	if n, nerr := strconv.ParseUint(end, 10, 8); err != nil && nerr == nil && from.Is4() {
		b := from.As4()
		b[3] = byte(n)
		to, err = netip.AddrFrom4(b), nil
	}
	to = to.Unmap()
	switch {
	case err != nil:
		return Range{}, inventory.Errorf(inventory.CodeInvalid, "%q: after the dash comes an address or a last octet", text)
	case from.BitLen() != to.BitLen() || from.Zone() != "" || to.Zone() != "":
		return Range{}, inventory.Errorf(inventory.CodeInvalid, "%q: both ends must be plain addresses of one family", text)
	case to.Less(from):
		return Range{}, inventory.Errorf(inventory.CodeInvalid, "%q ends before it begins", text)
	}
	return Range{From: from, To: to}, nil
}

func resolve(ctx context.Context, text string, lookup Lookup) ([]netip.Addr, error) {
	if !hostName(text) {
		return nil, inventory.Errorf(inventory.CodeInvalid, "%q is no address, range, prefix or host name", text)
	}
	addrs, err := lookup(ctx, text)
	if err != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "resolve target %s: %w", text, err)
	}
	var out []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Zone() == "" && !a.IsLinkLocalUnicast() {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "target %s has no address", text)
	}
	return out, nil
}

// hostName tells whether text may be handed to a resolver: letters, digits, dots, dashes
// and underscores, at most 253 of them (RFC 1035), and not a number.
func hostName(text string) bool {
	if text == "" || len(text) > 253 || text[0] == '-' {
		return false
	}
	letter := false
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letter = true
		case c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return letter
}

// unprobeable are addresses no host has; echo requests to them reach many or nobody.
var unprobeable = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "the unspecified network"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("::/128"), "the unspecified address"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

func probeable(r Range) error {
	for _, u := range unprobeable {
		bad := prefixRange(u.prefix)
		if bad.From.BitLen() == r.From.BitLen() && !r.To.Less(bad.From) && !bad.To.Less(r.From) {
			return inventory.Errorf(inventory.CodeForbidden, "%s cannot be scanned: it includes %s (%s)", r, u.prefix, u.what)
		}
	}
	return nil
}
