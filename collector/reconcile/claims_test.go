package reconcile_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// written is claims as text: type scope=value/tier, sorted. The week of an address is written as the days
// on which the thing was there, with those on which it was nearby in parentheses.
func written(claims []reconcile.Claim) []string {
	var out []string
	for _, c := range claims {
		scope := c.Scope
		if place, week, ok := strings.Cut(c.Scope, "@"); ok {
			n, _ := strconv.Atoi(week)
			scope = place + "@"
			for d := range 14 {
				if c.Days>>d&1 != 0 {
					day := time.Unix(int64(n*7+d%7)*86400, 0).UTC().Format("01-02")
					scope += map[bool]string{true: day, false: "(" + day + ")"}[d < 7]
				}
			}
		}
		out = append(out, fmt.Sprintf("%s %s=%s/%d", c.Type, scope, c.Value, c.Tier))
	}
	slices.Sort(out)
	return out
}

func TestRead(t *testing.T) {
	id := func(t inventory.IdentifierType, value string) inventory.Identifier {
		return inventory.Identifier{Type: t, Value: value}
	}
	const agent = "5f0c9f6e-3b55-4d0e-9a58-1f2f0c6d9e01"
	for _, c := range []struct {
		name        string
		seen        seen
		claims      string
		role        inventory.Role
		incarnation string
	}{
		{"laptop", see(inventory.KindAgent, agent, "hq", "", on(0),
			&inventory.Device{Name: "LT-0001", Domain: "corp.example", Serial: "5CG1234XYZ", Vendor: "HP", Identifiers: []inventory.Identifier{
				id(inventory.IDSMBIOS, "095E9EBF-6DD2-4139-A64A-6CB64D4B47E4"), {Type: inventory.IDSerial, Value: "BOARD-77A1", Part: inventory.PartBoard}}},
			inventory.Interfaces{
				{Name: "eth0", MAC: "8C-16-45-00-11-22", Type: inventory.IfEthernet, Addresses: cards(nil, "10.1.0.5")[0].Addresses},
				{Name: "wlan0", MAC: "da:a1:19:00:00:01", PermanentMAC: "34:f3:9a:00:00:01", Type: inventory.IfWiFi},
				{Name: "docker0", MAC: "02:42:ac:11:00:01", Type: inventory.IfBridge, Addresses: cards(nil, "172.17.0.1")[0].Addresses},
				{Name: "vEthernet (Default Switch)", MAC: "00:15:5d:01:0a:00", Type: inventory.IfEthernet},
				{Name: "Ethernet 3", MAC: "00:05:9a:3c:7a:00", Type: inventory.IfEthernet},
				{Name: "lo", Type: inventory.IfLoopback, Addresses: cards(nil, "127.0.0.1")[0].Addresses}},
			inventory.Disks{{Serial: "PHLN96731CB3R"}, {Serial: "STICK4711X", Bus: "usb"}}),
			`address site:hq@03-02=10.1.0.5/8
			agent =` + agent + `/4
			disk_serial =PHLN96731CB3R/6
			mac =34:f3:9a:00:00:01/5
			mac =8c:16:45:00:11:22/5
			mac site:hq=34:f3:9a:00:00:01/6
			mac site:hq=8c:16:45:00:11:22/6
			mac site:hq=da:a1:19:00:00:01/6
			name =lt-0001/7
			name corp.example=lt-0001/7
			role =host/10
			serial =5CG1234XYZ/2
			serial maker:hp=5CG1234XYZ/2
			smbios_uuid =095e9ebf-6dd2-4139-a64a-6cb64d4b47e4/3`, inventory.RoleHost, "serial:5CG1234XYZ"},
		{"VMware's serial number is the UUID", see(inventory.KindAgent, agent, "", "", on(0),
			&inventory.Device{Serial: "VMware-a3 03 47 09 00 27 4c 7b-a2 08 13 f1 94 17 1a ea", Vendor: "VMware, Inc."}, cards([]string{"00:50:56:c8:e1:84"})),
			`agent =` + agent + `/4
			mac =00:50:56:c8:e1:84/5
			platform =vmware/10
			role =host/10
			smbios_uuid =094703a3-2700-7b4c-a208-13f194171aea/3`, inventory.RoleHost, "uuid:094703a3-2700-7b4c-a208-13f194171aea/00:50:56:c8:e1:84"},
		{"instance id on the board", see(inventory.KindAgent, agent, "", "", on(0),
			&inventory.Device{Vendor: "Amazon EC2", Identifiers: []inventory.Identifier{id(inventory.IDAssetTag, "i-08e80513f903724e6")}},
			inventory.Interfaces{{Name: "ens5", MAC: "02:4f:1c:fb:db:0a", Type: inventory.IfEthernet}}),
			`agent =` + agent + `/4
			cloud_instance aws=i-08e80513f903724e6/0
			mac cloud=02:4f:1c:fb:db:0a/5
			platform =amazon/10
			role =host/10`, inventory.RoleHost, "cloud_instance:i-08e80513f903724e6"},
		{"Azure's id is the UUID", see(inventory.KindAzure, "azure:1", "vnet-2", "x", on(0),
			&inventory.Device{Name: "label", Identifiers: []inventory.Identifier{{Type: inventory.IDCloudInstance, Scope: "azure", Value: "0D568898-F259-4ADD-B1E7-A9E334CA4FE8"}}}),
			`cloud_instance azure=0d568898-f259-4add-b1e7-a9e334ca4fe8/0
			role =host/10
			smbios_uuid =0d568898-f259-4add-b1e7-a9e334ca4fe8/3`, inventory.RoleHost, "cloud_instance:0d568898-f259-4add-b1e7-a9e334ca4fe8"},
		{"container", see(inventory.KindAgent, agent, "hq", "", on(0),
			&inventory.Device{Name: "web", Serial: "5CG1234XYZ", Identifiers: []inventory.Identifier{id(inventory.IDContainer, "3f4e5d6c7b8a"),
				id(inventory.IDSMBIOS, "095e9ebf-6dd2-4139-a64a-6cb64d4b47e4"), id(inventory.IDMachine, "5da840c64282ad99e0130ddfc0b7d852")}}),
			`agent =` + agent + `/4
			container =3f4e5d6c7b8a/0
			role =container/10`, inventory.RoleContainer, "container:3f4e5d6c7b8a"},
		{"controller", see(inventory.KindScanner, "scan", "hq", "x", on(0), &inventory.Device{Description: "HP iLO 5", Serial: "5CG1234XYZ"}),
			`role =bmc/10
			serial bmc=5CG1234XYZ/2`, inventory.RoleBMC, "serial:5CG1234XYZ"},
		{"virtual router", see(inventory.KindScanner, "scan", "hq", "x", on(0), &inventory.Device{}, cards([]string{"00:00:0c:07:ac:0a"}, "10.1.0.1")),
			`address site:hq@03-02=10.1.0.1/8
			mac site:hq=00:00:0c:07:ac:0a/6
			role =virtual_address/10`, inventory.RoleVirtualAddress, ""},
		{"address that answers", see(inventory.KindScanner, "probe", "hq", "ip:10.1.0.5", on(0), &inventory.Device{Name: "srv0001.corp.example"}, cards(nil, "10.1.0.5")),
			`address site:hq@03-02(03-01)(03-03)=10.1.0.5/8
			name site:hq/10.1.0.5=srv0001/8`, "", "2026-03-02"},
		{"on the last day of a week", see(inventory.KindScanner, "probe", "hq", "ip:10.1.0.5", on(2), &inventory.Device{}, cards(nil, "10.1.0.5")),
			`address site:hq@03-04(03-03)=10.1.0.5/8
			address site:hq@(03-05)=10.1.0.5/9`, "", "2026-03-04"},
		{"on the first day of a week", see(inventory.KindScanner, "probe", "hq", "ip:10.1.0.5", on(3), &inventory.Device{}, cards(nil, "10.1.0.5")),
			`address site:hq@(03-04)=10.1.0.5/9
			address site:hq@03-05(03-06)=10.1.0.5/8`, "", "2026-03-05"},
		{"public address", see(inventory.KindScanner, "probe", "hq", "ip:2001:db8::1", on(0), &inventory.Device{}, inventory.Interfaces{{Addresses: cards(nil, "3.120.1.1")[0].Addresses}}),
			`address internet@03-02(03-01)(03-03)=3.120.1.1/8`, "", "2026-03-02"},
		{"row of a directory", see(inventory.KindImport, "import:ad", "", "x", on(0), &inventory.Device{Name: "a-name-that-is-longer.corp.example",
			Identifiers: []inventory.Identifier{id(inventory.IDDirectory, "{8F0317EB-F04A-4607-B7E6-85DEC6DC50D6}")}}),
			`directory =8f0317eb-f04a-4607-b7e6-85dec6dc50d6/1
			name =a-name-that-is-/7
			name =a-name-that-is-longer/7
			name corp.example=a-name-that-is-/7
			name corp.example=a-name-that-is-longer/7`, "", ""},
		{"nothing but placeholders", see(inventory.KindImport, "import:csv", "", "x", on(0), &inventory.Device{Name: "localhost", Serial: "To be filled by O.E.M.", Vendor: "Reseller",
			Identifiers: []inventory.Identifier{id(inventory.IDSMBIOS, "00000000-0000-0000-0000-000000000000"), id(inventory.IDMachine, "uninitialized")}}), "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := reconcile.Read(c.seen.source, c.seen.at, c.seen.bodies)
			var want []string
			for l := range strings.Lines(c.claims) {
				want = append(want, strings.TrimSpace(l))
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, written(got.Claims)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if got.Role != c.role || got.Incarnation != c.incarnation {
				t.Errorf("role %q, incarnation %q; want %q, %q", got.Role, got.Incarnation, c.role, c.incarnation)
			}
		})
	}
}

