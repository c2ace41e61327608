package scanner_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/snmp"
)

// device makes facts: interfaces are "name mac prefix..." with - for no MAC.
func device(name, engine string, interfaces ...string) *snmp.Facts {
	f := &snmp.Facts{System: snmp.System{Name: name}, EngineID: engine, Sections: map[snmp.Section]snmp.State{}}
	for _, s := range []snmp.Section{snmp.SectionSystem, snmp.SectionInterfaces, snmp.SectionComponents, snmp.SectionLLDP, snmp.SectionARP, snmp.SectionBridge} {
		f.Sections[s] = snmp.State{Complete: true}
	}
	for i, text := range interfaces {
		w := strings.Fields(text)
		n := snmp.Interface{Index: i + 1, Name: w[0], Type: 6, Up: true}
		if w[1] != "-" {
			n.MAC = scanner.MustMAC(w[1])
		}
		for _, p := range w[2:] {
			n.Addresses = append(n.Addresses, netip.MustParsePrefix(p))
		}
		f.Interfaces = append(f.Interfaces, n)
	}
	return f
}

func arp(f *snmp.Facts, entries ...string) *snmp.Facts {
	for _, e := range entries {
		w := strings.Fields(e)
		f.ARP = append(f.ARP, snmp.ARPEntry{Interface: 1, Addr: netip.MustParseAddr(w[0]), MAC: scanner.MustMAC(w[1])})
	}
	return f
}

// summary is one line for each device.
func summary(devices []*scanner.Device) []string {
	var out []string
	for _, d := range devices {
		line := fmt.Sprint(d.Addresses, d.MACs, d.Sources)
		if d.Virtual != "" {
			line += " " + d.Virtual
		}
		if len(d.Flags) > 0 {
			line += fmt.Sprint(" ", d.Flags)
		}
		out = append(out, line)
	}
	return out
}

const (
	macA  = "00:1a:a1:00:00:01"
	macB  = "00:1a:a1:00:00:02"
	macC  = "00:14:22:10:00:10"
	macV  = "00:00:5e:00:01:28"
	macV2 = "02:00:00:00:00:07"
)

