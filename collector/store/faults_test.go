package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
)

// impatient is how long stores wait in tests of what does not come.
const impatient = 300 * time.Millisecond

// ingester runs an ingester on a store.
func ingester(t *testing.T, st *store.Store) *ingest.Ingester {
	t.Helper()
	in := ingest.New(ingest.Config{}, st, slog.New(slog.DiscardHandler), time.Now)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { in.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done })
	return in
}

func report(agent string, seq int64) []inventory.Observation {
	body := &inventory.Device{Name: agent, Description: fmt.Sprint("report ", seq)}
	return []inventory.Observation{{Source: inventory.Source{Kind: inventory.KindAgent, ID: agent, Site: "hq"}, Epoch: 1, Seq: seq,
		SeenAt: time.Now(), Sections: []inventory.Section{{Name: inventory.SectionDevice, Status: inventory.StatusOK, Hash: []byte{byte(seq)}, Body: body}}}}
}

// submit returns what became of a report, "unavailable" included.
func submit(t *testing.T, in *ingest.Ingester, list []inventory.Observation) ingest.Outcome {
	t.Helper()
	acks, err := in.Submit(t.Context(), list)
	switch {
	case inventory.CodeOf(err) == inventory.CodeUnavailable:
		return "unavailable"
	case err != nil:
		t.Fatal(err)
	}
	return acks[0].Outcome
}

// A database that somebody else keeps locked makes reports wait for a bounded time, and
// nothing piles up behind it.
func TestF05LockedDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		other := open(t, dsn)
		in := ingester(t, open(t, dsn, store.Wait(impatient)))
		if got := submit(t, in, report("a", 1)); got != ingest.Accepted {
			t.Fatalf("before: %s", got)
		}
		locked, release := make(chan struct{}), make(chan struct{})
		var holder sync.WaitGroup
		holder.Go(func() {
			if err := other.Update(context.Background(), func(tx *store.Tx) error {
				if strings.HasPrefix(dsn, "postgres") {
					if err := tx.Exec(t.Context(), `lock table source`); err != nil {
						return err
					}
				}
				close(locked)
				<-release
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		<-locked
		before := runtime.NumGoroutine()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if got := submit(t, in, report(fmt.Sprint("b", i), 1)); got != "unavailable" {
					t.Errorf("while it is locked: %s", got)
				}
			})
		}
		wg.Wait()
		if now := runtime.NumGoroutine(); now > before+10 {
			t.Errorf("%d goroutines before, %d after", before, now)
		}
		close(release)
		holder.Wait()
		if got := submit(t, in, report("a", 2)); got != ingest.Accepted {
			t.Errorf("after: %s", got)
		}
	})
}

// A server that goes away is waited for a little, and used again when it is back.
func TestF06ServerStopped(t *testing.T) {
	server := testkit.NewServer(t)
	st := open(t, server.Database(t), store.Wait(impatient))
	in := ingester(t, st)
	if got := submit(t, in, report("a", 1)); got != ingest.Accepted {
		t.Fatalf("before: %s", got)
	}
	server.Stop(t)
	before := runtime.NumGoroutine()
	for range 3 {
		if got := submit(t, in, report("a", 2)); got != "unavailable" {
			t.Errorf("while it is down: %s", got)
		}
	}
	if err := st.Ready(t.Context()); err == nil {
		t.Error("ready while it is down")
	}
	if now := runtime.NumGoroutine(); now > before+10 {
		t.Errorf("%d goroutines before, %d after", before, now)
	}
	server.Start(t)
	if got := submit(t, in, report("a", 2)); got != ingest.Accepted {
		t.Errorf("after: %s", got)
	}
	if list, err := st.Sources(t.Context()); err != nil || len(list) != 1 || list[0].Observations != 2 {
		t.Errorf("sources: %+v, %v", list, err)
	}
}

// The primary dies and its standby takes over: collectors find it by themselves.
func TestF06Failover(t *testing.T) {
	primary := testkit.NewServer(t)
	dsn := primary.Database(t)
	standby := primary.Standby(t)
	st := open(t, standby.Failover(dsn), store.Wait(impatient))
	in := ingester(t, st)
	if got := submit(t, in, report("a", 1)); got != ingest.Accepted {
		t.Fatalf("before: %s", got)
	}
	standby.Follows(t, dsn, `select 1 / count(*) from observation`)
	primary.Stop(t)
	if got := submit(t, in, report("a", 2)); got != "unavailable" {
		t.Errorf("without a primary: %s", got)
	}
	standby.Promote(t)
	if first, second := submit(t, in, report("a", 1)), submit(t, in, report("a", 2)); first != ingest.Duplicate || second != ingest.Accepted {
		t.Errorf("after: %s, %s", first, second)
	}
}