func TestAccumulate(t *testing.T) {
	key := reconcile.Key{Type: reconcile.TypeDisk, Value: "PHLN96731CB3R"}
	first, changed := reconcile.Accumulate(nil, []reconcile.Claim{{Key: key, Tier: 6, First: reconcile.DayOf(on(3)), Last: reconcile.DayOf(on(3))}})
	if len(first) != 1 || len(changed) != 1 {
		t.Fatalf("first: %v, changed %v", first, changed)
	}
	if again, changed := reconcile.Accumulate(first, first); len(again) != 1 || len(changed) != 0 {
		t.Errorf("the same again: %v, changed %v", again, changed)
	}
	late, changed := reconcile.Accumulate(first, []reconcile.Claim{{Key: key, Tier: 6, First: reconcile.DayOf(on(1)), Last: reconcile.DayOf(on(1))}})
	want := []reconcile.Claim{{Key: key, Tier: 6, First: reconcile.DayOf(on(1)), Last: reconcile.DayOf(on(3))}}
	if diff := cmp.Diff(want, late); diff != "" || len(changed) != 1 {
		t.Errorf("an earlier day (-want +got), %d changed:\n%s", len(changed), diff)
	}
	if diff := cmp.Diff(reconcile.DayOf(on(3)), first[0].First); diff != "" {
		t.Errorf("what was handed in has changed:\n%s", diff)
	}
}

