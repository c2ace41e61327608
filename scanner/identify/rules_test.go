package identify_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Every rule's examples are its tests.
func TestExamples(t *testing.T) {
	rules, err := identify.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules.All() {
		for _, e := range rule.Examples {
			t.Run(rule.Name, func(t *testing.T) {
				f := &snmp.Facts{System: snmp.System{Description: e.Descr, ObjectID: e.ObjectID, Enterprises: e.Has}, Extra: e.Values}
				if !rule.Matches(f.System) {
					t.Fatal("the example does not match its own rule")
				}
				for o := range e.Values {
					if !slices.Contains(rules.Wanted(f.System), o) {
						t.Errorf("%s is not asked for", o)
					}
				}
				id, evidence := rules.Device(f)
				said := map[string]string{}
				for _, e := range evidence {
					if e.Fact == "" || e.Rule == "" || e.Confidence < 1 || e.Confidence > 100 {
						t.Errorf("evidence that says too little: %+v", e)
					}
					maps.Copy(said, e.Values)
				}
				for _, c := range []struct{ field, want, got string }{
					{"vendor", e.Want.Vendor, id.Vendor}, {"type", string(e.Want.Type), string(id.Type)},
					{"model", e.Want.Model, id.Model}, {"serial", e.Want.Serial, id.Serial},
					{"os", e.Want.OS, id.OS.Name}, {"version", e.Want.Version, id.OS.Version},
				} {
					if c.got != c.want {
						t.Errorf("%s: got %q, want %q", c.field, c.got, c.want)
					}
					if said[c.field] != c.got {
						t.Errorf("%s: the evidence is for %q", c.field, said[c.field])
					}
				}
			})
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"rules: [{name: x, descr: y, exampels: []}]":                                "exampels",
		"rules: [{name: x, examples: [{descr: y}]}]":                                "matches everything",
		"rules: [{name: x, descr: y}]":                                              "no example",
		"rules: [{descr: y, examples: [{descr: y}]}]":                               "no name",
		"rules: [{name: x, descr: '(', examples: [{descr: y}]}]":                    "pattern",
		"rules: [{name: x, descr: '(?P<colour>x)', examples: [{descr: y}]}]":        "colour",
		"rules: [{name: x, descr: y, read: {colour: 1.3}, examples: [{descr: y}]}]": "colour",
		"enterprises: {x: y}":                                                       "x.yaml",
	} {
		_, err := identify.Load(fstest.MapFS{"x.yaml": {Data: []byte(in)}})
		if inventory.CodeOf(err) != inventory.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}

// Few of many values are read of a device: always the same, and none of a field's stand-ins
// before every field's first choice.
func TestWanted(t *testing.T) {
	rules, err := identify.Load(fstest.MapFS{"x.yaml": {Data: []byte(`
rules:
  - {name: a, descr: x, examples: [{descr: x}], read: {version: [1.3.6.1.1, 1.3.6.1.2, 1.3.6.1.3], serial: 1.3.6.1.4, model: [1.3.6.1.5, 1.3.6.1.1]}}
  - {name: b, descr: y, examples: [{descr: y}], read: {model: 1.3.6.1.6}}
  - {name: c, has: [7], examples: [{has: [7]}], read: {vendor: 1.3.6.1.7, model: $.1}, last: true}
  - {name: d, has: [7], examples: [{has: [7]}], read: {model: 1.3.6.1.8}}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1.3.6.1.5", "1.3.6.1.4", "1.3.6.1.1", "1.3.6.1.7", "1.3.6.1.4.1.9.1", "1.3.6.1.2", "1.3.6.1.3"}
	for range 10 {
		got := rules.Wanted(snmp.System{Description: "x", ObjectID: "1.3.6.1.4.1.9", Enterprises: []int{7}})
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	}
}

// All that a file of one's own says counts, beside the built-in rules.
func TestBuiltinAfter(t *testing.T) {
	const agent, common, maker, other = 4294960, 4294961, 4294962, 4294963
	rules, err := identify.BuiltinAfter("own.yaml", strings.NewReader(`
enterprises: {4294962: Zorblatt, 4294963: Quibble}
types: {printer: [4294962]}
agents: [4294960]
shared: [4294961]
brands: [Zorblatt Industrial]
products: [{below: 1.3.6.1.4.1.4294962.1, models: {"7": ZB-7}}]
rules: [{name: own, descr: ^own box, vendor: Ownmade, examples: [{descr: own box, want: {vendor: Ownmade}}]}]
announced: [{name: own, when: [{key: mdns.name, match: ^own}], vendor: Ownmade, examples: [{facts: {mdns.name: own}, want: {vendor: Ownmade}}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	id := func(n int) string { return "1.3.6.1.4.1." + strconv.Itoa(n) }
	for name, c := range map[string]struct {
		system snmp.System
		want   string // vendor, type, model
	}{
		"rule":        {snmp.System{Description: "own box", ObjectID: id(maker)}, "Ownmade printer "},
		"enterprise":  {snmp.System{ObjectID: id(other)}, "Quibble  "},
		"product":     {snmp.System{ObjectID: id(maker) + ".1.7"}, "Zorblatt printer ZB-7"},
		"brand":       {snmp.System{Description: "Zorblatt Industrial, a box", ObjectID: id(other)}, "Zorblatt Industrial  "},
		"an agent":    {snmp.System{ObjectID: id(agent), Enterprises: []int{agent, maker}}, "Zorblatt printer "},
		"shared":      {snmp.System{ObjectID: id(agent), Enterprises: []int{agent, common, maker}}, "Zorblatt printer "},
		"built in":    {snmp.System{Description: debian, ObjectID: id(8072) + ".3.2.10", Enterprises: []int{8072}}, " server "},
		"built-in id": {snmp.System{ObjectID: id(9) + ".1.1"}, "Cisco switch "},
	} {
		got, _ := rules.Device(&snmp.Facts{System: c.system})
		if s := got.Vendor + " " + string(got.Type) + " " + got.Model; s != c.want {
			t.Errorf("%s: got %q, want %q", name, s, c.want)
		}
	}
}

const debian = "Linux r1 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01) x86_64"

func TestStandard(t *testing.T) {
	rules, err := identify.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	netSNMP := snmp.System{Description: debian, ObjectID: "1.3.6.1.4.1.8072.3.2.10"}
	windows := first(rules.Device(&snmp.Facts{System: snmp.System{Description: "Hardware: AMD64 Family 6 - Software: Windows Version 6.3 (Build 14393 Multiprocessor Free)",
		ObjectID: "1.3.6.1.4.1.311.1.1.3.1.2"}}))
	if windows.Type != inventory.ClassServer {
		t.Errorf("a server with Windows is %+v", windows)
	}
	linux := inventory.OS{Family: "linux", Kernel: "6.1.0-18-amd64", Arch: "x86_64"}
	for _, c := range []struct {
		name  string
		facts snmp.Facts
		want  identify.Identity
	}{
		{"nothing", snmp.Facts{}, identify.Identity{}},
		{"net-snmp is not the vendor", snmp.Facts{System: netSNMP}, identify.Identity{Type: inventory.ClassServer, OS: linux}},
		{"lldpd knows the distribution", snmp.Facts{System: netSNMP,
			LLDP: snmp.LLDP{Description: "Debian GNU/Linux 12 (bookworm) Linux 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC x86_64"}},
			identify.Identity{Type: inventory.ClassServer, OS: inventory.OS{
				Family: "linux", Kernel: "6.1.0-18-amd64", Arch: "x86_64", Name: "Debian GNU/Linux", Version: "12"}}},
		{"LLDP of another kernel", snmp.Facts{System: netSNMP,
			LLDP: snmp.LLDP{Description: "Debian GNU/Linux 12 (bookworm) Linux 5.0 #1 SMP x86_64"}},
			identify.Identity{Type: inventory.ClassServer, OS: linux}},
		{"vendor by enterprise", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.318.1"}}, identify.Identity{Vendor: "APC", Type: inventory.ClassUPS}},
		{"vendor by IANA's list", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.15.1"}}, identify.Identity{Vendor: "Xylogics"}},
		{"not by a longer number", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.4294967.1"}}, identify.Identity{}},
		{"an agent's number, a maker's objects", snmp.Facts{System: snmp.System{ObjectID: netSNMP.ObjectID, Enterprises: []int{2021, 6876, 8072}}},
			identify.Identity{Vendor: "VMware", Type: inventory.ClassServer}},
		{"objects of two makers", snmp.Facts{System: snmp.System{ObjectID: netSNMP.ObjectID, Enterprises: []int{318, 6876, 8072}}}, identify.Identity{}},
		{"a group of private objects", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.4294967.1"}, Private: []snmp.Private{
			{Name: "1.3.6.1.4.1.4294967.1.1.0", Enterprise: 4294967, Text: "GW-210"},
			{Name: "1.3.6.1.4.1.4294967.1.2.0", Enterprise: 4294967, Text: "GW00012345"},
			{Name: "1.3.6.1.4.1.4294967.1.3.0", Enterprise: 4294967, Text: "2.10.3"},
			{Name: "1.3.6.1.4.1.4294967.7.1.0", Enterprise: 4294967, Text: "BAT0001234"},
		}}, identify.Identity{Model: "GW-210", Serial: "GW00012345", OS: inventory.OS{Version: "2.10.3"}}},
		{"two serial numbers, measured values, a modem's number", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.4294967.1"}, Private: []snmp.Private{
			{Name: "1.3.6.1.4.1.4294967.1.2.0", Enterprise: 4294967, Text: "GW00012345"},
			{Name: "1.3.6.1.4.1.4294967.2.2.0", Enterprise: 4294967, Text: "GW00012346"},
			{Name: "1.3.6.1.4.1.4294967.3.3.0", Enterprise: 4294967, Text: "230.5"},
			{Name: "1.3.6.1.4.1.4294967.4.3.0", Enterprise: 4294967, Text: "356853051257295"},
		}}, identify.Identity{}},
		{"the only name of a product among private objects", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.4294967.1"}, Private: []snmp.Private{
			{Name: "1.3.6.1.4.1.4294967.1.1.0", Enterprise: 4294967, Text: "GW-210"},
			{Name: "1.3.6.1.4.1.4294967.1.4.0", Enterprise: 4294967, Text: "D6E8FF"},
			{Name: "1.3.6.1.4.1.4294967.1.5.0", Enterprise: 4294967, Text: "Ext Sensor 100"},
			{Name: "1.3.6.1.4.1.4294967.2.1.1", Enterprise: 4294967, Text: "GW-LINE-4"},
		}}, identify.Identity{Model: "GW-210"}},
		{"two such names", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.4294967.1"}, Private: []snmp.Private{
			{Name: "1.3.6.1.4.1.4294967.1.1.0", Enterprise: 4294967, Text: "GW-210"},
			{Name: "1.3.6.1.4.1.4294967.7.1.0", Enterprise: 4294967, Text: "GX-500"},
		}}, identify.Identity{}},
		{"a product and its release in one text", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.4294967.1"}, Private: []snmp.Private{
			{Name: "1.3.6.1.4.1.4294967.1.1.0", Enterprise: 4294967, Text: "GW210-v7.4.5-build249"},
		}}, identify.Identity{OS: inventory.OS{Version: "7.4.5-build249"}}},
		{"private objects deny the beginning of sysDescr", snmp.Facts{System: snmp.System{Description: "Acme MC1240 Hub", ObjectID: "1.3.6.1.4.1.4294967.1"},
			Private: []snmp.Private{{Name: "1.3.6.1.4.1.4294967.1.1.0", Enterprise: 4294967, Text: "GW-5206"}}}, identify.Identity{Model: "GW-5206"}},
		{"private objects support it", snmp.Facts{System: snmp.System{Description: "GW-5206", ObjectID: "1.3.6.1.4.1.4294967.1"},
			Private: []snmp.Private{{Name: "1.3.6.1.4.1.4294967.1.1.3", Enterprise: 4294967, Text: "Acme GW 5206"}}}, identify.Identity{Model: "GW-5206"}},
		{"a system and its release are no product", snmp.Facts{System: snmp.System{Description: "AcmeOS-11.2-U7 (b088e78e8d)"}}, identify.Identity{}},
		{"nor is what somebody calls it", snmp.Facts{System: snmp.System{Description: "Lab-7 rack12"}}, identify.Identity{}},
		{"nor a technique", snmp.Facts{System: snmp.System{Description: "Acme DVB-S2 receiver"}}, identify.Identity{}},
		{"the product that a system runs on", snmp.Facts{System: snmp.System{Description: "AcmeOS release 2.3.1 running on an X-210"}},
			identify.Identity{Model: "X-210", OS: inventory.OS{Version: "2.3.1"}}},
		{"in brackets before the version", snmp.Facts{System: snmp.System{Description: "AcmeOS (X690-48x-2q) version 22.6.1"}},
			identify.Identity{Model: "X690-48x-2q", OS: inventory.OS{Version: "22.6.1"}}},
		{"a label with a plain end", snmp.Facts{System: snmp.System{Description: "Prod: Integra;Vers: 3.6.18;kernel: 3.15.0"}},
			identify.Identity{Model: "Integra", OS: inventory.OS{Version: "3.6.18"}}},
		{"the maker's list, by the chassis", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.2636.1.1.1.4.0"}, Components: []snmp.Component{
			{Index: 1, Class: snmp.ClassChassis, VendorType: "1.3.6.1.4.1.2636.1.1.1.2.25", Serial: "JN1234ABCAFB"}}},
			identify.Identity{Vendor: "Juniper", Type: inventory.ClassRouter, Model: "MX480", Serial: "JN1234ABCAFB"}},
		{"a chassis whose model is a part", snmp.Facts{Components: []snmp.Component{{Index: 1, Class: snmp.ClassChassis, Model: "Unit 1", Name: "AX-930-28", Serial: "A12345"}}},
			identify.Identity{Model: "AX-930-28", Serial: "A12345"}},
		{"an order number and a long description", snmp.Facts{Components: []snmp.Component{{Index: 1, Class: snmp.ClassChassis, Model: "FP1ZZ5654001A",
			Description: "Acme Networks arm-acme_x4610_54-r0 4610-54P-O Chassis", Serial: "A12345"}}}, identify.Identity{Model: "4610-54P-O", Serial: "A12345"}},
		{"an outermost part without a model", snmp.Facts{System: snmp.System{Description: "OTN-NE 4.2"}, Components: []snmp.Component{
			{Index: 1, Class: snmp.ClassStack, Name: "Stack"},
			{Index: 2, Class: snmp.ClassChassis, Name: "SHELF-1", Description: "X-9603 Optical Shelf"},
			{Index: 3, Class: snmp.ClassModule, Parent: 2, Model: "CARD-100", Serial: "C12345"}}}, identify.Identity{Model: "X-9603"}},
		{"one that is a module", snmp.Facts{Components: []snmp.Component{
			{Index: 1, Class: 6, Description: "PSU-400 supply"}, {Index: 2, Class: snmp.ClassModule, Description: "board", Name: "X-9603"}}},
			identify.Identity{Model: "X-9603"}},
		{"what only says what part it is", snmp.Facts{Components: []snmp.Component{{Index: 1, Class: snmp.ClassChassis, Description: "CHASSIS=1", Name: "Shelf 101"}}},
			identify.Identity{}},
		{"parts that have another name deny the beginning of sysDescr", snmp.Facts{System: snmp.System{Description: "NE-Manager R48"}, Components: []snmp.Component{
			{Index: 1, Class: snmp.ClassChassis, Description: "shelf"}, {Index: 2, Class: snmp.ClassModule, Parent: 1, Model: "X-12"}}}, identify.Identity{}},
		{"parts that have it", snmp.Facts{System: snmp.System{Description: "Acme Giga X-9603 node"}, Components: []snmp.Component{
			{Index: 1, Class: snmp.ClassChassis, Description: "shelf"}, {Index: 2, Class: snmp.ClassModule, Parent: 1, Description: "controller of x9603"}}},
			identify.Identity{Model: "Acme Giga X-9603"}},
		{"the only row with a model and a serial number", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.4294967.1"}, Private: []snmp.Private{
			{Name: "1.3.6.1.4.1.4294967.1.1.1.4.7", Enterprise: 4294967, Text: "GW-210"},
			{Name: "1.3.6.1.4.1.4294967.1.1.1.5.7", Enterprise: 4294967, Text: "GW00012345"},
			{Name: "1.3.6.1.4.1.4294967.2.1.1.4.1", Enterprise: 4294967, Text: "FX-9"},
			{Name: "1.3.6.1.4.1.4294967.2.1.1.4.2", Enterprise: 4294967, Text: "FX-10"},
		}}, identify.Identity{Model: "GW-210", Serial: "GW00012345"}},
		{"one of several is a part", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.4294967.1"}, Private: []snmp.Private{
			{Name: "1.3.6.1.4.1.4294967.1.1.1.4.1", Enterprise: 4294967, Text: "GW-210"},
			{Name: "1.3.6.1.4.1.4294967.1.1.1.4.2", Enterprise: 4294967, Text: "GW-211"},
			{Name: "1.3.6.1.4.1.4294967.1.1.1.5.1", Enterprise: 4294967, Text: "GW00012345"},
			{Name: "1.3.6.1.4.1.4294967.1.1.1.5.2", Enterprise: 4294967, Text: "GW00012346"},
		}}, identify.Identity{}},
		{"texts in quotes, a scalar and rows, a version of VRP's form", snmp.Facts{System: snmp.System{ObjectID: "1.3.6.1.4.1.4294967.1"}, Private: []snmp.Private{
			{Name: "1.3.6.1.4.1.4294967.1.2.0", Enterprise: 4294967, Text: "\"GW00012345\""},
			{Name: "1.3.6.1.4.1.4294967.3.3.0", Enterprise: 4294967, Text: "V200R019C10SPC500"},
			{Name: "1.3.6.1.4.1.4294967.8.1.5.1", Enterprise: 4294967, Text: "GW00012346"},
			{Name: "1.3.6.1.4.1.4294967.8.1.6.1", Enterprise: 4294967, Text: "1.0.7"},
		}}, identify.Identity{Serial: "GW00012345", OS: inventory.OS{Version: "V200R019C10SPC500"}}},
		{"a printer by its maker", snmp.Facts{System: snmp.System{Description: "NC-9400w", ObjectID: "1.3.6.1.4.1.1602.4.7"}, Hints: snmp.Hints{DeviceDescr: "iR-ADV C5235"}},
			identify.Identity{Vendor: "Canon", Model: "iR-ADV C5235", Type: inventory.ClassPrinter}},
		{"a version of IOS's form", snmp.Facts{System: snmp.System{Description: "Acme Switch Software 12.2(33)SB1"}},
			identify.Identity{Type: inventory.ClassSwitch, OS: inventory.OS{Version: "12.2(33)SB1"}}},
		{"a version of ProCurve's form", snmp.Facts{System: snmp.System{Description: "Acme Switch KA.15.16.0005"}},
			identify.Identity{Type: inventory.ClassSwitch, OS: inventory.OS{Version: "KA.15.16.0005"}}},
		{"a UPS that has only a version", snmp.Facts{Hints: snmp.Hints{UPSVersion: "2.1"}}, identify.Identity{Type: inventory.ClassUPS, OS: inventory.OS{Version: "2.1"}}},
		{"wording of an unknown maker", snmp.Facts{System: snmp.System{Description: "Acme Giga Switch GS-24x4 Series, SW version 3.1.7, HW version 1.2.0, S/N: AC1234567"}},
			identify.Identity{Type: inventory.ClassSwitch, Serial: "AC1234567", OS: inventory.OS{Version: "3.1.7"}}},
		{"no chassis, one root", snmp.Facts{Components: []snmp.Component{
			{Index: 1, Class: 4, Model: "ProLiant DL20", Serial: "CZ0001"}, {Index: 2, Class: 5, Parent: 1, Serial: "PSU1"}}},
			identify.Identity{Model: "ProLiant DL20", Serial: "CZ0001"}},
		{"line card is not the chassis", snmp.Facts{Components: []snmp.Component{
			{Index: 1, Class: 9, Model: "WS-X6748", Serial: "SAL0000CARD"},
			{Index: 2, Class: snmp.ClassChassis, Model: "N/A", Serial: "N/A"},
			{Index: 3, Class: snmp.ClassChassis, Model: "WS-C6509", Serial: "SMG1234ABCD", Maker: "Cisco"},
		}}, identify.Identity{Vendor: "Cisco", Model: "WS-C6509", Serial: "SMG1234ABCD"}},
		{"stack: its first member", snmp.Facts{Components: []snmp.Component{
			{Index: 1, Class: snmp.ClassStack, Model: "c38xx Stack"},
			{Index: 1000, Parent: 1, Class: snmp.ClassChassis, Model: "WS-C3850", Serial: "FOC1"},
			{Index: 2000, Parent: 1, Class: snmp.ClassChassis, Model: "WS-C3850", Serial: "FOC2"},
		}}, identify.Identity{Model: "WS-C3850", Serial: "FOC1"}},
		{"blade in a chassis", snmp.Facts{Components: []snmp.Component{
			{Index: 1, Class: 5, Parent: 0}, {Index: 2, Class: snmp.ClassChassis, Parent: 1, Serial: "BLADE"},
		}}, identify.Identity{}},
		{"UPS-MIB", snmp.Facts{Hints: snmp.Hints{UPSMaker: "Eaton", UPSModel: "9PX 3000", UPSVersion: "2.1"}},
			identify.Identity{Vendor: "Eaton", Model: "9PX 3000", Type: inventory.ClassUPS, OS: inventory.OS{Version: "2.1"}}},
		{"Printer-MIB", snmp.Facts{Hints: snmp.Hints{PrinterSerial: "CNB1234567", DeviceDescr: "HP LaserJet M404dn"}},
			identify.Identity{Model: "HP LaserJet M404dn", Serial: "CNB1234567", Type: inventory.ClassPrinter}},
		{"a printer by hrDeviceType", snmp.Facts{Hints: snmp.Hints{Printer: true, DeviceDescr: "X-210 series"}},
			identify.Identity{Model: "X-210 series", Type: inventory.ClassPrinter}},
		{"a host that prints to files", snmp.Facts{System: snmp.System{Description: "Hardware: AMD64 Family 6 - Software: Windows Version 6.3 (Build 14393 Multiprocessor Free)",
			ObjectID: "1.3.6.1.4.1.311.1.1.3.1.2"}, Hints: snmp.Hints{Printer: true, DeviceDescr: "Microsoft XPS Document Writer v4"}},
			windows},
		{"what a device tells its neighbours of itself", snmp.Facts{Hints: snmp.Hints{
			MEDMaker: "Acme Networks", MEDModel: "Acme GS-24", MEDSerial: "AC0001234", MEDVersion: "5.5.3", ProbeVersion: "5.5.2"}},
			identify.Identity{Vendor: "Acme Networks", Model: "GS-24", Serial: "AC0001234", OS: inventory.OS{Version: "5.5.3"}}},
		{"RMON2-MIB", snmp.Facts{Hints: snmp.Hints{ProbeVersion: "1.0.5 Build 20160401"}}, identify.Identity{OS: inventory.OS{Version: "1.0.5 Build 20160401"}}},
		{"what is nothing of that", snmp.Facts{Hints: snmp.Hints{MEDMaker: "00", MEDModel: "J9773A", MEDSerial: "none", MEDVersion: "beta", ProbeVersion: "0"}},
			identify.Identity{}},
		{"router", snmp.Facts{System: snmp.System{Description: debian, ObjectID: netSNMP.ObjectID, Forwarding: true},
			Interfaces: []snmp.Interface{ethernet(1, "eth0", "10.0.0.1/24"), ethernet(2, "eth1", "10.0.1.1/24")}},
			identify.Identity{Type: inventory.ClassRouter, OS: linux}},
		{"host of containers is no router", snmp.Facts{System: snmp.System{Description: debian, ObjectID: netSNMP.ObjectID, Forwarding: true},
			Interfaces: []snmp.Interface{ethernet(1, "eth0", "10.0.0.1/24"), ethernet(2, "docker0", "172.17.0.1/16")}},
			identify.Identity{Type: inventory.ClassServer, OS: linux}},
		{"switch", snmp.Facts{System: netSNMP, Bridge: snmp.Bridge{Ports: 13}}, identify.Identity{Type: inventory.ClassSwitch, OS: linux}},
		{"home router bridges too", snmp.Facts{System: snmp.System{Forwarding: true}, Bridge: snmp.Bridge{Ports: 5},
			Interfaces: []snmp.Interface{ethernet(1, "wan", "192.0.2.7/24"), ethernet(2, "lan", "192.168.1.1/24")}},
			identify.Identity{Type: inventory.ClassRouter}},
		{"telephone with a second socket", snmp.Facts{Bridge: snmp.Bridge{Ports: 2}}, identify.Identity{}},
	} {
		if d := cmp.Diff(c.want, first(rules.Device(&c.facts))); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func FuzzDevice(f *testing.F) {
	rules, err := identify.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(debian, "1.3.6.1.4.1.8072.3.2.10", "Debian GNU/Linux 12 (bookworm) Linux 6.1.0-18-amd64 #1 SMP x86_64")
	f.Add("Cisco IOS Software, C3750 Software, Version 12.2(55)SE5, RELEASE", "1.3.6.1.4.1.9.1.516", "")
	f.Fuzz(func(_ *testing.T, descr, objectID, lldp string) {
		rules.Device(&snmp.Facts{System: snmp.System{Description: descr, ObjectID: objectID}, LLDP: snmp.LLDP{Description: lldp}})
	})
}

// Every number of the registry is found, whatever lies before and behind it.
func TestRegistry(t *testing.T) {
	text, err := identify.Registry()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) < 60_000 {
		t.Errorf("%d numbers", len(lines))
	}
	for _, line := range lines {
		digits, name, _ := strings.Cut(line, "\t")
		number, err := strconv.Atoi(digits)
		if err != nil {
			t.Fatal(err)
		}
		if got := identify.RegisteredName(number); got != name {
			t.Errorf("%d: %q, not %q", number, got, name)
		}
	}
	for _, number := range []int{-1, 4294967, 1 << 40} {
		if got := identify.RegisteredName(number); got != "" {
			t.Errorf("%d: %q", number, got)
		}
	}
}
