package scanner_test

import (
	"slices"
	"testing"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
)

func TestParseFragile(t *testing.T) {
	f, err := scanner.ParseFragile([]string{"10.0.0.0/30", "192.0.2.7-9", "02-77-77", "00:14:22:00:00:01", "type=ups", "fd00::/64"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		address, card, maker string
		class                inventory.Class
		want                 string
	}{
		{address: "10.0.0.0", want: "named as fragile"}, // a prefix is taken whole
		{address: "10.0.0.4"},
		{address: "192.0.2.8", want: "named as fragile"},
		{address: "fd00::9", want: "named as fragile"},
		{card: "02:77:77:00:00:01", want: "named as fragile"},
		{card: "02:77:78:00:00:01"},
		{card: "00:14:22:00:00:01", maker: "Dell Inc.", want: "named as fragile"},
		{card: "00:14:22:00:00:02", maker: "Dell Inc."},
		{card: "00:0e:8c:00:00:01", maker: "Siemens AG", want: "industrial controller, by the maker of its card"},
		{card: "00:0e:8c:00:00:01", maker: "SIEMENS HEALTHCARE GMBH", want: "medical device, by the maker of its card"},
		{card: "00:09:fb:00:00:01", maker: "Philips Patient Monitoring", want: "medical device, by the maker of its card"},
		{card: "00:09:fb:00:00:01", maker: "Philips Lighting BV"},
		{card: "00:09:fb:00:00:01"},
		{card: "00:0c:02:00:00:01", maker: "ABB Oy", want: "industrial controller, by the maker of its card"},
		{card: "00:0c:02:00:00:01", maker: "Abbey Systems Ltd"},
		{class: inventory.ClassPower, want: "supplies power, by its type"},
		{class: inventory.ClassUPS, want: "named as fragile, by its type"},
		{class: inventory.ClassServer},
	} {
		if got := scanner.WhyFragile(&f, c.address, c.card, c.maker, c.class); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	and, err := f.And([]string{"10.9.0.1", "type=voip phone"}) // of one job: the scanner's own list stays
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f             *scanner.Fragile
		address, want string
	}{{&and, "10.9.0.1", "named as fragile"}, {&and, "192.0.2.8", "named as fragile"}, {&f, "10.9.0.1", ""}} {
		if got := scanner.WhyFragile(c.f, c.address, "", "", ""); got != c.want {
			t.Errorf("%s: %q", c.address, got)
		}
	}
	if scanner.WhyFragile(&and, "", "", "", inventory.ClassPhoneVoIP) == "" || scanner.WhyFragile(&f, "", "", "", inventory.ClassPhoneVoIP) != "" {
		t.Error("the type of the job's list is not told from that of the scanner's")
	}
	for _, bad := range []string{"", "10.0.0.0/33", "plc.example.org", "02:77", "02:77:7", "02:77:77:00:00:00:01"} {
		if _, err := scanner.ParseFragile([]string{bad}); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Each built-in rule says why, and no name stands twice or behind one that is its beginning.
func TestBuiltinFragile(t *testing.T) {
	f, err := scanner.ParseFragile(nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, makers := range scanner.FragileMakers(&f) {
		for _, name := range makers {
			if len(name) < 3 || slices.Contains(names, name) {
				t.Errorf("%q is too short or stands twice", name)
			}
			names = append(names, name)
		}
	}
	if len(names) < 100 {
		t.Errorf("%d makers", len(names))
	}
}
