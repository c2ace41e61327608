package query_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// The estate of BenchmarkTopology: a core, distribution switches on it, and access switches
// on those, with stations on their ports. Half of the uplinks speak LLDP.
const (
	benchSwitches = 500
	benchSpread   = 20 // switches below each of the core and the distribution
	benchPorts    = 48
	benchStations = 20_000
	benchRouters  = 400
)

func benchUp(sw int) int { return (sw - 1) / benchSpread }

func benchMAC(kind, n int) string {
	n++ // an address that ends in zeros is nobody's
	return fmt.Sprintf("00:1a:a%d:%02x:%02x:%02x", kind, n>>16, n>>8&255, n&255)
}

// benchSwitch is what switch sw tells: who is on its ports, and on ports that lead to other
// switches their addresses alone, as the scanner has it.
func benchSwitch(sw int) inventory.Observation {
	var list inventory.Neighbours
	ports := inventory.Interfaces{}
	for p := range benchPorts + benchSpread {
		ports = append(ports, inventory.Interface{Name: fmt.Sprintf("Gi0/%d", p), Index: p + 1, Type: inventory.IfEthernet, Up: true, SpeedMbps: 1000})
	}
	toward := func(other int) string { // the port that leads to it
		for at := other; at > 0; at = benchUp(at) {
			if benchUp(at) == sw {
				return fmt.Sprintf("Gi0/%d", benchPorts+(at-1)%benchSpread)
			}
		}
		return "Gi0/0"
	}
	seen := map[string]int{}
	for other := range benchSwitches {
		if port := toward(other); other != sw && seen[port] < 256 {
			seen[port]++
			list = append(list, inventory.Neighbour{Protocol: "bridge", LocalPort: port, MAC: benchMAC(1, other)})
		}
	}
	if sw > 0 && sw%2 == 0 {
		list = append(list, inventory.Neighbour{Protocol: "lldp", LocalPort: "Gi0/0", ChassisID: benchMAC(1, benchUp(sw)), RemotePort: fmt.Sprintf("Gi0/%d", benchPorts+(sw-1)%benchSpread),
			Capabilities: []string{"bridge"}})
	}
	for h := sw; h < benchStations; h += benchSwitches {
		list = append(list, inventory.Neighbour{Protocol: "bridge", LocalPort: fmt.Sprintf("Gi0/%d", 1+h/benchSwitches), MAC: benchMAC(2, h)})
	}
	return benchThing(benchMAC(1, sw), &inventory.Device{Name: fmt.Sprintf("sw%d", sw), Class: inventory.ClassSwitch,
		Identifiers: []inventory.Identifier{{Type: inventory.IDMAC, Value: benchMAC(1, sw)}}}, ports, list)
}

// benchRouter has an address in a network that all routers share and one in its own.
func benchRouter(n int) inventory.Observation {
	return benchThing(benchMAC(3, n), box(fmt.Sprintf("r%d", n), inventory.ClassRouter, benchMAC(3, n)), inventory.Interfaces{
		card("eth0", benchMAC(3, n), fmt.Sprintf("10.0.%d.%d/16", n>>8, n&255)), card("eth1", "", benchAddress(n, 1)+"/24")})
}

func benchAddress(router, host int) string {
	return fmt.Sprintf("10.%d.%d.%d", 1+router>>8, router&255, host)
}

func benchThing(mac string, bodies ...inventory.Body) inventory.Observation {
	o := inventory.Observation{Source: inventory.Source{Kind: inventory.KindScanner, ID: "s", Site: "hq"}, NativeKey: "mac:" + mac, Epoch: 1, SeenAt: now}
	for _, b := range bodies {
		o.Sections = append(o.Sections, inventory.Section{Name: b.Section(), Status: inventory.StatusOK, Hash: []byte(mac), Body: b})
	}
	return o
}

func BenchmarkTopology(b *testing.B) {
	st, err := store.Open(b.Context(), "sqlite:"+b.TempDir()+"/muster.db")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	var list []inventory.Observation
	for sw := range benchSwitches {
		list = append(list, benchSwitch(sw))
	}
	for h := range benchStations {
		list = append(list, benchThing(benchMAC(2, h), &inventory.Device{Name: fmt.Sprintf("pc%d", h),
			Identifiers: []inventory.Identifier{{Type: inventory.IDMAC, Value: benchMAC(2, h)}}}))
	}
	for n := range benchRouters {
		list = append(list, benchRouter(n))
	}
	for _, n := range []int{0, benchRouters - 1} {
		list = append(list, benchThing(benchMAC(4, n), box(fmt.Sprintf("far%d", n), inventory.ClassServer, benchMAC(4, n)), inventory.Interfaces{
			card("eth0", benchMAC(4, n), benchAddress(n, 9)+"/32")}))
	}
	for i := range list {
		list[i].Seq = int64(i + 1)
	}
	begin := time.Now()
	for len(list) > 0 {
		n := min(500, len(list))
		feed(b, st, now, list[:n]...)
		list = list[n:]
	}
	b.Logf("taken in within %v", time.Since(begin).Round(time.Millisecond))
	q := query.New(st, func() time.Time { return now.Add(time.Minute) })
	b.Run("where", func(b *testing.B) {
		h := 0
		for b.Loop() {
			h = (h + 7919) % benchStations
			w, err := q.Where(b.Context(), query.WhereQuery{What: benchMAC(2, h)})
			if err != nil || len(w.Places) != 1 || w.Node(w.Places[0].Bridge).Name != fmt.Sprintf("sw%d", h%benchSwitches) {
				b.Fatal(err, w)
			}
		}
	})
	b.Run("history", func(b *testing.B) {
		for b.Loop() {
			if w, err := q.Where(b.Context(), query.WhereQuery{What: benchMAC(2, 4711), History: true}); err != nil || len(w.Stays) != 1 {
				b.Fatal(err, w)
			}
		}
	})
	b.Run("where a switch", func(b *testing.B) { // all of the others see it
		for b.Loop() {
			if w, err := q.Where(b.Context(), query.WhereQuery{What: benchMAC(1, 77)}); err != nil || len(w.Places) != 1 {
				b.Fatal(err, w)
			}
		}
	})
	b.Run("ports", func(b *testing.B) {
		for b.Loop() {
			if _, s, err := q.Ports(b.Context(), "sw77", "", query.When{}); err != nil || len(s.Ports) != benchPorts+benchSpread {
				b.Fatal(err, len(s.Ports))
			}
		}
	})
	b.Run("path", func(b *testing.B) {
		for b.Loop() {
			if w, err := q.Path(b.Context(), benchMAC(2, 77), benchMAC(2, 301), query.When{}); err != nil || !w.Whole {
				b.Fatal(err, w)
			}
		}
	})
	b.Run("route", func(b *testing.B) {
		for b.Loop() {
			if w, err := q.Path(b.Context(), "far0", fmt.Sprintf("far%d", benchRouters-1), query.When{}); err != nil || len(w.Steps) != 7 {
				b.Fatal(err, w)
			}
		}
	})
	b.Run("topology", func(b *testing.B) {
		for b.Loop() {
			top, err := q.Topology(b.Context(), query.TopologyQuery{})
			if err != nil || len(top.Links) != benchSwitches-1 {
				b.Fatal(err, len(top.Links))
			}
		}
	})
}
