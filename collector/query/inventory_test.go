package query_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
)

// feed submits observations at a time.
func feed(t testing.TB, st *store.Store, at time.Time, list ...inventory.Observation) {
	t.Helper()
	in := ingest.New(ingest.Config{}, st, slog.New(slog.DiscardHandler), func() time.Time { return at })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { in.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	acks, err := in.Submit(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range acks {
		if a.Outcome != ingest.Accepted {
			t.Fatalf("report %d: %+v", i, a)
		}
	}
}

// The same questions have the same answers on every engine.
func TestQuestions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st, err := store.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		var list []inventory.Observation
		for i := range 12 {
			o := machine(i, 50)
			o.SeenAt = now
			list = append(list, o)
		}
		feed(t, st, now, list...)
		update := machine(4, 50)
		update.Seq, update.SeenAt = 2, now.Add(time.Hour)
		update.Sections = update.Sections[4:]
		update.Sections[0].Body, update.Sections[0].Hash = inventory.SoftwareList{{Source: "deb", Name: "Ünïcode-%_\\x", Version: "1"}}, []byte("new")
		feed(t, st, now.Add(time.Hour), update)

		q := query.New(st, func() time.Time { return now.Add(2 * time.Hour) })
		// Ids depend on the order in which reports were taken, so names are compared.
		for name, c := range map[string]struct {
			ask  query.AssetQuery
			want string
		}{
			"all":             {query.AssetQuery{}, "srv0 srv1 srv10 srv11 srv2 srv3 srv4 srv5 srv6 srv7 srv8 srv9"},
			"the first":       {query.AssetQuery{Sort: "-name", Limit: 3}, "srv7 srv8 srv9"},
			"largest":         {query.AssetQuery{Sort: "-memory", Limit: 2}, "srv6 srv7"},
			"by name":         {query.AssetQuery{Sort: "name", Filter: "name:srv1*"}, "srv1 srv10 srv11"},
			"software":        {query.AssetQuery{Filter: `software:"package-7<2.0"`}, "srv0 srv3 srv6 srv9"},
			"exact software":  {query.AssetQuery{Filter: `software=package-7 not software:package-70 name=srv4`}, ""},
			"software then":   {query.AssetQuery{Filter: `software=package-7 name=srv4`, When: query.When{AsOf: now.Add(time.Minute)}}, "srv4"},
			"any case":        {query.AssetQuery{Filter: `software:"üNÏCODE-%_\\X"`}, "srv4"},
			"before it all":   {query.AssetQuery{When: query.When{AsOf: now.Add(-time.Minute)}}, ""},
			"then":            {query.AssetQuery{When: query.When{AsOf: now.Add(time.Minute)}, Filter: "memory>=64GiB class:server"}, "srv11 srv3 srv4 srv5 srv6 srv7"},
			"recently":        {query.AssetQuery{Filter: "last_seen<90m"}, "srv4"},
			"recently by now": {query.AssetQuery{Filter: "last_seen<90m", When: query.When{AsOf: now.Add(time.Minute)}, Sort: "name", Limit: 1}, "srv0"},
		} {
			page, err := q.Assets(t.Context(), c.ask)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			for _, a := range page.Assets {
				got = append(got, a.Name)
			}
			slices.Sort(got)
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s: %q, want %q", name, s, c.want)
			}
		}
		page, err := q.Assets(t.Context(), query.AssetQuery{Filter: "name=srv4"})
		if err != nil || len(page.Assets) != 1 {
			t.Fatal(page, err)
		}
		srv4 := page.Assets[0].ID.String()
		pages(t, q)
		titles, err := q.Software(t.Context(), "package-4", query.When{}, query.Page{Limit: 100})
		if err != nil || titles.Total != 33 || len(titles.Titles) != 33 || titles.Next != "" {
			t.Errorf("software: %d of %d, next %q, %v", len(titles.Titles), titles.Total, titles.Next, err)
		}
		changes, _, err := q.Changes(t.Context(), query.ChangeQuery{Asset: srv4, Since: now.Add(time.Minute)})
		if err != nil || len(changes) != 51 || changes[0].Section != "software" {
			t.Errorf("%d changes, %v", len(changes), err)
		}
		sources, err := q.Sources(t.Context())
		if err != nil || len(sources) != 12 || sources[4].Name != "SN0000004X" || sources[4].Observations != 2 || sources[4].Records != 1 {
			t.Errorf("sources: %+v %v", sources, err)
		}
		why, err := q.Why(t.Context(), srv4, "")
		if err != nil || len(why.Records) != 1 || len(why.Software) != 1 {
			t.Errorf("why: %+v %v", why.Text, err)
		}
	})
}

// Lines are read in blocks.
func TestMoreThanABlock(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st, err := store.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		list := make([]inventory.Observation, 1000)
		for i := range list {
			list[i] = machine(i, 0)
		}
		feed(t, st, now, list...)
		q := query.New(st, func() time.Time { return now })
		for _, more := range []int64{0, 3} { // a full block, and one after it
			if more > 0 {
				feed(t, st, now, machine(1000, 0), machine(1001, 0), machine(1002, 0))
			}
			for _, ask := range []query.AssetQuery{{Limit: 10_000}, {Limit: 10_000, Filter: "class:server"}, {Limit: 10_000, Sort: "-first_seen"}} {
				page, err := q.Assets(t.Context(), ask)
				ids := map[inventory.AssetID]bool{}
				for _, a := range page.Assets {
					ids[a.ID] = len(a.Sources) == 1 && !a.LastSeen.IsZero()
				}
				if err != nil || page.Total != 1000+more || int64(len(ids)) != page.Total || page.Next != "" || slices.Contains(slices.Collect(maps.Values(ids)), false) {
					t.Errorf("%+v: %d of %d, %v", ask, len(ids), page.Total, err)
				}
			}
		}
	})
}

func TestInterfacesInOrder(t *testing.T) {
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	o := machine(1, 0)
	want := []string{"br0", "eth1", "eth2", "eth10", "eth10.5", "wlan0"}
	var list inventory.Interfaces
	for i, name := range want {
		list = append(list, inventory.Interface{Name: name, MAC: fmt.Sprintf("d4:be:d9:00:00:%02x", i), Type: inventory.IfEthernet})
	}
	for i := range o.Sections {
		if o.Sections[i].Name == inventory.SectionInterfaces {
			o.Sections[i].Body = list
		}
	}
	feed(t, st, now, o)
	d, err := query.New(st, func() time.Time { return now }).Asset(t.Context(), "a1", query.When{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range d.Interfaces {
		got = append(got, i.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// pages goes through listings page by page.
func pages(t *testing.T, q *query.Inventory) {
	t.Helper()
	for _, ask := range []query.AssetQuery{{}, {Filter: "class:server"}, {Filter: "source:agent"}, {Sort: "-id"}, {Sort: "memory"}, {Sort: "-name"}, {Sort: "address"},
		{Sort: "last_seen"}, {When: query.When{AsOf: now.Add(time.Minute)}}} {
		whole, err := q.Assets(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		var parts []inventory.Asset
		ask.Limit = 5
		for {
			page, err := q.Assets(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			if parts = append(parts, page.Assets...); page.Total != whole.Total {
				t.Errorf("%+v: %d in all by a page, %d by the whole", ask, page.Total, whole.Total)
			}
			if ask.Cursor = page.Next; page.Next == "" || len(parts) > 20 {
				break
			}
		}
		if diff := cmp.Diff(whole.Assets, parts); diff != "" {
			t.Errorf("%+v: pages differ from the whole: %s", ask, diff)
		}
	}
}
