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
