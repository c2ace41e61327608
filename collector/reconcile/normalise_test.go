package reconcile_test

import (
	"strings"
	"testing"

	"github.com/muster-itam/muster/collector/reconcile"
)

func TestMAC(t *testing.T) {
	for in, want := range map[string]string{
		"00:1B:54:AA:bb:01":                   "00:1b:54:aa:bb:01",
		"00-1B-54-AA-BB-01":                   "00:1b:54:aa:bb:01",
		"001b.54aa.bb01":                      "00:1b:54:aa:bb:01",
		"001b54aabb01":                        "00:1b:54:aa:bb:01",
		"52:54:00:12:ab:cd":                   "52:54:00:12:ab:cd",
		"00:00:00:00:00:00":                   "", // nobody's
		"ff:ff:ff:ff:ff:ff":                   "",
		"01:00:5e:00:00:01":                   "", // a group
		"33:33:00:00:00:01":                   "",
		"00:1b:54:aa:bb":                      "",
		"00:1b:54:aa:bb:01:02:03:04:05:06:07": "",
		"not a mac":                           "",
		"":                                    "",
	} {
		got, ok := reconcile.MAC(in)
		if (ok && got != want) || ok != (want != "") {
			t.Errorf("MAC(%q) = %q, %t; want %q", in, got, ok, want)
		}
	}
}

func TestUUID(t *testing.T) {
	const a, swapped = "095e9ebf-6dd2-4139-a64a-6cb64d4b47e4", "bf9e5e09-d26d-3941-a64a-6cb64d4b47e4"
	for in, want := range map[string]string{
		a:                                      a,
		strings.ToUpper(a):                     a,
		"{" + a + "}":                          a,
		"urn:uuid:" + a:                        a,
		strings.ReplaceAll(a, "-", ""):         a,
		swapped:                                a,                                      // the other byte order is the same machine
		"00000000-0000-0000-0000-0cc47a12b4f6": "00000000-0000-0000-0000-0cc47a12b4f6", // made of the card's address
		"00000000-0000-0000-0000-000000000000": "",
		"ffffffff-ffff-ffff-ffff-ffffffffffff": "",
		"fefefefe-fefe-fefe-fefe-fefefefefefe": "",
		"03000200-0400-0500-0006-000700080009": "",
		"00020003-0004-0005-0006-000700080009": "", // the same, swapped
		"12345678-1234-5678-90ab-cddeefaabbcc": "",
		"10000000-0000-8000-0040-000000000000": "",
		"44454c4c-0000-2000-8020-80c04f202020": "", // Dell without a tag
		"4c4c4544-0000-2010-8020-80c04f202020": "",
		"4c4c4544-0047-3510-8052-b4c04f4a3332": "44454c4c-4700-1035-8052-b4c04f4a3332", // Dell with one
		"Not Settable":                         "",
		"":                                     "",
	} {
		got, ok := reconcile.UUID(in)
		if (ok && got != want) || ok != (want != "") {
			t.Errorf("UUID(%q) = %q, %t; want %q", in, got, ok, want)
		}
	}
}

func TestSerial(t *testing.T) {
	for in, want := range map[string]string{
		"7DDLZMH":                          "7DDLZMH",
		"  5cglhb4tgj  ":                   "5CGLHB4TGJ",
		"S/N: PF1ABCDE":                    "PF1ABCDE",
		"SN:PF1ABCDE":                      "PF1ABCDE",
		"'0012345678'":                     "",        // counting
		"0004711882":                       "4711882", // a spreadsheet drops the zeros
		"1S20L5000BUSPF1ABCDE":             "PF1ABCDE",
		"7741-0925-3318-6402-1187-2290-53": "7741-0925-3318-6402-1187-2290-53",
		"To Be Filled By O.E.M.":           "", "System Serial Number": "", "0123456789": "", "Default string": "",
		"None": "", "Not Specified": "", "00000000": "", "123456789": "", "SystemSerialNumb": "", "INVALID": "",
		".": "", "-1": "", "": "", "N/A": "", "xxxxxxxx": "", "1.23E+11": "", "OEM": "", "0": "", "9876543210": "",
		"Chassis Serial Number": "", "unknown": "", "............": "", "/............/": "", "VMware": "",
	} {
		got, ok := reconcile.Serial(in)
		if (ok && got != want) || ok != (want != "") {
			t.Errorf("Serial(%q) = %q, %t; want %q", in, got, ok, want)
		}
	}
}

