package snmp_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

// recorded reads everything of a walk in testdata.
func recorded(t *testing.T, name string) *snmp.Facts {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	rec, err := snmp.ReadRecording(file)
	if err != nil || rec.Skipped > 0 {
		t.Fatalf("%s: %v %s", name, err, rec.Problem)
	}
	f, err := (&snmp.Prober{Tables: builtinTables(t)}).Replay(t.Context(), rec)
	if err != nil {
		t.Fatal(err)
	}
	for section, st := range f.Sections {
		if !st.Complete {
			t.Errorf("%s: %s: %s", name, section, st.Reason)
		}
	}
	return f
}

var compareAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, compareAddr); d != "" {
		t.Errorf("%s: %s", what, d)
	}
}

func TestReadSwitch(t *testing.T) {
	f := recorded(t, "switch.walk")
	mac := func(last byte) [6]byte { return [6]byte{0, 0x14, 0x22, 0, 0, last} }
	same(t, "LLDP", snmp.LLDP{ChassisID: "00:1a:a1:00:00:01", Description: "Example switch", Neighbours: []snmp.LLDPNeighbour{{
		LocalPort: "port2", ChassisID: "00:04:f2:00:00:01", ChassisMAC: [6]byte{0, 4, 0xf2, 0, 0, 1}, RemotePort: "LAN", RemoteName: "phone-12",
		Address: netip.MustParseAddr("192.0.2.12"), Platform: "Example Phone 9", Capabilities: []string{"bridge", "phone"},
	}}}, f.LLDP)
	same(t, "VLANs", inventory.VLANs{{ID: 10, Name: "office"}, {ID: 20, Name: "voice"}, {ID: 21}, {ID: 99}}, f.VLANs)
	same(t, "interfaces", []snmp.Interface{
		{Index: 101, Name: "port1", Description: "port1", Type: 6, Duplex: "full", VLAN: 10, PoE: "delivering", PoEClass: 3},
		{Index: 102, Name: "port2", Description: "port2", Type: 6, Duplex: "half", VLAN: 10, PoE: "searching"},
		{Index: 103, Name: "port3", Description: "port3", Type: 6, Disabled: true, VLAN: 1, PoE: "disabled"},
		{Index: 104, Name: "port4", Description: "port4", Type: 6, Aggregate: "lag1"},
		{Index: 200, Name: "lag1", Description: "lag1", Type: 161, VLAN: 99, Tagged: "10,20-21"},
	}, f.Interfaces)
	same(t, "bridge", snmp.Bridge{Ports: 5, Table: []snmp.FDBEntry{
		{Interface: 101, MAC: mac(1), VLAN: 10}, {Interface: 101, MAC: mac(3), VLAN: 10}, {Interface: 200, MAC: mac(5)},
	}}, f.Bridge)
}

func TestReadCisco(t *testing.T) {
	f := recorded(t, "cisco.walk")
	same(t, "LLDP", []snmp.LLDPNeighbour{
		{ // CDP names it too, and adds what it knows
			LocalPort: "Gi1/0/1", ChassisID: "00:1a:a1:00:00:02", ChassisMAC: [6]byte{0, 0x1a, 0xa1, 0, 0, 2}, RemotePort: "Gi0/48",
			RemoteName: "core.example.org", Address: netip.MustParseAddr("192.0.2.1"), Platform: "cisco C9500", VLAN: 99, Capabilities: []string{"bridge", "router"},
		},
		{LocalPort: "Gi1/0/3", ChassisID: "00:04:f2:00:00:07", ChassisMAC: [6]byte{0, 4, 0xf2, 0, 0, 7}, Platform: "Example Phone 7", Serial: "FCH2100A1B2", Version: "12.8.1"},
	}, f.LLDP.Neighbours)
	same(t, "CDP", []snmp.CDPNeighbour{{
		LocalPort: "Gi1/0/2", DeviceID: "ap-hall(ABC123)", RemotePort: "GigabitEthernet0", Address: netip.MustParseAddr("192.0.2.2"),
		Platform: "cisco AIR-AP2802I", Capabilities: []string{"bridge", "access_point"},
	}}, f.CDP)
	same(t, "VLANs", inventory.VLANs{{ID: 1, Name: "default"}, {ID: 10, Name: "office"}, {ID: 11, Name: "suspended"}, {ID: 2047, Name: "far"}}, f.VLANs)
	same(t, "interfaces", []snmp.Interface{
		{Index: 1, Name: "Gi1/0/1", Description: "GigabitEthernet1/0/1", Type: 6, VLAN: 1, Tagged: "10,2047"},
		{Index: 2, Name: "Gi1/0/2", Description: "GigabitEthernet1/0/2", Type: 6, VLAN: 10, PoE: "fault"},
		{Index: 3, Name: "Gi1/0/3", Description: "GigabitEthernet1/0/3", Type: 6, PoE: "delivering", PoEClass: 2},
	}, f.Interfaces)
}

