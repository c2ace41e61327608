package identify_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/service"
)

// Every rule's examples are its tests.
func TestServiceExamples(t *testing.T) {
	rules, err := identify.BuiltinServices()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, rule := range rules.All() {
		if names[rule.Name] {
			t.Errorf("two rules are called %q", rule.Name)
		}
		names[rule.Name] = true
		for _, e := range rule.Examples {
			t.Run(rule.Name, func(t *testing.T) {
				if d := cmp.Diff(e.Want, rule.Tell(e.Text)); d != "" {
					t.Error(d)
				}
				if text := service.Clean(e.Text, 256); text != e.Text {
					t.Errorf("no service tells %q: texts are cleaned to %q", e.Text, text)
				}
			})
		}
	}
}

func TestLoadServicesRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"rules: [{name: x, colour: y}]":                                                                 "colour",
		"rules: [{fact: a, match: b, confidence: 1, examples: [{text: b}]}]":                            "no name",
		"rules: [{name: x, match: b, confidence: 1, examples: [{text: b}]}]":                            "needs a fact",
		"rules: [{name: x, fact: a, match: b, examples: [{text: b}]}]":                                  "confidence 0: must be from 1 to 100",
		"rules: [{name: x, fact: a, match: b, confidence: 1}]":                                          "no example",
		"rules: [{name: x, fact: a, match: '(', confidence: 1, examples: [{text: b}]}]":                 "pattern",
		"rules: [{name: x, fact: a, match: '(?P<colour>b)', confidence: 1, examples: [{text: b}]}]":     "colour",
		"rules: [{name: x, fact: a, match: '(?P<type>printer)', confidence: 1, examples: [{text: b}]}]": "type",
	} {
		_, err := identify.LoadServices(fstest.MapFS{"x.yaml": {Data: []byte(in)}})
		if inventory.CodeOf(err) != inventory.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}

func TestIdentifyServices(t *testing.T) {
	rules, err := identify.BuiltinServices()
	if err != nil {
		t.Fatal(err)
	}
	type facts = service.Facts
	for _, c := range []struct {
		name  string
		known identify.Identity
		facts []facts
		want  identify.Identity
		signs int
	}{
		{"nothing", identify.Identity{}, []facts{{"http.server": "nginx"}}, identify.Identity{}, 0},
		{"a Debian host", identify.Identity{}, []facts{{"ssh.software": "OpenSSH_9.2p1 Debian-2+deb12u3"}, {"http.server": "nginx"}},
			identify.Identity{OS: inventory.OS{Family: "linux", Name: "Debian GNU/Linux", Version: "12"}}, 2},
		{"a printer that several ports know", identify.Identity{},
			[]facts{{"pjl.id": "HP LaserJet M404dn"}, {"printer.maker": "Hewlett-Packard", "printer.model": "HP LaserJet M404", "printer.serial": "VNB3D00000"}},
			identify.Identity{Vendor: "HP", Type: inventory.ClassPrinter, Model: "LaserJet M404dn", Serial: "VNB3D00000"}, 6},
		{"two as sure that differ are none", identify.Identity{}, []facts{{"ssh.software": "Cisco-1.25"}, {"ssh.software": "HUAWEI-1.5"}}, identify.Identity{}, 2},
		{"a camera that tells everybody", identify.Identity{}, []facts{{"rtsp.server": "Example RTSP/1.0", "onvif": "yes", "onvif.maker": "Example Vision", "onvif.model": "EV-2143",
			"onvif.firmware": "V5.7.3 build 220315", "onvif.serial": "EV21430000ABCD"}},
			identify.Identity{Vendor: "Example Vision", Type: inventory.ClassCamera, Model: "EV-2143", Serial: "EV21430000ABCD", OS: inventory.OS{Version: "5.7.3"}}, 5},
		{"a camera that wants a login first", identify.Identity{}, []facts{{"onvif": "yes"}}, identify.Identity{Type: inventory.ClassCamera}, 1},
		{"a loudspeaker with Cast", identify.Identity{}, []facts{{"cast.maker": "Example Audio Inc.", "cast.model": "EA Soundbar 300", "cast.name": "Lobby", "cast.version": "1.56.281627"}},
			identify.Identity{Vendor: "Example Audio Inc.", Type: inventory.ClassMedia, Model: "EA Soundbar 300"}, 2},
		{"Google's own with its maker", identify.Identity{}, []facts{{"cast.maker": "Google Inc.", "cast.model": "Chromecast"}}, identify.Identity{Vendor: "Google", Type: inventory.ClassMedia, Model: "Chromecast"}, 3},
		{"Google's own", identify.Identity{}, []facts{{"cast.model": "Chromecast Ultra"}}, identify.Identity{Vendor: "Google", Type: inventory.ClassMedia, Model: "Chromecast Ultra"}, 2},
		{"SNMP knows better", identify.Identity{Vendor: "Dell", Type: inventory.ClassServer}, []facts{{"pjl.id": "HP LaserJet M404dn"}},
			identify.Identity{Vendor: "Dell", Type: inventory.ClassServer}, 2},
		{"a version goes with its system", identify.Identity{OS: inventory.OS{Family: "linux", Name: "Rocky Linux"}},
			[]facts{{"ssh.software": "OpenSSH_9.2p1 Debian-2+deb12u3"}}, identify.Identity{OS: inventory.OS{Family: "linux", Name: "Rocky Linux"}}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ports []service.Port
			for i, f := range c.facts {
				ports = append(ports, service.Port{Protocol: "tcp", Number: i + 1, Answer: service.Answer{Facts: f}})
			}
			got := c.known
			signs := rules.Identify(&got, nil, ports)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if len(signs) != c.signs {
				t.Errorf("%d signs, not %d: %v", len(signs), c.signs, signs)
			}
		})
	}
}

