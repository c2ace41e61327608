package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // the test counts rows behind the collector's back

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// ledger counts which reports were acknowledged.
type ledger struct {
	mu    sync.Mutex
	acked map[string]bool // "agent epoch seq"
}

func (l *ledger) note(agent string, o inventory.Observation, a wire.Ack) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[fmt.Sprintf("%s %d %d", agent, o.Epoch, o.Seq)] = a.Outcome == "accepted" || a.Outcome == "duplicate"
}

func (l *ledger) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// Every report that was acknowledged is there exactly once, however often the
// collector is killed while agents report: 5 times with 50 agents, 100 times with 200 where
// MUSTER_LONG is set.
func TestF01KilledCollectorKeepsWhatItAcknowledged(t *testing.T) {
	agents, kills, each := 50, 5, 250
	if os.Getenv("MUSTER_LONG") != "" {
		agents, kills = 200, 100
	}
	dir := t.TempDir()
	c := startCollector(t, dir, "127.0.0.1:0")
	token := c.token("--uses", fmt.Sprint(agents))
	clients := make([]*wire.Client, agents)
	for i := range clients {
		state := filepath.Join(t.TempDir(), "state")
		if _, err := wire.Enroll(t.Context(), wire.EnrollConfig{StateDir: state, Collector: c.url(), Token: inventory.Secret(token),
			Kind: inventory.KindAgent, Hostname: fmt.Sprintf("host%02d", i), Version: "test"}); err != nil {
			t.Fatal(err)
		}
		var err error
		if clients[i], err = wire.Open(state, "test"); err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
	}
	led := &ledger{acked: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i, cl := range clients {
		wg.Go(func() { reportForever(ctx, i, cl, led) })
	}
	for k := range kills {
		for led.len() < (k+1)*each && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond) // anywhere within a commit
		c.kill()
		c.start()
	}
	stop()
	wg.Wait()
	c.kill()

	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	stored := map[string]int{}
	rows, err := db.QueryContext(t.Context(), `select s.name, o.epoch, o.seq from observation o join source s on s.id = o.source_id`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var epoch, seq int64
		if err := rows.Scan(&name, &epoch, &seq); err != nil {
			t.Fatal(err)
		}
		stored[fmt.Sprintf("%s %d %d", name, epoch, seq)]++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for key, ok := range led.acked {
		if !ok || stored[key] != 1 {
			t.Errorf("report %s: acknowledged as accepted %v, stored %d times", key, ok, stored[key])
		}
	}
	t.Logf("%d reports acknowledged, %d stored, %d kills", len(led.acked), len(stored), kills)
}

// reportForever sends reports that differ, again and again until each is acknowledged.
func reportForever(ctx context.Context, n int, c *wire.Client, led *ledger) {
	id := c.Identity().ID
	for seq := int64(1); ctx.Err() == nil; seq++ {
		body := &inventory.Device{Name: fmt.Sprintf("host%02d", n), Serial: fmt.Sprintf("SN%06d", n),
			Description: fmt.Sprintf("report %d", seq)}
		o := inventory.Observation{Epoch: 1, Seq: seq, SeenAt: time.Now(), Complete: true, Sections: []inventory.Section{{
			Name: inventory.SectionDevice, Status: inventory.StatusOK, Hash: wire.HashSection(body), Body: body}}}
		for ctx.Err() == nil {
			r, err := c.Report(ctx, wire.Report{Observations: []inventory.Observation{o}})
			if err == nil && len(r.Acks) == 1 {
				led.note(id, o, r.Acks[0])
				break
			}
			time.Sleep(20 * time.Millisecond) // the collector is down or busy; not a wait for a result
		}
	}
}
