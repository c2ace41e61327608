package query_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
)

func card(name, mac, address string, gateways ...string) inventory.Interface {
	i := inventory.Interface{Name: name, MAC: mac, Type: inventory.IfEthernet, Up: true, Gateways: gateways}
	if address != "" {
		i.Addresses = []netip.Prefix{netip.MustParsePrefix(address)}
	}
	return i
}

func box(name string, class inventory.Class, mac string) *inventory.Device {
	return &inventory.Device{Name: name, Class: class, Identifiers: []inventory.Identifier{{Type: inventory.IDMAC, Value: mac}}}
}

func at(port string, macs ...string) (out inventory.Neighbours) {
	for _, m := range macs {
		out = append(out, inventory.Neighbour{Protocol: "bridge", LocalPort: port, MAC: m})
	}
	return out
}

func spoken(port, mac, far string) inventory.Neighbours {
	return inventory.Neighbours{{Protocol: "lldp", LocalPort: port, ChassisID: mac, RemotePort: far, Capabilities: []string{"bridge"}}}
}

func joined(lists ...inventory.Neighbours) (out inventory.Neighbours) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// twoNetworks are sw1 and sw2, joined by a bundle, and sw4 that nothing joins; a router between
// their networks; and hosts.
func twoNetworks() []inventory.Observation {
	const s1, s2, s4, r1, r2, a, b, c, d = "00:1a:a1:00:00:01", "00:1a:a1:00:00:02", "00:1a:a1:00:00:04", "00:1b:21:00:00:01", "00:1b:21:00:00:02",
		"00:14:22:00:00:0a", "00:14:22:00:00:0b", "00:14:22:00:00:0c", "00:14:22:00:00:0d"
	bundle := inventory.Interfaces{card("Po1", "", ""), card("p1", "", ""), card("p9", "", "")}
	for _, n := range []string{"g1", "g2"} {
		i := card(n, "", "")
		i.Aggregate = "Po1"
		bundle = append(bundle, i)
	}
	list := []inventory.Observation{
		benchThing(s1, box("sw1", inventory.ClassSwitch, s1), bundle, joined(at("p1", a), at("p9", r1), at("Po1", s2), spoken("g1", s2, "up"), spoken("g2", s2, "up"))),
		benchThing(s2, box("sw2", inventory.ClassSwitch, s2), inventory.Interfaces{card("p2", "", ""), card("p9", "", ""), card("up", "", "")},
			joined(at("p2", b), at("p9", r2), at("up", s1, a), at("p7", c))),
		benchThing(s4, box("sw4", inventory.ClassSwitch, s4), at("x", d)),
		benchThing(r1, box("r1", inventory.ClassRouter, r1), inventory.Interfaces{card("eth0", r1, "10.1.0.1/24"), card("eth1", r2, "10.2.0.1/24")}),
		benchThing(a, box("pc-a", inventory.ClassDesktop, a), inventory.Interfaces{card("eth0", a, "10.1.0.10/24", "10.1.0.1")}),
		benchThing(b, box("srv-b", inventory.ClassServer, b), inventory.Interfaces{card("eth0", b, "10.2.0.10/32")}),
		benchThing(c, box("srv-c", inventory.ClassServer, c), inventory.Interfaces{card("eth0", c, "10.1.0.12/24")}),
		benchThing(d, box("srv-d", inventory.ClassServer, d), inventory.Interfaces{card("eth0", d, "10.1.0.13/24")}),
		benchThing("00:14:22:00:00:0e", box("srv-e", inventory.ClassServer, "00:14:22:00:00:0e"), inventory.Interfaces{card("eth0", "00:14:22:00:00:0e", "10.9.0.14/24")}),
	}
	for i := range list {
		list[i].Seq = int64(i + 1)
	}
	return list
}

