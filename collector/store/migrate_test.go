package store_test

import (
	"database/sql"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
)

// raw is a store's database without the store.
func raw(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	driver, name := "pgx", dsn
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, name = "sqlite3", "file:"+file
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func number(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func execute(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func open(t *testing.T, dsn string, options ...store.Option) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), dsn, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

const (
	killedDSN  = "MUSTER_TEST_KILLED_DSN"
	killedStep = "MUSTER_TEST_KILLED_STEP"
)

// TestKilledMigrator is the process that dies in TestF25.
func TestKilledMigrator(t *testing.T) {
	dsn := os.Getenv(killedDSN)
	if dsn == "" {
		return
	}
	_, err := store.Open(t.Context(), dsn, store.InMigration(func(name string) {
		if name == os.Getenv(killedStep) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}))
	t.Fatalf("still alive: %v", err)
}

func TestF25KilledAtEachMigration(t *testing.T) {
	var steps []string
	open(t, storetest.SQLite(t), store.Migrated(func(name string) { steps = append(steps, name) }))
	storetest.Each(t, func(t *testing.T, dsn string) {
		db := raw(t, dsn)
		for i, step := range steps {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledMigrator$")
			cmd.Env = append(os.Environ(), killedDSN+"="+dsn, killedStep+"="+step)
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("at %s: %v\n%s", step, err, out)
			}
			if n := number(t, db, `select max(version) from migration`); n != i {
				t.Fatalf("killed in %s: schema %d, want %d", step, n, i)
			}
			if i == 1 { // rows from here on
				execute(t, db, `insert into source (kind, name, site, epoch, seq, first_contact, last_contact, last_seen, skew_ms, observations, version)
					values ('agent', 'a', 'hq', 1, 7, 1, 2, 3, 4, 5, '')`)
			}
		}
		st := open(t, dsn)
		if n := number(t, db, `select max(version) from migration`); n != len(steps) {
			t.Errorf("schema %d after all, want %d", n, len(steps))
		}
		list, err := st.Sources(t.Context())
		if err != nil || len(list) != 1 || list[0].Observations != 5 {
			t.Errorf("sources %+v, %v: want the one from before", list, err)
		}
	})
}

func TestF25OldProgramRefusesNewerSchema(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		open(t, dsn)
		execute(t, raw(t, dsn), `insert into migration values (9999, 1)`)
		st, err := store.Open(t.Context(), dsn)
		if err == nil {
			_ = st.Close()
		}
		if inventory.CodeOf(err) != inventory.CodeConflict {
			t.Errorf("opening a newer schema: %v", err)
		}
	})
}

func TestOneMigrator(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		var mu sync.Mutex
		applied := map[string]int{}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				st, err := store.Open(t.Context(), dsn, store.Migrated(func(name string) {
					mu.Lock()
					defer mu.Unlock()
					applied[name]++
				}))
				if err != nil {
					t.Error(err)
					return
				}
				_ = st.Close()
			})
		}
		wg.Wait()
		for name, n := range applied {
			if n != 1 {
				t.Errorf("%s was applied %d times", name, n)
			}
		}
		if len(applied) < 3 {
			t.Errorf("applied: %v", applied)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, dsn := range []string{"", "muster.db", "mysql://x", "postgres://u:secret@h:port/d", "postgres://u:secret@/%zz"} {
		st, err := store.Open(t.Context(), dsn)
		if err == nil {
			_ = st.Close()
		}
		if inventory.CodeOf(err) != inventory.CodeInvalid || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", dsn, err)
		}
	}
	if got := store.Redacted("postgres://u:secret@h/d?password=secret&sslmode=require"); strings.Contains(got, "secret") {
		t.Errorf("redacted: %s", got)
	}
}
