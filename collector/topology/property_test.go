package topology_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// tree is a made-up network: switch i > 0 hangs on up[i], each host on a switch.
type tree struct {
	up    []int
	hosts []int // the switch of each
}

func randomTree(r *rand.Rand) tree {
	var t tree
	for i := range 2 + r.IntN(9) {
		t.up = append(t.up, 0)
		if i > 0 {
			t.up[i] = r.IntN(i)
		}
	}
	for range 5 + r.IntN(40) {
		t.hosts = append(t.hosts, r.IntN(len(t.up)))
	}
	return t
}

// Names of ports tell nothing but what they lead to, which the inference cannot read.
func (t tree) edge(host int) string { return fmt.Sprintf("e%d", host) }
func (t tree) trunk(a, b int) string {
	return fmt.Sprintf("t%d", max(a, b))
}

func switchMAC(i int) string { return fmt.Sprintf("00:1a:a1:00:01:%02x", i) }
func hostMAC(i int) string   { return fmt.Sprintf("00:14:22:00:02:%02x", i) }
func id(i int) inventory.AssetID {
	return inventory.AssetID(i + 1)
}

// step is the next switch from a towards b, -1 when they are one.
func (t tree) step(a, b int) int {
	if a == b {
		return -1
	}
	for at := b; ; at = t.up[at] { // b is below a
		if at == 0 {
			break
		}
		if t.up[at] == a {
			return at
		}
	}
	return t.up[a]
}

// tables are what all switches would have, each entry kept with the given chance.
func (t tree) tables(r *rand.Rand, keep, keepOwn float64) (nodes []topology.Node, rows []topology.Sighting) {
	add := func(a int, port, mac string, owner inventory.AssetID, chance float64) {
		if r.Float64() < chance {
			rows = append(rows, topology.Sighting{Port: topology.Port{Bridge: id(a), Name: port}, MAC: mac, Owner: owner, Via: topology.ViaBridge,
				First: noon.Add(-time.Hour), Last: noon})
		}
	}
	for a := range t.up {
		nodes = append(nodes, topology.Node{ID: id(a), Name: fmt.Sprintf("sw%d", a), Reads: true})
		for b := range t.up {
			if next := t.step(a, b); next >= 0 {
				add(a, t.trunk(a, next), switchMAC(b), id(b), keepOwn)
			}
		}
		for h, sw := range t.hosts {
			if next := t.step(a, sw); next >= 0 {
				add(a, t.trunk(a, next), hostMAC(h), 0, keep)
			} else {
				add(a, t.edge(h), hostMAC(h), 0, keep)
			}
		}
	}
	return nodes, rows
}

// A station is at the port where it was put or known to be behind a bridge that lies that
// way, whatever tables have lost; with whole tables it is at its port, and the cables are the tree's.
func TestRandomTrees(t *testing.T) {
	exact, all := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		tr := randomTree(r)
		keep, keepOwn := 1.0, 1.0
		switch seed % 4 {
		case 1:
			keepOwn = 0 // bridges that nobody sees
		case 2:
			keepOwn = 0.7
		case 3:
			keep, keepOwn = 0.7, 0.9
		}
		nodes, rows := tr.tables(r, keep, keepOwn)
		n := topology.New(nodes, rows, noon)
		for h, sw := range tr.hosts {
			var seen []topology.Sighting
			atEdge := false
			for _, s := range rows {
				if s.MAC == hostMAC(h) {
					seen = append(seen, s)
					atEdge = atEdge || s.Name == tr.edge(h)
				}
			}
			p, ok := n.Place(seen, noon)
			if ok != (len(seen) > 0) {
				t.Fatalf("seed %d: host %d: place %v with %d sightings", seed, h, ok, len(seen))
			}
			if !ok {
				continue
			}
			all++
			right := p.Bridge == id(sw) && p.Name == tr.edge(h)
			switch {
			case right:
				exact++
			case atEdge && keepOwn > 0.8:
				t.Errorf("seed %d: host %d at %v, it is at sw%d and known there", seed, h, p.Port, sw)
			case !atEdge && keepOwn == 1 && p.Exact():
				t.Errorf("seed %d: host %d said to be at %v, where no host is", seed, h, p.Port)
			}
		}
		checkLinks(t, seed, tr, n.Links(), keep == 1 && keepOwn == 1)
	}
	t.Logf("%d of %d at their port", exact, all)
	if exact < all*9/10 {
		t.Errorf("only %d of %d hosts at their port", exact, all)
	}
}

// checkLinks says that no cable is invented, and with whole tables none is missing.
func checkLinks(t *testing.T, seed uint64, tr tree, links []topology.Link, whole bool) {
	t.Helper()
	want := map[[2]topology.Port]bool{}
	for b := 1; b < len(tr.up); b++ {
		a := tr.up[b]
		ends := []topology.Port{{Bridge: id(a), Name: tr.trunk(a, b)}, {Bridge: id(b), Name: tr.trunk(a, b)}}
		slices.SortFunc(ends, func(x, y topology.Port) int { return int(x.Bridge - y.Bridge) })
		want[[2]topology.Port{ends[0], ends[1]}] = true
	}
	found := 0
	for _, l := range links {
		if !l.Inferred {
			t.Errorf("seed %d: %v is not marked as inferred", seed, l)
		}
		known := [2]topology.Port{l.A, l.B}
		if l.A.Name == "" || l.B.Name == "" { // one end is unknown: it must be a cable of that port all the same
			for w := range want {
				if w[0].Bridge == l.A.Bridge && w[1].Bridge == l.B.Bridge && (l.A.Name == "" || l.A == w[0]) && (l.B.Name == "" || l.B == w[1]) {
					known = w
				}
			}
		}
		if !want[known] {
			t.Errorf("seed %d: invented %v - %v", seed, l.A, l.B)
		}
		found++
	}
	if whole && found != len(want) {
		t.Errorf("seed %d: %d links, the tree has %d", seed, found, len(want))
	}
}