func TestPath(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st, err := store.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		feed(t, st, now, twoNetworks()...)
		q := query.New(st, func() time.Time { return now.Add(time.Minute) })
		top, err := q.Topology(t.Context(), query.TopologyQuery{})
		if err != nil || len(top.Links) != 1 || top.Links[0].A.Name != "Po1" || strings.Join(top.Members(top.Links[0].A), " ") != "g1 g2" || top.Members(top.Links[0].B) != nil {
			t.Errorf("a cable of a bundle: %+v, %v", top.Links, err)
		}
		w, err := q.Where(t.Context(), query.WhereQuery{What: "sw2"})
		if err != nil || len(w.Places) != 1 || strings.Join(w.Members(w.Places[0].Port), " ") != "g1 g2" {
			t.Errorf("where a bundle leads to: %+v, %v", w.Places, err)
		}
		for name, c := range map[string]struct{ from, to, want string }{
			"in one network, over a bundle": {"pc-a", "srv-c", "pc-a | sw1 p1>Po1 g1 g2 | sw2 up>p7 | srv-c"},
			"through the gateway":           {"pc-a", "10.2.0.10", "pc-a | sw1 p1>p9 | r1 eth0>eth1 | sw2 p9>p2 | srv-b"},
			"back, without a known gateway": {"srv-b", "pc-a", "srv-b | sw2 p2>p9 | r1 eth1>eth0 | sw1 p9>p1 | pc-a"},
			"to a switch":                   {"pc-a", "sw2", "pc-a | sw1 p1>Po1 g1 g2 | sw2 up> | sw2"},
			"nothing joins two switches":    {"pc-a", "srv-d", "pc-a | sw1 p1> | ? unknown between sw1 and sw4: no table shows what joins them | sw4 >x | srv-d"},
			"no router":                     {"pc-a", "srv-e", "pc-a | ? unknown between pc-a and srv-e: no known router has both 10.1.0.0/24 and 10.9.0.0/24, nor do several that share a network | srv-e"},
			"nobody has seen it":            {"srv-e", "00:14:22:00:00:7f", "srv-e | ? unknown between srv-e and 00:14:22:00:00:7f: no bridge table has srv-e | 00:14:22:00:00:7f"},
		} {
			w, err := q.Path(t.Context(), c.from, c.to, query.When{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			for _, s := range w.Steps {
				switch {
				case s.Gap != "":
					got = append(got, "? "+s.Gap)
				case s.In+s.Out != "":
					got = append(got, strings.TrimSpace(s.Name+" "+s.In+">"+s.Out+" "+strings.Join(s.OutMembers, " ")))
				default:
					got = append(got, s.Name)
				}
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " | ")); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if w.Whole == strings.Contains(c.want, "?") {
				t.Errorf("%s: whole %v", name, w.Whole)
			}
		}
	})
}

// chain are switches in a row, of which each sees all others, and a host at each end.
func chain(n int) (list []inventory.Observation) {
	for i := range n {
		near := inventory.Neighbours{}
		for other := range n {
			if port := "left"; other != i {
				if other > i {
					port = "right"
				}
				near = append(near, at(port, benchMAC(1, other))...)
			}
		}
		for end, sw := range []int{0, n - 1} {
			port := "left"
			if i == sw {
				port = "host"
			} else if sw > i {
				port = "right"
			}
			near = append(near, at(port, benchMAC(2, end))...)
		}
		list = append(list, benchThing(benchMAC(1, i), box(fmt.Sprintf("sw%d", i), inventory.ClassSwitch, benchMAC(1, i)), near))
	}
	for i := range list {
		list[i].Seq = int64(i + 1)
	}
	return list
}

// Of a switch that all others see, and of a way over many, not all tables are read.
func TestChainOfSwitches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st, err := store.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		const n = 66
		feed(t, st, now, chain(n)...)
		q := query.New(st, func() time.Time { return now.Add(time.Minute) })
		for what, want := range map[string]string{"sw0": "sw1 left", benchMAC(2, 0): "sw0 host", benchMAC(2, 1): "sw65 host"} {
			w, err := q.Where(t.Context(), query.WhereQuery{What: what})
			if err != nil || len(w.Places) != 1 {
				t.Fatalf("%s: %+v, %v", what, w.Places, err)
			}
			if p := w.Places[0]; w.Node(p.Bridge).Name+" "+p.Name != want || !p.Exact() {
				t.Errorf("%s is at %s %s, beyond %v, want %s", what, w.Node(p.Bridge).Name, p.Name, p.Beyond, want)
			}
		}
		w, err := q.Path(t.Context(), "sw1", "sw64", query.When{})
		if err != nil || !w.Whole || len(w.Steps) != 66 {
			t.Errorf("64 bridges: %d steps, whole %v, %v", len(w.Steps), w.Whole, err)
		}
		w, err = q.Path(t.Context(), benchMAC(2, 0), benchMAC(2, 1), query.When{})
		if err != nil || w.Whole || len(w.Steps) != 67 || w.Steps[33].Gap != "2 more bridges: a path is told up to 64" || w.Steps[34].Name != "sw34" {
			t.Errorf("66 bridges: %+v, %v", w, err)
		}
	})
}

