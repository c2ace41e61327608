package identify_test

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

// gives counts what a device's tables gave, by table.
func gives(f *snmp.Facts) map[string]int {
	out := map[string]int{
		"cdp": len(f.CDP), "lldp": len(f.LLDP.Neighbours), "arp": len(f.ARP), "fdb": len(f.Bridge.Table),
		"vlans": len(f.VLANs), "redundancy": len(f.Redundancy),
		"access points": len(f.Wireless.AccessPoints), "wireless networks": len(f.Wireless.Networks), "wireless clients": len(f.Wireless.Clients),
		"supplies": len(f.Supplies), "meters": len(f.Meters),
		"filesystems": len(f.Host.Filesystems), "disks": len(f.Host.Disks), "software": len(f.Host.Software),
	}
	count := func(name string, is bool) {
		if is {
			out[name]++
		}
	}
	for _, i := range f.Interfaces {
		count("disabled", i.Disabled)
		count("duplex", i.Duplex != "")
		count("aggregate", i.Aggregate != "")
		count("untagged vlan", i.VLAN != 0)
		count("tagged vlans", i.Tagged != "")
		count("poe", i.PoE != "")
	}
	for _, e := range f.Bridge.Table {
		count("fdb with vlan", e.VLAN != 0)
	}
	for _, n := range f.LLDP.Neighbours {
		count("lldp capabilities", len(n.Capabilities) > 0)
		count("lldp platform", n.Platform != "")
	}
	count("memory", f.Host.Hardware.MemoryBytes > 0)
	count("processors", f.Host.Hardware.CPUThreads > 0)
	return out
}

// implausible is what no device can have meant.
func implausible(f *snmp.Facts) (out []string) {
	say := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	text := func(what string, texts ...string) {
		for _, s := range texts {
			say(!utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || len(s) > inventory.MaxText, "%s %q", what, s)
		}
	}
	vlan := func(what string, id int) { say(id < 0 || id > 4094, "%s: VLAN %d", what, id) }
	names := map[string]bool{}
	for _, i := range f.Interfaces {
		names[i.Name] = true
	}
	for _, i := range f.Interfaces {
		vlan(i.Name, i.VLAN)
		for _, part := range strings.FieldsFunc(i.Tagged, func(r rune) bool { return r == ',' || r == '-' }) {
			id, err := strconv.Atoi(part)
			say(err != nil || id == 0, "%s: tagged %s", i.Name, i.Tagged)
			vlan(i.Name, id)
		}
		say(i.Aggregate != "" && !names[i.Aggregate], "%s is in %s", i.Name, i.Aggregate)
		say(i.PoEClass < 0 || i.PoEClass > 8, "%s: class %d", i.Name, i.PoEClass)
	}
	for _, v := range f.VLANs {
		vlan("list", v.ID)
		say(v.ID == 0, "VLAN 0")
		text("VLAN", v.Name)
	}
	for _, e := range f.Bridge.Table {
		vlan("forwarding", e.VLAN)
		say(!e.MAC.Unicast() || f.Interface(e.Interface) == nil && len(f.Interfaces) > 0 && e.Interface == 0, "station %v", e)
	}
	for _, n := range f.CDP {
		text("CDP", n.DeviceID, n.Platform, n.RemotePort)
		say(!names[n.LocalPort], "CDP on %q", n.LocalPort)
	}
	for _, r := range f.Redundancy {
		say(r.Group < 0 || r.Group > 4095 || r.State == "" && len(r.Addresses) == 0, "group %+v", r)
		for _, a := range r.Addresses {
			_, err := netip.ParseAddr(a)
			say(err != nil, "group address %q", a)
		}
	}
	for _, a := range f.Wireless.AccessPoints {
		text("access point", a.Name, a.Model, a.Serial, a.Version)
		say(!a.MAC.Unicast() && !a.Address.IsValid(), "access point %+v", a)
	}
	for _, n := range f.Wireless.Networks {
		text("network", n.SSID, n.Security)
		say(n.SSID == "" || len(n.SSID) > 64, "network %q", n.SSID)
	}
	for _, s := range f.Supplies {
		text("supply", s.Name, s.Kind, s.Colour, s.Serial)
		say(s.Name == "" || s.LevelPercent < -1 || s.LevelPercent > 100 || s.LevelPercent > 0 && s.LevelPercent%5 != 0, "supply %+v", s)
	}
	for _, m := range f.Meters {
		text("meter", m.Of, m.Name)
		top := map[string]int64{"%": 1000, "°C": 300, "mV": 1_000_000_000, "mA": 5_000_000, "mW": 1_000_000_000, "min": 60 * 24 * 400, "rpm": 100_000}
		say(m.Name == "" || m.Unit == "" || top[m.Unit] > 0 && (m.Value > top[m.Unit] || m.Value < -top[m.Unit]), "meter %+v", m)
	}
	for _, fs := range f.Host.Filesystems {
		text("file system", fs.Mountpoint)
		say(fs.Bytes <= 0 || fs.UsedBytes < 0 || fs.UsedBytes > fs.Bytes, "file system %+v", fs)
	}
	say(f.Host.Hardware.MemoryBytes > 64<<40, "memory of %d bytes", f.Host.Hardware.MemoryBytes)
	for _, s := range f.Host.Software {
		text("software", s.Name, s.Version, s.Arch)
		say(s.Name == "", "software %+v", s)
	}
	return out
}

// TestRecordedDepth reads everything of every recorded device: nothing that comes of it is
// implausible, and of each table there is a device that has it.
func TestRecordedDepth(t *testing.T) {
	needWalks(t)
	tables, err := snmp.BuiltinTables()
	if err != nil {
		t.Fatal(err)
	}
	devices, items := map[string]int{}, map[string]int{}
	variables, start := 0, time.Now()
	for name, rec := range recordings(t) {
		f, err := (&snmp.Prober{Tables: tables}).Replay(t.Context(), rec)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		variables += f.Variables
		for section, st := range f.Sections {
			if !st.Complete && st.Reason != ownIndex {
				t.Errorf("%s: %s: %s", name, section, st.Reason)
			}
		}
		for _, problem := range implausible(f) {
			t.Errorf("%s: %s", name, problem)
		}
		for table, n := range gives(f) {
			if n > 0 {
				devices[table]++
				items[table] += n
			}
		}
	}
	var report []string
	for table, n := range devices {
		report = append(report, fmt.Sprintf("%-20s %4d devices %6d items", table, n, items[table]))
	}
	sort.Strings(report)
	t.Logf("%d variables in %s\n%s", variables, time.Since(start).Round(time.Millisecond), strings.Join(report, "\n"))
	for _, table := range []string{
		"cdp", "lldp", "lldp capabilities", "arp", "fdb", "fdb with vlan", "vlans", "untagged vlan", "tagged vlans", "disabled", "duplex",
		"aggregate", "redundancy", "access points", "wireless networks", "supplies", "meters", "filesystems", "software", "memory", "processors",
	} {
		if !slices.Contains(sortedKeys(devices), table) {
			t.Errorf("no device has %s", table)
		}
	}
}

func sortedKeys(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
