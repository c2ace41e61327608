package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
)

// furnish puts something into every corner of a store: history, bytes, nulls, awkward text.
func furnish(t *testing.T, st *store.Store) {
	t.Helper()
	in := ingester(t, st)
	hostile := "'; drop table asset; -- \"quoted\" \\ $1 ?1 {{id}} äöü 漢字 \u202e \U0001f4a9 <b> &amp; % _ \t\n"
	for seq, list := range []inventory.SoftwareList{
		{{Source: "deb", Name: hostile, Version: "1.0", Installed: "2026-01-02", Bytes: 1 << 40, Path: "/x"}, {Source: "deb", Name: "bash", Version: "5"}},
		{{Source: "deb", Name: "bash", Version: "5.1"}},
	} {
		o := report("a", int64(seq+1))
		o[0].Sections = append(o[0].Sections, inventory.Section{Name: inventory.SectionSoftware, Status: inventory.StatusOK, Hash: []byte{0, 255, byte(seq)}, Body: list},
			inventory.Section{Name: inventory.SectionNeighbours, Status: inventory.StatusOK, Hash: []byte{1, byte(seq)},
				Body: inventory.Neighbours{{Protocol: "lldp", LocalPort: "1", RemoteName: "sw", RemotePort: "2", MAC: "8c:16:45:10:01:20"}}},
			inventory.Section{Name: inventory.SectionUsers, Status: inventory.StatusFailed, Reason: hostile})
		if got := submit(t, in, o); got != ingest.Accepted {
			t.Fatal(got)
		}
	}
	ctx, now := t.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	if err := in.Quarantine(ctx, inventory.Source{Kind: inventory.KindAgent, ID: "bad"}, 1, 1, []byte{0, 1, 255}, hostile); err != nil {
		t.Fatal(err)
	}
	token := identity.Token{ID: "tok", Hash: []byte{0, 1}, Site: "hq", Uses: 3, CreatedAt: now, CreatedBy: "test", ExpiresAt: now.Add(time.Hour)}
	if err := st.AddToken(ctx, token); err != nil {
		t.Fatal(err)
	}
	if err := st.Enrol(ctx, identity.Source{ID: "id1", Kind: inventory.KindAgent, Site: "hq", Token: "tok", EnrolledAt: now},
		identity.Certificate{Serial: "01", Key: []byte{9}, IssuedAt: now, NotAfter: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := st.FlagSource(ctx, "id1", identity.FlagCopiedKey, now); err != nil {
		t.Fatal(err)
	}
	if err := st.AddAccess(ctx, identity.Access{ID: "p1", Hash: []byte{7}, Person: "Zoë", Role: identity.Administrator, CreatedAt: now}, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := st.CreateScan(ctx, store.ScanJob{ScanSpec: store.ScanSpec{Site: "hq", Targets: []string{"192.0.2.0/24"}}, CreatedBy: "test"}, now); err != nil {
		t.Fatal(err)
	}
}

func sums(t *testing.T, st *store.Store) []store.TableSum {
	t.Helper()
	list, err := st.Sums(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []store.TableSum
	for _, s := range list {
		if s.Table != "claim_lock" { // PostgreSQL's own, made as needed
			out = append(out, s)
		}
	}
	return out
}

func quiet(store.TableSum) {}

// A store goes to the other engine and back without loss, and lives on there.
func TestCopy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		from := open(t, dsn)
		furnish(t, from)
		there := testkit.Postgres(t)
		if strings.HasPrefix(dsn, "postgres") {
			there = storetest.SQLite(t)
		}
		other, back := open(t, there), open(t, storetest.SQLite(t))
		for _, step := range []struct{ from, to *store.Store }{{from, other}, {other, back}} {
			var told []string
			if err := store.Copy(t.Context(), step.from, step.to, func(s store.TableSum) { told = append(told, s.Table) }); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sums(t, step.from), sums(t, step.to)); diff != "" {
				t.Error(diff)
			}
			if len(told) < 18 {
				t.Errorf("told of %q", told)
			}
			if problems, err := step.to.Inspect(t.Context(), quiet); err != nil || len(problems) > 0 {
				t.Errorf("verify: %v, %v", problems, err)
			}
			if err := store.Copy(t.Context(), step.from, step.to, quiet); inventory.CodeOf(err) != inventory.CodeConflict {
				t.Errorf("into a store that is not empty: %v", err)
			}
		}
		for _, st := range []*store.Store{other, back} {
			in := ingester(t, st)
			if a, b := submit(t, in, report("a", 2)), submit(t, in, report("a", 3)); a != ingest.Duplicate || b != ingest.Accepted {
				t.Errorf("after the copy: %s, %s", a, b)
			}
			if got := submit(t, in, report("new", 1)); got != ingest.Accepted { // its keys follow those copied
				t.Errorf("a new source: %s", got)
			}
		}
	})
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st := open(t, dsn)
		furnish(t, st)
		before := sums(t, st)
		execute(t, raw(t, dsn), `delete from title where name = 'bash'`)
		problems, err := st.Inspect(t.Context(), quiet)
		if err != nil || len(problems) != 1 || !strings.Contains(problems[0], "install") {
			t.Errorf("verify: %v, %v", problems, err)
		}
		changed := 0
		for i, s := range sums(t, st) {
			if s != before[i] {
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%d tables have another check sum, want 1", changed)
		}
	})
}

func TestF24BackupUnderLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st := open(t, dsn)
		furnish(t, st)
		in := ingester(t, st)
		stop, stopped := make(chan struct{}), make(chan int64)
		go func() {
			var seq int64
			for {
				select {
				case <-stop:
					stopped <- seq
					return
				default:
					seq++
					submit(t, in, report("busy", seq))
				}
			}
		}()
		file := filepath.Join(t.TempDir(), "backup.db")
		if err := open(t, dsn).Backup(t.Context(), file, quiet); err != nil {
			t.Error(err)
		}
		close(stop)
		last := <-stopped
		if left, _ := filepath.Glob(file + "*"); len(left) != 1 {
			t.Errorf("left beside the backup: %q", left)
		}
		if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("mode of the backup: %v, %v", fi, err)
		}
		if err := st.Backup(t.Context(), file, quiet); inventory.CodeOf(err) != inventory.CodeConflict {
			t.Errorf("over an existing file: %v", err)
		}
		restored := open(t, "sqlite:"+file)
		again := ingester(t, restored)
		have := number(t, raw(t, "sqlite:"+file), `select coalesce(max(seq), 0) from source where name = 'busy'`)
		if int64(have) > last {
			t.Errorf("the backup knows report %d of %d", have, last)
		}
		for seq := int64(1); seq <= last; seq++ { // a source sends again what it likes
			want := ingest.Accepted
			if seq <= int64(have) {
				want = ingest.Duplicate
			}
			if got := submit(t, again, report("busy", seq)); got != want {
				t.Fatalf("report %d on the restored store: %s, want %s", seq, got, want)
			}
		}
	})
}
