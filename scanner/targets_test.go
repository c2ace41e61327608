package scanner_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
)

func lookup(_ context.Context, name string) ([]netip.Addr, error) {
	switch name {
	case "web-1.example":
		return []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd00::9"), netip.MustParseAddr("fe80::1%eth0")}, nil
	case "mapped.example":
		return []netip.Addr{netip.MustParseAddr("::ffff:10.9.0.2")}, nil
	case "local.example":
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	case "evil.example":
		return []netip.Addr{netip.MustParseAddr("224.0.0.1")}, nil
	}
	return nil, errors.New("no such host")
}

func TestParseTargets(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"10.0.0.0/24", "10.0.0.1-10.0.0.254"},
		{"10.0.0.77/24", "10.0.0.1-10.0.0.254"},
		{"10.0.0.0/31", "10.0.0.0-10.0.0.1"}, // RFC 3021
		{"10.0.0.8/32", "10.0.0.8"},
		{"10.0.0.5", "10.0.0.5"},
		{"::ffff:10.0.0.5", "10.0.0.5"},
		{"10.0.0.1-50", "10.0.0.1-10.0.0.50"},
		{"10.0.0.250-10.0.1.5", "10.0.0.250-10.0.1.5"},
		{"fd00::1", "fd00::1"},
		{"fd00::1-fd00::f", "fd00::1-fd00::f"},
		{"fd00::/126", "fd00::-fd00::3"},
		{"web-1.example", "10.9.0.1, fd00::9"},
		{"mapped.example", "10.9.0.2"},
		{"local.example", "127.0.0.1"},
		{"10.0.0.0/24 10.0.1.0/24", "10.0.0.1-10.0.0.254, 10.0.1.1-10.0.1.254"},
	} {
		got, err := scanner.ParseTargets(t.Context(), strings.Fields(c.in), lookup)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got.Addresses.String() != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got.Addresses, c.want)
		}
	}
}

func TestParseTargetsRefuses(t *testing.T) {
	for _, c := range []struct {
		in   string
		code inventory.Code
	}{
		{"", inventory.CodeInvalid},
		{"0.0.0.0/0", inventory.CodeForbidden},
		{"::/0", inventory.CodeForbidden},
		{"0.0.0.0", inventory.CodeForbidden},
		{"224.0.0.1", inventory.CodeForbidden},
		{"255.255.255.255", inventory.CodeForbidden},
		{"223.255.255.0-224.0.0.5", inventory.CodeForbidden},
		{"ff02::1", inventory.CodeForbidden},
		{"fe80::1%eth0", inventory.CodeInvalid},
		{"fe80::1", inventory.CodeInvalid},
		{"10.0.0.0/33", inventory.CodeInvalid},
		{"::ffff:10.0.0.0/120", inventory.CodeInvalid},
		{"10.0.0.5-2", inventory.CodeInvalid},
		{"10.0.0.5-256", inventory.CodeInvalid},
		{"10.0.0.5-fd00::1", inventory.CodeInvalid},
		{"10.0.0.300", inventory.CodeInvalid},
		{"nowhere.example", inventory.CodeInvalid},
		{"evil.example", inventory.CodeForbidden},
		{"-oProxyCommand=x", inventory.CodeInvalid},
		{"a;b", inventory.CodeInvalid},
		{"1234", inventory.CodeInvalid},
	} {
		_, err := scanner.ParseTargets(t.Context(), []string{c.in}, lookup)
		if inventory.CodeOf(err) != c.code {
			t.Errorf("%q: %v, want code %s", c.in, err, c.code)
		}
	}
	if _, err := scanner.ParseTargets(t.Context(), nil, lookup); err == nil {
		t.Error("no targets: no error")
	}
}

func TestParseExclusions(t *testing.T) {
	set, err := scanner.ParseExclusions([]string{"10.0.0.0/24", "10.0.1.7", "0.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "0.0.0.0-0.255.255.255, 10.0.0.0-10.0.0.255, 10.0.1.7"; set.String() != want {
		t.Errorf("got %s, want %s", set, want)
	}
	if _, err := scanner.ParseExclusions([]string{"printer.example"}); inventory.CodeOf(err) != inventory.CodeInvalid {
		t.Errorf("host name: %v", err)
	}
}

func FuzzParseTargets(f *testing.F) {
	for _, s := range []string{"10.0.0.0/24", "10.0.0.1-50", "fd00::/64", "a-b.example", "10.0.0.1-", "/", "::-::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := scanner.ParseTargets(t.Context(), []string{text}, lookup)
		if err != nil {
			return
		}
		if len(got.Addresses) == 0 {
			t.Fatalf("%q: neither addresses nor an error", text)
		}
		for _, r := range got.Addresses {
			if r.To.Less(r.From) || r.From.IsMulticast() || r.From.IsUnspecified() || r.To.IsMulticast() {
				t.Fatalf("%q: range %v", text, r)
			}
		}
		if back, err := scanner.ParseExclusions([]string{text}); err == nil {
			if rest := got.Addresses.Subtract(back); len(rest) > 0 {
				t.Fatalf("%q: excluding it leaves %v", text, rest)
			}
		}
	})
}
