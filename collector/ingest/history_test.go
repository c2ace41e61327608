package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// lines are changes as text, newest first.
func lines(t *testing.T, r *rig, ask store.ChangeAsk) []string {
	t.Helper()
	if err := r.store.NoteMoves(t.Context(), r.clock); err != nil {
		t.Fatal(err)
	}
	var out []string
	for {
		if ask.Limit == 0 {
			ask.Limit = 2 // small pages: nothing is lost or told twice between them
		}
		list, next, err := r.store.Changes(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			out = append(out, fmt.Sprintf("%s %s %s %s>%s", c.Kind, c.Section, c.Item, c.Before, c.After))
		}
		if next == "" {
			return out
		}
		ask.After = next
	}
}

// What was true and what was known are two times: a laptop that was away tells late.
func TestKnownOn(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		monday := r.clock
		r.send(t, laptop(), section(packages("bash", "curl"), "s1"))
		tuesday := monday.Add(24 * time.Hour)
		r.clock = monday.Add(72 * time.Hour) // on Thursday it tells of Tuesday
		r.seq++
		r.submit(t, inventory.Observation{Source: inventory.Source{Kind: inventory.KindAgent, ID: "ag1", Site: "hq"}, Epoch: 1, Seq: r.seq,
			SeenAt: tuesday, Sections: []inventory.Section{section(packages("bash"), "s2")}})
		wednesday := monday.Add(48 * time.Hour)
		for name, c := range map[string]struct {
			at   store.When
			want []string
		}{
			"now":                             {store.When{}, []string{"bash"}},
			"on Wednesday, by today":          {store.When{AsOf: wednesday}, []string{"bash"}},
			"on Wednesday, by then":           {store.When{AsOf: wednesday, KnownOn: wednesday}, []string{"bash", "curl"}},
			"held true on Wednesday":          {store.When{KnownOn: wednesday}, []string{"bash", "curl"}},
			"on Monday, by today":             {store.When{AsOf: monday.Add(time.Hour)}, []string{"bash", "curl"}},
			"now, as was known on Thursday":   {store.When{KnownOn: r.clock.Add(time.Minute)}, []string{"bash"}},
			"on Tuesday, known on Wednesday":  {store.When{AsOf: tuesday.Add(time.Hour), KnownOn: wednesday}, []string{"bash", "curl"}},
			"on Tuesday, known from Thursday": {store.When{AsOf: tuesday.Add(time.Hour), KnownOn: r.clock}, []string{"bash"}},
		} {
			if diff := cmp.Diff(c.want, softwareNames(t, r.store, 1, c.at)); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
			titles, _, err := r.store.Titles(t.Context(), "", c.at, store.Page{Limit: 10})
			if err != nil || len(titles) != len(c.want) {
				t.Errorf("%s: titles %v, %v", name, titles, err)
			}
			with, err := r.store.AssetsWithTitle(t.Context(), "curl", func(inventory.Software) bool { return true }, c.at)
			if err != nil || with[1] != (len(c.want) == 2) {
				t.Errorf("%s: assets with curl %v, %v", name, with, err)
			}
		}
		if n := len(r.assets(t, store.When{AsOf: wednesday, KnownOn: monday.Add(-time.Hour)})); n != 0 {
			t.Errorf("%d assets known before the first report", n)
		}
		if got := lines(t, r, store.ChangeAsk{KnownOn: wednesday}); len(got) != 1 {
			t.Errorf("changes known on Wednesday: %v", got)
		}
	})
}

