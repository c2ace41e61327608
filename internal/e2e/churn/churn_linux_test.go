// Package churn_test moves hosts about between real bridges and asks afterwards where they were.
package churn_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/snmp"
)

// office is a network of three switches, sw1 between the other two, with hosts on them. A
// host's port is moved with its cable: it keeps its name.
var office = testkit.Network{
	Hosts: []string{"scanner", "sw1", "sw2", "sw3", "ann", "bob", "cam", "lap"},
	Setup: bridge("sw1", 2) + bridge("sw2", 3) + bridge("sw3", 4) + `
		sw1: ip link add s0 type veth peer name eth0 address 00:25:90:00:00:01 netns {scanner}
		sw1: ip link set s0 master br0 up
		sw1: ip link add t2 type veth peer name t1 netns {sw2}
		sw1: ip link set t2 master br0 up
		sw2: ip link set t1 master br0 up
		sw1: ip link add t3 type veth peer name t1 netns {sw3}
		sw1: ip link set t3 master br0 up
		sw3: ip link set t1 master br0 up
		scanner: ip link set eth0 up
		scanner: ip addr add 10.93.1.1/24 dev eth0
	` + host("ann", 11, "sw2", "p1") + host("bob", 12, "sw2", "p2") + host("cam", 13, "sw3", "p3") + host("lap", 14, "sw3", "p4"),
}

func bridge(name string, n int) string {
	return fmt.Sprintf(`
		%[1]s: ip link add br0 address 00:1a:a1:00:00:%02[2]x type bridge forward_delay 0 mcast_snooping 0
		%[1]s: sysctl -qw net.ipv6.conf.all.disable_ipv6=1
		%[1]s: ip link set br0 up
		%[1]s: ip addr add 10.93.1.%[2]d/24 dev br0
	`, name, n)
}

func host(name string, n int, sw, port string) string {
	return fmt.Sprintf(`
		%[3]s: ip link add %[4]s type veth peer name eth0 address 00:14:22:00:00:%02[2]x netns {%[1]s}
		%[3]s: ip link set %[4]s master br0 up
		%[1]s: sysctl -qw net.ipv6.conf.all.disable_ipv6=1
		%[1]s: ip link set eth0 up
		%[1]s: ip addr add 10.93.1.%[2]d/24 dev eth0
	`, name, n, sw, port)
}

// week is a collector and a scanner in the office, with a clock that goes from day to day.
type week struct {
	t     *testing.T
	base  string // of the namespaces' names
	clock time.Time
	store *store.Store
	in    *ingest.Ingester
	seq   int64
	hands map[string]*exec.Cmd // responders, by switch
}

func TestWeekOfChurn(t *testing.T) {
	testkit.InNetwork(t, office, func(t *testing.T) {
		w := newWeek(t)
		for _, sw := range []string{"sw1", "sw2", "sw3"} {
			w.answer(sw)
		}
		w.scan() // Monday
		w.move("sw2", "p2", "sw3")
		w.scan() // Tuesday
		w.ip("lap", "link set eth0 down")
		w.ip("cam", "addr del 10.93.1.13/24 dev eth0")
		w.ip("cam", "addr add 10.93.1.23/24 dev eth0")
		w.scan() // Wednesday: the laptop is away, cam has another address
		w.silence("sw3")
		w.scan() // Thursday: a switch cannot be asked
		w.answer("sw3")
		w.move("sw3", "p4", "sw2")
		w.ip("lap", "link set eth0 up")
		w.ip("lap", "addr add 10.93.1.24/24 dev eth0")
		w.scan() // Friday: the laptop is back, elsewhere
		w.move("sw2", "p1", "sw1")
		w.scan() // Saturday
		w.move("sw1", "p1", "sw2")
		w.ip("lap", "link set eth0 down")
		w.scan() // Sunday

		for _, c := range []struct {
			name  string
			mac   int
			want  []string
			moves []string
		}{
			{"ann", 11, []string{"sw2 p1 Mon-Fri", "sw1 p1 Sat-Sat", "sw2 p1 Sun-now"}, []string{"from sw1 p1 to sw2 p1", "from sw2 p1 to sw1 p1"}},
			{"bob", 12, []string{"sw2 p2 Mon-Mon", "sw3 p2 Tue-now"}, []string{"from sw2 p2 to sw3 p2"}},
			{"cam", 13, []string{"sw3 p3 Mon-now"}, nil},
			{"lap", 14, []string{"sw3 p4 Mon-Tue", "sw2 p4 Fri-Sat"}, []string{"from sw3 p4 to sw2 p4"}},
		} {
			places, moves := w.history(fmt.Sprintf("00:14:22:00:00:%02x", c.mac))
			if diff := cmp.Diff(c.want, places); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
			if diff := cmp.Diff(c.moves, moves); diff != "" {
				t.Errorf("%s in the log: %s", c.name, diff)
			}
		}
		w.cables()
	})
}