// FuzzRead: whatever a source says, reading it ends, is bounded and the same each time.
func FuzzRead(f *testing.F) {
	f.Add("agent", "LT-0001", "corp.example", "5CG1234XYZ", "095e9ebf-6dd2-4139-a64a-6cb64d4b47e4", "8c:16:45:00:11:22", "iLO 5")
	f.Add("scanner", "x.local", "", "VMware-56", "{}", "0000.5e00.0101", "")
	f.Fuzz(func(t *testing.T, kind, name, domain, serial, uuid, mac, model string) {
		s := see(inventory.SourceKind(kind), "source", "hq", "", on(0), &inventory.Device{Name: name, Domain: domain, Serial: serial, Model: model, Vendor: name,
			Identifiers: []inventory.Identifier{{Type: inventory.IDSMBIOS, Value: uuid}, {Type: inventory.IDMachine, Value: uuid}, {Type: inventory.IDMAC, Value: mac},
				{Type: inventory.IDSNMPEngine, Value: uuid}, {Type: inventory.IDCloudInstance, Scope: "azure", Value: uuid}, {Type: inventory.IDAssetTag, Value: serial}}},
			inventory.Interfaces{{Name: name, MAC: mac, PermanentMAC: serial, Type: inventory.IfEthernet}}, inventory.Disks{{Serial: serial}})
		a, b := reconcile.Read(s.source, s.at, s.bodies), reconcile.Read(s.source, s.at, s.bodies)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("read twice:\n%s", diff)
		}
		for _, c := range a.Claims {
			if c.Value == "" || len(c.Value) > 1024 {
				t.Errorf("claim %v", c)
			}
		}
	})
}
