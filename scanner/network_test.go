package scanner_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/snmp"
)

// controller is a device that manages access points, each "name mac address".
func controller(name string, points ...[3]string) *snmp.Facts {
	f := device(name, "8000aa0c", "eth0 "+macA+" 10.1.0.1/24")
	for _, p := range points {
		a := snmp.AccessPoint{Name: p[0], Vendor: "Example", Model: "AP-9", Serial: "SN" + p[0]}
		if p[1] != "" {
			a.MAC = scanner.MustMAC(p[1])
		}
		if p[2] != "" {
			a.Address = netip.MustParseAddr(p[2])
		}
		f.Wireless.AccessPoints = append(f.Wireless.AccessPoints, a)
	}
	return f
}

// Access points that a controller manages are devices of their own: those that answered stay the
// ones they are, and what must not be scanned is not reported.
func TestManagedAccessPoints(t *testing.T) {
	denied := netip.MustParseAddr("10.1.0.66")
	p, err := plan(t, host(), scanner.Job{Targets: []string{"10.1.0.0/24"}}, scanner.Set{}, scanner.NewSet(scanner.Range{From: denied, To: denied}))
	if err != nil {
		t.Fatal(err)
	}
	devices, _, err := scanner.Merge(p, []scanner.Sighting{
		{"10.1.0.1", macA, "eth0", "arp"}, {"10.1.0.31", macB, "eth0", "arp"}, {"10.1.0.32", "", "", "icmp"}, {"10.1.0.33", macC, "eth0", "arp"},
	}, map[string]*snmp.Facts{"10.1.0.1": controller("wlc1",
		[3]string{"by-mac", macB, "10.1.0.31"}, [3]string{"by-address", "00:3a:98:00:00:02", "10.1.0.32"},
		[3]string{"replaced", "00:3a:98:00:00:03", "10.1.0.33"}, // its address is now somebody else's
		[3]string{"silent", "00:3a:98:00:00:04", "10.9.0.4"}, [3]string{"no-mac", "", "10.9.0.5"}, [3]string{"denied", "00:3a:98:00:00:06", "10.1.0.66"},
	)})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"[10.1.0.1] [00:1a:a1:00:00:01] [arp snmp]",
		"[10.1.0.31] [00:1a:a1:00:00:02] [arp table of wlc1]",
		"[10.1.0.32] [00:3a:98:00:00:02] [icmp table of wlc1]",
		"[10.1.0.33] [00:14:22:10:00:10] [arp]",
		"[10.1.0.33] [00:3a:98:00:00:03] [table of wlc1]",
		"[10.9.0.4] [00:3a:98:00:00:04] [table of wlc1]",
		"[10.9.0.5] [] [table of wlc1]",
	}
	if d := cmp.Diff(want, summary(devices)); d != "" {
		t.Error(d)
	}
	o := scanner.Observations(&scanner.Result{Devices: devices, Complete: true})
	dev, ok := o[5].Sections[0].Body.(*inventory.Device)
	if !ok || dev.Name != "silent" || dev.Class != inventory.ClassAccessPoint || dev.Vendor != "Example" || dev.Serial != "SNsilent" || o[5].NativeKey != "mac:00:3a:98:00:00:04" {
		t.Errorf("%s: %+v", o[5].NativeKey, dev)
	}
}

// What could not be read removes nothing: a list that broke off is partial, and of one that was not
// looked for nothing is said.
func TestNetworkSectionsKeepState(t *testing.T) {
	f := switchFacts()
	f.Sections[snmp.SectionVLANs] = snmp.State{Reason: "no answer"}
	delete(f.Sections, snmp.SectionMeters)
	f.VLANs = nil
	o := scanner.Observations(&scanner.Result{Complete: true, Devices: []*scanner.Device{{Facts: f, Addresses: []netip.Addr{netip.MustParseAddr("10.1.0.2")}}}})
	got := map[inventory.SectionName]inventory.Status{}
	for _, s := range o[0].Sections {
		got[s.Name] = s.Status
	}
	for name, status := range map[inventory.SectionName]inventory.Status{
		inventory.SectionVLANs: inventory.StatusPartial, inventory.SectionInterfaces: inventory.StatusPartial, inventory.SectionMeters: "",
		inventory.SectionRedundancy: inventory.StatusOK, inventory.SectionNeighbours: inventory.StatusOK,
		inventory.SectionSoftware: inventory.StatusPartial, inventory.SectionHardware: inventory.StatusOK,
	} {
		if got[name] != status {
			t.Errorf("%s: %q, want %q", name, got[name], status)
		}
	}
}