func newWeek(t *testing.T) *week {
	t.Helper()
	own, err := exec.CommandContext(t.Context(), "ip", "netns", "identify").Output()
	if err != nil {
		t.Fatal(err)
	}
	base, _, _ := strings.Cut(strings.TrimSpace(string(own)), "-")
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	w := &week{t: t, base: base, clock: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), store: st, hands: map[string]*exec.Cmd{}}
	w.in = ingest.New(ingest.Config{}, st, slog.New(slog.DiscardHandler), func() time.Time { return w.clock })
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.in.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done; _ = st.Close() })
	return w
}

func (w *week) namespace(host string) string {
	return fmt.Sprintf("%s-%d", w.base, slices.Index(office.Hosts, host))
}

func (w *week) ip(host, args string) {
	w.t.Helper()
	out, err := exec.CommandContext(w.t.Context(), "ip", append([]string{"-n", w.namespace(host)}, strings.Fields(args)...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: ip %s: %v\n%s", host, args, err, out)
	}
}

// move plugs a cable's end into another switch.
func (w *week) move(from, port, to string) {
	w.t.Helper()
	w.ip(from, "link set "+port+" netns "+w.namespace(to))
	w.ip(to, "link set "+port+" master br0 up")
}

const switchEnv = "MUSTER_TEST_SWITCH"

// answer starts a switch's SNMP agent; silence ends it.
func (w *week) answer(sw string) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "ip", "netns", "exec", w.namespace(sw), os.Args[0], "-test.run=^TestSwitchAgent$")
	cmd.Env = append(os.Environ(), switchEnv+"="+sw)
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.hands[sw] = cmd
	w.t.Cleanup(func() { w.silence(sw) })
	addr := fmt.Sprintf("10.93.1.%d", slices.Index(office.Hosts, sw)+1)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		client := &gosnmp.GoSNMP{Target: addr, Port: 161, Version: gosnmp.Version2c, Community: "public", Timeout: 300 * time.Millisecond}
		if client.Connect() == nil {
			_, err := client.Get([]string{"1.3.6.1.2.1.1.5.0"})
			_ = client.Conn.Close()
			if err == nil {
				return
			}
		}
	}
	w.t.Fatalf("%s does not answer", sw)
}

