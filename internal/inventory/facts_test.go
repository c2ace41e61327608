package inventory_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
)

// Hashes that agents and the store keep are made of these texts: none of them may ever change.
func TestFacts(t *testing.T) {
	for _, c := range []struct {
		body inventory.Body
		want []inventory.Fact
	}{
		{&inventory.Device{}, []inventory.Fact{}},
		{&inventory.Device{Vendor: `a "b": {c`, Name: "<é\xff>", Serial: `\`, Identifiers: []inventory.Identifier{{Type: "serial", Value: `}],"x":`}, {Type: "mac"}}}, []inventory.Fact{
			{Key: "identifiers", Value: `[{"type":"serial","value":"}],\"x\":"},{"type":"mac","value":""}]`},
			{Key: "name", Value: `"\u003cé\ufffd\u003e"`},
			{Key: "serial", Value: `"\\"`},
			{Key: "vendor", Value: `"a \"b\": {c"`},
		}},
		{&inventory.OS{Version: "12", BootTime: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}, []inventory.Fact{
			{Key: "boot_time", Value: `"2026-03-02T09:00:00Z"`}, {Key: "version", Value: `"12"`},
		}},
		{&inventory.Hardware{CPUCores: 4, MemoryBytes: 1 << 40}, []inventory.Fact{{Key: "cpu_cores", Value: "4"}, {Key: "memory_bytes", Value: "1099511627776"}}},
		{inventory.Interfaces{}, []inventory.Fact{}},
		{inventory.Interfaces{{Name: "b", MTU: 9}, {Name: "a", Up: true, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}}, {Name: "b", MTU: 10}}, []inventory.Fact{
			{Key: "a|", Value: `{"name":"a","up":true,"addresses":["10.0.0.1/8"]}`},
			{Key: "b|", Value: `{"name":"b","mtu":10,"up":false}`},
			{Key: "b|#2", Value: `{"name":"b","mtu":9,"up":false}`},
		}},
	} {
		if diff := cmp.Diff(c.want, c.body.Facts()); diff != "" {
			t.Errorf("%T: -want +got:\n%s", c.body, diff)
		}
	}
}

func FuzzFacts(f *testing.F) {
	f.Add("name", `"},{[`, `\`, 7)
	f.Add("\xff", "\x00:\",\u2028", "", 0)
	f.Fuzz(func(t *testing.T, a, b, c string, n int) {
		d := &inventory.Device{Name: a, Description: b, User: c}
		for i := range max(0, n%4) {
			d.Identifiers = append(d.Identifiers, inventory.Identifier{Type: inventory.IdentifierType(c), Value: a, Scope: b, Part: []string{a, b, c}[i]})
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		got := map[string]json.RawMessage{}
		last := ""
		for _, f := range d.Facts() {
			if f.Key <= last {
				t.Errorf("%q after %q", f.Key, last)
			}
			got[f.Key], last = json.RawMessage(f.Value), f.Key
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func BenchmarkFacts(b *testing.B) {
	device := &inventory.Device{Name: "lt-0001", Vendor: "HP", Model: "EliteBook 840", Serial: "5CG1234XYZ",
		Identifiers: []inventory.Identifier{{Type: inventory.IDSerial, Value: "5CG1234XYZ", Scope: "HP", Part: inventory.PartSystem}}}
	cards := inventory.Interfaces{{Name: "eth0", MAC: "8c:16:45:00:11:22", Up: true, Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/24")}},
		{Name: "wlan0", MAC: "34:f3:9a:00:00:01"}}
	b.ReportAllocs()
	for b.Loop() {
		device.Facts()
		cards.Facts()
	}
}
