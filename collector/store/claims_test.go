package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
)

// What a record claimed over days, with values that go and come back, clocks that go
// back and several reports in one transaction, is read from the database as it was put.
func TestClaimDays(t *testing.T) {
	claim := func(typ reconcile.Type, value string, tier int32) reconcile.Claim {
		return reconcile.Claim{Key: reconcile.Key{Type: typ, Value: value}, Tier: tier}
	}
	serial, card, disk, name := claim(inventory.IDSerial, "S1", 2), claim(inventory.IDMAC, "M1", 6), claim(reconcile.TypeDisk, "D1", 6), claim(reconcile.TypeName, "n", 7)
	lowered := card
	lowered.Tier = 5
	address := func(value string, day int) reconcile.Claim {
		c := claim(reconcile.TypeAddress, value, 8)
		c.Scope, c.Days = reconcile.InWeek("site:a", reconcile.DayOf(time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC)), false)
		return c
	}
	type report struct {
		day    int
		claims []reconcile.Claim
	}
	transactions := [][]report{
		{{1, []reconcile.Claim{serial, card, address("10.0.0.1", 1)}}},
		{{2, []reconcile.Claim{serial, card, disk}}, {3, []reconcile.Claim{serial, disk, address("10.0.0.1", 3)}}},
		{{5, []reconcile.Claim{serial, name}}},
		{{4, []reconcile.Claim{serial, lowered, disk}}}, // its clock went back
		{{5, []reconcile.Claim{disk}}},
		{{9, []reconcile.Claim{address("10.0.0.1", 9)}}}, // and nothing else
		{{7, []reconcile.Claim{serial, card}}, {6, []reconcile.Claim{name}}},
	}
	storetest.Each(t, func(t *testing.T, dsn string) {
		st := open(t, dsn)
		var want []reconcile.Claim
		var id int64
		for i, list := range transactions {
			err := st.Update(t.Context(), func(tx *store.Tx) error {
				if err := tx.Begin(t.Context()); err != nil {
					return err
				}
				if id == 0 {
					src, err := tx.Source(t.Context(), inventory.Source{Kind: inventory.KindAgent, ID: "a"}, time.Unix(0, 0))
					if err != nil {
						return err
					}
					r, err := tx.AddRecord(t.Context(), store.Record{Source: src.ID, Key: store.RecordKey{Kind: inventory.KindAgent, Key: "a"}})
					if err != nil {
						return err
					}
					id = r.ID
				} else if _, _, err := tx.FindRecord(t.Context(), store.RecordKey{Kind: inventory.KindAgent, Key: "a"}); err != nil {
					return err
				}
				for _, r := range list {
					day := reconcile.DayOf(time.Date(2026, 3, r.day, 0, 0, 0, 0, time.UTC))
					var fresh []reconcile.Claim
					for _, c := range r.claims {
						c.First, c.Last = day, day
						fresh = append(fresh, c)
					}
					tx.PutClaims(id, fresh)
					want, _ = reconcile.Accumulate(want, fresh)
				}
				return tx.Flush(t.Context())
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(byKey(want), byKey(claims(t, dsn, id))); diff != "" {
				t.Fatalf("claims after transaction %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

// claims are a record's as another program reads them.
func claims(t *testing.T, dsn string, id int64) []reconcile.Claim {
	t.Helper()
	var out []reconcile.Claim
	err := open(t, dsn).Update(t.Context(), func(tx *store.Tx) error {
		list, err := tx.Records(t.Context(), []int64{id})
		for _, r := range list {
			out = append(out, r.Claims...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func byKey(list []reconcile.Claim) map[reconcile.Key]reconcile.Claim {
	out := map[reconcile.Key]reconcile.Claim{}
	for _, c := range list {
		out[c.Key] = c
	}
	return out
}
