package topology_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
)

// The assets of the tables below.
const (
	sw1 inventory.AssetID = iota + 1
	sw2
	sw3
	ap
	phone
	pc
	controller
	server
)

const hostAddress = "00:14:22:00:00:01"

func addressOf(id inventory.AssetID) string { return fmt.Sprintf("00:1a:a1:00:00:%02x", int64(id)) }

func office() []topology.Node {
	return []topology.Node{{ID: sw1, Name: "sw1", Reads: true}, {ID: sw2, Name: "sw2", Reads: true}, {ID: sw3, Name: "sw3", Class: inventory.ClassSwitch},
		{ID: ap, Name: "ap", Class: inventory.ClassAccessPoint}, {ID: phone, Name: "phone", Class: inventory.ClassPhoneVoIP}, {ID: pc, Name: "pc"},
		{ID: controller, Name: "wlc", Reads: true}, {ID: server, Name: "server"}}
}

// sighting is a line such as "sw1 p3 HOST": a bridge, its port, whom it has there, and words
// about that: when=DAYS before noon when it began, last=DAYS when it was confirmed last, gone,
// via=, cap=, port= (the far port).
func sightings(t *testing.T, lines string) (rows []topology.Sighting) {
	t.Helper()
	ids := map[string]inventory.AssetID{"sw1": sw1, "sw2": sw2, "sw3": sw3, "ap": ap, "phone": phone, "pc": pc, "wlc": controller, "server": server}
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		f := strings.Fields(line)
		if len(f) < 3 {
			t.Fatalf("line %q", line)
		}
		s := topology.Sighting{Port: topology.Port{Bridge: ids[f[0]], Name: f[1]}, Owner: ids[f[2]], MAC: f[2], Via: topology.ViaBridge, First: noon.Add(-time.Hour), Last: noon}
		switch {
		case f[2] == "HOST":
			s.MAC = hostAddress
		case s.Owner != 0:
			s.MAC = addressOf(s.Owner)
		}
		for _, w := range f[3:] {
			k, v, _ := strings.Cut(w, "=")
			var days int
			_, _ = fmt.Sscan(v, &days)
			at := noon.AddDate(0, 0, -days)
			switch k {
			case "when":
				s.First = at
			case "last":
				s.Last = at
			case "gone":
				s.Ended = true
			case "via":
				s.Via = v
			case "cap":
				s.Capabilities = strings.Split(v, ",")
			case "port":
				s.RemotePort = v
			}
		}
		rows = append(rows, s)
	}
	return rows
}

