package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
)

var monday = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// scanRig is a store with two scanners of one site.
type scanRig struct {
	*store.Store
	t *testing.T
	a inventory.Source
	b inventory.Source
}

func newScanRig(t *testing.T, dsn string) scanRig {
	t.Helper()
	st, err := store.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	if err := st.AddToken(t.Context(), identity.Token{ID: "t", Hash: []byte{1}, Site: "hq", Uses: 9, CreatedAt: monday, ExpiresAt: monday.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	r := scanRig{Store: st, t: t}
	for i, to := range []*inventory.Source{&r.a, &r.b} {
		id := fmt.Sprint("scanner", i)
		src := identity.Source{ID: id, Kind: inventory.KindScanner, Site: "hq", Token: "t", EnrolledAt: monday}
		if err := st.Enrol(t.Context(), src, identity.Certificate{Serial: id, Key: []byte{1}, IssuedAt: monday, NotAfter: monday.AddDate(1, 0, 0)}); err != nil {
			t.Fatal(err)
		}
		*to = inventory.Source{Kind: inventory.KindScanner, ID: id, Site: "hq"}
	}
	return r
}

func (r scanRig) create(windows ...string) store.ScanJob {
	r.t.Helper()
	j, err := r.CreateScan(r.t.Context(), store.ScanJob{ScanSpec: store.ScanSpec{Site: "hq", Targets: []string{"192.0.2.0/24"},
		Options: inventory.ScanOptions{NoSearch: true, Credentials: []string{"office"}}}, Windows: windows, CreatedBy: "test"}, monday)
	if err != nil {
		r.t.Fatal(err)
	}
	return j
}

func (r scanRig) fetch(s inventory.Source, at time.Time) string {
	r.t.Helper()
	j, ok, err := r.FetchScan(r.t.Context(), s, at)
	if err != nil {
		r.t.Fatal(err)
	}
	if !ok {
		return ""
	}
	return j.ID
}

func (r scanRig) update(s inventory.Source, u store.ScanUpdate, at time.Time) inventory.ScanOrder {
	r.t.Helper()
	order, err := r.UpdateScan(r.t.Context(), s, u, at)
	if err != nil {
		r.t.Fatal(err)
	}
	return order
}

func (r scanRig) job(id string) store.ScanJob {
	r.t.Helper()
	j, err := r.Scan(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return j
}

func rangeOf(t *testing.T, text string) inventory.Range {
	t.Helper()
	x, err := inventory.ParseRange(text)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func sweptRange(t *testing.T, text string, complete bool) []inventory.SweptRange {
	return []inventory.SweptRange{{Range: rangeOf(t, text), Complete: complete, Took: time.Second}}
}

// What one scanner did, the next need not do again.
func TestScanCheckpoint(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		r := newScanRig(t, dsn)
		j := r.create()
		if got := r.fetch(r.a, monday); got != j.ID {
			t.Fatalf("fetched %q", got)
		}
		now := monday.Add(time.Minute)
		r.update(r.a, store.ScanUpdate{ID: j.ID, State: store.ScanRunning, Swept: sweptRange(t, "192.0.2.1-192.0.2.63", true)}, now)
		r.update(r.a, store.ScanUpdate{ID: j.ID, State: store.ScanRunning, Swept: sweptRange(t, "192.0.2.64-192.0.2.127", false)}, now)
		r.update(r.a, store.ScanUpdate{ID: j.ID, State: store.ScanRunning, Swept: sweptRange(t, "192.0.2.64-192.0.2.127", false)}, now) // said twice
		if got := r.fetch(r.b, now.Add(time.Minute)); got != "" {
			t.Errorf("taken from a scanner that was heard a minute ago")
		}
		got, ok, err := r.FetchScan(t.Context(), r.b, now.Add(3*time.Minute))
		if err != nil || !ok || got.ID != j.ID {
			t.Fatalf("not given to the second scanner: %v %v", ok, err)
		}
		if d := cmp.Diff([]string{"192.0.2.1-192.0.2.127"}, texts(got.Done)); d != "" {
			t.Errorf("done: %s", d)
		}
		if !got.Options.NoSearch || got.Options.Credentials[0] != "office" {
			t.Errorf("options are %+v", got.Options)
		}
		if order := r.update(r.a, store.ScanUpdate{ID: j.ID, State: store.ScanDone}, now.Add(3*time.Minute)); order != inventory.OrderStop {
			t.Errorf("the first scanner is told %q", order)
		}
		// A scanner that asks again has lost what it had: it need not wait for the lease's end.
		if got := r.fetch(r.b, now.Add(3*time.Minute+time.Second)); got != j.ID {
			t.Errorf("the second scanner, started anew, gets %q", got)
		}
	})
}

func texts(list []inventory.Range) []string {
	var out []string
	for _, x := range list {
		out = append(out, x.String())
	}
	return out
}

func TestPauseAndResume(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		r := newScanRig(t, dsn)
		waiting, running := r.create(), store.ScanJob{}
		if err := r.PauseScan(t.Context(), waiting.ID, "ann", monday); err != nil {
			t.Fatal(err)
		}
		if got := r.fetch(r.a, monday); got != "" || r.job(waiting.ID).State != store.ScanPaused {
			t.Errorf("a paused job is handed out: %q", got)
		}
		running = r.create()
		r.fetch(r.a, monday)
		if err := r.PauseScan(t.Context(), running.ID, "ann", monday); err != nil {
			t.Fatal(err)
		}
		if order := r.update(r.a, store.ScanUpdate{ID: running.ID, State: store.ScanRunning}, monday); order != inventory.OrderPause {
			t.Errorf("told %q", order)
		}
		r.update(r.a, store.ScanUpdate{ID: running.ID, State: store.ScanPaused, Swept: sweptRange(t, "192.0.2.1-192.0.2.9", true)}, monday)
		if j := r.job(running.ID); j.State != store.ScanPaused || len(j.Done) != 1 {
			t.Errorf("paused as %+v", j)
		}
		if err := r.PauseScan(t.Context(), running.ID, "ann", monday); inventory.CodeOf(err) != inventory.CodeNotFound {
			t.Errorf("paused twice: %v", err)
		}
		if err := r.ResumeScan(t.Context(), running.ID, "ann", monday); err != nil {
			t.Fatal(err)
		}
		if got := r.fetch(r.b, monday); got != running.ID {
			t.Errorf("resumed, but the other scanner gets %q", got)
		}
		// The scanner dies before it says that it has let go: the pause holds all the same.
		if err := r.PauseScan(t.Context(), running.ID, "ann", monday); err != nil {
			t.Fatal(err)
		}
		if got := r.fetch(r.a, monday.Add(time.Hour)); got != "" || r.job(running.ID).State != store.ScanPaused {
			t.Errorf("%q handed out, the job is %s", got, r.job(running.ID).State)
		}
		// A scanner that stops in order gives its job back at once, as often as it likes.
		if err := r.ResumeScan(t.Context(), running.ID, "ann", monday); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if got := r.fetch(r.a, monday); got != running.ID {
				t.Fatalf("%q handed out", got)
			}
			r.update(r.a, store.ScanUpdate{ID: running.ID, State: store.ScanPaused}, monday)
		}
		if err := r.CancelScan(t.Context(), waiting.ID, "ann", monday); err != nil {
			t.Errorf("a paused job cannot be stopped: %v", err)
		}
	})
}

