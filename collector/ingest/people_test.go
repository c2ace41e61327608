package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Whatever arrives and whatever people say in between, the stored decision is the one
// that a rebuild makes, the pins in force hold, and nothing is amiss in the history.
func TestIncrementalIsRebuildWithPeople(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		for seed := range uint64(3) {
			people(t, r, seed)
		}
	})
}

func people(t *testing.T, r *rig, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 11))
	seq := map[string]int64{}
	send := func(kind inventory.SourceKind, id, key string, bodies ...inventory.Body) {
		seq[id]++
		o := inventory.Observation{Source: inventory.Source{Kind: kind, ID: id, Site: "hq"}, NativeKey: key, Epoch: int64(seed + 1), Seq: seq[id], SeenAt: r.clock}
		for _, b := range bodies {
			o.Sections = append(o.Sections, section(b, fmt.Sprint(seed, id, seq[id])))
		}
		r.submit(t, o)
	}
	mac := func(n int) string { return fmt.Sprintf("8c:16:45:%02x:00:%02x", seed, n) }
	for step := range 160 {
		r.clock = r.clock.Add(time.Duration(rnd.IntN(20)) * time.Hour)
		n := rnd.IntN(6) // few machines, so that they meet
		dev := &inventory.Device{Name: fmt.Sprintf("m%d-%d", seed, n%4)}
		if rnd.IntN(2) == 0 {
			dev.Serial, dev.Vendor = fmt.Sprintf("PF%d%dXK21", seed, n), "LENOVO"
		}
		switch rnd.IntN(10) {
		case 0, 1, 2:
			send(inventory.KindAgent, fmt.Sprintf("ag%d-%d", seed, n), "", dev, inventory.Interfaces{
				{Name: "eth0", MAC: mac(n), Type: inventory.IfEthernet, Addresses: nicOf(fmt.Sprintf("10.%d.0.%d", seed, n))[0].Addresses}, {Name: "dock", MAC: mac(40 + rnd.IntN(3)), Type: inventory.IfEthernet}})
		case 3:
			send(inventory.KindScanner, "scan", mac(n), inventory.Interfaces{{MAC: mac(n), Type: inventory.IfEthernet}})
		case 4:
			send(inventory.KindScanner, "scan", mac(40), inventory.Interfaces{{MAC: mac(40), Type: inventory.IfEthernet}})
		case 5:
			send(inventory.KindImport, "books", fmt.Sprintf("row%d-%d", seed, rnd.IntN(8)), dev)
		case 6, 7:
			ip := fmt.Sprintf("10.%d.0.%d", seed, n)
			send(inventory.KindScanner, "scan", ip, &inventory.Device{Name: dev.Name}, nicOf(ip))
		default:
			decide(t, r, rnd, step)
		}
		if step%10 == 9 {
			verify(t, r, seed, step)
		}
	}
}

// decide does what a person might; what contradicts itself is refused.
func decide(t *testing.T, r *rig, rnd *rand.Rand, step int) {
	t.Helper()
	var records []int64
	err := r.store.Memberships(t.Context(), func(m store.Membership) error {
		if !slices.Contains(records, m.Record) {
			records = append(records, m.Record)
		}
		return nil
	})
	if err != nil || len(records) == 0 {
		return
	}
	slices.Sort(records)
	ref := func() store.Ref {
		return store.Ref{Record: rnd.IntN(2) == 0, ID: records[rnd.IntN(min(len(records), 24))]}
	}
	switch rnd.IntN(6) {
	case 5:
		keep := store.Retention{Observations: 48 * time.Hour, History: 72 * time.Hour, Sightings: 72 * time.Hour}
		err = r.store.Retain(t.Context(), keep, r.clock, 0, false, func(store.Kept) {})
	case 0:
		_, err = r.store.RemovePin(t.Context(), 1+rnd.Int64N(12), "person:ann", "step", r.clock)
	case 1:
		_, _, err = r.store.Undo(t.Context(), 1+rnd.Int64N(20), "person:ann", "step", r.clock)
	default:
		_, _, err = r.store.AddPin(t.Context(), ref(), ref(), store.Pin{Same: rnd.IntN(2) == 0, Who: "person:ann", Why: "step"}, r.clock)
	}
	switch inventory.CodeOf(err) {
	case inventory.CodeConflict, inventory.CodeNotFound, inventory.CodeInvalid:
	default:
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
	}
}

func verify(t *testing.T, r *rig, seed uint64, step int) {
	t.Helper()
	v, err := r.store.VerifyDecision(t.Context())
	if err != nil || !v.Good() {
		t.Fatalf("seed %d, step %d: %+v, %v", seed, step, v, err)
	}
	pins, err := r.store.Pins(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pins {
		a, err := store.ParseRef(p.A)
		if err != nil {
			t.Fatal(err)
		}
		b, err := store.ParseRef(p.B)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Same && (!a.Record || !b.Record) {
			continue // an asset's id may stand for another part of it by now
		}
		x, err := r.store.Resolve(t.Context(), inventory.AssetID(a.ID))
		if err != nil {
			t.Fatal(err)
		}
		y, err := r.store.Resolve(t.Context(), inventory.AssetID(b.ID))
		if err != nil || (x == y) != p.Same {
			t.Fatalf("seed %d, step %d: %+v does not hold: %s and %s, %v", seed, step, p, x, y, err)
		}
	}
}