func TestPlace(t *testing.T) {
	for name, c := range map[string]struct {
		rows, want string
	}{
		"one port":                                    {"sw1 p1 HOST", "sw1 p1"},
		"the edge port wins":                          {"sw1 up sw2\n sw2 up sw1\n sw1 up HOST\n sw2 p2 HOST", "sw2 p2"},
		"one bridge sees no other":                    {"sw1 up sw2\n sw1 up HOST\n sw2 p2 HOST", "sw2 p2"},
		"seen elsewhere than the other bridge":        {"sw1 t2 sw2\n sw1 p1 HOST\n sw2 t1 HOST", "sw1 p1"},
		"neither sees the other: fewer stations":      {"sw1 t2 HOST\n sw1 t2 00:14:22:00:00:02\n sw1 t2 00:14:22:00:00:03\n sw2 p2 HOST", "sw2 p2"},
		"an unmanaged switch":                         {"sw1 p1 HOST\n sw1 p1 00:14:22:00:00:02\n sw1 p1 00:14:22:00:00:03", "sw1 p1 of 3"},
		"a hypervisor's guest":                        {"sw1 p1 HOST\n sw1 p1 server", "sw1 p1 of 2"},
		"a computer behind a telephone":               {"sw1 p1 HOST\n sw1 p1 phone\n sw1 p1 phone via=lldp cap=bridge,phone", "sw1 p1 of 2"},
		"an access point that lists nobody":           {"sw1 p1 HOST\n sw1 p1 ap", "sw1 p1 of 2 behind ap"},
		"an access point with its clients":            {"sw1 p1 HOST\n sw1 p1 ap\n ap office HOST via=wireless", "ap office"},
		"a client that a controller lists":            {"sw1 p1 HOST\n sw1 p9 wlc\n wlc ap7/office HOST via=wireless", "wlc ap7/office"},
		"a switch that is not read":                   {"sw1 p1 HOST\n sw1 p1 sw3", "sw1 p1 of 2 behind sw3"},
		"it names itself":                             {"sw1 p1 HOST\n sw1 p1 00:14:22:00:00:02\n sw2 p2 HOST via=lldp", "sw2 p2"},
		"a bundle":                                    {"sw1 Po1 sw2\n sw1 Gi1 HOST\n sw2 up sw1\n sw2 p2 HOST", "sw2 p2"},
		"between two switches":                        {"sw1 t2 sw2\n sw2 t1 sw1\n sw1 t2 HOST\n sw2 t1 HOST", "sw1 t2 of 2"},
		"moved, and the old table is read":            {"sw1 t2 sw2\n sw2 t1 sw1\n sw1 p1 HOST when=9 last=2 gone\n sw1 t2 HOST\n sw2 p2 HOST", "sw2 p2"},
		"moved, and the old switch cannot be asked":   {"sw1 t2 sw2\n sw2 t1 sw1\n sw1 p1 HOST when=9 last=3\n sw2 p2 HOST", "sw2 p2"},
		"moved, and nothing joins the two":            {"sw1 p1 HOST when=9 last=2 gone\n sw2 p2 HOST", "sw2 p2"},
		"moved on one switch":                         {"sw1 p1 HOST when=9 last=2 gone\n sw1 p2 HOST", "sw1 p2"},
		"its edge has forgotten it, the core has not": {"sw1 t2 sw2\n sw2 t1 sw1\n sw1 t2 HOST\n sw2 p2 HOST when=9 last=1 gone", "sw2 p2 gone"},
		"it has left":                                 {"sw1 p1 HOST when=9 last=5 gone", "sw1 p1 gone"},
		"a bridge itself":                             {"sw1 t2 sw2\n sw2 t1 sw1\n sw1 t2 sw3\n sw2 t3 sw3\n sw1 t2 HOST\n sw2 t3 HOST", "sw2 t3 of 2 behind sw3"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := sightings(t, c.rows)
			nodes := office()
			nodes[0].Aggregates = map[string]string{"Gi1": "Po1", "Gi2": "Po1"}
			n := topology.New(nodes, rows, noon)
			var host []topology.Sighting
			for _, r := range rows {
				if r.MAC == hostAddress {
					host = append(host, r)
				}
			}
			p, ok := n.Place(host, noon)
			if !ok {
				t.Fatal("no place")
			}
			got := n.Node(p.Bridge).Name + " " + p.Name
			if p.Stations > 1 {
				got += fmt.Sprintf(" of %d", p.Stations)
			}
			for _, b := range p.Beyond {
				got += " behind " + n.Node(b).Name
			}
			if p.Ended {
				got += " gone"
			}
			if got != c.want {
				t.Errorf("%s, want %s; losers %+v", got, c.want, p.Losers)
			}
			for _, l := range p.Losers {
				if l.Why == "" {
					t.Errorf("%v lost without a reason", l.Port)
				}
			}
		})
	}
}