// A sign that is surer replaces what is known of the same maker's device; one of another
// maker's adds nothing, however sure.
func TestContradictions(t *testing.T) {
	rules, err := identify.BuiltinServices()
	if err != nil {
		t.Fatal(err)
	}
	guess := func(confidence int, values map[string]string) identify.Evidence {
		return identify.Evidence{Fact: "snmp.sys_descr", Rule: "wording of sysDescr", Confidence: confidence, Values: values}
	}
	type facts = service.Facts
	for _, c := range []struct {
		name  string
		known identify.Identity
		why   []identify.Evidence
		facts []facts
		want  identify.Identity
	}{
		{"a guess gives way to the device's own words", identify.Identity{Vendor: "Lexmark", Model: "MS610 Series"},
			[]identify.Evidence{guess(75, map[string]string{"model": "MS610 Series"})}, []facts{{"http.title": "Lexmark MS610dn"}},
			identify.Identity{Vendor: "Lexmark", Type: inventory.ClassPrinter, Model: "MS610dn"}},
		{"a standard MIB does not", identify.Identity{Vendor: "Lexmark", Model: "MS610de"},
			[]identify.Evidence{guess(95, map[string]string{"model": "MS610de"})}, []facts{{"http.title": "Lexmark MS610dn"}},
			identify.Identity{Vendor: "Lexmark", Type: inventory.ClassPrinter, Model: "MS610de"}},
		{"nor does what nobody has a reason for", identify.Identity{Vendor: "Lexmark", Model: "Lobby printer"}, nil, []facts{{"http.title": "Lexmark MS610dn"}},
			identify.Identity{Vendor: "Lexmark", Type: inventory.ClassPrinter, Model: "Lobby printer"}},
		{"a port that leads to another maker's machine", identify.Identity{Vendor: "MikroTik", Type: inventory.ClassRouter},
			[]identify.Evidence{guess(75, map[string]string{"type": "router"})}, []facts{{"http.title": "Live view / - AXIS M1054 Network Camera version 5.02"}},
			identify.Identity{Vendor: "MikroTik", Type: inventory.ClassRouter}},
		{"one maker by two names", identify.Identity{Vendor: "Axis Communications AB"}, nil, []facts{{"http.title": "Live view / - AXIS M1054 Network Camera version 5.02"}},
			identify.Identity{Vendor: "Axis Communications AB", Type: inventory.ClassCamera, Model: "M1054", OS: inventory.OS{Version: "5.02"}}},
		{"the surer of two makers, with nothing of the other's", identify.Identity{},
			[]identify.Evidence{}, []facts{{"http.realm": "DH_00408CA5EA04"}, {"http.realm": "DIR-615"}},
			identify.Identity{Vendor: "D-Link", Type: inventory.ClassRouter, Model: "DIR-615"}},
		{"two systems as sure", identify.Identity{}, nil, []facts{{"http.title": "pfSense - Login"}, {"http.title": "Login | OPNsense"}},
			identify.Identity{Type: inventory.ClassFirewall}},
		{"a management controller and its host's web server", identify.Identity{}, nil, []facts{{"http.title": "iDRAC9 - Login"}, {"http.server": "nginx"}},
			identify.Identity{Vendor: "Dell", Type: inventory.ClassBMC, Model: "iDRAC9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ports []service.Port
			for i, f := range c.facts {
				ports = append(ports, service.Port{Protocol: "tcp", Number: i + 1, Answer: service.Answer{Facts: f}})
			}
			got := c.known
			for _, e := range rules.Identify(&got, c.why, ports) {
				if e.Port == 0 || e.Rule == "" || e.Confidence < 1 || len(e.Values) == 0 {
					t.Errorf("evidence that says too little: %+v", e)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