func TestReadPrinter(t *testing.T) {
	f := recorded(t, "printer.walk")
	same(t, "supplies", inventory.Supplies{
		{Name: "Cyan drum", Kind: "drum", Colour: "cyan", LevelPercent: 60},
		{Name: "Tray 1", Kind: "paper", LevelPercent: 50}, {Name: "input 2", Kind: "paper", LevelPercent: -1},
		{Name: "Toner cartridge", Kind: "toner", Colour: "black", LevelPercent: 75, Serial: "CRM0012345"},
		{Name: "Waste box", Kind: "waste", LevelPercent: -1},
	}, f.Supplies)
	same(t, "meters", inventory.Meters{{Name: "printed", Unit: "pages", Value: 48211}}, f.Meters)
	same(t, "host", snmp.Host{}, f.Host) // what a printer has inside is no host's
}

func TestReadHost(t *testing.T) {
	f := recorded(t, "host.walk")
	same(t, "host", snmp.Host{
		Hardware: inventory.Hardware{MemoryBytes: 8 << 30, CPUThreads: 2, CPUModel: "Example CPU 9000"},
		Filesystems: inventory.Filesystems{
			{Mountpoint: "/", Bytes: 4_096_000_000, UsedBytes: 1_433_600_000},
			{Mountpoint: "C:", Label: "System", UUID: "1a2b3c4d", Bytes: 8_192_000_000, UsedBytes: 8_192_000_000},
		},
		Disks: inventory.Disks{{Name: "sda", Bytes: 100 << 30}},
		Software: inventory.SoftwareList{
			{Source: "snmp", Name: "Example Office 2021", Installed: "2024-03-15"},
			{Source: "snmp", Name: "acl", Version: "2.3.1-3", Arch: "amd64"},
			{Source: "snmp", Name: "bash", Version: "5.1.8-6.el9", Arch: "x86_64"},
			{Source: "snmp", Name: "zlib", Version: "1.2.7-19.el7_9"},
		},
	}, f.Host)
	same(t, "meters", inventory.Meters{{Of: "board", Name: "inlet", Unit: "°C", Value: 23}, {Of: "board", Name: "light", Unit: "µW", Value: 512}}, f.Meters)
}

// A table in a place where the device has nothing costs no request.
func TestReadSkipsWhatIsNotThere(t *testing.T) {
	s := walk(t, deviceWalk)
	next, asked := s.Next, map[string]int{}
	s.Next = func(name string, n int) ([]snmp.Variable, error) {
		asked[name]++
		return next(name, n)
	}
	if _, err := snmp.ReadFake(t.Context(), s, snmp.Limits{}); err != nil {
		t.Fatal(err)
	}
	absent := 0
	for name := range asked {
		if strings.HasPrefix(name, "1.3.6.1.2.1.") && slices.Compare(numbers(name), numbers("1.3.6.1.2.1.47.1.1.1.1.13.1")) > 0 {
			absent++
		}
	}
	if absent > 1 { // printers, power, sensors, redundancy ...
		t.Errorf("%d requests for tables behind the last: %v", absent, asked)
	}
}

// after is what a table has so many rows after a name.
func after(table map[string]any, name string, row int) gosnmp.SnmpPDU {
	var names []string
	for n := range table {
		if slices.Compare(numbers(n), numbers(strings.TrimPrefix(name, "."))) > 0 {
			names = append(names, n)
		}
	}
	if row >= len(names) {
		return gosnmp.SnmpPDU{Name: name, Type: gosnmp.EndOfMibView}
	}
	slices.SortFunc(names, func(a, b string) int { return slices.Compare(numbers(a), numbers(b)) })
	out := gosnmp.SnmpPDU{Name: "." + names[row], Type: gosnmp.Integer, Value: table[names[row]]}
	if _, text := out.Value.([]byte); text {
		out.Type = gosnmp.OctetString
	}
	return out
}

// perVLAN is a switch that has forwarding tables for single VLANs only, by communities.
func perVLAN(t *testing.T, refuse string) (*responder, func() []string) {
	base := map[string]any{
		"1.3.6.1.2.1.2.2.1.2.1": []byte("Gi1"), "1.3.6.1.2.1.2.2.1.3.1": 6,
		"1.3.6.1.2.1.17.1.4.1.2.1": 1,
	}
	for _, vlan := range []string{"10", "20", "30"} {
		base["1.3.6.1.4.1.9.9.46.1.3.1.1.2.1."+vlan], base["1.3.6.1.4.1.9.9.46.1.3.1.1.3.1."+vlan] = 1, 1
		base["1.3.6.1.4.1.9.9.46.1.3.1.1.4.1."+vlan] = []byte("vlan" + vlan)
	}
	base["1.3.6.1.4.1.9.9.68.1.2.2.1.2.1"] = 20
	tables := map[string]map[string]any{"watch": base}
	for vlan, mac := range map[string]string{"10": "0.20.34.0.0.1", "20": "0.20.34.0.0.2", "30": ""} {
		tables["watch@"+vlan] = map[string]any{"1.3.6.1.2.1.17.1.4.1.2.1": 1}
		if mac != "" {
			tables["watch@"+vlan]["1.3.6.1.2.1.17.4.3.1.2."+mac], tables["watch@"+vlan]["1.3.6.1.2.1.17.4.3.1.3."+mac] = 1, 3
		}
	}
	var mu sync.Mutex
	var communities []string
	r := listen(t, "127.0.0.1", func(req *gosnmp.SnmpPacket) [][]byte {
		mu.Lock()
		if !slices.Contains(communities, req.Community) {
			communities = append(communities, req.Community)
		}
		mu.Unlock()
		table := tables[req.Community]
		if table == nil || req.Community == refuse {
			return nil
		}
		if req.PDUType == gosnmp.GetRequest {
			return [][]byte{encode(t, req, systemGroup(req)...)}
		}
		var out []gosnmp.SnmpPDU
		for row := range max(1, int(req.MaxRepetitions)) { // GETNEXT has none
			for _, asked := range req.Variables {
				out = append(out, after(table, asked.Name, row))
			}
		}
		return [][]byte{encode(t, req, out...)}
	})
	return r, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(communities)
	}
}