func (w *week) silence(sw string) {
	if cmd := w.hands[sw]; cmd != nil {
		delete(w.hands, sw)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// scan is a day: the clock moves, the office is scanned and the collector told.
func (w *week) scan() {
	w.t.Helper()
	w.clock = w.clock.Add(24 * time.Hour)
	s, err := scanner.New(scanner.Config{NoNames: true, NoSearch: true,
		Credentials: []snmp.Credential{{Version: gosnmp.Version2c, Community: "public", Targets: []netip.Prefix{netip.MustParsePrefix("10.93.1.2/31"), netip.MustParsePrefix("10.93.1.4/32")}}}})
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := s.Plan(w.t.Context(), scanner.Job{Targets: []string{"10.93.1.0/27"}, Rate: 2000})
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := s.Run(w.t.Context(), p)
	if err != nil {
		w.t.Fatal(err)
	}
	list := scanner.Observations(res)
	for i := range list {
		w.seq++
		list[i].Source = inventory.Source{Kind: inventory.KindScanner, ID: "scanner", Site: "office"}
		list[i].Epoch, list[i].Seq, list[i].SeenAt = 1, w.seq, w.clock
	}
	acks, err := w.in.Submit(w.t.Context(), list)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, a := range acks {
		if a.Outcome != ingest.Accepted {
			w.t.Fatalf("%s: %+v", list[i].NativeKey, a)
		}
	}
}

func (w *week) query() *query.Inventory {
	return query.New(w.store, func() time.Time { return w.clock.Add(time.Minute) })
}

// history is where a station was, and what the change log says of that.
func (w *week) history(mac string) (places, moves []string) {
	w.t.Helper()
	if err := w.store.NoteMoves(w.t.Context(), w.clock); err != nil {
		w.t.Fatal(err)
	}
	q := w.query()
	where, err := q.Where(w.t.Context(), query.WhereQuery{What: mac, History: true})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range where.Stays {
		until := s.Until.Format("Mon")
		if s.Now {
			until = "now"
		}
		line := fmt.Sprintf("%s %s %s-%s", where.Node(s.Bridge).Name, s.Name, s.From.Format("Mon"), until)
		if !s.Exact() {
			line += " or behind"
		}
		places = append(places, line)
	}
	changes, _, err := q.Changes(w.t.Context(), query.ChangeQuery{Asset: where.Thing.ID.String()})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range changes {
		switch c.Section {
		case store.SectionPlace:
			moves = append(moves, query.Describe(c))
		case "neighbours":
			w.t.Errorf("a table that ages is in the change log: %+v", c)
		}
	}
	return places, moves
}

// cables checks the cables between the switches, of which no switch speaks.
func (w *week) cables() {
	w.t.Helper()
	top, err := w.query().Topology(w.t.Context(), query.TopologyQuery{})
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, l := range top.Links {
		ends := []string{top.Node(l.A.Bridge).Name + " " + l.A.Name, top.Node(l.B.Bridge).Name + " " + l.B.Name}
		slices.Sort(ends)
		got = append(got, strings.Join(ends, " - "))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"sw1 t2 - sw2 t1", "sw1 t3 - sw3 t1"}, got); diff != "" {
		w.t.Error(diff)
	}
}

// TestSwitchAgent is the SNMP agent of a switch: it tells what its kernel has.
func TestSwitchAgent(t *testing.T) {
	name := os.Getenv(switchEnv)
	if name == "" {
		return
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 161})
	if err != nil {
		t.Fatal(err)
	}
	var vars []gosnmp.SnmpPDU
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDP(buf)
		if err != nil {
			t.Fatal(err)
		}
		req, err := (&gosnmp.GoSNMP{Version: gosnmp.Version2c}).SnmpDecodePacket(slices.Clone(buf[:n]))
		if err != nil || req.Community != "public" {
			continue
		}
		if req.PDUType == gosnmp.GetRequest || vars == nil { // reading begins with it
			vars = mib(t, name)
		}
		res := &gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: req.Community, PDUType: gosnmp.GetResponse, RequestID: req.RequestID, Variables: lookUp(vars, req)}
		out, err := res.MarshalMsg()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.WriteToUDP(out, from)
	}
}

