package snmp_test

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/scanner/snmp"
)

// walk makes a session out of lines "OID TYPE VALUE": i number, s text, x hex bytes, o object
// id, a address.
func walk(t testing.TB, text string) *snmp.FakeSession {
	t.Helper()
	var vars []snmp.Variable
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		v := snmp.Variable{Name: f[0]}
		rest := strings.Join(f[2:], " ")
		switch f[1] {
		case "i":
			n, err := strconv.Atoi(rest)
			if err != nil {
				t.Fatal(err)
			}
			v.Type, v.Value = gosnmp.Integer, n
		case "s":
			v.Type, v.Value = gosnmp.OctetString, []byte(rest)
		case "x":
			var b []byte
			for _, h := range strings.Split(rest, ":") {
				n, err := strconv.ParseUint(h, 16, 8)
				if err != nil {
					t.Fatal(err)
				}
				b = append(b, byte(n))
			}
			v.Type, v.Value = gosnmp.OctetString, b
		case "o":
			v.Type, v.Value = gosnmp.ObjectIdentifier, rest
		case "a":
			v.Type, v.Value = gosnmp.IPAddress, rest
		}
		vars = append(vars, v)
	}
	return sorted(vars)
}

func numbers(oid string) []uint64 {
	var out []uint64
	for _, p := range strings.Split(oid, ".") {
		n, _ := strconv.ParseUint(p, 10, 32)
		out = append(out, n)
	}
	return out
}

// sorted serves variables as an agent does.
func sorted(vars []snmp.Variable) *snmp.FakeSession {
	sort.SliceStable(vars, func(i, j int) bool { return slices.Compare(numbers(vars[i].Name), numbers(vars[j].Name)) < 0 })
	return &snmp.FakeSession{
		Get: func(names []string) []snmp.Variable {
			var out []snmp.Variable
			for _, n := range names {
				i := slices.IndexFunc(vars, func(v snmp.Variable) bool { return v.Name == n })
				if i < 0 {
					out = append(out, snmp.Variable{Name: n, Type: gosnmp.NoSuchObject})
				} else {
					out = append(out, vars[i])
				}
			}
			return out
		},
		Next: func(name string, n int) ([]snmp.Variable, error) {
			from := sort.Search(len(vars), func(i int) bool { return slices.Compare(numbers(vars[i].Name), numbers(name)) > 0 })
			out := slices.Clone(vars[from:min(len(vars), from+n)])
			if len(out) == 0 {
				out = []snmp.Variable{{Name: name, Type: gosnmp.EndOfMibView}}
			}
			return out, nil
		},
	}
}

