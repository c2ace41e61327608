package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
)

// carriers is what records claim, as a test puts it: value, record.
type carriers map[string]map[int64]bool

func (c carriers) clone() carriers {
	out := carriers{}
	for v, ids := range c {
		out[v] = maps.Clone(ids)
	}
	return out
}

// Who carries a value is told right before the claims of a transaction are written and after, as the transaction
// sees it and ahead of what is being written, whatever part of it was asked for before: in random transactions,
// of two programs in turns, with savepoints of which some are undone.
func TestHoldersOfPending(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		rnd := rand.New(rand.NewPCG(1, 2))
		programs := []*store.Store{open(t, dsn), open(t, dsn)}
		have := carriers{}
		for i := range 60 {
			program := 0
			if rnd.IntN(4) == 0 {
				program = 1
			}
			next := have.clone()
			err := programs[program].Update(t.Context(), func(tx *store.Tx) error {
				next = have.clone()
				if err := tx.Begin(t.Context()); err != nil {
					return err
				}
				for range 1 + rnd.IntN(3) {
					if err := putAndAsk(t.Context(), tx, rnd, next); err != nil {
						return fmt.Errorf("transaction %d: %w", i, err)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			have = next
		}
	})
}

var errUndo = errors.New("undo")

// putAndAsk makes records claim values and asks who does, in a savepoint or not.
func putAndAsk(ctx context.Context, tx *store.Tx, rnd *rand.Rand, have carriers) error {
	work := func(have carriers) error {
		for range 1 + rnd.IntN(8) {
			if err := claimSome(ctx, tx, rnd, have); err != nil {
				return err
			}
		}
		if err := ask(ctx, tx, rnd, have); err != nil {
			return fmt.Errorf("before they are written: %w", err)
		}
		if err := tx.Flush(ctx); err != nil {
			return err
		}
		return ask(ctx, tx, rnd, have)
	}
	switch rnd.IntN(4) {
	case 0:
		err := tx.Savepoint(ctx, func() error { return errors.Join(work(have.clone()), errUndo) })
		if err == nil || err.Error() != errUndo.Error() {
			return err
		}
		return ask(ctx, tx, rnd, have)
	case 1:
		return tx.Savepoint(ctx, func() error { return work(have) })
	}
	return work(have)
}

func claimSome(ctx context.Context, tx *store.Tx, rnd *rand.Rand, have carriers) error {
	key := store.RecordKey{Kind: inventory.KindAgent, Key: fmt.Sprint(rnd.IntN(40))}
	r, ok, err := tx.FindRecord(ctx, key)
	if err != nil {
		return err
	}
	if !ok {
		src, err := tx.Source(ctx, inventory.Source{Kind: inventory.KindAgent, ID: "a"}, time.Unix(0, 0))
		if err != nil {
			return err
		}
		if r, err = tx.AddRecord(ctx, store.Record{Source: src.ID, Key: key}); err != nil {
			return err
		}
	}
	var fresh []reconcile.Claim
	for _, v := range rnd.Perm(12)[:rnd.IntN(4)] {
		value := fmt.Sprint(v)
		fresh = append(fresh, reconcile.Claim{Key: reconcile.Key{Type: inventory.IDMAC, Value: value}, Tier: 6, First: 1, Last: 1})
		if have[value] == nil {
			have[value] = map[int64]bool{}
		}
		have[value][r.ID] = true
	}
	tx.PutClaims(r.ID, fresh)
	return nil
}

// ask asks for some values, and for a part of those who carry them.
func ask(ctx context.Context, tx *store.Tx, rnd *rand.Rand, have carriers) error {
	var keys []reconcile.Key
	for v := range 12 {
		if rnd.IntN(2) == 0 {
			keys = append(keys, reconcile.Key{Type: inventory.IDMAC, Value: fmt.Sprint(v)})
		}
	}
	if rnd.IntN(2) == 0 {
		end, err := tx.Ahead(ctx)
		if err != nil {
			return err
		}
		defer end()
	}
	limit := 1 + rnd.IntN(12)
	got, err := tx.Holders(ctx, keys, limit)
	if err != nil {
		return err
	}
	for i, k := range keys {
		want := slices.Sorted(maps.Keys(have[k.Value]))
		want = want[:min(len(want), limit)]
		if diff := cmp.Diff(want, slices.Clip(got[i])); len(want)+len(got[i]) > 0 && diff != "" {
			return fmt.Errorf("the first %d holders of %s (-want +got):\n%s", limit, k.Value, diff)
		}
	}
	return nil
}

// What is read after records moved in a transaction is not what was before.
func TestMembersAfterMove(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		var ids []int64
		serial := reconcile.Claim{Key: reconcile.Key{Type: inventory.IDSerial, Value: "S1"}, Tier: 2, First: 1, Last: 1}
		add := func(key string) func(*store.Tx) error {
			return func(tx *store.Tx) error {
				src, err := tx.Source(t.Context(), inventory.Source{Kind: inventory.KindAgent, ID: key}, time.Unix(0, 0))
				if err != nil {
					return err
				}
				r, err := tx.AddRecord(t.Context(), store.Record{Source: src.ID, Key: store.RecordKey{Kind: inventory.KindAgent, Key: key}})
				if err != nil {
					return err
				}
				ids = append(ids, r.ID)
				tx.PutClaims(r.ID, []reconcile.Claim{serial})
				return tx.Flush(t.Context())
			}
		}
		decide := func(tx *store.Tx) error {
			_, err := tx.Decide(t.Context(), map[int64]int64{ids[len(ids)-1]: 1}, "")
			return err
		}
		look := func(tx *store.Tx) error {
			end, err := tx.Ahead(t.Context())
			if err != nil {
				return err
			}
			defer end()
			got, err := tx.Members(t.Context(), ids[:1])
			if diff := cmp.Diff(map[int64][]int64{ids[0]: ids}, got); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			return err
		}
		for _, steps := range [][]func(*store.Tx) error{{add("a"), decide}, {add("b")}, {decide, look}} {
			err := open(t, dsn).Update(t.Context(), func(tx *store.Tx) error { // each a program of its own, that knows nothing
				if err := tx.Begin(t.Context()); err != nil {
					return err
				}
				for _, step := range steps {
					if err := step(tx); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
