package reconcile_test

import (
	"testing"

	"github.com/muster-itam/muster/internal/inventory"
)

// What is attached to an asset is looked at again when the asset changes, or a name or an address of it: told one after
// the other, and in pairs, every step is what a rebuild says.
func TestAttachedFollows(t *testing.T) {
	twin, heir := plain(1), plain(1)
	twin.macs = plain(0).macs
	heir.name = plain(0).name
	one, other := plain(0), twin // by their serial numbers
	one.serial, other.serial = "5CG8123ABC", "5CG9456XYZ"
	mac := plain(0).macs[0]
	instance := func(id string, day int) seen {
		return see(inventory.KindImport, "import:vm", "", "vm-7", on(day), &inventory.Device{Name: "ws-0001", Identifiers: []inventory.Identifier{
			{Type: inventory.IDVMInstance, Value: id}}}, cards([]string{mac}))
	}
	row := func(class inventory.Class, day int) seen {
		return see(inventory.KindImport, "import:cmdb", "", "row", on(day), &inventory.Device{Name: "ws-0001", Class: class}, cards([]string{mac}))
	}
	account := func(day int) seen {
		return see(inventory.KindImport, "import:ad", "", "g", on(day), &inventory.Device{Name: "ws-0001", Role: inventory.RoleHost,
			Identifiers: []inventory.Identifier{{Type: inventory.IDDirectory, Value: "g"}}})
	}
	controller := see(inventory.KindScanner, "scan", "hq", "mac:"+mac, on(1), &inventory.Device{Class: inventory.ClassBMC}, cards([]string{mac}, "10.1.2.3"))
	var copied []seen // a card that turns out to be two machines' after its address was somebody's
	copied = append(copied, sweep("hq", mac, "10.1.2.3", 0), answering("hq", "10.1.2.3", "", "", 0))
	for day := range 5 {
		copied = append(copied, sweep("hq", mac, "10.1.2.3", day), sweep("branch", mac, "10.9.9.9", day))
	}
	for name, story := range map[string][]seen{
		"an asset without an identity from now on": copied,
		"a successor on the same day, then again the former": {plain(0).report(0), directory("g", "ws-0001", 0), plain(0).report(5),
			heir.report(5), directory("g", "ws-0001", 5), heir.report(6), plain(0).report(6), heir.report(7), plain(0).report(9)},
		"no identity by what others say": {sweep("hq", mac, "10.1.2.3", 0), answering("hq", "10.1.2.3", "", "", 0), one.report(1), other.report(1)},
		"a role":                         {row("", 0), account(0), row("", 1), account(1), row(inventory.ClassBMC, 2)},
		"a record with a role":           {row("", 0), account(0), controller},
		"a long silence ends":            {plain(0).report(0), directory("g", "ws-0001", 40), plain(0).report(9), plain(0).report(11)},
		"another number":                 {plain(0).report(0), directory("g", "ws-0001", 0), instance("vm-1", 1), instance("vm-2", 2), plain(0).report(2)},
		"an adapter of two": {plain(0).report(0), announced("hq", mac, "ws-0001", "10.1.2.3", 0), directory("g", "ws-0001", 0),
			twin.report(0), twin.report(1), plain(0).report(1), answering("hq", "10.1.2.3", "ws-0001", "", 1)},
		"its address answers": {plain(0).report(0, mac), answering("hq", "10.1.2.3", "", "", 1), sweep("hq", mac, "10.1.2.3", 1),
			sweep("hq", mac, "10.1.2.4", 2), answering("hq", "10.1.2.4", "", "", 2), answering("hq", "10.1.2.3", "", "", 2)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3} {
				for skip := range story { // without one, which is told at the end
					w := newWorld(t)
					told := append(append(append([]seen{}, story[:skip]...), story[skip+1:]...), story[skip])
					for len(told) > 0 {
						n := min(size, len(told))
						w.group(told[:n])
						told = told[n:]
						w.checkRebuild()
					}
				}
			}
		})
	}
}