const deviceWalk = `
1.3.6.1.2.1.1.1.0 s A device
1.3.6.1.2.1.1.2.0 o .1.3.6.1.4.1.9.1.1
1.3.6.1.2.1.1.3.0 i 1000
1.3.6.1.2.1.1.5.0 s sw1.example.org
1.3.6.1.2.1.1.7.0 i 6
1.3.6.1.2.1.4.1.0 i 1
1.3.6.1.6.3.10.2.1.1.0 x 80:00:1f:88:80:01:02:03
1.3.6.1.2.1.2.2.1.2.1 s GigabitEthernet0/1
1.3.6.1.2.1.2.2.1.2.2 s Vlan7
1.3.6.1.2.1.2.2.1.2.99 s a row that ifType does not have
1.3.6.1.2.1.2.2.1.3.1 i 6
1.3.6.1.2.1.2.2.1.3.2 i 53
1.3.6.1.2.1.2.2.1.5.1 i 1000000000
1.3.6.1.2.1.2.2.1.6.1 x 00:1a:a1:00:00:01
1.3.6.1.2.1.2.2.1.6.2 s not a mac
1.3.6.1.2.1.2.2.1.8.1 i 1
1.3.6.1.2.1.2.2.1.8.2 i 2
1.3.6.1.2.1.31.1.1.1.1.1 s Gi0/1
1.3.6.1.2.1.31.1.1.1.15.1 i 10000
1.3.6.1.2.1.31.1.1.1.18.1 s to the core
1.3.6.1.2.1.4.20.1.2.10.0.0.1 i 2
1.3.6.1.2.1.4.20.1.2.10.0.1.1 i 7
1.3.6.1.2.1.4.20.1.3.10.0.0.1 a 255.255.255.0
1.3.6.1.2.1.4.34.1.3.2.16.253.1.0.0.0.0.0.0.0.0.0.0.0.0.0.1 i 2
1.3.6.1.2.1.4.34.1.3.1.4.10.0.0.255 i 2
1.3.6.1.2.1.4.34.1.4.1.4.10.0.0.255 i 3
1.3.6.1.2.1.4.34.1.4.2.16.253.1.0.0.0.0.0.0.0.0.0.0.0.0.0.1 i 1
1.3.6.1.2.1.4.34.1.5.2.16.253.1.0.0.0.0.0.0.0.0.0.0.0.0.0.1 o .1.3.6.1.2.1.4.32.1.5.2.2.16.253.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.64
1.3.6.1.2.1.4.22.1.2.2.10.0.0.9 x 00:14:22:00:00:09
1.3.6.1.2.1.4.22.1.2.2.10.0.0.10 x 00:14:22:00:00:0a
1.3.6.1.2.1.4.22.1.4.2.10.0.0.10 i 2
1.3.6.1.2.1.4.35.1.4.2.2.16.253.1.0.0.0.0.0.0.0.0.0.0.0.0.0.9 x 00:14:22:00:00:09
1.3.6.1.2.1.4.35.1.4.2.1.4.10.0.0.11 x 00:14:22:00:00:0b
1.3.6.1.2.1.4.35.1.7.2.1.4.10.0.0.11 i 7
1.3.6.1.2.1.17.1.4.1.2.5 i 1
1.3.6.1.2.1.17.1.4.1.2.6 i 2
1.3.6.1.2.1.17.4.3.1.2.0.20.34.0.0.9 i 5
1.3.6.1.2.1.17.4.3.1.2.0.20.34.0.0.8 i 5
1.3.6.1.2.1.17.4.3.1.2.0.20.34.0.0.7 i 66
1.3.6.1.2.1.17.4.3.1.3.0.20.34.0.0.8 i 4
1.3.6.1.2.1.17.7.1.2.2.1.2.7.0.20.34.0.0.6 i 6
1.3.6.1.2.1.47.1.1.1.1.2.1 s Chassis
1.3.6.1.2.1.47.1.1.1.1.3.1 o .1.3.6.1.4.1.9.12.3.1.3
1.3.6.1.2.1.47.1.1.1.1.4.1 i 0
1.3.6.1.2.1.47.1.1.1.1.5.1 i 3
1.3.6.1.2.1.47.1.1.1.1.11.1 s FOC1234
1.3.6.1.2.1.47.1.1.1.1.13.1 s WS-C3750
1.0.8802.1.1.2.1.3.1.0 i 4
1.0.8802.1.1.2.1.3.2.0 x 00:1a:a1:00:00:01
1.0.8802.1.1.2.1.3.7.1.2.5 i 5
1.0.8802.1.1.2.1.3.7.1.3.5 s Gi0/1
1.0.8802.1.1.2.1.4.1.1.4.100.5.1 i 4
1.0.8802.1.1.2.1.4.1.1.5.100.5.1 x 00:1a:a1:00:00:02
1.0.8802.1.1.2.1.4.1.1.6.100.5.1 i 5
1.0.8802.1.1.2.1.4.1.1.7.100.5.1 s eth0
1.0.8802.1.1.2.1.4.1.1.9.100.5.1 s r1.example.org
1.0.8802.1.1.2.1.4.2.1.3.100.5.1.2.16.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1 i 2
1.0.8802.1.1.2.1.4.2.1.3.100.5.1.1.4.10.0.0.254 i 2
1.3.6.1.2.1.16.19.2.0 s 5.5.2
1.3.6.1.2.1.25.3.2.1.2.1 o 1.3.6.1.2.1.25.3.1.5
1.3.6.1.2.1.25.3.2.1.3.1 s X-210
1.0.8802.1.1.2.1.5.4795.1.2.4.0 s 5.5.3
1.0.8802.1.1.2.1.5.4795.1.2.5.0 s AC0001234
1.0.8802.1.1.2.1.5.4795.1.2.6.0 s Acme
1.0.8802.1.1.2.1.5.4795.1.2.7.0 s GS-24
`

