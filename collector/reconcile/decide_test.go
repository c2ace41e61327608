package reconcile_test

import (
	"fmt"
	"testing"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// Each case is observations in any order and how they group: one letter each, equal
// letters are one asset.
func TestDecide(t *testing.T) {
	e := machine{agent: "5f0c9f6e-3b55-4d0e-9a58-1f2f0c6d9e01", serial: "5CG1234XYZ", uuid: "095e9ebf-6dd2-4139-a64a-6cb64d4b47e4",
		machine: "5da840c64282ad99e0130ddfc0b7d852", name: "lt-0001", domain: "corp.example", site: "hq", maker: "HP",
		macs: []string{"8c:16:45:00:11:22"}, disks: []string{"PHLN96731CB3R"}}
	other := machine{agent: "7d1c9f6e-3b55-4d0e-9a58-1f2f0c6d9e02", serial: "5CG9876ABC", uuid: "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
		machine: "0f1e2d3c4b5a69788796a5b4c3d2e1f0", name: "lt-0002", domain: "corp.example", site: "hq", maker: "HP",
		macs: []string{"8c:16:45:33:44:55"}, disks: []string{"S5GXG7WR2WK5M"}}
	with := func(m machine, change func(*machine)) machine {
		change(&m)
		return m
	}
	bmc := see(inventory.KindScanner, "scan", "hq", "mac:4c:d9:8f:51:e6:80", on(0), &inventory.Device{Name: "idrac-5cg1234xyz", Description: "Dell iDRAC9",
		Identifiers: []inventory.Identifier{{Type: inventory.IDSerial, Value: e.serial}}}, cards([]string{"4c:d9:8f:51:e6:80"}, "10.1.0.9"))
	snmp := func(serials []string, macs ...string) seen {
		d := &inventory.Device{Description: "a device"}
		for _, s := range serials {
			d.Identifiers = append(d.Identifiers, inventory.Identifier{Type: inventory.IDSerial, Value: s, Part: inventory.PartStack})
		}
		return see(inventory.KindScanner, "scan", "hq", "mac:"+macs[0], on(0), d, cards(macs))
	}
	hypervisor := func(instance, uuid, mac string) seen {
		return see(inventory.KindImport, "import:vcenter", "", instance, on(0), &inventory.Device{Role: inventory.RoleHost, Identifiers: []inventory.Identifier{
			{Type: inventory.IDVMInstance, Value: instance}, {Type: inventory.IDSMBIOS, Value: uuid}}}, cards([]string{mac}))
	}
	vm := func(m machine, mac string, day int) seen {
		m.maker, m.macs, m.disks = "VMware, Inc.", []string{mac}, nil
		return m.report(day)
	}
	const vmUUID, vm1, vm2, card1, card2 = "a3034709-0027-4c7b-a208-13f194171aea", "fae8cb9b-aafe-4fa9-b560-9c76ce1984b0", "5d243159-535d-4b93-b011-9e28ca2e3bfe", "00:50:56:f9:cb:2c", "00:50:56:05:72:d4"
	instance := func(id, mac, ip string, day int) seen {
		return see(inventory.KindAWS, "aws:1", "vpc-1", id, on(day), &inventory.Device{Identifiers: []inventory.Identifier{{Type: inventory.IDCloudInstance, Scope: "aws", Value: id}}}, cards([]string{mac}, ip))
	}
	inCloud := func(m machine, id, mac string) seen {
		s := m.report(3)
		s.bodies[inventory.SectionDevice] = &inventory.Device{Name: m.name, Identifiers: []inventory.Identifier{{Type: inventory.IDAssetTag, Value: id}, {Type: inventory.IDMachine, Value: m.machine}}}
		s.bodies[inventory.SectionInterfaces] = cards([]string{mac})
		return s
	}
	container := func(m machine, id string) seen {
		s := m.report(0)
		d := *s.bodies[inventory.SectionDevice].(*inventory.Device)
		d.Identifiers = append(d.Identifiers, inventory.Identifier{Type: inventory.IDContainer, Value: id})
		s.source.ID, s.bodies[inventory.SectionDevice] = "c0c9f6e-"+id, &d
		return s
	}

	for _, c := range []struct {
		name string
		seen []seen
		want string
	}{
		{"an agent, a sweep, a delivery note and a directory are one", []seen{
			e.report(0), sweep("hq", e.macs[0], "10.1.0.5", 0), delivered(" 5cg1234xyz ", 1), directory(vm1, "LT-0001.corp.example", 1)}, "aaaa"},
		{"the same name elsewhere is another machine", []seen{e.report(0), with(other, func(m *machine) { m.name = e.name; m.domain = "branch.example" }).report(0),
			directory(vm1, "lt-0001.corp.example", 1)}, "aba"},
		{"a shared dock joins nothing", []seen{e.report(0, "00:e0:4c:71:75:5a"), other.report(1, "00:e0:4c:71:75:5a"), sweep("hq", "00:e0:4c:71:75:5a", "10.1.0.7", 0)}, "abc"},
		{"an adapter that goes round is one thing", []seen{e.report(0, "00:e0:4c:71:75:5a"), other.report(1, "00:e0:4c:71:75:5a"),
			sweep("hq", "00:e0:4c:71:75:5a", "10.1.0.7", 0), sweep("br", "00:e0:4c:71:75:5a", "10.2.0.7", 3), with(other, func(m *machine) { m.site = "br" }).report(3, "00:e0:4c:71:75:5a")}, "abbbb"},
		{"installed anew", []seen{e.report(0), with(e, func(m *machine) { m.agent, m.machine, m.name = other.agent, other.machine, "new" }).report(3)}, "aa"},
		{"a replacement under the old name", []seen{e.report(0), with(other, func(m *machine) { m.name = e.name }).report(5)}, "ab"},
		{"the account follows the name", []seen{e.report(0), with(other, func(m *machine) { m.name = e.name }).report(5), directory(vm1, "lt-0001.corp.example", 0), directory(vm1, "lt-0001.corp.example", 6)}, "abbb"},
		{"placeholders join nothing", []seen{
			with(e, func(m *machine) { m.serial, m.uuid = "Default string", "03000200-0400-0500-0006-000700080009" }).report(0),
			with(other, func(m *machine) { m.serial, m.uuid = "Default string", "03000200-0400-0500-0006-000700080009" }).report(0)}, "ab"},
		{"a placeholder that no list knows joins nothing", []seen{
			with(e, func(m *machine) { m.serial = "FACTORY-17" }).report(0), with(e, func(m *machine) { m.serial = "FACTORY-17" }).report(2),
			with(other, func(m *machine) { m.serial = "FACTORY-17" }).report(0), with(other, func(m *machine) { m.serial = "FACTORY-17" }).report(2)}, "aabb"},
		{"one agent id from an image on two machines", []seen{e.report(0), e.report(2), with(other, func(m *machine) { m.agent, m.machine = e.agent, e.machine }).report(1)}, "aab"},
		{"a new board, serial number not written", []seen{e.report(0), with(e, func(m *machine) { m.uuid, m.serial = other.uuid, "System Serial Number" }).report(4), sweep("hq", e.macs[0], "10.1.0.5", 5)}, "aaa"},
		{"a new board with a number of its own", []seen{e.report(0), delivered(e.serial, 0), with(e, func(m *machine) { m.uuid, m.serial = other.uuid, other.serial }).report(4), delivered(other.serial, 5)}, "aaaa"},
		{"a disk that moved is no new board", []seen{e.report(0), with(other, func(m *machine) { m.disks = e.disks }).report(4)}, "ab"},
		{"for once no serial number", []seen{e.report(0), with(e, func(m *machine) { m.serial, m.uuid = "-1", "" }).report(1), e.report(2)}, "aaa"},
		{"UUID in the other byte order", []seen{e.report(0), see(inventory.KindImport, "import:sccm", "", "x", on(1), &inventory.Device{
			Identifiers: []inventory.Identifier{{Type: inventory.IDSMBIOS, Value: "BF9E5E09-D26D-3941-A64A-6CB64D4B47E4"}}})}, "aa"},
		{"a management controller and its chassis", []seen{e.report(0), bmc, delivered(e.serial, 0)}, "aba"},
		{"a container sees its host's firmware", []seen{e.report(0), container(e, "3f4e5d6c7b8a"), container(e, "9a8b7c6d5e4f"), delivered(e.serial, 0)}, "abca"},
		{"copies of a virtual machine", []seen{
			hypervisor(vm1, vmUUID, card1), hypervisor(vm2, vmUUID, card2),
			vm(with(e, func(m *machine) { m.uuid, m.serial = vmUUID, "VMware-a3 03 47 09 00 27 4c 7b-a2 08 13 f1 94 17 1a ea" }), card1, 0),
			vm(with(e, func(m *machine) { m.uuid, m.serial = vmUUID, "VMware-a3 03 47 09 00 27 4c 7b-a2 08 13 f1 94 17 1a ea" }), card1, 3),
			vm(with(e, func(m *machine) { m.uuid, m.serial = vmUUID, "VMware-a3 03 47 09 00 27 4c 7b-a2 08 13 f1 94 17 1a ea" }), card2, 1)}, "abaab"},
		{"a virtual machine with a new card", []seen{
			vm(with(e, func(m *machine) { m.uuid, m.serial = vmUUID, "" }), card1, 0), vm(with(e, func(m *machine) { m.uuid, m.serial = vmUUID, "" }), card2, 4)}, "aa"},
		{"an exported twin at another site", []seen{
			with(e, func(m *machine) { m.macs = []string{"00:15:5d:e5:c9:1f"} }).report(0), with(e, func(m *machine) { m.macs = []string{"00:15:5d:e5:c9:1f"} }).report(3),
			with(other, func(m *machine) { m.serial, m.macs, m.site = e.serial, []string{"00:15:5d:e5:c9:1f"}, "br" }).report(1), with(other, func(m *machine) { m.serial, m.macs, m.site = e.serial, []string{"00:15:5d:e5:c9:1f"}, "br" }).report(2),
			sweep("hq", "00:15:5d:e5:c9:1f", "10.1.0.5", 1), sweep("br", "00:15:5d:e5:c9:1f", "10.2.0.5", 1)}, "aabbab"},
		{"nodes of one chassis report its number", []seen{e.report(0), e.report(4), with(other, func(m *machine) { m.serial = e.serial }).report(1), with(other, func(m *machine) { m.serial = e.serial }).report(3)}, "aabb"},
		{"a virtual machine that shows its host's number", []seen{e.report(0), e.report(4), delivered(e.serial, 0),
			with(other, func(m *machine) { m.serial, m.maker = e.serial, "QEMU" }).report(1), with(other, func(m *machine) { m.serial, m.maker = e.serial, "QEMU" }).report(3)}, "aaabb"},
		{"a stack has the numbers of its members", []seen{snmp([]string{"FCW2140L0AA", "FCW2140L0BB"}, "00:1b:54:00:00:01"), delivered("FCW2140L0AA", 0), delivered("FCW2140L0BB", 0)}, "aaa"},
		{"printers behind one print server", []seen{snmp([]string{"CNZC83FZ27"}, "9c:b6:54:00:00:01"), snmp([]string{"CNC42S7QXZ"}, "9c:b6:54:00:00:01"), sweep("hq", "9c:b6:54:00:00:01", "10.1.0.8", 0)}, "abc"},
		{"a virtual router belongs to none of its routers, nor to another site's", []seen{
			snmp([]string{"JN87BTXSFHJ6"}, "2c:6b:f5:4c:cf:5e", "00:00:5e:00:01:01"), snmp([]string{"JN6X8C5NWH1B"}, "2c:6b:f5:b4:75:50", "00:00:5e:00:01:01"),
			sweep("hq", "00:00:5e:00:01:01", "10.1.0.1", 0), sweep("br", "00:00:5e:00:01:01", "10.2.0.1", 0)}, "abcd"},
		{"a successor under an instance's name and address", []seen{
			instance("i-08e80513f903724e6", "02:4f:1c:fb:db:0a", "10.0.0.4", 0), instance("i-0d923308927f89d84", "06:9e:21:c4:1d:e3", "10.0.0.4", 3),
			inCloud(e, "i-0d923308927f89d84", "06:9e:21:c4:1d:e3")}, "abb"},
		{"a phone that changes its address", []seen{announced("hq", "da:a1:19:00:00:01", "Xenas-iPhone-a1c", "10.1.9.1", 0), announced("hq", "da:a1:19:00:00:02", "Xenas-iPhone-a1c", "10.1.9.2", 1),
			sweep("hq", "da:a1:19:00:00:02", "10.1.9.2", 1)}, "aaa"},
		{"phones that are called what all are called", []seen{announced("hq", "da:a1:19:00:00:01", "iPhone", "10.1.9.1", 0), announced("hq", "da:a1:19:00:00:02", "iPhone", "10.1.9.2", 1)}, "ab"},
		{"an address that answers is who has it", []seen{sweep("hq", e.macs[0], "10.1.0.5", 0), answering("hq", "10.1.0.5", "", "", 0), answering("hq", "10.1.0.5", "", "", 1)}, "aaa"},
		{"an address that two had that day is nobody's", []seen{sweep("hq", e.macs[0], "10.1.0.5", 0), sweep("hq", other.macs[0], "10.1.0.5", 0), answering("hq", "10.1.0.5", "", "", 0)}, "abc"},
		{"one address in two sites", []seen{sweep("hq", e.macs[0], "10.1.0.5", 0), sweep("br", other.macs[0], "10.1.0.5", 0), answering("br", "10.1.0.5", "", "", 0)}, "abb"},
		{"an address without an owner, day after day", []seen{answering("hq", "10.1.0.5", "", "", 0), answering("hq", "10.1.0.5", "", "", 1), answering("hq", "10.1.0.5", "", "", 9)}, "aab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			back := make([]int, len(c.seen))
			for i := range back {
				back[i] = len(back) - 1 - i
			}
			for _, order := range [][]int{inOrder(len(c.seen)), back} {
				groups := partition(t, order, c.seen)
				letters, got := map[int]byte{}, ""
				for _, g := range groups {
					if _, ok := letters[g]; !ok {
						letters[g] = 'a' + byte(len(letters))
					}
					got += string(letters[g])
				}
				if got != c.want {
					t.Errorf("in order %v: %s, want %s", order, got, c.want)
				}
			}
		})
	}
}