func TestLinks(t *testing.T) {
	for name, c := range map[string]struct {
		rows string
		want []string
	}{
		"both ends say so":                {"sw1 Gi0/1 sw2 via=lldp port=Gi0/2\n sw2 Gi0/2 sw1 via=lldp port=Gi0/1", []string{"sw1 Gi0/1 - sw2 Gi0/2 lldp both"}},
		"one end says so":                 {"sw1 Gi0/1 sw2 via=cdp port=GigabitEthernet0/2", []string{"sw1 Gi0/1 - sw2 GigabitEthernet0/2 cdp"}},
		"long and short names":            {"sw1 Gi0/1 sw2 via=cdp port=GigabitEthernet0/2\n sw2 Gi0/2 sw1 via=lldp port=Gi0/1", []string{"sw1 Gi0/1 - sw2 Gi0/2 cdp+lldp both"}},
		"two cables":                      {"sw1 p1 sw2 via=lldp port=q1\n sw1 p2 sw2 via=lldp port=q2\n sw2 q1 sw1 via=lldp port=p1\n sw2 q2 sw1 via=lldp port=p2", []string{"sw1 p1 - sw2 q1 lldp both", "sw1 p2 - sw2 q2 lldp both"}},
		"a bundle is one":                 {"sw1 Gi1 sw2 via=lldp port=q1\n sw1 Gi2 sw2 via=lldp port=q1", []string{"sw1 Po1 - sw2 q1 lldp"}},
		"tables":                          {"sw1 t2 sw2\n sw2 t1 sw1", []string{"sw1 t2 - sw2 t1 bridge inferred"}},
		"a bridge between is not skipped": {"sw1 t2 sw2\n sw1 t2 wlc\n sw2 t1 sw1\n sw2 t3 wlc\n wlc t2 sw1\n wlc t2 sw2", []string{"sw1 t2 - sw2 t1 bridge inferred", "sw2 t3 - wlc t2 bridge inferred"}},
		"one that is not read":            {"sw1 t2 sw3", []string{"sw1 t2 - sw3 bridge inferred"}},
		"stations tell, bridges do not": {"sw1 p1 00:00:00:00:0a:01\n sw1 p2 00:00:00:00:0a:02\n sw1 t2 00:00:00:00:0b:01\n sw1 t2 00:00:00:00:0b:02\n" +
			"sw2 q1 00:00:00:00:0b:01\n sw2 q2 00:00:00:00:0b:02\n sw2 t1 00:00:00:00:0a:01\n sw2 t1 00:00:00:00:0a:02", []string{"sw1 t2 - sw2 t1 bridge inferred"}},
		"a telephone is no bridge":      {"sw1 p1 phone via=lldp cap=bridge,phone", nil},
		"a neighbour that is no asset":  {"sw1 p1 name:core7 via=lldp cap=bridge", []string{"sw1 p1 - name:core7 lldp"}},
		"a host that speaks is no link": {"sw1 p1 pc via=lldp", nil},
		"what has ended":                {"sw1 t2 sw2 gone last=2 when=5\n sw2 t1 sw1 gone last=2 when=5", nil},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := office()
			nodes[0].Aggregates = map[string]string{"Gi1": "Po1", "Gi2": "Po1"}
			n := topology.New(nodes, sightings(t, c.rows), noon)
			var got []string
			for _, l := range n.Links() {
				far := l.BName
				if l.B.Bridge != 0 {
					far = strings.TrimSpace(n.Node(l.B.Bridge).Name + " " + l.B.Name)
				}
				line := n.Node(l.A.Bridge).Name + " " + l.A.Name + " - " + far + " " + strings.Join(l.Via, "+")
				if l.Both {
					line += " both"
				}
				if l.Inferred {
					line += " inferred"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	for name, c := range map[string]struct {
		rows string
		want []string
	}{
		"one place":                        {"sw1 p1 HOST when=9", []string{"sw1 p1 9-now"}},
		"a short gap":                      {"sw1 p1 HOST when=9 last=7 gone\n sw1 p1 HOST when=5", []string{"sw1 p1 9-now"}},
		"a long gap":                       {"sw1 p1 HOST when=30 last=20 gone\n sw1 p1 HOST when=5", []string{"sw1 p1 30-20", "sw1 p1 5-now"}},
		"there and back":                   {"sw1 p1 HOST when=30 last=20 gone\n sw1 p2 HOST when=19 last=10 gone\n sw1 p1 HOST when=9", []string{"sw1 p1 30-20", "sw1 p2 19-10", "sw1 p1 9-now"}},
		"gone":                             {"sw1 p1 HOST when=30 last=20 gone", []string{"sw1 p1 30-20"}},
		"not yet asked":                    {"sw1 p1 HOST when=30 last=6\n sw2 p2 HOST when=5", []string{"sw1 p1 30-6", "sw2 p2 5-now"}},
		"the core reports first":           {"sw1 t2 sw2 when=30\n sw2 t1 sw1 when=30\n sw1 t2 HOST when=20\n sw2 p2 HOST when=20", []string{"sw2 p2 20-now"}},
		"known to be behind a switch only": {"sw1 t2 sw3 when=30\n sw1 t2 HOST when=20", []string{"sw1 t2 behind 20-now"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows := sightings(t, c.rows)
			n := topology.New(office(), rows, noon)
			var host []topology.Sighting
			for _, r := range rows {
				if r.MAC == hostAddress {
					host = append(host, r)
				}
			}
			var got []string
			days := func(at time.Time) string { return fmt.Sprint(int(noon.Sub(at).Hours() / 24)) }
			for _, s := range n.History(host) {
				until := days(s.Until)
				if s.Now {
					until = "now"
				}
				line := n.Node(s.Bridge).Name + " " + s.Name
				if !s.Exact() {
					line += " behind"
				}
				got = append(got, line+" "+days(s.From)+"-"+until)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPath(t *testing.T) {
	rows := sightings(t, "sw1 t2 sw2\n sw2 t1 sw1\n sw2 t3 sw3\n wlc x server")
	n := topology.New(office(), rows, noon)
	links := n.Links()
	port := func(id inventory.AssetID, name string) topology.Port { return topology.Port{Bridge: id, Name: name} }
	for name, c := range map[string]struct {
		from, to topology.Port
		want     string
		gap      string
	}{
		"on one switch": {port(sw1, "p1"), port(sw1, "p2"), "sw1[p1 p2]", ""},
		"over a cable":  {port(sw1, "p1"), port(sw2, "p2"), "sw1[p1 t2] sw2[t1 p2]", ""},
		"an unread end": {port(sw1, "p1"), port(sw3, ""), "sw1[p1 t2] sw2[t1 t3] sw3[ ]", ""},
		"nothing joins": {port(sw1, "p1"), port(controller, "x"), "sw1[p1 ] wlc[ x]", "unknown between sw1 and wlc: no table shows what joins them"},
	} {
		t.Run(name, func(t *testing.T) {
			p := n.Path(c.from, c.to, links)
			var got []string
			for _, h := range p.Hops {
				got = append(got, fmt.Sprintf("%s[%s %s]", n.Node(h.Bridge).Name, h.In, h.Out))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
			if p.Gap != c.gap {
				t.Errorf("gap %q, want %q", p.Gap, c.gap)
			}
		})
	}
}
