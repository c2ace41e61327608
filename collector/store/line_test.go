package store_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// wanted are attributes of which the tests ask.
var wanted = []string{"asset_tag", "os_family"}

// shown is what a listing has of an asset.
func shown(a inventory.Asset) inventory.Asset {
	var kept []inventory.Attribute
	for _, x := range a.Attributes {
		if slices.Contains(wanted, x.Name) {
			kept = append(kept, inventory.Attribute{Name: x.Name, Value: x.Value})
		}
	}
	a.Attributes = kept
	return a
}

func TestReadLine(t *testing.T) {
	losers := []inventory.Attribute{{Name: "vendor", Value: `}]}","attributes":[`, Record: 7}, {Name: "asset_tag"}}
	for name, a := range map[string]inventory.Asset{
		"nothing": {},
		"plain": {Name: "web1", Class: inventory.ClassServer, Vendor: "Dell Inc.", Serial: "S1", OS: "linux", OSVersion: "12", CPU: "x", User: "u", Site: "hq",
			MachineID: "m", Domain: "d", Model: "m", MemoryBytes: 1 << 40, DiskBytes: -1, Addresses: []string{"192.0.2.1", "2001:db8::1"}, MACs: []string{"00:00:5e:00:53:01"}},
		"escapes":         {Name: `a"b\`, Vendor: `\\`, Model: "\u2028<\x01>", Serial: `\"`, User: "Zürich 東京"},
		"attributes":      {Name: "x", Attributes: []inventory.Attribute{{Name: "asset_tag", Value: "T1", Record: 3, Losers: losers}, {Name: "os_family", Value: "bsd"}, {Name: "vendor", Value: "V"}}},
		"one is missing":  {Name: "x", Attributes: []inventory.Attribute{{Name: "name", Value: "asset_tag"}, {Name: "os_family", Value: "bsd", Losers: losers}}},
		"none is wanted":  {Name: "x", Attributes: []inventory.Attribute{{Name: "name", Value: "x", Losers: losers[:1]}}},
		"no losers, none": {Name: "x", Attributes: []inventory.Attribute{{Name: "name", Value: "x"}}},
	} {
		t.Run(name, func(t *testing.T) { readBack(t, a) })
	}
}

// readBack reads a line as it is written, and with the order and the blanks of PostgreSQL's.
func readBack(t *testing.T, a inventory.Asset) {
	t.Helper()
	doc, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(doc, &fields); err != nil {
		t.Fatal(err)
	}
	other, err := json.MarshalIndent(fields, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	var plain inventory.Asset
	if err := json.Unmarshal(doc, &plain); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(doc), string(other), string(sorted)} {
		var got inventory.Asset
		store.ReadLine(text, wanted, &got)
		if diff := cmp.Diff(shown(plain), got); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("web1", "linux", "T1", `\"}]}`, int64(5))
	f.Add(`{"name":1}`, `}]}`, "", "\xff", int64(-1))
	f.Fuzz(func(t *testing.T, name, os, tag, other string, n int64) {
		if slices.Contains(wanted, other) {
			other = "" // an asset has an attribute once
		}
		readBack(t, inventory.Asset{Name: name, OS: os, MemoryBytes: n % (1 << 53), Addresses: []string{other, tag}, Attributes: []inventory.Attribute{
			{Name: other, Value: name}, {Name: "asset_tag", Value: tag, Losers: []inventory.Attribute{{Name: "asset_tag", Value: other}}}}})
		for _, doc := range []string{name, os, tag, other, `{"name":` + other, `{"attributes":[` + other + `]}`, `{"x":` + strings.Repeat(other, 3) + "}"} {
			var a inventory.Asset
			store.ReadLine(doc, wanted, &a) // something or nothing, but an end
		}
	})
}
