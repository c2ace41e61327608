package store_test

import (
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
)

// Who waits for what could not be brought to the disk is told to come again, and nothing is
// written after it until the store is opened anew.
func TestLogNotSynced(t *testing.T) {
	dsn := storetest.SQLite(t)
	audit := func(st *store.Store, action string) error {
		return st.Update(t.Context(), func(tx *store.Tx) error {
			return tx.Audit(t.Context(), time.Unix(1, 0), "ann", action, "", "")
		})
	}
	st := open(t, dsn)
	store.LoseLog(st)
	for _, action := range []string{"committed", "refused"} {
		if err := audit(st, action); !store.Unavailable(err) {
			t.Errorf("%s: %v, want an error that says to come again", action, err)
		}
	}
	if err := st.Close(); err == nil {
		t.Error("closed as if all was well")
	}
	st = open(t, dsn)
	if err := audit(st, "healed"); err != nil {
		t.Error(err)
	}
	if n := number(t, raw(t, dsn), `select count(*) from audit where action in ('committed', 'healed')`); n != 2 {
		t.Errorf("%d rows, want the one whose sync failed and the one after it", n)
	}
	if n := number(t, raw(t, dsn), `select count(*) from audit where action = 'refused'`); n != 0 {
		t.Error("written after a sync failed")
	}
}
