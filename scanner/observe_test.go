package scanner_test

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// switchFacts is a switch with everything that is read of one.
func switchFacts() *snmp.Facts {
	f := device("sw1.example.org", "80001f88800102030405", "br0 "+macA+" 10.1.0.2/24 fe80::1/64", "p1 02:00:00:00:01:01", "p2 02:00:00:00:01:02", "p3 02:00:00:00:01:03")
	f.System.Description, f.System.Location, f.System.Contact = "A switch", "Rack 1", "it@example.org"
	f.Interfaces[0].Type, f.Interfaces[1].Alias, f.Interfaces[1].Mbps = 209, "to web1", 1000
	f.Components = []snmp.Component{{Index: 1, Class: snmp.ClassChassis, Description: "Chassis", Model: "S-48", Serial: "FOC1234", Maker: "Example"}}
	f.LLDP = snmp.LLDP{ChassisID: macA, Neighbours: []snmp.LLDPNeighbour{
		{LocalPort: "p2", ChassisID: macB, RemotePort: "eth0", RemoteName: "r1.example.org", Address: netip.MustParseAddr("10.1.0.1")},
	}}
	f.Bridge = snmp.Bridge{Ports: 3, Table: []snmp.FDBEntry{
		{Interface: 2, MAC: scanner.MustMAC(macC)}, {Interface: 2, MAC: scanner.MustMAC(macV)}, {Interface: 2, MAC: scanner.MustMAC(macA)},
		{Interface: 3, MAC: scanner.MustMAC(macB)}, {Interface: 3, MAC: scanner.MustMAC("00:50:56:00:00:01")}, // behind the neighbour that LLDP names
	}}
	f.Interfaces[1].VLAN, f.Interfaces[1].Tagged, f.Interfaces[1].Duplex, f.Interfaces[1].PoE, f.Interfaces[1].PoEClass = 10, "20-29", "full", "delivering", 3
	f.Interfaces[3].Disabled, f.Interfaces[3].Aggregate = true, "br0"
	f.CDP = []snmp.CDPNeighbour{{LocalPort: "p3", DeviceID: "SEP0004f2000001", RemotePort: "Port 1", Platform: "Example Phone", VLAN: 10, Capabilities: []string{"phone"}, Address: netip.MustParseAddr("10.1.0.77")}}
	f.VLANs = inventory.VLANs{{ID: 10, Name: "office"}}
	f.Redundancy = inventory.Redundancies{{Protocol: "vrrp", Group: 40, Interface: "br0", Addresses: []string{"10.1.0.40"}, State: "master", Priority: 100}}
	f.Wireless = snmp.Wireless{
		Networks: inventory.WirelessNetworks{{SSID: "office", VLAN: 10}},
		Clients:  []snmp.WirelessClient{{At: "ap-lobby", MAC: scanner.MustMAC("00:1b:21:01:02:03"), Name: "tablet", Address: netip.MustParseAddr("10.1.0.78"), VLAN: 10}},
	}
	f.Supplies, f.Meters = inventory.Supplies{{Name: "Toner", LevelPercent: 50}}, inventory.Meters{{Name: "inlet", Unit: "°C", Value: 23}}
	f.Host = snmp.Host{Hardware: inventory.Hardware{MemoryBytes: 1 << 30}, Filesystems: inventory.Filesystems{{Mountpoint: "/", Bytes: 1 << 30}},
		Disks: inventory.Disks{{Name: "sda", Bytes: 1 << 30}}, Software: inventory.SoftwareList{{Source: "snmp", Name: "acl"}}}
	for _, s := range []snmp.Section{snmp.SectionCDP, snmp.SectionVLANs, snmp.SectionPorts, snmp.SectionRedundancy, snmp.SectionWireless, snmp.SectionSupplies, snmp.SectionMeters, snmp.SectionHost} {
		f.Sections[s] = snmp.State{Complete: true}
	}
	f.Sections[snmp.SectionSoftware] = snmp.State{Reason: "walk 1.3.6.1.2.1.25.6.3.1.2: took longer than allowed"}
	for i := range 20 { // an uplink
		f.Bridge.Table = append(f.Bridge.Table, snmp.FDBEntry{Interface: 4, MAC: ether.MAC{0, 0x50, 0x56, 1, 0, byte(i)}})
	}
	return f
}