func TestRead(t *testing.T) {
	f, err := snmp.ReadFake(t.Context(), walk(t, deviceWalk), snmp.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, st := range f.Sections {
		if !st.Complete {
			t.Errorf("%s: %s", name, st.Reason)
		}
	}
	if f.Dropped == 0 {
		t.Error("rows without an interface and without a type were not counted")
	}
	mac := func(last byte) [6]byte { return [6]byte{0, 0x14, 0x22, 0, 0, last} }
	want := &snmp.Facts{
		System:   snmp.System{Description: "A device", ObjectID: "1.3.6.1.4.1.9.1.1", Name: "sw1.example.org", Services: 6, UpTime: 10 * time.Second, Forwarding: true},
		EngineID: "80001f8880010203",
		Hints: snmp.Hints{Printer: true, DeviceDescr: "X-210", ProbeVersion: "5.5.2",
			MEDMaker: "Acme", MEDModel: "GS-24", MEDSerial: "AC0001234", MEDVersion: "5.5.3"},
		Interfaces: []snmp.Interface{
			{Index: 1, Name: "Gi0/1", Description: "GigabitEthernet0/1", Alias: "to the core", Type: 6, MAC: [6]byte{0, 0x1a, 0xa1, 0, 0, 1}, Mbps: 10000, Up: true},
			{Index: 2, Name: "Vlan7", Description: "Vlan7", Type: 53, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fd01::1/64")}},
		},
		Components: []snmp.Component{{Index: 1, Class: 3, Description: "Chassis", VendorType: "1.3.6.1.4.1.9.12.3.1.3", Serial: "FOC1234", Model: "WS-C3750"}},
		ARP: []snmp.ARPEntry{
			{Interface: 2, Addr: netip.MustParseAddr("10.0.0.9"), MAC: mac(9)}, {Interface: 2, Addr: netip.MustParseAddr("fd01::9"), MAC: mac(9)},
		},
		Bridge: snmp.Bridge{Ports: 2, Table: []snmp.FDBEntry{{Interface: 1, MAC: mac(9)}, {Interface: 2, MAC: mac(6), VLAN: 7}}},
		LLDP: snmp.LLDP{ChassisID: "00:1a:a1:00:00:01", Neighbours: []snmp.LLDPNeighbour{{
			LocalPort: "Gi0/1", ChassisID: "00:1a:a1:00:00:02", ChassisMAC: [6]byte{0, 0x1a, 0xa1, 0, 0, 2},
			RemotePort: "eth0", RemoteName: "r1.example.org", Address: netip.MustParseAddr("10.0.0.254"),
		}}},
	}
	f.Sections, f.Variables, f.Dropped, f.Took = nil, 0, 0, 0
	same := cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if d := cmp.Diff(want, f, same); d != "" {
		t.Error(d)
	}
}

// A device that restarts while it is read has told half of its tables from before and half
// from after: nothing of that is complete.
func TestF18Restart(t *testing.T) {
	s := walk(t, deviceWalk)
	get, asked := s.Get, 0
	s.Get = func(names []string) []snmp.Variable {
		if len(names) == 1 && names[0] == "1.3.6.1.2.1.1.3.0" {
			asked++
			return []snmp.Variable{{Name: names[0], Type: gosnmp.TimeTicks, Value: uint32(5)}}
		}
		return get(names)
	}
	f, err := snmp.ReadFake(t.Context(), s, snmp.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if st := f.Sections[snmp.SectionInterfaces]; asked == 0 || st.Complete || !strings.Contains(st.Reason, "restarted") {
		t.Errorf("interfaces: %+v", st)
	}
}

// A device that falls silent in the middle leaves what it said, marked as partial.
func TestReadFallsSilent(t *testing.T) {
	s := walk(t, deviceWalk)
	next, silent := s.Next, false
	s.Next = func(name string, n int) ([]snmp.Variable, error) {
		if silent = silent || n > 1 && strings.HasPrefix(name, "1.3.6.1.2.1.4."); silent {
			return nil, snmp.ErrNoAnswer
		}
		return next(name, n)
	}
	f, err := snmp.ReadFake(t.Context(), s, snmp.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Interfaces) != 2 || f.Sections[snmp.SectionInterfaces].Complete || f.Sections[snmp.SectionBridge].Complete {
		t.Errorf("%d interfaces, sections %+v", len(f.Interfaces), f.Sections)
	}
}

// walks are the recordings in testdata and in the examples of descriptions.
func walks(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "*.walk"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no walks: %v", err)
	}
	var out []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	for _, table := range builtinTables(t).Tables() {
		for _, e := range table.Examples {
			out = append(out, e.Walk)
		}
	}
	return out
}

// FuzzRead puts arbitrary values under arbitrary indexes into all tables.
func FuzzRead(f *testing.F) {
	roots := []string{}
	for _, line := range strings.Split(deviceWalk, "\n") {
		if w := strings.Fields(line); len(w) > 2 {
			roots = append(roots, w[0])
		}
	}
	for _, walk := range walks(f) {
		for _, line := range strings.Split(walk, "\n") {
			if name, _, ok := strings.Cut(line, "|"); ok {
				roots = append(roots, name)
			}
		}
	}
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a"))
	f.Add([]byte(strings.Repeat("\x07\x00\x01\x06\x00\x1a\xa1\x00\x00\x01", 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var vars []snmp.Variable
		for len(data) >= 4 {
			// One value: which row's name, how much of it is replaced by what, type, length, bytes.
			name := strings.Split(roots[(int(data[0])<<8|int(data[1]))%len(roots)], ".")
			cut := min(int(data[2])/5%12, len(name)-4)
			size := min(int(data[3])%24, len(data)-4)
			body := data[4 : 4+size]
			name = name[:len(name)-cut]
			for _, b := range body[:min(cut, len(body))] {
				name = append(name, strconv.Itoa(int(b)))
			}
			v := snmp.Variable{Name: strings.Join(name, ".")}
			switch data[2] % 5 {
			case 0:
				v.Type, v.Value = gosnmp.OctetString, slices.Clone(body)
			case 1:
				v.Type, v.Value = gosnmp.Counter64, binary.BigEndian.Uint64(append(make([]byte, 8), body...)[len(body):])
			case 2:
				v.Type, v.Value = gosnmp.Integer, int(int8(data[3]))
			case 3:
				v.Type, v.Value = gosnmp.ObjectIdentifier, v.Name
			case 4:
				v.Type, v.Value = gosnmp.IPAddress, "10.0.0."+strconv.Itoa(size)
			}
			vars = append(vars, v)
			data = data[4+size:]
		}
		got, err := snmp.ReadFake(t.Context(), sorted(vars), snmp.Limits{Variables: 5000})
		if err != nil {
			return
		}
		for _, i := range got.Interfaces {
			for _, p := range i.Addresses {
				if !p.IsValid() || p.Addr().IsMulticast() {
					t.Fatalf("address %v", p)
				}
			}
		}
		for _, e := range got.ARP {
			if !e.MAC.Unicast() || !e.Addr.IsValid() {
				t.Fatalf("ARP entry %v", e)
			}
		}
		got.Addresses()
		for _, i := range got.Interfaces {
			if i.VLAN < 0 || i.VLAN > 4094 || strings.HasPrefix(i.Tagged, "-") {
				t.Fatalf("interface %+v", i)
			}
		}
		for _, s := range got.Supplies {
			if s.Name == "" || s.LevelPercent < -1 || s.LevelPercent > 100 {
				t.Fatalf("supply %+v", s)
			}
		}
		for _, fs := range got.Host.Filesystems {
			if fs.Bytes <= 0 || fs.UsedBytes < 0 || fs.UsedBytes > fs.Bytes {
				t.Fatalf("file system %+v", fs)
			}
		}
	})
}