// Two scanners that keep to what each of them sees make no changes; one that changes its
// mind does. What could not be read is not gone, and a list that is the same is no change.
func TestChangesWithoutNoise(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		seq := map[string]int64{}
		const mac = "8c:16:45:10:00:01"
		scan := func(id, name string, ports ...int32) {
			r.clock = r.clock.Add(time.Hour)
			seq[id]++
			o := inventory.Observation{Source: inventory.Source{Kind: inventory.KindScanner, ID: id, Site: "hq"}, NativeKey: mac, Epoch: 1, Seq: seq[id], SeenAt: r.clock}
			var list inventory.Ports
			for _, p := range ports {
				list = append(list, inventory.Port{Protocol: "tcp", Number: int(p)})
			}
			hash := fmt.Sprint(name, ports)
			o.Sections = []inventory.Section{section(&inventory.Device{Name: name, Identifiers: []inventory.Identifier{{Type: inventory.IDMAC, Value: mac}}}, hash),
				section(inventory.Interfaces{{MAC: mac, Type: inventory.IfEthernet}}, "i"), section(list, hash)}
			r.submit(t, o)
		}
		since := func(at time.Time) []string { return lines(t, r, store.ChangeAsk{Since: at}) }
		scan("north", "prn1", 80, 443)
		scan("south", "prn1.corp.example", 443) // its first word is news
		scan("north", "prn1", 80, 443)
		scan("south", "prn1.corp.example", 443)
		quiet := r.clock.Add(time.Minute)
		for range 3 {
			scan("north", "prn1", 80, 443)
			scan("south", "prn1.corp.example", 443)
			scan("south", "prn1.corp.example", 443)
		}
		if got := since(quiet); len(got) != 0 {
			t.Errorf("two scanners that keep to what they see: %v", got)
		}
		mark := r.clock.Add(time.Minute)
		scan("south", "prn1.corp.example", 443, 9100)
		if diff := cmp.Diff([]string{`added ports tcp/9100| >{"protocol":"tcp","number":9100}`}, since(mark)); diff != "" {
			t.Errorf("a new port:\n%s", diff)
		}

		r.clock = r.clock.Add(time.Hour)
		mark = r.clock
		r.send(t, laptop(), section(packages("bash"), "s1"))
		r.clock = r.clock.Add(time.Hour)
		failed := inventory.Section{Name: inventory.SectionSoftware, Status: inventory.StatusFailed, Reason: "dpkg: permission denied"}
		r.send(t, laptop(), failed)
		r.send(t, laptop(), section(packages("bash"), "s2")) // another hash, the same list
		if diff := cmp.Diff([]string{"appeared record agent >"}, since(mark)); diff != "" {
			t.Errorf("nothing happened:\n%s", diff)
		}
	})
}

// Merges and splits stand in the change log of both assets.
func TestChangesOfIdentity(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		r.send(t, laptop())
		r.submit(t, inventory.Observation{Source: inventory.Source{Kind: inventory.KindAgent, ID: "ag2", Site: "hq"}, Epoch: 1, Seq: 1, SeenAt: r.clock,
			Sections: []inventory.Section{section(&inventory.Device{Name: "lap2", Serial: "PF3XYZ99", Vendor: "LENOVO"}, "x")}})
		r.clock = r.clock.Add(time.Hour)
		pin := store.Pin{Same: true, Who: "person:ann", Why: "one"}
		both := r.assets(t, store.When{}) // a retry may have used up a number in between
		if len(both) != 2 {
			t.Fatalf("%d assets, want 2", len(both))
		}
		a, b := both[0].ID, both[1].ID
		p, events, err := r.store.AddPin(t.Context(), store.Ref{ID: int64(a)}, store.Ref{ID: int64(b)}, pin, r.clock)
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		if _, err := r.store.RemovePin(t.Context(), p.ID, "person:ann", "two", r.clock.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		want := []string{fmt.Sprintf("split identity e2 %s>%s", a, b), fmt.Sprintf("merged identity e1 %s>%s", b, a)}
		for _, asset := range []inventory.AssetID{0, a, b} {
			got := lines(t, r, store.ChangeAsk{Asset: asset, Since: r.clock})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("asset %s:\n%s", asset, diff)
			}
		}
		// What was believed in between.
		if n := len(r.assets(t, store.When{AsOf: r.clock.Add(30 * time.Second)})); n != 1 {
			t.Errorf("%d assets while they were one", n)
		}
	})
}
