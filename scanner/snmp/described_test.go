package snmp_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/snmp"
)

func builtinTables(t testing.TB) *snmp.Tables {
	t.Helper()
	tables, err := snmp.BuiltinTables()
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// plain is what was read by descriptions, in the words of an example.
func plain(t *testing.T, f *snmp.Facts) map[string]any {
	t.Helper()
	type accessPoint struct {
		MAC     string `json:"mac,omitempty"`
		Name    string `json:"name,omitempty"`
		Vendor  string `json:"vendor,omitempty"`
		Model   string `json:"model,omitempty"`
		Serial  string `json:"serial,omitempty"`
		Version string `json:"version,omitempty"`
		Address string `json:"address,omitempty"`
	}
	type client struct {
		MAC     string `json:"mac"`
		Name    string `json:"name,omitempty"`
		Address string `json:"address,omitempty"`
		At      string `json:"at,omitempty"`
		VLAN    int    `json:"vlan,omitempty"`
	}
	var aps []accessPoint
	for _, a := range f.Wireless.AccessPoints {
		x := accessPoint{MAC: a.MAC.String(), Name: a.Name, Vendor: a.Vendor, Model: a.Model, Serial: a.Serial, Version: a.Version}
		if a.Address.IsValid() {
			x.Address = a.Address.String()
		}
		aps = append(aps, x)
	}
	var clients []client
	for _, c := range f.Wireless.Clients {
		x := client{MAC: c.MAC.String(), Name: c.Name, At: c.At, VLAN: c.VLAN}
		if c.Address.IsValid() {
			x.Address = c.Address.String()
		}
		clients = append(clients, x)
	}
	return normal(t, map[string]any{
		"access_points": aps, "networks": f.Wireless.Networks, "clients": clients, "redundancy": f.Redundancy, "meters": f.Meters,
	})
}

func normal(t *testing.T, x any) map[string]any {
	t.Helper()
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Every description's example gives exactly what it says, as far as it says it.
func TestTableExamples(t *testing.T) {
	tables := builtinTables(t)
	for _, table := range tables.Tables() {
		t.Run(table.Name, func(t *testing.T) {
			for _, e := range table.Examples {
				rec, err := snmp.ReadRecording(strings.NewReader("1.3.6.1.2.1.1.1.0|4|example\n" + e.Walk))
				if err != nil || rec.Skipped > 0 {
					t.Fatalf("walk: %v %s", err, rec.Problem)
				}
				f, err := (&snmp.Prober{Tables: tables}).Replay(t.Context(), rec)
				if err != nil {
					t.Fatal(err)
				}
				got, want := plain(t, f), normal(t, e.Want)
				for name := range got {
					if _, said := want[name]; !said {
						delete(got, name)
					}
				}
				if d := cmp.Diff(want, got); d != "" || len(want) == 0 {
					t.Error(d)
				}
			}
		})
	}
}

func TestLoadTablesRefuses(t *testing.T) {
	const good = "tables: [{name: n, gives: network, entry: 1.3.6.1.4.1.9999.1, fields: {ssid: \"2\"}, examples: [{walk: x}]}]"
	for _, c := range []struct{ name, text, want string }{
		{"whole", good, ""},
		{"unknown key", strings.Replace(good, "entry:", "entri:", 1), "entri"},
		{"unknown kind", strings.Replace(good, "network", "toaster", 1), "toaster"},
		{"unknown field", strings.Replace(good, "ssid", "essid", 1), "only the fields"},
		{"no example", strings.Replace(good, "{walk: x}", "", 1), "no example"},
		{"no column", strings.Replace(good, `"2"`, "index 1", 1), "no column"},
		{"no number", strings.Replace(good, `"2"`, `"x"`, 1), "is no column"},
		{"no part", strings.Replace(good, `"2"`, "index 0", 1), "no part of an index"},
		{"meters of a network", strings.Replace(good, "examples:", "meters: [{name: m, column: \"1\"}], examples:", 1), "meter m"},
	} {
		_, err := snmp.LoadTables(fstest.MapFS{"a.yaml": {Data: []byte(c.text)}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