// A job rests outside its windows and goes on in the next.
func TestScanWindows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		r := newScanRig(t, dsn)
		evening, night, end := monday.Add(8*time.Hour), monday.Add(14*time.Hour), monday.Add(18*time.Hour)
		j := r.create("Mon-Fri 20:00-06:00")
		if !j.NotBefore.Equal(evening) || j.Message == "" {
			t.Errorf("ordered at noon it waits until %s: %s", j.NotBefore, j.Message)
		}
		if got := r.fetch(r.a, evening.Add(-time.Second)); got != "" {
			t.Errorf("handed out before the window: %q", got)
		}
		if got := r.fetch(r.a, evening); got != j.ID {
			t.Errorf("in the window %q is handed out", got)
		}
		if order := r.update(r.a, store.ScanUpdate{ID: j.ID, State: store.ScanRunning}, night); order != inventory.OrderRun {
			t.Errorf("in the night it is told %q", order)
		}
		if order := r.update(r.a, store.ScanUpdate{ID: j.ID, State: store.ScanRunning}, end); order != inventory.OrderPause {
			t.Errorf("at six it is told %q", order)
		}
		r.update(r.a, store.ScanUpdate{ID: j.ID, State: store.ScanPaused}, end)
		if got := r.job(j.ID); got.State != store.ScanQueued || !got.NotBefore.Equal(evening.Add(24*time.Hour)) {
			t.Errorf("after the window it is %s until %s", got.State, got.NotBefore)
		}
		// A window that nobody made use of: the next one.
		if got := r.fetch(r.a, end.Add(24*time.Hour)); got != "" {
			t.Errorf("handed out after the window: %q", got)
		}
		if got := r.fetch(r.a, evening.Add(48*time.Hour)); got != j.ID {
			t.Errorf("in the third night %q is handed out", got)
		}
		// One whose window is closed does not hold up the others.
		r.create("Sun 00:00-01:00")
		if _, err := r.CreateScan(t.Context(), store.ScanJob{ScanSpec: j.ScanSpec, Windows: []string{"x"}}, monday); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("a window that is none: %v", err)
		}
		open := r.create()
		if got := r.fetch(r.b, monday); got != open.ID {
			t.Errorf("%q is handed out", got)
		}
	})
}

