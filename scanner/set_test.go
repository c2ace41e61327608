package scanner_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner"
)

func prefixes(texts ...string) scanner.Set {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return scanner.PrefixSet(out...)
}

func TestSetString(t *testing.T) {
	for _, c := range []struct {
		set  scanner.Set
		want string
	}{
		{nil, ""},
		{prefixes("10.0.0.0/30"), "10.0.0.0-10.0.0.3"},
		{prefixes("10.0.0.4/30", "10.0.0.0/30"), "10.0.0.0-10.0.0.7"}, // they touch
		{prefixes("10.0.0.0/24", "10.0.0.7/32"), "10.0.0.0-10.0.0.255"},
		{prefixes("255.255.255.254/31", "::/127"), "255.255.255.254-255.255.255.255, ::-::1"}, // families don't touch
		{prefixes("10.0.0.0/24").Subtract(prefixes("10.0.0.8/29", "10.0.0.0/32", "10.0.0.255/32")), "10.0.0.1-10.0.0.7, 10.0.0.16-10.0.0.254"},
		{prefixes("10.0.0.0/24").Subtract(prefixes("0.0.0.0/0")), ""},
		{prefixes("0.0.0.0/0").Subtract(prefixes("0.0.0.0/1")), "128.0.0.0-255.255.255.255"},
		{prefixes("fd00::/64").Subtract(prefixes("10.0.0.0/8")), "fd00::-fd00::ffff:ffff:ffff:ffff"},
		{prefixes("10.0.0.0/24").Intersect(prefixes("10.0.0.128/25", "10.0.1.0/24")), "10.0.0.128-10.0.0.255"},
	} {
		if got := c.set.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestSetCount(t *testing.T) {
	if n := prefixes("10.0.0.0/16", "fd00::/120").Count(); n != 65536+256 {
		t.Errorf("count %d", n)
	}
	if n := prefixes("fd00::/16", "10.0.0.0/8").Count(); n != math.MaxUint64 {
		t.Errorf("count of more than fits: %d", n)
	}
	if n := prefixes("fd00::/64", "fe00::/64").Count(); n != math.MaxUint64 {
		t.Errorf("count of more than fits: %d", n)
	}
}

// Against the plain way of doing it: sets of small numbers as maps.
func TestSetAlgebra(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	base := netip.MustParseAddr("10.0.0.0")
	at := func(n int) netip.Addr { a := base.As4(); a[3] = byte(n); return netip.AddrFrom4(a) }
	random := func() (scanner.Set, map[netip.Addr]bool) {
		var ranges []scanner.Range
		m := map[netip.Addr]bool{}
		for range rng.IntN(6) {
			from := rng.IntN(64)
			to := min(63, from+rng.IntN(12))
			ranges = append(ranges, scanner.Range{From: at(from), To: at(to)})
			for i := from; i <= to; i++ {
				m[at(i)] = true
			}
		}
		return scanner.NewSet(ranges...), m
	}
	for range 2000 {
		a, ma := random()
		b, mb := random()
		var minus, both []netip.Addr
		for i := range 64 {
			x := at(i)
			if a.Contains(x) != ma[x] {
				t.Fatalf("%v contains %v: %v", a, x, a.Contains(x))
			}
			if ma[x] && !mb[x] {
				minus = append(minus, x)
			}
			if ma[x] && mb[x] {
				both = append(both, x)
			}
		}
		compare := cmp.Comparer(func(x, y netip.Addr) bool { return x == y })
		if d := cmp.Diff(minus, slices.Collect(a.Subtract(b).All()), compare); d != "" {
			t.Fatalf("%v minus %v: %s", a, b, d)
		}
		if d := cmp.Diff(both, slices.Collect(a.Intersect(b).All()), compare); d != "" {
			t.Fatalf("%v and %v: %s", a, b, d)
		}
		if n := a.Count(); n != uint64(len(ma)) {
			t.Fatalf("%v counts %d, want %d", a, n, len(ma))
		}
	}
}

// All addresses are visited, once, and those of one subnet as far apart as the others let them.
func TestSpread(t *testing.T) {
	at := func(texts ...string) (out []netip.Addr) {
		for _, text := range texts {
			out = append(out, netip.MustParseAddr(text))
		}
		return out
	}
	r := func(from, to string) scanner.Range {
		return scanner.Range{From: netip.MustParseAddr(from), To: netip.MustParseAddr(to)}
	}
	for _, c := range []struct {
		set  scanner.Set
		want []netip.Addr
	}{
		{nil, nil},
		{scanner.NewSet(r("10.0.0.7", "10.0.0.8")), at("10.0.0.7", "10.0.0.8")},
		{scanner.NewSet(r("10.0.0.254", "10.0.1.2"), r("10.0.1.9", "10.0.1.9"), r("fd00::1", "fd00::2"), r("10.0.9.0", "10.0.9.0")),
			at("10.0.0.254", "10.0.1.0", "10.0.9.0", "fd00::1", "10.0.0.255", "10.0.1.1", "fd00::2", "10.0.1.2", "10.0.1.9")},
		{scanner.NewSet(r("255.255.255.254", "255.255.255.255")), at("255.255.255.254", "255.255.255.255")},
	} {
		for range 2 { // it can be visited again
			if got := slices.Collect(c.set.Spread()); !slices.Equal(got, c.want) {
				t.Errorf("%v: %v, want %v", c.set, got, c.want)
			}
		}
		for range c.set.Spread() {
			break
		}
	}
}
