package scanner_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/muster-itam/muster/scanner"
)

const maxSix = 1 << 14

// run is so many addresses, one after the other.
func run(from string, n int) []netip.Addr {
	var out []netip.Addr
	for a := netip.MustParseAddr(from); len(out) < n; a = a.Next() {
		out = append(out, a)
	}
	return out
}

// What is forgotten makes room: after a flood of addresses that nobody asked for, real ones
// are taken down again.
func TestBookMakesRoom(t *testing.T) {
	for name, drop := range map[string]func(scanner.Book){
		"of other hosts of the link":    func(b scanner.Book) { b.DropOthers("eth0") },
		"of devices of an earlier part": scanner.Book.DropAddresses,
	} {
		b := scanner.NewBook(0)
		for _, a := range run("fd00::1", maxSix) {
			b.See(a, "eth0")
		}
		for range 2 { // none is counted twice
			drop(b)
		}
		if left := b.LeftOut(); left != "" {
			t.Errorf("%s: %s", name, left)
		}
		again := run("fd01::1", maxSix+3)
		for _, a := range again {
			b.See(a, "eth0")
		}
		if !b.Has(again[maxSix-1]) || b.Has(again[maxSix]) || !strings.HasPrefix(b.LeftOut(), "3 sightings of further IPv6 addresses") {
			t.Errorf("%s: %v %v, %q", name, b.Has(again[maxSix-1]), b.Has(again[maxSix]), b.LeftOut())
		}
	}
}

// Nothing is left out without a word.
func TestBookSaysWhatIsLeftOut(t *testing.T) {
	b := scanner.NewBook(4)
	addresses := run("10.0.0.1", 6)
	for range 2 {
		for _, a := range addresses {
			b.See(a, "eth0")
		}
	}
	if !b.Has(addresses[3]) || b.Has(addresses[4]) {
		t.Error("kept are not the first four")
	}
	if got := b.LeftOut(); got != "4 sightings of further addresses are left out: more than 16384 of IPv6, or 4 in all, are made up by somebody" {
		t.Error(got)
	}
}