func (r scanRig) schedule(times string, windows ...string) store.ScanSchedule {
	r.t.Helper()
	spec := store.ScanSpec{Site: "hq", Targets: []string{"192.0.2.0/24"}, Rate: 7}
	if _, err := r.PutScanTemplate(r.t.Context(), store.ScanTemplate{Name: "office", ScanSpec: spec}, store.Put{}, "ann", monday); err != nil {
		r.t.Fatal(err)
	}
	x, err := r.PutScanSchedule(r.t.Context(), store.ScanSchedule{Name: "nightly", Template: "office", Times: times, Windows: windows}, "ann", monday)
	if err != nil {
		r.t.Fatal(err)
	}
	return x
}

func (r scanRig) due(at time.Time) int {
	r.t.Helper()
	started, err := r.Due(r.t.Context(), at)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(started)
}

func TestSchedules(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		r := newScanRig(t, dsn)
		x := r.schedule("every 6h")
		if n := r.due(x.NextAt.Add(-time.Second)); n != 0 {
			t.Errorf("%d started before their time", n)
		}
		if n := r.due(x.NextAt); n != 1 {
			t.Errorf("%d started", n)
		}
		if n := r.due(x.NextAt.Add(time.Second)); n != 0 {
			t.Errorf("%d started again", n)
		}
		id := r.fetch(r.a, x.NextAt)
		j := r.job(id)
		if j.Schedule != "nightly" || j.Template != "office" || j.Rate != 7 || j.CreatedBy != "ann" {
			t.Errorf("started as %+v", j)
		}
		// The next time comes while it still runs: left out, and said so.
		if n := r.due(x.NextAt.Add(6 * time.Hour)); n != 0 {
			t.Errorf("%d started beside the one that runs", n)
		}
		list, err := r.ScanSchedules(t.Context())
		if err != nil || len(list) != 1 || !strings.Contains(list[0].Note, "was not over") || list[0].LastScan != id {
			t.Errorf("left out without a note: %+v, %v", list, err)
		}
		r.update(r.a, store.ScanUpdate{ID: id, State: store.ScanDone}, x.NextAt.Add(7*time.Hour))
		// A week without a collector is made up for once, and then the old beat goes on.
		late := x.NextAt.Add(7 * 24 * time.Hour).Add(time.Hour)
		if n := r.due(late); n != 1 {
			t.Errorf("%d started after a week", n)
		}
		if n := r.due(late.Add(time.Hour)); n != 0 {
			t.Errorf("%d more started after a week", n)
		}
		list, err = r.ScanSchedules(t.Context())
		if err != nil || !list[0].NextAt.Equal(x.NextAt.Add(7*24*time.Hour).Add(6*time.Hour)) {
			t.Errorf("next at %s, %v", list[0].NextAt, err)
		}
		if err := r.DeleteScanTemplate(t.Context(), "office", "ann", monday); inventory.CodeOf(err) != inventory.CodeConflict {
			t.Errorf("a template in use is deleted: %v", err)
		}
		for _, del := range []func() error{
			func() error { return r.DeleteScanSchedule(t.Context(), "nightly", "ann", monday) },
			func() error { return r.DeleteScanTemplate(t.Context(), "office", "ann", monday) },
		} {
			if err := del(); err != nil {
				t.Error(err)
			}
			if err := del(); inventory.CodeOf(err) != inventory.CodeNotFound {
				t.Errorf("deleted twice: %v", err)
			}
		}
	})
}

