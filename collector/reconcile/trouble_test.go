package reconcile_test

import (
	"slices"
	"testing"

	"github.com/muster-itam/muster/internal/inventory"
)

// polled is a device that answers to SNMP with its serial number and cards.
func polled(site, serial, engine, ip string, day int, macs ...string) seen {
	d := &inventory.Device{Description: "a device"}
	if serial != "" {
		d.Identifiers = append(d.Identifiers, inventory.Identifier{Type: inventory.IDSerial, Value: serial, Part: inventory.PartSystem})
	}
	if engine != "" {
		d.Identifiers = append(d.Identifiers, inventory.Identifier{Type: inventory.IDSNMPEngine, Value: engine})
	}
	return see(inventory.KindScanner, "scan", site, "mac:"+macs[0], on(day), d, cards(macs, ip))
}

// guest is a virtual machine as its hypervisor's manager lists it.
func guest(instance, uuid, mac string, day int) seen {
	return see(inventory.KindImport, "import:vcenter", "", instance, on(day), &inventory.Device{Role: inventory.RoleHost, Class: inventory.ClassVM,
		Identifiers: []inventory.Identifier{{Type: inventory.IDVMInstance, Value: instance}, {Type: inventory.IDSMBIOS, Value: uuid}}}, cards([]string{mac}))
}

func alter(m machine, change func(*machine)) machine {
	m.macs, m.disks = slices.Clone(m.macs), slices.Clone(m.disks)
	change(&m)
	return m
}

