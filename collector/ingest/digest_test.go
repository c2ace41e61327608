package ingest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/internal/inventory"
)

// A report that is only a digest stands for the one before, as long as the collector has it.
func TestDigest(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		say := func(digest string, sections ...inventory.Section) ingest.Ack {
			t.Helper()
			r.seq++
			r.clock = r.clock.Add(26 * time.Hour) // another day: the claims are derived anew
			ack := r.submit(t, inventory.Observation{
				Source: inventory.Source{Kind: inventory.KindAgent, ID: "ag1", Site: "hq"},
				Epoch:  1, Seq: r.seq, SeenAt: r.clock, Digest: []byte(digest), Sections: sections,
			})
			if ack.Outcome != ingest.Accepted {
				t.Fatalf("answered %+v", ack)
			}
			return ack
		}
		steps := []struct {
			name     string
			digest   string
			sections []inventory.Section
			needed   int
		}{
			{"never heard of", "d1", nil, len(inventory.Sections())},
			{"whole", "d1", []inventory.Section{laptop(), section(packages("a"), "s1")}, 0},
			{"the same", "d1", nil, 0},
			{"the same a day later", "d1", nil, 0},
			{"another", "d2", nil, len(inventory.Sections())},
			{"still the same", "d1", nil, 0},
			{"with a hash that is not known", "d3", []inventory.Section{{Name: inventory.SectionDisks, Status: inventory.StatusOK, Hash: []byte("x")}}, 1},
			{"which does not count until it is sent", "d3", nil, len(inventory.Sections())},
			{"not even as it was before", "d1", nil, len(inventory.Sections())},
			{"sent", "d3", []inventory.Section{section(inventory.Disks{{Name: "sda"}}, "x")}, 0},
			{"and known", "d3", nil, 0},
		}
		for _, step := range steps {
			if ack := say(step.digest, step.sections...); len(ack.Needed) != step.needed {
				t.Errorf("%s: asked for %q, want %d", step.name, ack.Needed, step.needed)
			}
		}
		q := query.New(r.store, func() time.Time { return r.clock })
		assets, err := q.Assets(t.Context(), query.AssetQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if len(assets.Assets) != 1 || !assets.Assets[0].LastSeen.Equal(r.clock) {
			t.Errorf("assets: %s", cmp.Diff(nil, assets.Assets))
		}
	})
}
