package topology_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
)

// grown is a network with the tables of some bridges and what others have about these, made
// larger until no more is wanted, and how many tables it has.
func grown(nodes []topology.Node, rows []topology.Sighting, read []inventory.AssetID, further func(*topology.Network) []inventory.AssetID) (*topology.Network, int) {
	for {
		var part []topology.Sighting
		for _, s := range rows {
			if slices.Contains(read, s.Bridge) || s.Owner != 0 && slices.Contains(read, s.Owner) {
				part = append(part, s)
			}
		}
		some := slices.Clone(nodes)
		for i := range some {
			some[i].Partial = !slices.Contains(read, some[i].ID)
		}
		n := topology.New(some, part, noon)
		more := slices.DeleteFunc(further(n), func(id inventory.AssetID) bool { return slices.Contains(read, id) })
		if len(more) == 0 {
			return n, len(read)
		}
		read = append(read, more...)
	}
}

func bigTree(r *rand.Rand) tree {
	t := tree{up: []int{0}}
	for i := 1; i < 20+r.IntN(60); i++ {
		t.up = append(t.up, r.IntN(min(i, 1+r.IntN(i))))
	}
	for range 100 {
		t.hosts = append(t.hosts, r.IntN(len(t.up)))
	}
	return t
}

// What some tables say of a place or a way is what all of them say.
func TestSomeTablesSayTheSame(t *testing.T) {
	for name, own := range map[string]float64{"all see each other": 1, "most do": 0.9, "half of them do": 0.5, "none does": 0} {
		t.Run(name, func(t *testing.T) {
			tables, of, gaps, missed := 0, 0, 0, 0
			for seed := range uint64(8) {
				r := rand.New(rand.NewPCG(seed, 7))
				tr := bigTree(r)
				nodes, rows := tr.tables(r, 1, own)
				all := topology.New(nodes, rows, noon)
				links := all.Links()
				for range 5 {
					a, b := r.IntN(len(tr.up)), r.IntN(len(tr.up))
					mac := switchMAC(a)
					if r.IntN(2) == 0 {
						mac = hostMAC(r.IntN(len(tr.hosts)))
					}
					seen := slices.DeleteFunc(slices.Clone(rows), func(s topology.Sighting) bool { return s.MAC != mac })
					n, read := grown(nodes, rows, nil, func(n *topology.Network) []inventory.AssetID { return n.Nearer(seen) })
					tables, of = tables+read, of+len(tr.up)
					p, _ := n.Place(seen, noon)
					want, _ := all.Place(seen, noon)
					if p.Port != want.Port || len(p.Losers) != len(want.Losers) {
						t.Errorf("seed %d: %s at %v, by all tables at %v", seed, mac, p.Port, want.Port)
					}
					if a == b {
						continue
					}
					from, to := topology.Port{Bridge: id(a), Name: "x"}, topology.Port{Bridge: id(b), Name: "y"}
					n, read = grown(nodes, rows, []inventory.AssetID{id(a), id(b)}, func(n *topology.Network) []inventory.AssetID { return n.Between(id(a), id(b)) })
					tables, of = tables+read, of+len(tr.up)
					whole := all.Path(from, to, links)
					if way := n.Path(from, to, n.Links()); way.Gap != "" {
						gaps++
						if whole.Gap == "" {
							missed++
						}
					} else {
						if diff := cmp.Diff(whole, way); diff != "" {
							t.Errorf("seed %d: %v to %v: %s", seed, from, to, diff)
						}
					}
				}
			}
			t.Logf("%d of %d tables, %d gaps, %d ways not found", tables, of, gaps, missed)
			if own == 1 && tables > of/2 {
				t.Errorf("%d of %d tables were wanted: what are the others for?", tables, of)
			}
		})
	}
}
