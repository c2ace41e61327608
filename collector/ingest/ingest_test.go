package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
)

// rig is an ingester on a real store with a clock that the test moves.
type rig struct {
	*ingest.Ingester
	store *store.Store
	clock time.Time
	seq   int64
}

// onEach runs a test with a rig on every engine.
func onEach(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, dsn string) { fn(t, newRig(t, dsn)) })
}

func newRig(t *testing.T, dsn string) *rig {
	t.Helper()
	st, err := store.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{store: st, clock: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	r.Ingester = ingest.New(ingest.Config{}, st, slog.New(slog.DiscardHandler),
		func() time.Time { return r.clock })
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done; _ = st.Close() })
	return r
}

// send submits one observation of agent ag1 and returns its answer.
func (r *rig) send(t *testing.T, sections ...inventory.Section) ingest.Ack {
	t.Helper()
	r.seq++
	return r.submit(t, inventory.Observation{
		Source: inventory.Source{Kind: inventory.KindAgent, ID: "ag1", Site: "hq"},
		Epoch:  1, Seq: r.seq, SeenAt: r.clock, Sections: sections,
	})
}

func (r *rig) submit(t *testing.T, o inventory.Observation) ingest.Ack {
	t.Helper()
	acks, err := r.Submit(t.Context(), []inventory.Observation{o})
	if err != nil {
		t.Fatal(err)
	}
	return acks[0]
}

func section(body inventory.Body, hash string) inventory.Section {
	return inventory.Section{Name: body.Section(), Status: inventory.StatusOK, Hash: []byte(hash), Body: body}
}

func laptop() inventory.Section {
	return section(&inventory.Device{Name: "lap1", Vendor: "LENOVO", Model: "20XW", Serial: "PF3ABC12", Class: inventory.ClassLaptop,
		Identifiers: []inventory.Identifier{{Type: inventory.IDSerial, Value: "PF3ABC12", Scope: "LENOVO", Part: inventory.PartSystem}}}, "d1")
}

func packages(names ...string) inventory.SoftwareList {
	var l inventory.SoftwareList
	for _, n := range names {
		l = append(l, inventory.Software{Source: "deb", Name: n, Version: "1.0"})
	}
	return l
}

