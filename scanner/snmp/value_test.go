package snmp_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/muster-itam/muster/scanner/snmp"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                          "plain",
		" two\r\n lines \t":              "two lines",
		"ended\x00\xff\xff":              "ended",
		"M\xfcnchen":                     "München", // Latin-1
		"München":                        "München",
		"\x1b[31mred\x1b[0m\x07":         "[31mred[0m",
		"right\u202eto left\u200b":       "rightto left",
		strings.Repeat("x", 2000):        strings.Repeat("x", 1024),
		strings.Repeat("x", 1023) + "éé": strings.Repeat("x", 1023),
		strings.Repeat("x", 1<<16):       "", // no text of the kind that is asked for
		"":                               "",
	} {
		if got, _, _ := snmp.DecodeText([]byte(in)); got != want {
			t.Errorf("%.40q: got %.40q, want %.40q", in, got, want)
		}
	}
}

func TestMAC(t *testing.T) {
	for in, want := range map[string]string{
		"\x00\x14\x22\x10\x00\x10": "00:14:22:10:00:10",
		"0:14:22:10:0:10":          "00:14:22:10:00:10",
		"00-14-22-10-00-10":        "00:14:22:10:00:10",
		"0014.2210.0010":           "00:14:22:10:00:10",
		"":                         "",
		"\x00\x14\x22":             "",
		"not a mac at all":         "",
		"0:14:22:10:0:1000":        "",
	} {
		_, got, ok := snmp.DecodeText([]byte(in))
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("Linux \x1b[0m\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, _, _ := snmp.DecodeText(b)
		if len(text) > 1024 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q became %q", b, text)
		}
	})
}

func TestParseOID(t *testing.T) {
	for in, want := range map[string]string{
		".1.3.6.1": "1.3.6.1", "1.3": "1.3", "1.4294967295": "1.4294967295",
		"": "", ".": "", "1..3": "", "1.x": "", "1.4294967296": "", "-1.3": "",
		strings.Repeat(".1", 128): strings.Repeat(".1", 128)[1:], strings.Repeat(".1", 129): "",
	} {
		got, ok := snmp.ParseOID(in)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q %v, want %q", in, got, ok, want)
		}
	}
}

func FuzzParseOID(f *testing.F) {
	f.Add(".1.3.6.1.2.1")
	f.Add("1.4.10.77.1.1.9")
	f.Fuzz(func(t *testing.T, text string) {
		if s, ok := snmp.ParseOID(text); ok {
			if again, ok := snmp.ParseOID(s); !ok || again != s {
				t.Fatalf("%q: %q, then %q", text, s, again)
			}
		}
		snmp.AddrOf(text)
	})
}

func TestAddrOf(t *testing.T) {
	for _, c := range []struct{ in, addr, rest string }{
		{"1.4.10.77.1.1", "10.77.1.1", ""},
		{"1.4.10.77.1.1.9.9", "10.77.1.1", "9.9"},
		{"2.16.253.119.0.0.0.0.0.1.0.0.0.0.0.0.0.16", "fd77:0:0:1::10", ""},
		{"3.8.10.77.1.1.0.0.0.5", "10.77.1.1", ""},
		{"4.20.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.2", "fe80::1", ""},
		{"1.4.10.77.1", "", ""},
		{"1.5.10.77.1.1.1", "", ""},
		{"2.4.10.77.1.1", "", ""},
		{"1.4.10.77.1.256", "", ""},
		{"9.4.10.77.1.1", "", ""},
		{"1.4294967295.1", "", ""},
		{"1", "", ""},
	} {
		addr, rest, _ := snmp.AddrOf(c.in)
		if addr != c.addr || rest != c.rest {
			t.Errorf("%s: got %q %q, want %q %q", c.in, addr, rest, c.addr, c.rest)
		}
	}
}

func TestMaskBits(t *testing.T) {
	for _, c := range []struct {
		mask [4]byte
		bits int
		ok   bool
	}{
		{[4]byte{255, 255, 255, 0}, 24, true}, {[4]byte{255, 255, 255, 255}, 32, true}, {[4]byte{}, 0, true},
		{[4]byte{255, 255, 254, 0}, 23, true}, {[4]byte{255, 0, 255, 0}, 8, false},
	} {
		if bits, ok := snmp.MaskBits(c.mask); bits != c.bits || ok != c.ok {
			t.Errorf("%v: %d %v", c.mask, bits, ok)
		}
	}
}

func TestRemotePort(t *testing.T) {
	for _, c := range []struct {
		subtype   int
		raw, desc string
		want      string
	}{
		{5, "GigabitEthernet1/0/24", "uplink to core", "GigabitEthernet1/0/24"},
		{3, "\x00\x14\x22\x10\x00\x10", "eth0", "eth0"},
		{3, "\x00\x14\x22\x10\x00\x10", "", "00:14:22:10:00:10"},
		{7, "24", "port 24", "port 24"},
		{7, "1/A24", "cabling room", "1/A24"},
		{7, "\x00\x00\x00\x18", "", "00000018"},
		{4, "\x01\x0a\x4d\x01\x01", "", "10.77.1.1"},
	} {
		if got := snmp.RemotePortFor(c.subtype, []byte(c.raw), c.desc); got != c.want {
			t.Errorf("subtype %d %q %q: got %q, want %q", c.subtype, c.raw, c.desc, got, c.want)
		}
	}
}
