package reconcile_test

import (
	"slices"
	"testing"

	"github.com/muster-itam/muster/internal/inventory"
)

// groups are the letters of a partition: equal letters are one asset.
func groups(t *testing.T, order []int, all []seen) string {
	t.Helper()
	letters, out := map[int]byte{}, ""
	for _, g := range partition(t, order, all) {
		if _, ok := letters[g]; !ok {
			letters[g] = 'a' + byte(len(letters))
		}
		out += string(letters[g])
	}
	return out
}

// caseOf is observations in any order and how they group, and why.
type caseOf struct {
	name string
	why  string
	seen []seen
	want string
}

func check(t *testing.T, cases []caseOf) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			back := inOrder(len(c.seen))
			slices.Reverse(back)
			odd := inOrder(len(c.seen))
			slices.SortStableFunc(odd, func(a, b int) int { return b%2 - a%2 })
			for _, order := range [][]int{inOrder(len(c.seen)), back, odd} {
				if got := groups(t, order, c.seen); got != c.want {
					t.Errorf("in order %v: %s, want %s: %s", order, got, c.want, c.why)
				}
				w := newWorld(t)
				for _, i := range order { // what is held to be settled must be
					w.group(c.seen[i : i+1])
					w.checkRebuild()
				}
			}
		})
	}
}

// Two machines without a number of their own.
func plain(n int) machine {
	return []machine{
		{agent: "5f0c9f6e-3b55-4d0e-9a58-1f2f0c6d9e01", serial: "Default string", machine: "5da840c64282ad99e0130ddfc0b7d852",
			name: "ws-0001", domain: "corp.example", site: "hq", macs: []string{"8c:16:45:00:11:22"}, disks: []string{"PHLN96731CB3R"}},
		{agent: "7d1c9f6e-3b55-4d0e-9a58-1f2f0c6d9e02", serial: "Default string", machine: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
			name: "ws-0002", domain: "corp.example", site: "hq", macs: []string{"8c:16:45:33:44:55"}, disks: []string{"S5GXG7WR2WK5M"}},
		{agent: "91aa9f6e-3b55-4d0e-9a58-1f2f0c6d9e03", serial: "Default string", machine: "b1946ac92492d2347c6235b4d2611184",
			name: "ws-0003", domain: "corp.example", site: "hq", macs: []string{"8c:16:45:66:77:88"}, disks: []string{"WDWX41D75LA99"}},
	}[n]
}

func TestAge(t *testing.T) {
	const adapter = "00:e0:4c:71:75:5a"
	a, b := plain(0), plain(1)
	account := "8f0317eb-f04a-4607-b7e6-85dec6dc50d6"
	again := b
	again.macs, again.disks = a.macs, a.disks
	check(t, []caseOf{
		{"a card over the weeks", "a gap below 90 days is a holiday", []seen{a.report(0), again.report(80)}, "aa"},
		{"a card after a season", "who has a card now may have bought it used", []seen{a.report(0), again.report(120)}, "ab"},
		{"sightings bridge the time", "the card was about all the while", []seen{a.report(0), sweep("hq", a.macs[0], "10.1.0.5", 1), sweep("hq", a.macs[0], "10.1.0.5", 60), again.report(120)}, "aaaa"},
		{"an adapter changes hands after a season", "each has it in its time; the one that is seen in both times bridges them and then it joins nobody",
			[]seen{a.report(0, adapter), b.report(200, adapter), sweep("br", adapter, "10.2.0.9", 1), sweep("dc", adapter, "10.3.0.9", 201)}, "abab"},
		{"an adapter that is also seen in between", "then it is a thing that goes round",
			[]seen{a.report(0, adapter), a.report(3, adapter), b.report(1, adapter), b.report(4, adapter), sweep("br", adapter, "10.2.0.9", 1), sweep("br", adapter, "10.2.0.9", 80)}, "aabbcc"},
		{"a clock that is years off", "an agent's wrong clock says nothing of time", []seen{a.report(-6 * 365), sweep("hq", a.macs[0], "10.1.0.5", 0)}, "aa"},
		{"a name within a month", "its only bearer is meant", []seen{a.report(0), directory(account, "ws-0001.corp.example", 25)}, "aa"},
		{"a name after a month", "whoever bears it now need not be who bore it", []seen{a.report(0), directory(account, "ws-0001.corp.example", 45)}, "ab"},
		{"a phone's name after a month", "as for machines", []seen{announced("hq", "da:a1:19:00:00:01", "Xenas-iPhone-a1c", "10.1.9.1", 0),
			announced("hq", "da:a1:19:00:00:02", "Xenas-iPhone-a1c", "10.1.9.2", 20), announced("hq", "da:a1:19:00:00:03", "Xenas-iPhone-a1c", "10.1.9.3", 90)}, "aab"},
	})
}