func result() *scanner.Result {
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	addr := func(texts ...string) (out []netip.Addr) {
		for _, a := range texts {
			out = append(out, netip.MustParseAddr(a))
		}
		return out
	}
	partial := device("r9", "8000aa09", "eth0 02:00:00:00:00:09 10.2.0.9/24")
	partial.Sections[snmp.SectionInterfaces] = snmp.State{Reason: "walk 1.3.6.1.2.1.2.2.1.3: no answer to SNMP"}
	bare := device("", "")
	return &scanner.Result{Started: seen, Finished: seen.Add(time.Minute), Complete: true, Devices: []*scanner.Device{
		{Addresses: addr("10.1.0.2"), MACs: []ether.MAC{scanner.MustMAC(macA)}, Seen: scanner.MustMAC(macA), SeenAt: seen, Facts: switchFacts(),
			Identity: identify.Identity{Vendor: "Example", Type: inventory.ClassSwitch, Model: "S-48", Serial: "FOC1234", OS: inventory.OS{Name: "ExampleOS", Version: "1.2"}}},
		{Addresses: addr("10.1.0.11", "fd01::11"), MACs: []ether.MAC{scanner.MustMAC(macC)}, Seen: scanner.MustMAC(macC), SeenAt: seen,
			Names: []string{"files1.example.org"}, HostName: "files1.example.org", Reason: "no answer to SNMP"},
		{Addresses: addr("10.1.0.40"), MACs: []ether.MAC{scanner.MustMAC(macV)}, Seen: scanner.MustMAC(macV), Virtual: "VRRP 40", SeenAt: seen,
			Identity: identify.Identity{Type: inventory.ClassVirtualIP}},
		{Addresses: addr("10.2.0.9"), MACs: []ether.MAC{scanner.MustMAC("02:00:00:00:00:09")}, SeenAt: seen, Facts: partial},
		{Addresses: addr("10.2.0.10"), SeenAt: seen, Facts: bare},
		{Addresses: addr("10.2.0.11"), SeenAt: seen, Facts: device("nat", "8000aa0b", "eth0 02:00:00:00:00:0b 192.168.0.1/24")},
		{Addresses: addr("10.2.0.12"), SeenAt: seen, Reason: "no SNMP credentials given"},
		{Addresses: addr("10.2.0.13"), SeenAt: seen, Reason: "no answer to SNMP", ReportedName: "db1.example.org", PortState: &snmp.State{Complete: true},
			Identity: identify.Identity{OS: inventory.OS{Family: "linux", Name: "Debian GNU/Linux"}},
			Ports: []service.Port{
				{Protocol: "udp", Number: 123, Answer: service.Answer{Service: "ntp", Banner: "NTP 4"}},
				{Protocol: "tcp", Number: 2222, Answer: service.Answer{Service: "ssh", Facts: service.Facts{"ssh.host_key": "SHA256:of-a-container-behind-it"}}},
				{Protocol: "tcp", Number: 22, Answer: service.Answer{Service: "ssh", Banner: "SSH-2.0-x", Facts: service.Facts{"ssh.host_key": "SHA256:its-own-key-0123456789"}}},
				{Protocol: "tcp", Number: 8080},
			}},
		{Addresses: addr("10.2.0.14"), SeenAt: seen, Reason: "no answer to SNMP", PortState: &snmp.State{Reason: "ports took more than 1m0s"}},
	}}
}

func TestObservations(t *testing.T) {
	got := scanner.Observations(result())
	for i := range got {
		got[i].Epoch, got[i].Seq = 1, 1
		if err := got[i].Validate(); err != nil {
			t.Errorf("%s: %v", got[i].NativeKey, err)
		}
	}
	text, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "observations.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.TrimSpace(string(want)), string(text)); d != "" {
		t.Error(d)
	}
}

// One hardware address on two links is two records, not one that changes to and fro.
func TestObservationsOneMACTwice(t *testing.T) {
	res := result()
	twin := *res.Devices[1]
	twin.Addresses = []netip.Addr{netip.MustParseAddr("10.3.0.11")}
	res.Devices = append(res.Devices, &twin)
	keys := map[string]bool{}
	for _, o := range scanner.Observations(res) {
		if keys[o.NativeKey] {
			t.Errorf("%s twice", o.NativeKey)
		}
		keys[o.NativeKey] = true
	}
	if !keys["mac:"+macC+"@10.3.0.11"] || !keys["mac:"+macC+"@10.1.0.11"] {
		t.Errorf("keys %v", keys)
	}
}

// What a scan that was cut short knows by address only is left out: it may be somebody
// that the rest of the scan would have named.
func TestObservationsIncomplete(t *testing.T) {
	res := result()
	res.Complete = false
	for _, o := range scanner.Observations(res) {
		if strings.HasPrefix(o.NativeKey, "address:") {
			t.Errorf("%s is reported", o.NativeKey)
		}
	}
}

// A router tells the hosts of its ARP table, each interface's once; what does not forward tells none.
func TestObservationsARP(t *testing.T) {
	for _, forwards := range []bool{true, false} {
		f := arp(device("r1", "", "eth0 "+macA+" 10.1.0.1/24"), "10.1.0.9 "+macB, "10.1.0.10 "+macB, "fe80::9 "+macC, "10.1.0.1 "+macA, "10.1.0.254 00:00:5e:00:01:07")
		f.ARP = append(f.ARP, snmp.ARPEntry{Interface: 7, Addr: netip.MustParseAddr("10.9.0.9"), MAC: scanner.MustMAC(macC)}) // of no interface
		f.System.Forwarding = forwards
		f.Sections[snmp.SectionARP] = snmp.State{Reason: "cut short"}
		res := &scanner.Result{Devices: []*scanner.Device{{Seen: scanner.MustMAC(macA), Addresses: []netip.Addr{netip.MustParseAddr("10.1.0.1")}, Facts: f}}}
		var got inventory.Neighbours
		status := inventory.Status("")
		for _, s := range scanner.Observations(res)[0].Sections {
			if n, ok := s.Body.(inventory.Neighbours); ok {
				got, status = n, s.Status
			}
		}
		if !forwards {
			if got != nil {
				t.Errorf("a host told %+v", got)
			}
			continue
		}
		want := inventory.Neighbours{{Protocol: "arp", LocalPort: "eth0", MAC: macB, Address: "10.1.0.9"}}
		if diff := cmp.Diff(want, got); diff != "" || status != inventory.StatusPartial {
			t.Errorf("%s, %s", status, diff)
		}
	}
}
