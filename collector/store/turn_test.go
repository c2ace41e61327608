package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
)

// Another program gets its transaction in while one writes all the time.
func TestTurn(t *testing.T) {
	dsn := storetest.SQLite(t)
	busy, other := open(t, dsn), open(t, dsn)
	audit := func(ctx context.Context, st *store.Store) error {
		return st.Update(ctx, func(tx *store.Tx) error {
			time.Sleep(5 * time.Millisecond) // as long as a group takes
			return tx.Audit(ctx, time.Unix(1, 0), "ann", "x", "", "")
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 4)
	for range cap(ended) {
		go func() {
			for ctx.Err() == nil {
				if err := audit(context.WithoutCancel(ctx), busy); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	for i := range 20 {
		began := time.Now()
		if err := audit(t.Context(), other); err != nil {
			t.Fatalf("transaction %d: %v", i, err)
		}
		t.Logf("transaction %d after %v", i, time.Since(began).Round(time.Millisecond))
	}
	stop()
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
