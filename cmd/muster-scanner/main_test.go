package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/snmp"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"muster-scanner": func() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		p := &program{out: os.Stdout, err: os.Stderr, in: os.Stdin, env: os.LookupEnv, now: time.Now}
		os.Exit(p.main(ctx, os.Args[1:]))
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

func result() *scanner.Result {
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	addr := func(texts ...string) (out []netip.Addr) {
		for _, a := range texts {
			out = append(out, netip.MustParseAddr(a))
		}
		return out
	}
	return &scanner.Result{Started: seen, Finished: seen, Complete: true, Devices: []*scanner.Device{
		{
			Addresses: addr("10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.5.0.1", "fe80::1"),
			MACs:      []ether.MAC{{0, 0x1a, 0xa1, 0, 0, 1}}, Seen: ether.MAC{0, 0x1a, 0xa1, 0, 0, 1}, Link: "eth0",
			Sources: []string{"arp", "snmp"}, MACVendor: "Cisco Systems, Inc", SeenAt: seen,
			Facts: &snmp.Facts{Address: addr("10.1.0.1")[0], Credential: "v2c", EngineID: "8000aa01",
				System: snmp.System{Name: "r1.example.org", Description: "A router", ObjectID: "1.3.6.1.4.1.9.1.1"},
				LLDP: snmp.LLDP{Neighbours: []snmp.LLDPNeighbour{
					{LocalPort: "eth0", ChassisID: "00:1a:a1:00:00:02", RemotePort: "p1", RemoteName: "sw1.example.org", Address: addr("10.1.0.2")[0]}}},
				Sections: map[snmp.Section]snmp.State{"system": {Complete: true}, "arp": {Reason: "more variables than allowed"}}},
			Identity: identify.Identity{Vendor: "Cisco", Type: inventory.ClassRouter, Model: "ISR4331", Serial: "FOC1234", OS: inventory.OS{Name: "IOS XE", Version: "17.3.4"}},
		},
		{
			// What it calls itself is meant to play with terminals.
			Addresses: addr("10.1.0.66"), Sources: []string{"arp"}, Names: []string{"\x1b[2Jevil\r\n\u202e"}, SeenAt: seen,
			Flags: []string{"address conflict: 10.1.0.66 is claimed by a and b"}, Reason: "no answer to SNMP",
		},
		{Addresses: addr("10.1.0.250"), Sources: []string{"own interface"}, Self: true, SeenAt: seen},
	}}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := writeTable(&b, result(), ""); err != nil {
		t.Fatal(err)
	}
	want := `
ADDRESS     MAC                NAME            TYPE    VENDOR  MODEL    SERIAL   OS             SEEN BY        REMARK
10.1.0.1    00:1a:a1:00:00:01  r1.example.org  router  Cisco   ISR4331  FOC1234  IOS XE 17.3.4  arp, snmp      also 10.2.0.1 10.3.0.1 10.4.0.1 and 1 more
10.1.0.66   -                  ?[2Jevil? ?     -       -       -        -        -              arp            address conflict: 10.1.0.66 is claimed by a and b
10.1.0.250  -                  -               -       -       -        -        -              own interface  this host
`
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), b.String()); d != "" {
		t.Error(d)
	}
	b.Reset()
	if err := writeTable(&b, &scanner.Result{}, ""); err != nil || b.String() != "nothing answered\n" {
		t.Errorf("empty: %q %v", b.String(), err)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, result(), "lab"); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	want := `{"address":"10.1.0.1","addresses":["10.1.0.1","10.2.0.1","10.3.0.1","10.4.0.1","10.5.0.1","fe80::1"],` +
		`"macs":["00:1a:a1:00:00:01"],"names":["r1.example.org"],"vendor":"Cisco","type":"router","model":"ISR4331","serial":"FOC1234",` +
		`"os":"IOS XE","os_version":"17.3.4","sources":["arp","snmp"],"mac_vendor":"Cisco Systems, Inc","site":"lab","link":"eth0",` +
		`"snmp":{"name":"r1.example.org","description":"A router","object_id":"1.3.6.1.4.1.9.1.1","engine_id":"8000aa01","credential":"v2c",` +
		`"interfaces":0,"components":0,"arp_entries":0,"bridge_entries":0,"variables":0,"partial":{"arp":"more variables than allowed"}},` +
		`"neighbours":[{"protocol":"lldp","local_port":"eth0","remote_name":"sw1.example.org","remote_port":"p1","chassis_id":"00:1a:a1:00:00:02","address":"10.1.0.2"}],` +
		`"seen_at":"2026-01-02T03:04:05Z"}`
	if d := cmp.Diff(want, lines[0]); d != "" {
		t.Error(d)
	}
	for _, l := range lines {
		var fields map[string]any
		if err := json.Unmarshal([]byte(l), &fields); err != nil {
			t.Error(err)
		}
		for _, f := range []string{"address", "addresses", "macs", "names", "vendor", "type", "model", "serial", "os", "os_version", "sources"} {
			if _, ok := fields[f]; !ok || fields[f] == nil {
				t.Errorf("%s is missing in %s", f, l)
			}
		}
		if strings.ContainsAny(l, "\x1b\r") {
			t.Errorf("control characters in %q", l)
		}
	}
}

func TestProgress(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := func() time.Time { return now }
	state := scanner.Progress{Phase: scanner.PhaseSweep, Probed: 10, Planned: 40, Found: 3, Left: 9 * time.Second}
	var b bytes.Buffer
	p := newProgress(&b, true, clock)
	p.update(state)
	p.done()
	if want := "\r\x1b[Ksweep: 10 of 40, 3 addresses found, at most 9s left\r\x1b[K"; b.String() != want {
		t.Errorf("terminal: %q", b.String())
	}
	b.Reset()
	p = newProgress(&b, false, clock)
	for range 100 { // 20 s of updates
		now = now.Add(200 * time.Millisecond)
		p.update(state)
	}
	p.done()
	if n := strings.Count(b.String(), "\n"); n != 2 || strings.Contains(b.String(), "\x1b") {
		t.Errorf("elsewhere: %q", b.String())
	}
}
