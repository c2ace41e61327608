package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// desk is a network of two switches with a cable between them, told by one scanner.
type desk struct {
	*rig
	t   *testing.T
	seq int64
}

const movable = "00:14:22:00:00:07"

func switchAddress(n int) string { return fmt.Sprintf("00:1a:a1:00:00:%02x", n) }

// tell reports switch n with the stations on its ports, lines like "p1 MAC"; with a status
// other than ok, that its table could not be read, or only in part.
func (d *desk) tell(n int, status inventory.Status, ports ...string) {
	d.t.Helper()
	list := inventory.Neighbours{{Protocol: "bridge", LocalPort: "up", MAC: switchAddress(3 - n)}}
	for _, p := range ports {
		var port, mac string
		if _, err := fmt.Sscan(p, &port, &mac); err != nil {
			d.t.Fatal(err)
		}
		list = append(list, inventory.Neighbour{Protocol: "bridge", LocalPort: port, MAC: mac})
	}
	s := section(list, fmt.Sprint(list))
	if s.Status = status; status == inventory.StatusFailed {
		s.Body, s.Hash = nil, nil
	}
	d.device(switchAddress(n), fmt.Sprintf("sw%d", n), inventory.ClassSwitch, s)
}

func (d *desk) device(mac, name string, class inventory.Class, more ...inventory.Section) {
	d.t.Helper()
	d.seq++
	ack := d.submit(d.t, inventory.Observation{Source: inventory.Source{Kind: inventory.KindScanner, ID: "s", Site: "hq"}, NativeKey: "mac:" + mac, Epoch: 1, Seq: d.seq,
		SeenAt: d.clock, Sections: append([]inventory.Section{section(&inventory.Device{Name: name, Class: class, Identifiers: []inventory.Identifier{{Type: inventory.IDMAC, Value: mac}}}, "d")}, more...)})
	if len(ack.Needed) > 0 || ack.Reason != "" {
		d.t.Fatalf("%+v", ack)
	}
}

// where is the present place of the movable station.
func (d *desk) where(at store.When) string {
	d.t.Helper()
	w, err := query.New(d.store, func() time.Time { return d.clock }).Where(d.t.Context(), query.WhereQuery{What: movable, When: at})
	if err != nil {
		d.t.Fatal(err)
	}
	if len(w.Places) != 1 {
		return fmt.Sprint(len(w.Places), " places")
	}
	p := w.Places[0]
	out := fmt.Sprintf("%s %s since %d confirmed %d", w.Node(p.Bridge).Name, p.Name, p.First.Day(), p.Last.Day())
	if p.Ended {
		out += " gone"
	}
	return out
}

// A table that could not be read, or in part only, ends nothing and confirms nothing; one that
// was read and has an entry no more does. None of this is a change, until the station is
// somewhere else: that is one.
func TestLinksComeAndGo(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		d := &desk{rig: r, t: t}
		begin := r.clock.Day()
		step := func(n int, status inventory.Status, want string, ports ...string) {
			t.Helper()
			d.tell(n, status, ports...)
			if diff := cmp.Diff(want, d.where(store.When{})); diff != "" {
				t.Errorf("day %d: %s", r.clock.Day(), diff)
			}
		}
		tomorrow := func() { r.clock = r.clock.Add(24 * time.Hour) }
		at := "p1 " + movable
		d.device(movable, "lap7", inventory.ClassLaptop)
		d.tell(2, inventory.StatusOK)
		step(1, inventory.StatusOK, "sw1 p1 since 2 confirmed 2", at)
		tomorrow()
		step(1, inventory.StatusOK, "sw1 p1 since 2 confirmed 3", at)
		tomorrow()
		step(1, inventory.StatusFailed, "sw1 p1 since 2 confirmed 3")
		step(1, inventory.StatusPartial, "sw1 p1 since 2 confirmed 3")
		tomorrow()
		step(1, inventory.StatusOK, "sw1 p1 since 2 confirmed 3 gone")
		tomorrow()
		step(1, inventory.StatusOK, "sw1 p1 since 2 confirmed 6", at) // within the short gap it goes on
		if got := lines(t, r, store.ChangeAsk{Since: r.clock.AddDate(0, 0, begin-r.clock.Day()).Add(time.Hour)}); len(got) > 0 {
			t.Errorf("changes %v", got)
		}
		tomorrow()
		step(2, inventory.StatusOK, "sw2 p2 since 7 confirmed 7", "p2 "+movable) // the newest wins, the log waits
		if got := lines(t, r, store.ChangeAsk{Since: r.clock}); len(got) > 0 {
			t.Errorf("before the old switch was asked: %v", got)
		}
		step(1, inventory.StatusOK, "sw2 p2 since 7 confirmed 7", "up "+movable)
		step(1, inventory.StatusOK, "sw2 p2 since 7 confirmed 7", "up "+movable)
		tomorrow()
		step(2, inventory.StatusOK, "sw2 p2 since 7 confirmed 8", "p2 "+movable)
		want := []string{"moved place " + movable + " sw1 p1>sw2 p2"}
		for _, asset := range []inventory.AssetID{0, 1} {
			if diff := cmp.Diff(want, lines(t, r, store.ChangeAsk{Since: r.clock.AddDate(0, 0, -1), Asset: asset})); diff != "" {
				t.Errorf("asset %d: %s", asset, diff)
			}
		}
		for name, c := range map[string]struct {
			at   store.When
			want string
		}{
			"as of the third day":            {store.When{AsOf: r.clock.AddDate(0, 0, -5)}, "sw1 p1 since 2 confirmed 3"},
			"what was known before the move": {store.When{KnownOn: r.clock.AddDate(0, 0, -1).Add(-time.Hour)}, "sw1 p1 since 2 confirmed 6"},
			"before anything":                {store.When{AsOf: r.clock.AddDate(0, 0, -9)}, "0 places"},
		} {
			if diff := cmp.Diff(c.want, d.where(c.at)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	})
}

// However many stations go from one switch to another at once, none is passed over.
func TestManyMoves(t *testing.T) {
	const stations = 1100 // more than are looked at in one transaction
	mac := func(i int) string { return fmt.Sprintf("00:14:22:01:%02x:%02x", i>>8, i&255) }
	onEach(t, func(t *testing.T, r *rig) {
		d := &desk{rig: r, t: t}
		var all, want []string
		for i := range stations {
			all = append(all, fmt.Sprintf("p%d %s", i, mac(i)))
		}
		for _, i := range []int{0, stations / 2, stations - 1} { // those that are assets are told of
			d.device(mac(i), fmt.Sprint("lap", i), inventory.ClassLaptop)
			want = append(want, fmt.Sprintf("moved place %s sw1 p%d>sw2 p%d", mac(i), i, i))
		}
		d.tell(1, inventory.StatusOK, all...)
		d.tell(2, inventory.StatusOK)
		r.clock = r.clock.Add(24 * time.Hour)
		d.tell(2, inventory.StatusOK, all...)
		d.tell(1, inventory.StatusOK)
		if err := r.store.NoteMoves(t.Context(), r.clock); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, lines(t, r, store.ChangeAsk{Since: r.clock})); diff != "" {
			t.Error(diff)
		}
	})
}