func (r *rig) assets(t *testing.T, at store.When) []inventory.Asset {
	t.Helper()
	var out []inventory.Asset
	if err := r.store.Assets(t.Context(), at, func(a inventory.Asset) error { out = append(out, a); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func softwareNames(t *testing.T, st *store.Store, id inventory.AssetID, at store.When) []string {
	t.Helper()
	d, err := st.Asset(t.Context(), id, at)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range d.Records {
		for _, s := range r.Software {
			out = append(out, s.Name)
		}
	}
	return out
}

func TestReportBecomesAsset(t *testing.T) { onEach(t, reportBecomesAsset) }

func reportBecomesAsset(t *testing.T, r *rig) {
	nic := section(inventory.Interfaces{{Name: "eth0", MAC: "8C-16-45-10-01-20", Type: inventory.IfEthernet,
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.77.1.120/24")}}}, "i1")
	if ack := r.send(t, laptop(), nic, section(packages("bash", "curl"), "s1")); ack.Outcome != ingest.Accepted || len(ack.Needed) != 0 {
		t.Fatalf("ack = %+v", ack)
	}
	list := r.assets(t, store.When{})
	if len(list) != 1 {
		t.Fatalf("%d assets, want 1", len(list))
	}
	a := list[0]
	if diff := cmp.Diff([]string{"10.77.1.120"}, a.Addresses); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"8c:16:45:10:01:20"}, a.MACs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"bash", "curl"}, softwareNames(t, r.store, a.ID, store.When{})); diff != "" {
		t.Error(diff)
	}
}

func TestUnchangedSectionIsAskedForOnlyWhenUnknown(t *testing.T) {
	onEach(t, unchangedSectionIsAskedForOnlyWhenUnknown)
}

func unchangedSectionIsAskedForOnlyWhenUnknown(t *testing.T, r *rig) {
	hashOnly := inventory.Section{Name: inventory.SectionSoftware, Status: inventory.StatusOK, Hash: []byte("s1")}
	if ack := r.send(t, laptop(), hashOnly); !cmp.Equal(ack.Needed, []inventory.SectionName{inventory.SectionSoftware}) {
		t.Fatalf("needed = %v, want software", ack.Needed)
	}
	r.send(t, laptop(), section(packages("bash"), "s1"))
	if ack := r.send(t, laptop(), hashOnly); len(ack.Needed) != 0 {
		t.Fatalf("needed = %v after the body was sent", ack.Needed)
	}
	if got := softwareNames(t, r.store, 1, store.When{}); !cmp.Equal(got, []string{"bash"}) {
		t.Errorf("software = %v: a hash must not end what it stands for", got)
	}
}

func TestCouldNotLookIsNotGone(t *testing.T) { onEach(t, couldNotLookIsNotGone) }

func couldNotLookIsNotGone(t *testing.T, r *rig) {
	r.send(t, laptop(), section(packages("bash", "curl"), "s1"))
	r.send(t, laptop(), inventory.Section{Name: inventory.SectionSoftware, Status: inventory.StatusFailed, Reason: "permission denied"})
	r.send(t, laptop(), inventory.Section{Name: inventory.SectionSoftware, Status: inventory.StatusPartial, Reason: "timed out", Hash: []byte("p"), Body: packages("bash", "vim")})
	if diff := cmp.Diff([]string{"bash", "curl", "vim"}, softwareNames(t, r.store, 1, store.When{})); diff != "" {
		t.Error(diff)
	}
	d, err := r.store.Asset(t.Context(), 1, store.When{})
	if err != nil {
		t.Fatal(err)
	}
	if s := d.Records[0].Sections[inventory.SectionSoftware]; s.Status != inventory.StatusPartial || s.Reason != "timed out" {
		t.Errorf("section state = %+v", s)
	}
}

func TestHistory(t *testing.T) { onEach(t, history) }

func history(t *testing.T, r *rig) {
	r.send(t, laptop(), section(packages("bash", "curl"), "s1"))
	before := r.clock.Add(time.Minute)
	r.clock = r.clock.Add(time.Hour)
	updated := packages("bash")
	updated[0].Version = "2.0"
	r.send(t, laptop(), section(append(updated, packages("vim")...), "s2"))

	if diff := cmp.Diff([]string{"bash", "curl"}, softwareNames(t, r.store, 1, store.When{AsOf: before})); diff != "" {
		t.Errorf("as of before the change:\n%s", diff)
	}
	changes, next, err := r.store.Changes(t.Context(), store.ChangeAsk{Page: store.Page{Limit: 100}})
	if err != nil || next != "" {
		t.Fatal(next, err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%s %s %s %q->%q", c.Kind, c.Section, c.Item, c.Before, c.After))
	}
	want := []string{`changed software bash "1.0"->"2.0"`, `removed software curl "1.0"->""`, `added software vim ""->"1.0"`, `appeared record agent ""->""`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !changes[0].At.Equal(r.clock) {
		t.Errorf("change at %v, want %v", changes[0].At, r.clock)
	}
	if n := len(r.assets(t, store.When{AsOf: before.Add(-2 * time.Minute)})); n != 0 {
		t.Errorf("%d assets before the first report", n)
	}
}

func TestF09LostAcknowledgement(t *testing.T) { onEach(t, f09LostAcknowledgement) }

func f09LostAcknowledgement(t *testing.T, r *rig) {
	o := inventory.Observation{Source: inventory.Source{Kind: inventory.KindAgent, ID: "ag1"}, Epoch: 1, Seq: 1, SeenAt: r.clock,
		Sections: []inventory.Section{laptop()}}
	r.submit(t, o)
	old, err := r.store.Asset(t.Context(), 1, store.When{})
	if err != nil {
		t.Fatal(err)
	}
	r.clock = r.clock.Add(time.Minute)
	if ack := r.submit(t, o); ack.Outcome != ingest.Duplicate {
		t.Fatalf("second delivery: %+v", ack)
	}
	now, err := r.store.Asset(t.Context(), 1, store.When{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(old, now, cmp.AllowUnexported(netip.Prefix{})); diff != "" {
		t.Errorf("the duplicate changed the asset:\n%s", diff)
	}
}

func TestA08ReplayNeverGoesBack(t *testing.T) { onEach(t, a08ReplayNeverGoesBack) }

func a08ReplayNeverGoesBack(t *testing.T, r *rig) {
	first := laptop()
	r.send(t, first)
	r.seq = 5
	renamed := laptop()
	renamed.Body.(*inventory.Device).Name, renamed.Hash = "lap2", []byte("d2")
	r.send(t, renamed)
	for _, c := range []struct {
		epoch, seq int64
		want       ingest.Outcome
	}{{1, 1, ingest.Duplicate}, {1, 3, ingest.Stale}, {1, 6, ingest.Duplicate}} {
		ack := r.submit(t, inventory.Observation{Source: inventory.Source{Kind: inventory.KindAgent, ID: "ag1"},
			Epoch: c.epoch, Seq: c.seq, SeenAt: r.clock, Sections: []inventory.Section{first}})
		if ack.Outcome != c.want {
			t.Errorf("epoch %d seq %d: %s, want %s", c.epoch, c.seq, ack.Outcome, c.want)
		}
	}
	d, err := r.store.Asset(t.Context(), 1, store.When{})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Records[0].Bodies[inventory.SectionDevice].(*inventory.Device).Name; got != "lap2" {
		t.Errorf("name = %q after replays, want lap2", got)
	}
}