func TestMaker(t *testing.T) {
	for in, want := range map[string]string{
		"Dell Inc.": "dell", "DELL": "dell", "Hewlett-Packard": "hp", "HP": "hp", "HPE": "hp", "LENOVO": "lenovo",
		"Apple Inc.": "apple", "Cisco Systems, Inc.": "cisco", "Super Micro Computer, Inc.": "supermicro",
		"ASUSTeK COMPUTER INC.": "asus", "To Be Filled By O.E.M.": "", "": "", "Amazon EC2": "amazon", "Acme GmbH": "acme",
	} {
		if got := reconcile.Maker(in); got != want {
			t.Errorf("Maker(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestName(t *testing.T) {
	for _, c := range []struct{ host, domain, name, in string }{
		{"SRV0006", "corp.example", "srv0006", "corp.example"},
		{"srv0006.corp.example.", "", "srv0006", "corp.example"},
		{"srv0006", "WORKGROUP", "srv0006", ""},
		{"srv0006", "CORP", "srv0006", ""}, // a NetBIOS domain
		{"Xena's iPhone", "", "xenas-iphone", ""},
		{"Xenas-iPhone.local", "", "xenas-iphone", ""},
		{"nas7f.fritz.box", "", "nas7f", ""},
		{"PC01", "corp.example", "pc01", "corp.example"},
		{"PC01", "", "", ""}, // somebody's, everywhere
		{"localhost", "corp.example", "", ""},
		{"localhost.localdomain", "", "", ""},
		{"iPhone", "", "", ""}, {"MacBook-Pro-2.local", "", "", ""}, {"raspberrypi", "", "", ""},
		{"ip-10-2-35-240.ec2.internal", "", "", ""}, {"10.0.0.1", "", "", ""}, {"dhcp-192-168-1-7", "", "", ""},
		{"", "", "", ""}, {"x", "", "", ""}, {"4711", "", "4711", ""},
	} {
		name, in, ok := reconcile.Name(c.host, c.domain)
		if name != c.name || in != c.in || ok != (c.name != "") {
			t.Errorf("Name(%q, %q) = %q, %q, %t; want %q, %q", c.host, c.domain, name, in, ok, c.name, c.in)
		}
	}
}

// FuzzNormalise: what is normalised stays as it is, and nothing crashes or grows.
func FuzzNormalise(f *testing.F) {
	for _, s := range []string{
		"00-1B-54-AA-BB-01", "{03AA02FC-0414-0587-8306-A50700080009}", "S/N: SN:1S20L5000BUSPF1ABCDE", "'000471188'", "VMware-56 4d 00",
		"Xena’s MacBook Pro (2).local", "Hewlett-Packard Company, Inc.", ".SN:-SN:abc", "İstanbul", "\xff\xfe", "ß-ſ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		again := func(kind, first, second string, ok bool) {
			if !ok || first != second {
				t.Errorf("%s: %q became %q, that became %q (%t)", kind, s, first, second, ok)
			}
		}
		if v, ok := reconcile.MAC(s); ok {
			w, ok := reconcile.MAC(v)
			again("MAC", v, w, ok)
		}
		if v, ok := reconcile.UUID(s); ok {
			w, ok := reconcile.UUID(v)
			again("UUID", v, w, ok)
		}
		if v, ok := reconcile.Serial(s); ok {
			w, ok := reconcile.Serial(v)
			again("Serial", v, w, ok)
		}
		if v := reconcile.Maker(s); v != "" {
			again("Maker", v, reconcile.Maker(v), true)
		}
		if v, in, ok := reconcile.Name(s, ""); ok {
			w, in2, ok := reconcile.Name(v, in)
			again("Name", v+"."+in, w+"."+in2, ok)
		}
	})
}