// A merge is undone by later evidence, and everybody has the former id again.
func TestSplitRestores(t *testing.T) {
	w := newWorld(t)
	a := w.take(sweep("hq", "8c:16:45:00:11:22", "10.1.0.5", 0))
	b := w.take(sweep("br", "8c:16:45:00:11:22", "10.2.0.5", 0))
	if w.assets[a] != a || w.assets[b] != a {
		t.Fatalf("one address at two sites: assets %d and %d, want %d", w.assets[a], w.assets[b], a)
	}
	for d := 1; d < 4; d++ {
		w.take(sweep("hq", "8c:16:45:00:11:22", "10.1.0.5", d))
		w.take(sweep("br", "8c:16:45:00:11:22", "10.2.0.5", d))
	}
	if w.assets[a] != a || w.assets[b] != b {
		t.Errorf("after days at both sites: assets %d and %d, want %d and %d", w.assets[a], w.assets[b], a, b)
	}
	w.checkRebuild()
}

// A value that more records carry than one thing has joins nothing, also afterwards.
func TestTooManyHolders(t *testing.T) {
	w := newWorld(t)
	for i := range 80 {
		w.take(see(inventory.KindScanner, "scan", fmt.Sprintf("site%d", i), "mac:8c:16:45:00:11:22", on(0), &inventory.Device{}, cards([]string{"8c:16:45:00:11:22"})))
		w.checkRebuild()
	}
	assets := map[int64]bool{}
	for _, a := range w.assets {
		assets[a] = true
	}
	if len(assets) != 80 {
		t.Errorf("80 sightings of one address are %d assets, want 80", len(assets))
	}
	if res := reconcile.Decide(w.records, nil); len(res.Demotions) == 0 {
		t.Error("no word on the address that joins nothing")
	}
}