// Transactions that lock crosswise are told apart by the server; both succeed.
func TestF07DeadlockIsRetried(t *testing.T) {
	st := open(t, testkit.Postgres(t))
	for _, agent := range []string{"a", "b"} {
		if err := st.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Source(t.Context(), inventory.Source{Kind: inventory.KindAgent, ID: agent}, time.Now())
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	add := func(tx *store.Tx, agent string) error {
		return tx.Exec(t.Context(), `update source set observations = observations + 1 where name = $1`, agent)
	}
	var both sync.WaitGroup // have their first row
	both.Add(2)
	var wg sync.WaitGroup
	tries := make([]int, 2)
	for i, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		wg.Go(func() {
			if err := st.Update(t.Context(), func(tx *store.Tx) error {
				tries[i]++
				if err := add(tx, order[0]); err != nil {
					return err
				}
				if tries[i] == 1 {
					both.Done()
					both.Wait()
				}
				return add(tx, order[1])
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := st.Sources(t.Context())
	if err != nil || len(list) != 2 || list[0].Observations != 2 || list[1].Observations != 2 {
		t.Errorf("sources: %+v, %v: want each counted twice", list, err)
	}
	if tries[0]+tries[1] < 3 {
		t.Errorf("%v tries: want at least one more than two", tries)
	}
}

// A transaction that the server could not put in order with others is tried again.
func TestF07SerialisationFailureIsRetried(t *testing.T) {
	st := open(t, testkit.Postgres(t))
	tries := 0
	if err := st.Update(t.Context(), func(tx *store.Tx) error {
		if tries++; tries == 1 {
			return tx.Exec(t.Context(), `do $$ begin raise exception 'could not serialize access' using errcode = '40001'; end $$`)
		}
		return nil
	}); err != nil || tries != 2 {
		t.Errorf("%d tries, %v", tries, err)
	}
}

func TestF07CutConnection(t *testing.T) {
	for _, c := range []struct {
		name  string
		at    string // what the client says when the connection is cut
		after bool   // the server still gets it
		first ingest.Outcome
		again ingest.Outcome
	}{
		{"before the commit", "insert into observation", false, ingest.Accepted, ingest.Duplicate},
		// With its end: setting a connection up speaks of synchronous_commit.
		{"at the commit", "commit\x00", false, "unavailable", ingest.Accepted},
		{"after the commit", "commit\x00", true, "unavailable", ingest.Duplicate},
	} {
		t.Run(c.name, func(t *testing.T) {
			dsn := testkit.Postgres(t)
			line := newLine(t, dsn)
			st := open(t, line.dsn)
			in := ingester(t, st)
			line.cutAt(c.at, c.after)
			if got := submit(t, in, report("a", 1)); got != c.first {
				t.Errorf("first delivery: %s, want %s", got, c.first)
			}
			if got := submit(t, in, report("a", 1)); got != c.again {
				t.Errorf("second delivery: %s, want %s", got, c.again)
			}
			if n := number(t, raw(t, dsn), `select count(*) from observation`); n != 1 {
				t.Errorf("stored %d times", n)
			}
		})
	}
}

// line is a socket that leads to a server and can be cut.
type line struct {
	dsn string

	mu    sync.Mutex
	at    []byte
	after bool
}

func newLine(t *testing.T, dsn string) *line {
	t.Helper()
	name, dir, _ := strings.Cut(dsn, "?host=")
	own := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(own, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	out := &line{dsn: name + "?host=" + own + "&default_query_exec_mode=exec"} // the statement's text with every call
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", filepath.Join(dir, ".s.PGSQL.5432"))
			if err != nil {
				t.Error(err)
				return
			}
			wg.Go(func() { _, _ = io.Copy(client, server); _ = client.Close() })
			wg.Go(func() { out.forward(server, client); _ = server.Close(); _ = client.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close() })
	return out
}

// cutAt lets the next connection be cut on which the client says at.
func (l *line) cutAt(at string, after bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at, l.after = []byte(at), after
}

func (l *line) forward(to, from net.Conn) {
	b := make([]byte, 1<<20)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		l.mu.Lock()
		cut, after := l.at != nil && bytes.Contains(b[:n], l.at), l.after
		if cut {
			l.at = nil
		}
		l.mu.Unlock()
		if cut && !after {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
		if cut {
			_ = to.(*net.UnixConn).CloseWrite() // the server has it; its answer goes nowhere
			_ = from.Close()
			return
		}
	}
}