// A host without a switch that has it, and without a network that a router has, is where a
// router's ARP table has it.
func TestPathByARP(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st, err := store.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		const r1, r2, x = "00:1b:21:00:00:01", "00:1b:21:00:00:02", "00:14:22:00:00:0f"
		list := twoNetworks()
		for i := range list {
			if list[i].NativeKey == "mac:"+r1 {
				list[i] = benchThing(r1, box("r1", inventory.ClassRouter, r1), inventory.Interfaces{card("eth0", r1, "10.1.0.1/24"), card("eth1", r2, "10.2.0.1/24"), card("ppp0", "", "")},
					inventory.Neighbours{{Protocol: "arp", LocalPort: "ppp0", MAC: x, Address: "198.51.100.7"}, {Protocol: "arp", LocalPort: "eth1", MAC: "00:14:22:00:00:7e", Address: "10.2.0.99"}})
			}
			list[i].Seq = int64(i + 1)
		}
		host := benchThing(x, box("srv-x", inventory.ClassServer, x), inventory.Interfaces{card("eth0", x, "")})
		host.Seq = int64(len(list) + 1)
		feed(t, st, now, append(list, host)...)
		q := query.New(st, func() time.Time { return now.Add(time.Minute) })
		for to, want := range map[string]string{
			"srv-x":             "it is the gateway; its ARP table has srv-x at ppp0",
			"00:14:22:00:00:7e": "it is the gateway; its ARP table has 00:14:22:00:00:7e at eth1",
		} {
			w, err := q.Path(t.Context(), "pc-a", to, query.When{})
			if err != nil || len(w.Steps) != 5 || w.Steps[2].Name != "r1" || w.Steps[2].Via != want || w.Whole {
				t.Errorf("to %s: %+v, %v", to, w, err)
			}
			w, err = q.Path(t.Context(), to, "pc-a", query.When{})
			if i := len(w.Steps) - 3; err != nil || i < 0 || w.Steps[i].Name != "r1" || !strings.Contains(w.Steps[i].Via, "its ARP table has") {
				t.Errorf("from %s: %+v, %v", to, w, err)
			}
		}
		for _, what := range []string{"srv-x", x} {
			if w, err := q.Where(t.Context(), query.WhereQuery{What: what}); err != nil || len(w.Places) != 0 {
				t.Errorf("an ARP table is no place: %+v, %v", w.Places, err)
			}
		}
	})
}

func TestWhereRefuses(t *testing.T) {
	st, err := store.Open(t.Context(), storetest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	twin := func(i int) inventory.Observation {
		o := benchThing(fmt.Sprintf("00:14:22:00:01:%02x", i), box("twin", inventory.ClassServer, fmt.Sprintf("00:14:22:00:01:%02x", i)))
		o.Seq = int64(i)
		return o
	}
	common := benchThing("00:14:22:00:01:03", box("vm", inventory.ClassServer, "00:14:22:00:01:03"))
	common.Seq = 3
	feed(t, st, now, twin(1), twin(2), common)
	q := query.New(st, func() time.Time { return now.Add(time.Minute) })
	for what, want := range map[string]inventory.Code{
		"": inventory.CodeInvalid, strings.Repeat("x", 600): inventory.CodeInvalid, "twin": inventory.CodeConflict, "a99": inventory.CodeNotFound,
		"a99999999999999999999": inventory.CodeInvalid, "192.0.2.1": inventory.CodeNotFound, "no one": inventory.CodeNotFound,
	} {
		if _, err := q.Where(t.Context(), query.WhereQuery{What: what}); inventory.CodeOf(err) != want {
			t.Errorf("%.30q: %v, want %v", what, err, want)
		}
	}
	if w, err := q.Where(t.Context(), query.WhereQuery{What: "VM"}); err != nil || w.Thing.ID != 3 {
		t.Errorf("a common name: %+v, %v", w.Thing, err)
	}
	if _, err := q.Path(t.Context(), "a1", "a1", query.When{}); inventory.CodeOf(err) != inventory.CodeInvalid {
		t.Errorf("the way to itself: %v", err)
	}
	if _, err := q.Where(t.Context(), query.WhereQuery{What: "a1", When: query.When{AsOf: now.AddDate(1, 0, 0)}}); inventory.CodeOf(err) != inventory.CodeInvalid {
		t.Errorf("the future: %v", err)
	}
}