// mib is what a switch has to tell, in order.
func mib(t *testing.T, name string) []gosnmp.SnmpPDU {
	t.Helper()
	var vars []gosnmp.SnmpPDU
	add := func(oid string, kind gosnmp.Asn1BER, value any) {
		vars = append(vars, gosnmp.SnmpPDU{Name: "." + oid, Type: kind, Value: value})
	}
	add("1.3.6.1.2.1.1.1.0", gosnmp.OctetString, "Example switch")
	add("1.3.6.1.2.1.1.2.0", gosnmp.ObjectIdentifier, ".1.3.6.1.4.1.99999.1")
	add("1.3.6.1.2.1.1.3.0", gosnmp.TimeTicks, uint32(1000))
	add("1.3.6.1.2.1.1.5.0", gosnmp.OctetString, name)
	add("1.3.6.1.2.1.1.7.0", gosnmp.Integer, 2)
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	index := map[string]int{}
	for _, l := range links {
		index[l.Name] = l.Index
		i := strconv.Itoa(l.Index)
		kind, mac := 6, []byte(nil)
		switch l.Name {
		case "lo":
			kind = 24
		case "br0":
			kind, mac = 209, l.HardwareAddr
			add("1.3.6.1.2.1.17.1.1.0", gosnmp.OctetString, mac)
		default:
			add("1.3.6.1.2.1.17.1.4.1.2."+i, gosnmp.Integer, l.Index)
		}
		add("1.3.6.1.2.1.2.2.1.1."+i, gosnmp.Integer, l.Index)
		add("1.3.6.1.2.1.2.2.1.2."+i, gosnmp.OctetString, l.Name)
		add("1.3.6.1.2.1.2.2.1.3."+i, gosnmp.Integer, kind)
		add("1.3.6.1.2.1.2.2.1.6."+i, gosnmp.OctetString, mac)
		add("1.3.6.1.2.1.2.2.1.8."+i, gosnmp.Integer, 1)
		add("1.3.6.1.2.1.31.1.1.1.1."+i, gosnmp.OctetString, l.Name)
	}
	for _, e := range table(t) {
		hw, err := net.ParseMAC(e.MAC)
		if err != nil || index[e.Port] == 0 || e.State == "permanent" {
			continue
		}
		at := fmt.Sprintf("%d.%d.%d.%d.%d.%d", hw[0], hw[1], hw[2], hw[3], hw[4], hw[5])
		add("1.3.6.1.2.1.17.4.3.1.2."+at, gosnmp.Integer, index[e.Port])
		add("1.3.6.1.2.1.17.4.3.1.3."+at, gosnmp.Integer, 3)
	}
	slices.SortFunc(vars, func(a, b gosnmp.SnmpPDU) int { return slices.Compare(digits(a.Name), digits(b.Name)) })
	return vars
}

// entry is one of a kernel's forwarding table.
type entry struct {
	MAC   string `json:"mac"`
	Port  string `json:"ifname"`
	State string `json:"state"`
}

func table(t *testing.T) []entry {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "bridge", "-j", "fdb", "show", "br", "br0").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []entry
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func digits(oid string) []int {
	var out []int
	for _, p := range strings.Split(strings.TrimPrefix(oid, "."), ".") {
		n, _ := strconv.Atoi(p)
		out = append(out, n)
	}
	return out
}

// lookUp answers a request as an agent does.
func lookUp(vars []gosnmp.SnmpPDU, req *gosnmp.SnmpPacket) []gosnmp.SnmpPDU {
	var out []gosnmp.SnmpPDU
	for _, v := range req.Variables {
		want := digits(v.Name)
		i, exact := slices.BinarySearchFunc(vars, want, func(x gosnmp.SnmpPDU, want []int) int { return slices.Compare(digits(x.Name), want) })
		if req.PDUType == gosnmp.GetRequest {
			if exact {
				out = append(out, vars[i])
			} else {
				out = append(out, gosnmp.SnmpPDU{Name: v.Name, Type: gosnmp.NoSuchObject})
			}
			continue
		}
		if exact {
			i++
		}
		most := 1
		if req.PDUType == gosnmp.GetBulkRequest {
			most = int(req.MaxRepetitions)
		}
		next := vars[i:min(len(vars), i+most)]
		if out = append(out, next...); len(next) < most {
			out = append(out, gosnmp.SnmpPDU{Name: v.Name, Type: gosnmp.EndOfMibView})
		}
	}
	return out
}