func TestScheduleMistakes(t *testing.T) {
	r := newScanRig(t, storetest.SQLite(t))
	r.schedule("every 6h")
	for name, x := range map[string]store.ScanSchedule{
		"no name":  {Template: "office", Times: "every 6h"},
		"times":    {Name: "n", Template: "office", Times: "soon"},
		"zone":     {Name: "n", Template: "office", Times: "every 6h", Zone: "Local"},
		"window":   {Name: "n", Template: "office", Times: "every 6h", Windows: []string{"always"}},
		"odd name": {Name: "../n", Template: "office", Times: "every 6h"},
	} {
		if _, err := r.PutScanSchedule(t.Context(), x, "ann", monday); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.PutScanSchedule(t.Context(), store.ScanSchedule{Name: "n", Template: "nope", Times: "every 6h"}, "ann", monday); inventory.CodeOf(err) != inventory.CodeNotFound {
		t.Errorf("without its template: %v", err)
	}
	spec := store.ScanSpec{Site: "hq", Targets: []string{"192.0.2.1"}}
	if _, err := r.PutScanTemplate(t.Context(), store.ScanTemplate{Name: "office", ScanSpec: spec}, store.Put{Create: true}, "ann", monday); inventory.CodeOf(err) != inventory.CodeConflict {
		t.Errorf("made twice: %v", err)
	}
	if _, err := r.PutScanTemplate(t.Context(), store.ScanTemplate{Name: "lab", ScanSpec: spec}, store.Put{Edit: true}, "ann", monday); inventory.CodeOf(err) != inventory.CodeNotFound {
		t.Errorf("changed what is not there: %v", err)
	}
}

// Of several collectors that find a schedule due, one starts its scan.
func TestSchedulesRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		r := newScanRig(t, dsn)
		x := r.schedule("every 1m")
		second, err := store.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = second.Close() })
		const rounds = 25
		total := 0
		for i := range rounds {
			at := x.NextAt.Add(time.Duration(i) * time.Minute)
			var wg sync.WaitGroup
			counts, errs := make([]int, 8), make([]error, 8)
			for n := range counts {
				st := []*store.Store{r.Store, second}[n%2]
				wg.Go(func() {
					started, err := st.Due(t.Context(), at)
					counts[n], errs[n] = len(started), err
				})
			}
			wg.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			for _, n := range counts {
				total += n
			}
			id := r.fetch(r.a, at)
			if id == "" {
				t.Fatalf("round %d: nothing started", i)
			}
			r.update(r.a, store.ScanUpdate{ID: id, State: store.ScanDone}, at)
		}
		jobs, err := r.Scans(t.Context())
		if err != nil || total != rounds || len(jobs) != rounds {
			t.Errorf("%d rounds started %d scans, %d are there, %v", rounds, total, len(jobs), err)
		}
	})
}