func TestMerge(t *testing.T) {
	r1 := func() *snmp.Facts {
		return device("r1.example", "8000aa01", "eth0 "+macA+" 10.1.0.1/24", "eth1 "+macB+" 10.2.0.1/24")
	}
	for _, c := range []struct {
		name  string
		seen  []scanner.Sighting
		facts map[string]*snmp.Facts
		want  []string
	}{
		{"three addresses on one card", []scanner.Sighting{
			{"10.1.0.50", macC, "eth0", "arp"}, {"10.1.0.51", macC, "eth0", "arp"}, {"fd01::50", macC, "eth0", "ndp"},
		}, nil, []string{"[10.1.0.50 10.1.0.51 fd01::50] [00:14:22:10:00:10] [arp ndp]"}},

		{"the same MAC on two links is two devices", []scanner.Sighting{
			{"10.1.0.50", macC, "eth0", "arp"}, {"10.3.0.50", macC, "eth1", "arp"},
		}, nil, []string{"[10.1.0.50] [00:14:22:10:00:10] [arp]", "[10.3.0.50] [00:14:22:10:00:10] [arp]"}},

		{"a router read at both ends is one device", []scanner.Sighting{
			{"10.1.0.1", macA, "eth0", "arp"}, {"10.2.0.1", "", "", "icmp"},
		}, map[string]*snmp.Facts{"10.1.0.1": r1(), "10.2.0.1": r1()},
			[]string{"[10.1.0.1 10.2.0.1] [00:1a:a1:00:00:01 00:1a:a1:00:00:02] [arp icmp snmp]"}},

		{"the far end does not answer SNMP, but the router says it is its own", []scanner.Sighting{
			{"10.1.0.1", macA, "eth0", "arp"}, {"10.2.0.1", "", "", "icmp"},
		}, map[string]*snmp.Facts{"10.1.0.1": r1()},
			[]string{"[10.1.0.1 10.2.0.1] [00:1a:a1:00:00:01 00:1a:a1:00:00:02] [arp icmp snmp]"}},

		{"two copies of a disk image have one engine id and are two devices", []scanner.Sighting{
			{"10.2.0.7", "", "", "icmp"}, {"10.2.0.8", "", "", "icmp"},
		}, map[string]*snmp.Facts{
			"10.2.0.7": device("vm7", "8000aa01", "eth0 00:50:56:00:00:07 10.2.0.7/24"),
			"10.2.0.8": device("vm8", "8000aa01", "eth0 00:50:56:00:00:08 10.2.0.8/24"),
		}, []string{"[10.2.0.7] [00:50:56:00:00:07] [icmp snmp]", "[10.2.0.8] [00:50:56:00:00:08] [icmp snmp]"}},

		{"two devices claim one address: it is neither's", []scanner.Sighting{
			{"10.2.0.7", "", "", "icmp"}, {"10.2.0.8", "", "", "icmp"}, {"10.2.0.99", "", "", "tcp"},
		}, map[string]*snmp.Facts{
			"10.2.0.7": device("fw", "8000aa07", "eth0 00:50:56:00:00:07 10.2.0.7/24 10.2.0.99/32"),
			"10.2.0.8": device("fw", "8000aa08", "eth0 00:50:56:00:00:08 10.2.0.8/24 10.2.0.99/32"),
		}, []string{
			"[10.2.0.7 10.2.0.99] [00:50:56:00:00:07] [icmp snmp]", "[10.2.0.8 10.2.0.99] [00:50:56:00:00:08] [icmp snmp]", "[10.2.0.99] [] [tcp]",
		}},

		{"a shared address is its own thing, also when its holder is read", []scanner.Sighting{
			{"10.1.0.1", macA, "eth0", "arp"}, {"10.1.0.40", macV, "eth0", "arp"}, {"10.1.0.40", macA, "eth0", "arp"},
		}, map[string]*snmp.Facts{"10.1.0.1": device("r1", "8000aa01", "eth0 "+macA+" 10.1.0.1/24", "vrrp "+macV+" 10.1.0.40/32")},
			[]string{"[10.1.0.1 10.1.0.40] [00:1a:a1:00:00:01] [arp snmp]", "[10.1.0.40] [00:00:5e:00:01:28] [arp] VRRP 40"}},

		{"two stations claim one address", []scanner.Sighting{
			{"10.1.0.9", macA, "eth0", "arp"}, {"10.1.0.9", macC, "eth0", "arp"},
		}, nil, []string{"[10.1.0.9] [00:1a:a1:00:00:01] [arp] [address conflict: 10.1.0.9 is claimed by 00:14:22:10:00:10 and 00:1a:a1:00:00:01]"}},

		{"a silent host in a router's ARP table", []scanner.Sighting{
			{"10.1.0.1", macA, "eth0", "arp"}, {"10.2.0.7", "", "", "icmp"},
		}, map[string]*snmp.Facts{"10.1.0.1": arp(r1(),
			"10.2.0.30 "+macC, "10.2.0.31 "+macC, // silent
			"10.2.0.7 00:50:56:00:00:07", // gets its MAC
			"10.2.0.1 "+macB,             // the router's own
			"10.9.0.1 "+macV2,            // not a target
			"10.1.0.77 "+macV2)},         // on the link that was swept: gone
			[]string{
				"[10.1.0.1 10.2.0.1] [00:1a:a1:00:00:01 00:1a:a1:00:00:02] [arp snmp]",
				"[10.2.0.7] [00:50:56:00:00:07] [icmp]",
				"[10.2.0.30 10.2.0.31] [00:14:22:10:00:10] [arp table of r1]",
			}},

		{"the second card of a device that was read", []scanner.Sighting{
			{"10.1.0.1", macA, "eth0", "arp"}, {"10.1.0.2", macB, "eth0", "arp"},
		}, map[string]*snmp.Facts{"10.1.0.1": r1()},
			[]string{"[10.1.0.1 10.1.0.2 10.2.0.1] [00:1a:a1:00:00:01 00:1a:a1:00:00:02] [arp snmp]"}},

		{"the scanning host itself", []scanner.Sighting{
			{"10.1.0.250", "02:00:00:00:00:01", "eth0", "own interface"}, {"10.3.0.250", "02:00:00:00:00:02", "eth1", "own interface"},
		}, nil, []string{"[10.1.0.250 10.3.0.250] [02:00:00:00:00:01 02:00:00:00:00:02] [own interface]"}},
	} {
		p, err := plan(t, host(), scanner.Job{Targets: []string{"10.1.0.0/24", "10.2.0.0/24"}}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		devices, _, err := scanner.Merge(p, c.seen, c.facts)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, summary(devices)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

// One host that answers for a whole network is one device with a remark.
func TestProxyARP(t *testing.T) {
	p, err := plan(t, host(), scanner.Job{Targets: []string{"10.1.0.0/24"}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var seen []scanner.Sighting
	for a := range p.Allowed.All() {
		seen = append(seen, scanner.Sighting{Addr: a.String(), MAC: macA, Link: "eth0", Source: "arp"})
	}
	devices, _, err := scanner.Merge(p, seen, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(devices) != 1 || len(devices[0].Addresses) != 254 || len(devices[0].Flags) != 1 {
		t.Fatalf("%d devices: %v", len(devices), summary(devices))
	}
	obs := scanner.Observations(&scanner.Result{Devices: devices, Complete: true})
	if n := len(obs[0].Sections); n != 2 {
		t.Errorf("%d sections", n)
	}
}

// A firewall that answers for every address of a routed subnet is no 254 machines.
func TestImpostor(t *testing.T) {
	p, err := plan(t, host(), scanner.Job{Targets: []string{"10.2.0.0/24", "10.3.0.0/24"}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var seen []scanner.Sighting
	for a := range p.Allowed.All() {
		if b := a.As4(); b[1] == 2 || b[3] < 200 {
			seen = append(seen, scanner.Sighting{Addr: a.String(), Source: "icmp"})
		}
	}
	devices, notes, err := scanner.Merge(p, seen, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(devices) != 199 || len(notes) != 1 || !strings.Contains(notes[0], "10.2.0.0-10.2.0.255: all 254 ") {
		t.Errorf("%d devices, notes %q", len(devices), notes)
	}
}

func TestVirtualMAC(t *testing.T) {
	for mac, want := range map[string]string{
		"00:00:5e:00:01:28": "VRRP 40", "00:00:5e:00:02:01": "VRRP 1", "00:00:0c:07:ac:05": "HSRP 5",
		"00:00:0c:9f:f1:02": "HSRP 258", "00:05:73:a0:00:01": "HSRP 1", "00:07:b4:00:0a:01": "GLBP 10",
		"00:00:5e:00:53:01": "", "00:00:0c:07:ad:05": "", macA: "",
	} {
		if got := scanner.VirtualMAC(scanner.MustMAC(mac)); got != want {
			t.Errorf("%s: got %q, want %q", mac, got, want)
		}
	}
}

func TestSplitName(t *testing.T) {
	for in, want := range map[string]string{
		"r1.lab.example": "r1|lab.example", "r1": "r1|", "r1.lab.example.": "r1|lab.example", "": "|",
		"Switch 4th floor.": "Switch 4th floor|", "10.0.0.1": "10.0.0.1|", "Gi1/0/1.5": "Gi1/0/1.5|",
	} {
		name, domain := scanner.SplitName(in)
		if got := name + "|" + domain; got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestMadeUp(t *testing.T) {
	a := netip.MustParseAddr("10.77.1.120")
	for name, want := range map[string]bool{
		"dhcp-10-77-1-120.example": true, "ip-1-120.example": true, "120-1-77-10.pool.example": true, "host001x120.example": true,
		"ws120.example": false, "ws1.example": false, "web1.lab120.example": false, "rack1-unit12.example": false,
	} {
		if got := scanner.MadeUp(name, a); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestHostName(t *testing.T) {
	for name, want := range map[string]bool{"web-1.example": true, "x_y.example": true, "": false, "-x": false, "a b": false, "1.2": false, "a\x1b[0m": false, strings.Repeat("a", 254): false} {
		if scanner.HostName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestParseOUI(t *testing.T) {
	got := scanner.ParseOUI(strings.NewReader("OUI/MA-L\n28-6F-B9   (hex)\t\tNokia Shanghai Bell\n286FB9     (base 16)\t\tNokia\nXX-YY-ZZ   (hex)\t\tNobody\n00-11-22   (hex)\t\t\n"))
	if d := cmp.Diff(map[[3]byte]string{{0x28, 0x6f, 0xb9}: "Nokia Shanghai Bell"}, got); d != "" {
		t.Error(d)
	}
}

func FuzzParseOUI(f *testing.F) {
	f.Add("28-6F-B9   (hex)\t\tNokia")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range scanner.ParseOUI(strings.NewReader(text)) {
			if name == "" {
				t.Fatalf("%q: a maker without a name", text)
			}
		}
	})
}