// Trouble that real networks make, each by what is true of it.
func TestTrouble(t *testing.T) {
	a := machine{agent: "5f0c9f6e-3b55-4d0e-9a58-1f2f0c6d9e01", serial: "5CG1234XYZ", uuid: "095e9ebf-6dd2-4139-a64a-6cb64d4b47e4",
		machine: "5da840c64282ad99e0130ddfc0b7d852", name: "lt-0001", domain: "corp.example", site: "hq", maker: "HP",
		macs: []string{"8c:16:45:00:11:22", "8c:16:45:00:11:23"}, disks: []string{"PHLN96731CB3R"}}
	b := machine{agent: "7d1c9f6e-3b55-4d0e-9a58-1f2f0c6d9e02", serial: "5CG9876ABC", uuid: "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
		machine: "0f1e2d3c4b5a69788796a5b4c3d2e1f0", name: "lt-0002", domain: "corp.example", site: "hq", maker: "HP",
		macs: []string{"8c:16:45:33:44:55", "8c:16:45:33:44:56"}, disks: []string{"S5GXG7WR2WK5M"}}
	box, box2 := plain(0), plain(1)
	const dock1, dock2, uuid2 = "00:e0:4c:71:75:5a", "00:e0:4c:80:12:34", "fae8cb9b-aafe-4fa9-b560-9c76ce1984b0"
	const account, account2 = "8f0317eb-f04a-4607-b7e6-85dec6dc50d6", "3e9ab5b6-5a0e-4d8a-8f63-1a5b9f3f4c11"
	const vm1, vm2, vm3 = "50294bb4-9d1a-4c58-9f55-8c4d0a5b6e11", "5d243159-535d-4b93-b011-9e28ca2e3bfe", "6fc1f1e2-8a45-4b0f-a35c-5f0b27aa1d0c"
	vm := func(m machine, maker, uuid, mac string) machine {
		return alter(m, func(m *machine) {
			m.maker, m.serial, m.uuid, m.macs, m.disks = maker, "", uuid, []string{mac}, nil
		})
	}
	renumbered := func(m machine, serial, uuid string, macs ...string) machine {
		return alter(m, func(m *machine) { m.serial, m.uuid, m.macs = serial, uuid, macs })
	}
	container := func(m machine, id string) seen {
		s := m.report(0)
		d := *s.bodies[inventory.SectionDevice].(*inventory.Device)
		d.Identifiers = append(slices.Clone(d.Identifiers), inventory.Identifier{Type: inventory.IDContainer, Value: id})
		s.bodies[inventory.SectionDevice] = &d
		return s
	}
	onUSB := func(m machine, day int, mac string) seen {
		s := m.report(day)
		s.bodies[inventory.SectionInterfaces] = append(cards(m.macs), inventory.Interface{MAC: mac, Type: inventory.IfUSB})
		return s
	}
	crowd := func(mac string, n, day int) []seen {
		var out []seen
		for i := range n {
			out = append(out, sweep("hq", mac, "10.1.5."+string(rune('1'+i%9))+string(rune('0'+i/9)), day))
		}
		return out
	}

	check(t, []caseOf{
		{"two docks in a chain", "one laptop at the end of both, others at one each: docks are nobody's",
			[]seen{a.report(0, dock1, dock2), a.report(3, dock1, dock2), b.report(1, dock1), b.report(4, dock2), sweep("hq", dock1, "10.1.0.7", 0), sweep("hq", dock2, "10.1.0.8", 1)}, "aabbcd"},
		{"the card of a KVM switch", "it shows the same USB card to every server, at once, and they have no numbers of their own",
			[]seen{box.report(0, dock1), box.report(3, dock1), box2.report(1, dock1), box2.report(4, dock1)}, "aabb"},
		{"moved to another maker's hypervisor", "new UUID and card, but the agent, the system and the name go on and the old one is not seen again",
			[]seen{vm(a, "VMware, Inc.", a.uuid, "00:50:56:f9:cb:2c").report(0), vm(a, "VMware, Inc.", a.uuid, "00:50:56:f9:cb:2c").report(5), vm(a, "QEMU", uuid2, "52:54:00:05:72:d4").report(6), vm(a, "QEMU", uuid2, "52:54:00:05:72:d4").report(9)}, "aaaa"},
		{"copied to another maker's hypervisor", "the old one goes on: two machines",
			[]seen{vm(a, "VMware, Inc.", a.uuid, "00:50:56:f9:cb:2c").report(0), vm(a, "VMware, Inc.", a.uuid, "00:50:56:f9:cb:2c").report(8), vm(a, "QEMU", uuid2, "52:54:00:05:72:d4").report(6), vm(a, "QEMU", uuid2, "52:54:00:05:72:d4").report(9)}, "aabb"},
		{"a board repaired, the number written again", "serial number as before, UUID and cards new",
			[]seen{a.report(0), a.report(4), renumbered(a, a.serial, uuid2, "8c:16:45:77:00:01").report(6), delivered(a.serial, 8), sweep("hq", "8c:16:45:77:00:01", "10.1.0.7", 9)}, "aaaaa"},
		{"a disk and its agent put into another laptop, at the same dock", "the chassis is the machine; the adapter tells nothing",
			[]seen{onUSB(a, 0, dock1), onUSB(a, 4, dock1), onUSB(renumbered(a, b.serial, b.uuid, b.macs...), 5, dock1), onUSB(renumbered(a, b.serial, b.uuid, b.macs...), 9, dock1)}, "aabb"},
		{"a service address that fails over", "it is where it is on the day; the nodes stay two",
			[]seen{a.report(0), b.report(0), sweep("hq", a.macs[0], "10.1.0.100", 0), sweep("hq", b.macs[0], "10.1.0.100", 2), answering("hq", "10.1.0.100", "", "", 0), answering("hq", "10.1.0.100", "", "", 2)}, "ababab"},
		{"a card that goes to another server", "its sightings are neither's, the servers are two",
			[]seen{a.report(0, dock1), a.report(5, dock1), b.report(10, dock1), b.report(15, dock1), sweep("hq", dock1, "10.1.0.9", 3), sweep("hq", a.macs[0], "10.1.0.10", 12)}, "aabbca"},
		{"containers of one image", "machine-id, agent id and host's firmware are all the same",
			[]seen{a.report(0), container(a, "3f4e5d6c7b8a"), container(a, "9a8b7c6d5e4f"), a.report(3)}, "abca"},
		{"things made with one serial number", "each polled device lists its own card and they are about together",
			[]seen{polled("hq", "AB12CD34EF", "", "10.1.3.1", 0, "9c:b6:54:00:00:01"), polled("hq", "AB12CD34EF", "", "10.1.3.1", 3, "9c:b6:54:00:00:01"), polled("hq", "AB12CD34EF", "", "10.1.3.2", 1, "9c:b6:54:00:00:02"), polled("hq", "AB12CD34EF", "", "10.1.3.2", 4, "9c:b6:54:00:00:02")}, "aabb"},
		{"things made with one engine id", "as with a serial number",
			[]seen{polled("hq", "", "8000000903aabbccddeeff", "10.1.3.1", 0, "9c:b6:54:00:00:01"), polled("hq", "", "8000000903aabbccddeeff", "10.1.3.1", 3, "9c:b6:54:00:00:01"), polled("hq", "", "8000000903aabbccddeeff", "10.1.3.2", 1, "9c:b6:54:00:00:02"), polled("hq", "", "8000000903aabbccddeeff", "10.1.3.2", 4, "9c:b6:54:00:00:02")}, "aabb"},
		{"a printer with a new card", "the number goes on under another card",
			[]seen{polled("hq", "CNZC83FZ27", "", "10.1.3.1", 0, "9c:b6:54:00:00:01"), polled("hq", "CNZC83FZ27", "", "10.1.3.1", 3, "9c:b6:54:00:00:01"), polled("hq", "CNZC83FZ27", "", "10.1.3.1", 5, "9c:b6:54:00:00:02"), polled("hq", "CNZC83FZ27", "", "10.1.3.1", 9, "9c:b6:54:00:00:02")}, "aaaa"},
		{"a phone with an address for each network", "its name says who it is",
			[]seen{announced("hq", "da:a1:19:00:00:01", "Xenas-iPhone-a1c", "10.1.9.1", 0), announced("br", "da:a1:19:00:00:02", "Xenas-iPhone-a1c", "10.2.9.2", 1), announced("hq", "da:a1:19:00:00:01", "Xenas-iPhone-a1c", "10.1.9.1", 2)}, "aaa"},
		{"the same without a name", "nothing connects the two addresses", []seen{sweep("hq", "da:a1:19:00:00:01", "10.1.9.1", 0), sweep("br", "da:a1:19:00:00:02", "10.2.9.2", 1)}, "ab"},
		{"the old phone and the new one under one name", "both are about day after day", []seen{
			announced("hq", "da:a1:19:00:00:01", "Xenas-iPhone-a1c", "10.1.9.1", 0), announced("hq", "da:a1:19:00:00:02", "Xenas-iPhone-a1c", "10.1.9.2", 0),
			announced("hq", "da:a1:19:00:00:01", "Xenas-iPhone-a1c", "10.1.9.1", 1), announced("hq", "da:a1:19:00:00:02", "Xenas-iPhone-a1c", "10.1.9.2", 1),
			announced("hq", "da:a1:19:00:00:01", "Xenas-iPhone-a1c", "10.1.9.1", 2), announced("hq", "da:a1:19:00:00:02", "Xenas-iPhone-a1c", "10.1.9.2", 2)}, "ababab"},
		{"a renamed domain", "the agent and the account go on", []seen{a.report(0), directory(account, "lt-0001.corp.example", 0),
			alter(a, func(m *machine) { m.domain = "new.example" }).report(9), directory(account, "lt-0001.new.example", 10)}, "aaaa"},
		{"two directories with one name each", "the domain tells them apart", []seen{a.report(0), alter(b, func(m *machine) { m.name, m.domain = a.name, "branch.example" }).report(0),
			directory(account, "lt-0001.corp.example", 1), directory(account2, "lt-0001.branch.example", 1)}, "abab"},
		{"desktops made anew each night from one image", "agent id, machine-id and names come again, the machines do not",
			[]seen{vm(a, "QEMU", a.uuid, "52:54:00:00:01:01").report(0), vm(b, "QEMU", b.uuid, "52:54:00:00:02:01").report(0), vm(a, "QEMU", uuid2, "52:54:00:00:01:02").report(1), vm(b, "QEMU", vm2, "52:54:00:00:02:02").report(1),
				vm(a, "QEMU", vm1, "52:54:00:00:01:03").report(2), vm(b, "QEMU", vm3, "52:54:00:00:02:03").report(2)}, "abcdef"},
		{"the same with their cards used again", "the hypervisor's word keeps them apart",
			[]seen{guest(vm1, a.uuid, "00:50:56:00:01:01", 0), guest(vm2, uuid2, "00:50:56:00:01:01", 1), vm(a, "VMware, Inc.", a.uuid, "00:50:56:00:01:01").report(0), vm(a, "VMware, Inc.", uuid2, "00:50:56:00:01:01").report(1)}, "abab"},
		{"a blade replaced in its chassis", "name and slot are the old one's, the machine is another",
			[]seen{a.report(0), a.report(5), alter(b, func(m *machine) { m.name = a.name }).report(7), delivered(b.serial, 1)}, "aabb"},
		{"two systems on one machine", "each with its own agent, name and machine-id",
			[]seen{a.report(0), alter(a, func(m *machine) { m.agent, m.machine, m.name = b.agent, b.machine, "lt-0001-linux" }).report(1), a.report(2), alter(a, func(m *machine) { m.agent, m.machine, m.name = b.agent, b.machine, "lt-0001-linux" }).report(3)}, "aaaa"},
		{"two systems on a machine without numbers", "they share cards and disk",
			[]seen{box.report(0), alter(box, func(m *machine) { m.agent, m.machine, m.name = b.agent, b.machine, "other" }).report(1), box.report(2), alter(box, func(m *machine) { m.agent, m.machine, m.name = b.agent, b.machine, "other" }).report(3)}, "aaaa"},
		{"a guest that shows its host's firmware", "serial number, maker and model are the host's, the UUID is its own",
			[]seen{a.report(0), a.report(5), alter(b, func(m *machine) { m.serial, m.macs = a.serial, []string{"52:54:00:05:72:d4"} }).report(1), alter(b, func(m *machine) { m.serial, m.macs = a.serial, []string{"52:54:00:05:72:d4"} }).report(4)}, "aabb"},
		{"a pair of firewalls with one shared address", "both list it and have their own numbers",
			[]seen{polled("hq", "013201004411", "", "10.1.0.2", 0, "8c:36:7a:00:00:01", "8c:36:7a:00:99:99"), polled("hq", "013201004422", "", "10.1.0.3", 0, "8c:36:7a:00:00:02", "8c:36:7a:00:99:99"), sweep("hq", "8c:36:7a:00:99:99", "10.1.0.1", 0)}, "abc"},
		{"appliances of one image with one host key", "each answers at its address on the same days",
			[]seen{answering("hq", "10.1.0.5", "", "SHA256:hostkeyhostkey01", 0), answering("hq", "10.1.0.6", "", "SHA256:hostkeyhostkey01", 0), answering("hq", "10.1.0.5", "", "SHA256:hostkeyhostkey01", 1), answering("hq", "10.1.0.6", "", "SHA256:hostkeyhostkey01", 1)}, "abab"},
		{"a number typed wrong", "what only looks alike is not the same", []seen{a.report(0), delivered("5CGI234XYZ", 1)}, "ab"},
		{"one number of two makers", "the delivery note does not say whose it is", []seen{alter(a, func(m *machine) { m.serial = "80417725" }).report(0), alter(b, func(m *machine) { m.serial, m.maker = "80417725", "Dell Inc." }).report(0), delivered("80417725", 1)}, "abc"},
		{"a router that answers for everybody", "who answers behind it is not the router",
			append(crowd("8c:36:7a:00:00:01", 40, 0), answering("hq", "10.1.5.30", "", "", 0)), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"},
		{"a laptop's own address passed through its dock", "whichever dock it is at, it shows its own", []seen{a.report(0), sweep("hq", a.macs[1], "10.1.0.7", 1), sweep("br", a.macs[1], "10.2.0.7", 2)}, "aaa"},
		{"a machine sold and bought back empty", "the chassis is what it was", []seen{a.report(0), listed(a.serial, "sold", 10), alter(b, func(m *machine) { m.serial, m.uuid, m.macs = a.serial, a.uuid, a.macs }).report(150)}, "aaa"},
	})
}