// Only ranges that were swept completely, after a thing was last seen, show that it is gone.
func TestMissedSweeps(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		r := newScanRig(t, dsn)
		sweep := func(at time.Time, list ...inventory.SweptRange) {
			t.Helper()
			j := r.create()
			r.fetch(r.a, at)
			r.update(r.a, store.ScanUpdate{ID: j.ID, State: store.ScanDone, Swept: list}, at)
		}
		hours := func(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }
		whole, left, right := sweptRange(t, "192.0.2.1-192.0.2.254", true), sweptRange(t, "192.0.2.1-192.0.2.127", true), sweptRange(t, "192.0.2.128-192.0.2.254", true)
		asset := func(seen time.Time, addresses ...string) *inventory.Asset {
			return &inventory.Asset{Site: "hq", Addresses: addresses, LastSeen: seen}
		}
		missed := func(a *inventory.Asset, at store.When) int {
			t.Helper()
			sweeps, err := r.Sweeps(t.Context(), "", at)
			if err != nil {
				t.Fatal(err)
			}
			n, _ := sweeps.Missed(a)
			return n
		}
		now := store.When{}
		sweep(hours(1), whole...)
		sweep(hours(2), left...)
		sweep(hours(3), sweptRange(t, "192.0.2.1-192.0.2.254", false)...) // not complete
		sweep(hours(4), append(left, right...)...)
		elsewhere := asset(hours(0), "192.0.2.7")
		elsewhere.Site = "lab"
		for name, c := range map[string]struct {
			asset *inventory.Asset
			at    store.When
			want  int
		}{
			"in all of them":             {asset(hours(0), "192.0.2.7"), now, 3},
			"in the other half":          {asset(hours(0), "192.0.2.200"), now, 2},
			"in both":                    {asset(hours(0), "192.0.2.7", "192.0.2.200"), now, 2},
			"one address outside":        {asset(hours(0), "192.0.2.7", "198.51.100.1"), now, 0},
			"link-local ones are aside":  {asset(hours(0), "fe80::1", "192.0.2.7"), now, 3},
			"link-local alone":           {asset(hours(0), "fe80::1"), now, 0},
			"without addresses":          {asset(hours(0)), now, 0},
			"seen after the first":       {asset(hours(1), "192.0.2.200"), now, 1},
			"seen during a sweep":        {asset(hours(4).Add(-time.Second/2), "192.0.2.7"), now, 0},
			"at another site":            {elsewhere, now, 0},
			"as of before the last":      {asset(hours(0), "192.0.2.7"), store.When{AsOf: hours(3)}, 2},
			"as known before the second": {asset(hours(0), "192.0.2.7"), store.When{AsOf: hours(9), KnownOn: hours(1)}, 1},
		} {
			if got := missed(c.asset, c.at); got != c.want {
				t.Errorf("%s: missed by %d, want %d", name, got, c.want)
			}
		}
		// What was seen while the word on the sweep was under way was seen during the sweep.
		if got := missed(asset(hours(4).Add(-time.Minute/2), "192.0.2.7"), now); got != 0 {
			t.Errorf("seen during a slow call: missed by %d, want 0", got)
		}
		for i := range 15 {
			sweep(hours(10+i), slices.Concat(whole, left, whole)...)
		}
		for _, address := range []string{"192.0.2.200", "192.0.2.7"} {
			if got := missed(asset(hours(6), address), now); got != 10 {
				t.Errorf("%s missed by %d, ten are kept", address, got)
			}
		}
	})
}

func TestCredentialScope(t *testing.T) {
	for name, c := range map[string]struct {
		sites, scope, targets []string
		want                  bool
	}{
		"everywhere":           {nil, nil, []string{"192.0.2.1"}, true},
		"the site":             {[]string{"lab", "hq"}, nil, []string{"192.0.2.1"}, true},
		"another site":         {[]string{"lab"}, nil, []string{"192.0.2.1"}, false},
		"within":               {nil, []string{"192.0.2.0/24"}, []string{"192.0.2.7"}, true},
		"outside":              {nil, []string{"192.0.2.0/24"}, []string{"198.51.100.0/24"}, false},
		"wider target":         {nil, []string{"10.1.2.3/32"}, []string{"10.0.0.0/8"}, true},
		"range around":         {nil, []string{"10.1.2.0/24"}, []string{"10.1.0.0-10.1.9.0"}, true},
		"range beside":         {nil, []string{"10.1.2.0/24"}, []string{"10.2.0.0-10.3.0.0"}, false},
		"short range":          {nil, []string{"10.1.2.0/24"}, []string{"10.1.2.1-50"}, true},
		"a name":               {nil, []string{"10.1.2.0/24"}, []string{"printer.example"}, true},
		"another family":       {nil, []string{"10.1.2.0/24"}, []string{"2001:db8::/64"}, false},
		"one of several":       {nil, []string{"10.1.2.0/24"}, []string{"192.0.2.1", "10.1.2.9"}, true},
		"site right, net not":  {[]string{"hq"}, []string{"10.1.2.0/24"}, []string{"192.0.2.1"}, false},
		"listening, no target": {nil, []string{"10.1.2.0/24"}, nil, false},
	} {
		x := store.Credential{Name: "x", Kind: store.CredentialSNMP, Sites: c.sites, Targets: c.scope}
		if err := x.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := x.Covers("hq", c.targets); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, x := range map[string]store.Credential{
		"name": {Name: "a b", Kind: "snmp"}, "kind": {Name: "a", Kind: "ssh"}, "target": {Name: "a", Kind: "snmp", Targets: []string{"printer"}},
		"site": {Name: "a", Kind: "snmp", Sites: []string{""}},
	} {
		if err := x.Validate(); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
