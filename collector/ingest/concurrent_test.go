package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
)

// estate is what agents, scanners and imports say of n machines, in the order in which
// each source says it: machines share docks, and every sixth is reported by a second
// agent, so that transactions want the same claim values, records and assets.
func estate(n int, at time.Time) map[string][]inventory.Observation {
	out := map[string][]inventory.Observation{}
	add := func(src inventory.Source, key string, sections ...inventory.Section) {
		list := out[src.ID]
		out[src.ID] = append(list, inventory.Observation{Source: src, NativeKey: key, Epoch: 1, Seq: int64(len(list) + 1), SeenAt: at, Sections: sections})
	}
	for i := range n {
		serial, mac := fmt.Sprintf("PF3X%04d", i), fmt.Sprintf("8c:16:45:10:%02x:%02x", i>>8, i&255)
		device := func(hash string) inventory.Section {
			return section(&inventory.Device{Name: fmt.Sprintf("lap%d", i), Vendor: "LENOVO", Serial: serial,
				Identifiers: []inventory.Identifier{{Type: inventory.IDSerial, Value: serial, Scope: "LENOVO", Part: inventory.PartSystem}}}, hash)
		}
		nics := inventory.Interfaces{{Name: "eth0", MAC: mac, Type: inventory.IfEthernet},
			{Name: "dock", MAC: fmt.Sprintf("00:50:b6:11:22:%02x", i%7), Type: inventory.IfEthernet}}
		agents := []string{fmt.Sprintf("agent%d", i)}
		if i%6 == 0 {
			agents = append(agents, fmt.Sprintf("agent%d-again", i))
		}
		for _, id := range agents {
			src := inventory.Source{Kind: inventory.KindAgent, ID: id, Site: "hq"}
			add(src, "", device("d1"), section(packages("bash", fmt.Sprintf("tool%d", i%5)), "s1"))
			add(src, "", device("d2"), section(nics, "i1"))
			add(src, "", section(packages("bash", fmt.Sprintf("tool%d", i%3)), "s2"))
		}
		for s := range 2 {
			src := inventory.Source{Kind: inventory.KindScanner, ID: fmt.Sprintf("scanner%d", s), Site: "hq"}
			add(src, mac, section(inventory.Interfaces{{MAC: mac, Type: inventory.IfEthernet}}, fmt.Sprint("s", i)))
		}
		add(inventory.Source{Kind: inventory.KindImport, ID: "books"}, serial, device("b"))
	}
	return out
}

// deliver sends each source's observations in their order, through one of the rigs each
// time, in random company, and notes what was accepted.
func deliver(t *testing.T, estate map[string][]inventory.Observation, rigs ...*rig) map[string]int {
	t.Helper()
	var mu sync.Mutex
	accepted := map[string]int{}
	var wg sync.WaitGroup
	for id, list := range estate {
		wg.Go(func() {
			for len(list) > 0 {
				n := min(len(list), 1+rand.IntN(8))
				acks, err := rigs[rand.IntN(len(rigs))].Submit(t.Context(), list[:n])
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				for _, a := range acks {
					if a.Outcome != ingest.Accepted {
						t.Errorf("%s: %+v", id, a)
					}
				}
				mu.Lock()
				accepted[id] += n
				mu.Unlock()
				list = list[n:]
			}
		})
	}
	wg.Wait()
	return accepted
}

// Collectors that share a database come to what one alone comes to: nothing lost, nothing
// twice, and no decision that missed what another one was writing.
func TestF26TwoCollectorsOneState(t *testing.T) {
	dsn := testkit.Postgres(t)
	a, b := newRig(t, dsn), newRig(t, dsn)
	list := estate(60, a.clock)
	accepted := deliver(t, list, a, b)

	_, wrong, err := a.store.Recheck(t.Context())
	if err != nil || len(wrong) > 0 {
		t.Errorf("records that a rebuild puts elsewhere: %v, %v", wrong, err)
	}
	stored := map[string]int{}
	sources, err := b.store.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		stored[s.Name] = int(s.Observations)
	}
	if diff := cmp.Diff(accepted, stored); diff != "" {
		t.Errorf("accepted and stored:\n%s", diff)
	}
	// The lines of the assets are what their records say, whoever wrote them last.
	for _, line := range a.assets(t, store.When{}) {
		d, err := a.store.Asset(t.Context(), line.ID, store.When{})
		if err != nil {
			t.Fatal(err)
		}
		if line.Name != d.Name || line.Serial != d.Serial || !cmp.Equal(line.MACs, d.MACs) {
			t.Errorf("asset %s: the line says %q %q %q, its records %q %q %q", line.ID, line.Name, line.Serial, line.MACs, d.Name, d.Serial, d.MACs)
		}
	}
	single := newRig(t, testkit.Postgres(t))
	deliver(t, list, single)
	if one, two := len(single.assets(t, store.When{})), len(a.assets(t, store.When{})); one != two {
		t.Errorf("%d assets by two collectors, %d by one", two, one)
	}
	titles, _, err := a.store.Titles(t.Context(), "", store.When{}, store.Page{Limit: 100})
	if err != nil || len(titles) != 4 {
		t.Errorf("%d titles, %v; want bash and three tools", len(titles), err)
	}
}

// Two collectors that report on one asset at once write its line one after the other: the
// later one has seen what the earlier one wrote.
func TestF26LinesAreCurrent(t *testing.T) {
	const machines, rounds = 20, 8
	dsn := testkit.Postgres(t)
	a, b := newRig(t, dsn), newRig(t, dsn)
	device := func(i int, tag, hash string) inventory.Section {
		serial := fmt.Sprintf("PF3X%04d", i)
		return section(&inventory.Device{Name: fmt.Sprintf("lap%d", i), Vendor: "LENOVO", Serial: serial, AssetTag: tag,
			Identifiers: []inventory.Identifier{{Type: inventory.IDSerial, Value: serial, Scope: "LENOVO", Part: inventory.PartSystem}}}, hash)
	}
	for round := range rounds {
		books, agents := make([]inventory.Observation, machines), make([]inventory.Observation, machines)
		for i := range machines {
			key, hash := fmt.Sprint(i), fmt.Sprint(round)
			books[i] = inventory.Observation{Source: inventory.Source{Kind: inventory.KindImport, ID: "books" + key}, NativeKey: key, Epoch: 1,
				Seq: int64(round + 1), SeenAt: a.clock, Sections: []inventory.Section{device(i, "T"+hash, hash)}}
			agents[i] = inventory.Observation{Source: inventory.Source{Kind: inventory.KindAgent, ID: "agent" + key, Site: "hq"}, Epoch: 1,
				Seq: int64(round + 1), SeenAt: a.clock, Sections: []inventory.Section{device(i, "", "d"), section(&inventory.OS{Name: "Debian", Version: hash}, hash)}}
		}
		var both sync.WaitGroup
		for r, list := range map[*rig][]inventory.Observation{a: books, b: agents} {
			both.Go(func() {
				if _, err := r.Submit(t.Context(), list); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		lines := a.assets(t, store.When{})
		if len(lines) != machines {
			t.Errorf("round %d: %d assets, want %d", round, len(lines), machines)
		}
		for _, line := range lines {
			tag := ""
			for _, attr := range line.Attributes {
				if attr.Name == "asset_tag" {
					tag = attr.Value
				}
			}
			if line.OSVersion != fmt.Sprint(round) || tag != fmt.Sprint("T", round) {
				t.Errorf("round %d: the line of asset %s says version %q and tag %q", round, line.ID, line.OSVersion, tag)
			}
		}
	}
}
