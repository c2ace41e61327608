package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/reconcile"
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
				oldSoftware(t, db)
				oldClaims(t, db)
				oldLinks(t, db)
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
		wantOldSoftware(t, st)
		wantOldClaims(t, dsn)
		wantOldLinks(t, db)
	})
}

// oldLinks are neighbours as schema 1 had them, all of them facts.
func oldLinks(t *testing.T, db *sql.DB) {
	t.Helper()
	execute(t, db, `insert into section (record_id, name, status, reason, hash, body_obs, obs_id, took_ms) values (1, 'neighbours', 'ok', '', '', 1, 1, 0)`)
	execute(t, db, `insert into fact (record_id, section, key, from_obs, to_obs, value) values
		(1, 'neighbours', 'bridge|p1|00:14:22:00:00:01|', 1, 2, '{"protocol":"bridge","local_port":"p1","mac":"00:14:22:00:00:01"}'),
		(1, 'neighbours', 'bridge|p2|00:14:22:00:00:02|', 1, null, '{"protocol":"bridge","local_port":"p2","mac":"00:14:22:00:00:02"}'),
		(1, 'neighbours', 'lldp|p3|00:14:22:00:00:03|q', 1, null, '{"protocol":"lldp","local_port":"p3","chassis_id":"00:14:22:00:00:03","remote_port":"q","remote_name":"sw"}')`)
}

func wantOldLinks(t *testing.T, db *sql.DB) {
	t.Helper()
	for query, want := range map[string]int{
		`select count(*) from link`: 3,
		`select count(*) from link where to_obs = 2 and last_obs = 1 and port = 'p1'`: 1,
		`select count(*) from link where to_obs is null and from_obs = 1`:             2,
		`select count(*) from fact where section = 'neighbours'`:                      1,
		`select count(*) from fact where section = 'neighbours' and key like 'lldp%'`: 1,
		`select look_obs from section where record_id = 1 and name = 'neighbours'`:    2,
	} {
		if n := number(t, db, query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
}

// oldClaims are claims as schema 1 had them, each with its last day.
func oldClaims(t *testing.T, db *sql.DB) {
	t.Helper()
	execute(t, db, `insert into claim (record_id, type, value, scope, tier, first_day, last_day) values
		(1, 'serial', 'S1', '', 2, 20000, 20009), (1, 'mac', 'M1', '', 5, 20000, 20004),
		(1, 'address', '10.0.0.1', 'site:hq@2024-10-13', 8, 20009, 20009), (1, 'address', '10.0.0.1', 'site:hq@2024-10-14', 9, 20009, 20009),
		(1, 'address', '10.0.0.1', 'site:hq@2024-10-16', 8, 20012, 20012), (1, 'address', '10.0.0.1', 'site:hq@2024-10-17', 9, 20012, 20012)`)
}

func wantOldClaims(t *testing.T, dsn string) {
	t.Helper()
	claim := func(typ reconcile.Type, value, scope string, tier int32, first, last int64) reconcile.Claim {
		return reconcile.Claim{Key: reconcile.Key{Type: typ, Scope: scope, Value: value}, Tier: tier, First: reconcile.DaySince1970(first), Last: reconcile.DaySince1970(last)}
	}
	address := func(scope string, tier int32, first, last int64, days reconcile.Days) reconcile.Claim {
		c := claim("address", "10.0.0.1", scope, tier, first, last)
		c.Days = days
		return c
	}
	want := []reconcile.Claim{
		address("site:hq@2858", 8, 20009, 20012, 0b1001000+0b0010000<<7), address("site:hq@2859", 9, 20012, 20012, 0b0000001<<7),
		claim("mac", "M1", "", 5, 20000, 20004), claim("serial", "S1", "", 2, 20000, 20009),
	}
	if diff := cmp.Diff(want, claims(t, dsn, 1)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

// oldSoftware are installs as schema 1 had them, a row each.
func oldSoftware(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, q := range []string{
		`insert into observation (id, source_id, record_id, epoch, seq, seen_at, said_at, received_at, changes) values
			(1, 1, 1, 1, 1, 1000, 1000, 1000, '*'), (2, 1, 1, 1, 2, 2000, 2000, 2000, 'software')`,
		`insert into record (id, kind, scope, native_key, incarnation, source_id, site, role, asset_id, first_seen, last_seen, first_obs, claims_day)
			values (1, 'agent', '', 'a', '', 1, 'hq', '', 1, 1, 2, 1, 0)`,
		`insert into member values (1, 1, null, 1)`,
		`insert into title (id, source, name, version, arch, publisher, purl) values
			(3, 'deb', 'kept', '1', 'amd64', '', ''), (70, 'deb', 'new', '2', '', '', ''), (71, 'deb', 'new', '1', '', '', '')`,
		`insert into install values (1, 3, 1, null, '2026-01-05', 4096, '/opt/kept'), (1, 70, 2, null, null, null, null), (1, 71, 1, 2, null, null, null)`,
	} {
		execute(t, db, q)
	}
	if os.Getenv("MUSTER_LONG") == "" {
		return
	}
	// A million more: 500 titles on 2,000 records.
	const numbers = `with recursive n(i) as (select 100 union all select i + 1 from n where i < %d) `
	for _, q := range []string{
		`insert into title (id, source, name, version, arch, publisher, purl) ` + fmt.Sprintf(numbers, 599) + `select i, 'deb', 'package-' || i, '1', '', '', '' from n`,
		`insert into record (id, kind, scope, native_key, incarnation, source_id, site, role, asset_id, first_seen, last_seen, first_obs, claims_day) ` +
			fmt.Sprintf(numbers, 2099) + `select i, 'agent', '', 'm' || i, '', 1, 'hq', '', i, 1, 2, 1, 0 from n`,
		`insert into install (record_id, title_id, from_obs) select r.id, t.id, 1 from record r cross join title t where r.id >= 100 and t.id >= 100`,
	} {
		execute(t, db, q)
	}
	t.Logf("%d rows of installs", number(t, db, `select count(*) from install`))
}

func wantOldSoftware(t *testing.T, st *store.Store) {
	t.Helper()
	kept := inventory.Software{Source: "deb", Name: "kept", Version: "1", Arch: "amd64", Installed: "2026-01-05", Bytes: 4096, Path: "/opt/kept"}
	for _, c := range []struct {
		at   store.When
		want inventory.SoftwareList
	}{
		{store.When{}, inventory.SoftwareList{kept, {Source: "deb", Name: "new", Version: "2"}}},
		{store.When{AsOf: time.UnixMilli(1500)}, inventory.SoftwareList{kept, {Source: "deb", Name: "new", Version: "1"}}},
	} {
		d, err := st.Asset(t.Context(), 1, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, d.Records[0].Software); diff != "" {
			t.Errorf("software (-want +got):\n%s", diff)
		}
	}
	changes, _, err := st.Changes(t.Context(), store.ChangeAsk{Page: store.Page{Limit: 10}})
	if err != nil || len(changes) != 2 || changes[0].Item != "new" || changes[0].Before != "1" || changes[0].After != "2" {
		t.Errorf("changes %+v, %v", changes, err)
	}
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
