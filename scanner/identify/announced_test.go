package identify_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/announce"
	"github.com/muster-itam/muster/scanner/identify"
)

func facts(m map[string]string) []announce.Fact {
	var out []announce.Fact
	for k, v := range m {
		out = append(out, announce.Fact{Key: k, Value: v})
	}
	return out
}

// Every rule's examples are its tests.
func TestAnnouncedExamples(t *testing.T) {
	rules, err := identify.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if len(rules.AllAnnounced()) == 0 {
		t.Fatal("no rules")
	}
	for _, rule := range rules.AllAnnounced() {
		for _, e := range rule.Examples {
			t.Run(rule.Name, func(t *testing.T) {
				if !rule.Applies(facts(e.Facts)) {
					t.Fatal("the example does not match its own rule")
				}
				var got identify.Identity
				rules.Announced(facts(e.Facts), &got)
				w := e.Want
				want := identify.Identity{Vendor: w.Vendor, Type: w.Type, Model: w.Model, Serial: w.Serial,
					OS: inventory.OS{Name: w.OS, Version: w.Version, Family: w.Family}}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// No answer beats a wrong one, and what is known better stays.
func TestAnnouncedIsCareful(t *testing.T) {
	rules, err := identify.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]map[string]string{
		"a shared queue":           {"mdns.service": "_ipp._tcp", "mdns.txt._ipp._tcp.rp": "printers/Office", "mdns.txt._ipp._tcp.ty": "HP LaserJet"},
		"a media server program":   {"ssdp.type": "urn:schemas-upnp-org:device:MediaServer:1", "upnp.manufacturer": "Justin Maggard", "upnp.model": "Windows Media Connect compatible (MiniDLNA)"},
		"Samba's Apple costume":    {"mdns.txt._device-info._tcp.model": "MacSamba"},
		"a time capsule's costume": {"mdns.txt._device-info._tcp.model": "TimeCapsule8,119"},
		"a computer":               {"wsd.type": "Computer", "mdns.service": "_ssh._tcp"},
	} {
		var got identify.Identity
		rules.Announced(facts(f), &got)
		if got != (identify.Identity{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	got := identify.Identity{Type: inventory.ClassServer, Vendor: "Dell", OS: inventory.OS{Name: "FreeBSD", Version: "14"}}
	want := got
	want.OS.Family = "android"
	rules.Announced([]announce.Fact{{Key: "dhcp.vendor_class", Value: "Cisco AP c3700"}, {Key: "dhcp.vendor_class", Value: "android-dhcp-13"}}, &got)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLoadRefusesAnnounced(t *testing.T) {
	for in, want := range map[string]string{
		"announced: [{name: x, examples: [{facts: {a: b}}]}]":                                           "matches everything",
		"announced: [{name: x, when: [{key: a, match: b}]}]":                                            "no example",
		"announced: [{when: [{key: a, match: b}], examples: [{facts: {a: b}}]}]":                        "no name",
		"announced: [{name: x, when: [{key: a, match: '('}], examples: [{facts: {a: b}}]}]":             "pattern of a",
		"announced: [{name: x, when: [{key: '[', match: b}], examples: [{facts: {a: b}}]}]":             "no glob",
		"announced: [{name: x, when: [{key: a, match: '(?P<colour>b)'}], examples: [{facts: {a: b}}]}]": "colour",
	} {
		_, err := identify.Load(fstest.MapFS{"x.yaml": {Data: []byte(in)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error about %q", in, err, want)
		}
	}
}