func TestRelease(t *testing.T) {
	a, b := plain(0), plain(1)
	a.serial, a.maker = "5CG1234XYZ", "HP"
	b.name = a.name
	account := "8f0317eb-f04a-4607-b7e6-85dec6dc50d6"
	named := func(day int) seen { return announced("hq", "da:a1:19:00:00:01", a.name, "10.1.0.77", day) }
	check(t, []caseOf{
		{"retired", "who answers to its name later is another", []seen{a.report(0), listed(a.serial, "Retired", 5), named(9)}, "aab"},
		{"in store", "it is not gone for good", []seen{a.report(0), listed(a.serial, "In stock", 5), named(9)}, "aaa"},
		{"two of one name on one day alone", "nobody knows who was first", []seen{a.report(3), b.report(3), directory(account, a.name, 3)}, "abc"},
		{"before it was retired", "it still was itself", []seen{a.report(0), listed(a.serial, "retired", 5), named(4)}, "aaa"},
		{"back from retirement", "the books say so", []seen{a.report(0), listed(a.serial, "retired", 5), listed(a.serial, "in use", 8), named(9)}, "aaaa"},
		{"retired in the books only", "its own agent knows better", []seen{a.report(0), listed(a.serial, "retired", 5), a.report(8), named(9)}, "aaaa"},
		{"its successor has the name", "two bearers would be none, but one gave it up", []seen{a.report(0), a.report(5), listed(a.serial, "written off", 5), b.report(8), named(12)}, "aaabb"},
		{"the account goes on with the successor", "the directory kept the account", []seen{a.report(0), a.report(5), listed(a.serial, "disposed", 5), b.report(7), directory(account, a.name+".corp.example", 12)}, "aaabb"},
	})

	ec2 := func(id, state, ip string, day int) seen {
		return see(inventory.KindAWS, "aws:1", "vpc-1", id, on(day), &inventory.Device{State: state,
			Identifiers: []inventory.Identifier{{Type: inventory.IDCloudInstance, Scope: "aws", Value: id}}}, cards([]string{"02:4f:1c:fb:db:" + id[len(id)-2:]}, ip))
	}
	check(t, []caseOf{
		{"an address handed over on one day", "the terminated instance gave it up", []seen{ec2("i-08e80513f903724e6", "running", "10.0.0.4", 0), ec2("i-08e80513f903724e6", "terminated", "10.0.0.4", 3),
			ec2("i-08e80513f903724e6", "running", "10.0.0.4", 3), ec2("i-0d923308927f89d84", "running", "10.0.0.4", 3), answering("vpc-1", "10.0.0.4", "", "", 3)}, "aaabb"},
		{"nobody took the address on that day", "it was still the terminated one's", []seen{ec2("i-08e80513f903724e6", "running", "10.0.0.4", 3), ec2("i-08e80513f903724e6", "terminated", "10.0.0.4", 3),
			answering("vpc-1", "10.0.0.4", "", "", 3)}, "aaa"},
	})
}

// A number that several machines have by their build joins none of them.
func TestWeakNumbers(t *testing.T) {
	inChassis := func(m machine, number string, day int) seen {
		s := m.report(day)
		d := *s.bodies[inventory.SectionDevice].(*inventory.Device)
		d.Serial = number
		d.Identifiers = append(slices.Clone(d.Identifiers), inventory.Identifier{Type: inventory.IDSerial, Value: number, Part: "chassis"})
		s.bodies[inventory.SectionDevice] = &d
		return s
	}
	virtual := func(m machine, disk string, day int) seen {
		m.maker, m.disks = "QEMU", []string{disk}
		return m.report(day)
	}
	a, b, c := plain(0), plain(1), plain(2)
	same := func(disk string) (machine, machine) {
		x, y := a, b
		x.disks, y.disks = []string{disk}, []string{disk}
		return x, y
	}
	x, y := same("SSD8844ZXC")
	golden := b
	golden.agent, golden.machine = a.agent, a.machine
	check(t, []caseOf{
		{"a box and its delivery note", "the chassis' number is the only one and one machine has it", []seen{inChassis(a, "C81500LK40A", 0), delivered("C81500LK40A", 1)}, "aa"},
		{"two nodes in one box", "both show the box's number, so it is neither's", []seen{inChassis(a, "C81500LK40A", 0), inChassis(a, "C81500LK40A", 4), inChassis(b, "C81500LK40A", 1), inChassis(b, "C81500LK40A", 3),
			delivered("C81500LK40A", 1)}, "aabbc"},
		{"two nodes in one box from one image", "one agent id, one box, other cards", []seen{inChassis(a, "C81500LK40A", 0), inChassis(a, "C81500LK40A", 4), inChassis(golden, "C81500LK40A", 1), inChassis(golden, "C81500LK40A", 3)}, "aabb"},
		{"disks that an emulator counts", "every machine's first disk is number one", []seen{virtual(a, "QM00001", 0), virtual(b, "QM00001", 2), virtual(c, "QM00001", 4)}, "abc"},
		{"a volume's number", "drawn at random, it stays with its machine", []seen{virtual(a, "6000c29f3b7d0e5a1", 0), func() seen {
			z := b
			z.macs = a.macs
			return virtual(z, "6000c29f3b7d0e5a1", 2)
		}()}, "aa"},
		{"one maker's string on all its disks", "no list knows it, but their cards tell them apart", []seen{x.report(0), x.report(3), y.report(1), y.report(4)}, "aabb"},
		{"a disk put into another machine", "a disk is no machine: nothing else agrees", []seen{x.report(0), x.report(3), y.report(5), y.report(8)}, "aabb"},
	})
}