func TestForwardingTablesPerVLAN(t *testing.T) {
	r, communities := perVLAN(t, "")
	p := prober(r, v2c("watch", "127.0.0.1/32"))
	p.Timeout, p.Tables = 2*time.Second, builtinTables(t)
	f, err := p.Read(t.Context(), r.addr)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "bridge", snmp.Bridge{Ports: 1, Table: []snmp.FDBEntry{
		{Interface: 1, MAC: [6]byte{0, 0x14, 0x22, 0, 0, 1}, VLAN: 10}, {Interface: 1, MAC: [6]byte{0, 0x14, 0x22, 0, 0, 2}, VLAN: 20},
	}}, f.Bridge)
	same(t, "communities, VLANs with ports first", []string{"watch", "watch@20", "watch@10", "watch@30"}, communities())
	if st := f.Sections[snmp.SectionBridge]; !st.Complete {
		t.Errorf("bridge: %s", st.Reason)
	}
}

// The suffix goes where a version has room for it, and nowhere else.
func TestCredentialForVLAN(t *testing.T) {
	v3 := snmp.Credential{Version: gosnmp.Version3, User: "reader"}
	bound := v3
	bound.Context = "other"
	for _, c := range []struct {
		name               string
		credential         snmp.Credential
		community, context string
		ok                 bool
	}{
		{"community", v2c("watch"), "watch@10", "", true},
		{"version 3", v3, "", "vlan-10", true},
		{"of a VLAN already", v2c("watch@7"), "", "", false},
		{"of a context already", bound, "", "", false},
	} {
		got, ok := snmp.ForVLAN(&c.credential, 10)
		if ok != c.ok || ok && (got.Community.Reveal() != c.community || got.Context != c.context) {
			t.Errorf("%s: %q %q %v", c.name, got.Community.Reveal(), got.Context, ok)
		}
	}
}

// A VLAN that does not let itself be read leaves the table partial, and who only says what a device
// is, or whose community is of one VLAN already, asks none.
func TestForwardingTablesPerVLANRefused(t *testing.T) {
	r, communities := perVLAN(t, "watch@10")
	p := prober(r, v2c("watch"))
	p.Needs = func(_ *snmp.Facts, s snmp.Section) bool { return s == snmp.SectionBridge }
	if _, err := p.Read(t.Context(), r.addr); err != nil {
		t.Fatal(err)
	}
	same(t, "communities", []string{"watch"}, communities())
	p.Needs, p.Tables = nil, builtinTables(t)
	f, err := p.Read(t.Context(), r.addr)
	if err != nil {
		t.Fatal(err)
	}
	st := f.Sections[snmp.SectionBridge]
	if st.Complete || !strings.Contains(st.Reason, "VLAN 10") || strings.Contains(st.Reason, "watch") || len(f.Bridge.Table) != 1 {
		t.Errorf("bridge: %+v %+v", st, f.Bridge)
	}
	same(t, "communities", []string{"watch", "watch@20", "watch@10"}, communities())
}

// Indexes that are not quite the MIB's are read, where nothing else can be meant.
func TestReadOddIndexes(t *testing.T) {
	rec, err := snmp.ReadRecording(strings.NewReader(`1.3.6.1.2.1.1.1.0|4|example
1.3.6.1.2.1.2.2.1.2.5|4|eth5
1.3.6.1.2.1.2.2.1.3.5|2|6
1.3.6.1.2.1.4.35.1.4.5.1.192.0.2.9|4x|001422000009
1.3.6.1.2.1.4.35.1.4.5.1.192.0.2.999|4x|001422000009
1.3.6.1.2.1.17.1.4.1.2.1|2|5
1.3.6.1.2.1.17.4.3.1.2.6.0.20.34.0.0.10|2|1
`))
	if err != nil {
		t.Fatal(err)
	}
	f, err := rec.Facts(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "ARP", []snmp.ARPEntry{{Interface: 5, Addr: netip.MustParseAddr("192.0.2.9"), MAC: [6]byte{0, 0x14, 0x22, 0, 0, 9}}}, f.ARP)
	same(t, "bridge", []snmp.FDBEntry{{Interface: 5, MAC: [6]byte{0, 0x14, 0x22, 0, 0, 10}}}, f.Bridge.Table)
}
