package e2e_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/internal/wire"
)

// Two collectors without local state on one PostgreSQL, behind a load balancer: one is
// killed again and again, and there is one state, with everything acknowledged in it once.
func TestF26TwoCollectorsOneIsKilled(t *testing.T) {
	const agents, kills, each = 20, 3, 150
	dsn := testkit.Postgres(t)
	t.Setenv("MUSTER_STORE", dsn)
	t.Setenv("MUSTER_REPORT_INTERVAL", "1m")
	a := startCollector(t, t.TempDir(), "127.0.0.1:0")
	second := t.TempDir()
	key, err := os.ReadFile(filepath.Join(a.data, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(second, "ca.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	b := startCollector(t, second, "127.0.0.1:0")
	front := balance(t, a.addr, b.addr)
	token := a.token("--uses", fmt.Sprint(agents))

	led := &ledger{acked: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for i := range agents {
		state := filepath.Join(t.TempDir(), "state")
		if _, err := wire.Enroll(t.Context(), wire.EnrollConfig{StateDir: state, Collector: "https://" + front, Token: inventory.Secret(token),
			Kind: inventory.KindAgent, Hostname: fmt.Sprintf("host%02d", i), Version: "test"}); err != nil {
			t.Fatal(err)
		}
		c, err := wire.Open(state, "test")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		wg.Go(func() { reportForever(ctx, i, c, led) })
	}
	for k := range kills {
		for led.len() < (k+1)*each && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond) // anywhere within a commit
		b.kill()
		b.start()
	}
	stop()
	wg.Wait()
	a.kill()
	b.kill()

	st, err := store.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	stored := map[[2]int64]int{}
	if err := st.Memberships(t.Context(), func(m store.Membership) error { stored[[2]int64{m.Epoch, m.Seq}]++; return nil }); err != nil {
		t.Fatal(err)
	}
	sources, err := st.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, s := range sources {
		total += int(s.Observations)
		for seq := int64(1); seq <= s.Observations; seq++ { // agents number their reports without gaps
			stored[[2]int64{1, seq}]--
		}
	}
	for key, n := range stored {
		if n != 0 {
			t.Errorf("report %v: %+d rows", key, n)
		}
	}
	for key, ok := range led.acked {
		if !ok {
			t.Errorf("report %s was not accepted", key)
		}
	}
	if n := led.len(); n > total || total > n+agents {
		t.Errorf("%d reports acknowledged, %d stored", n, total)
	}
	if _, wrong, err := st.Recheck(t.Context()); err != nil || len(wrong) > 0 {
		t.Errorf("records that a rebuild puts elsewhere: %v, %v", wrong, err)
	}
	if problems, err := st.Inspect(t.Context(), func(store.TableSum) {}); err != nil || len(problems) > 0 {
		t.Errorf("verify: %q, %v", problems, err)
	}
	t.Logf("%d reports acknowledged, %d stored, %d kills", led.len(), total, kills)
}

// balance is a TCP load balancer on a loopback port: each connection goes to a collector
// that takes it.
func balance(t *testing.T, addresses ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for n := 0; ; n++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				for i := range addresses {
					server, err := net.Dial("tcp", addresses[(n+i)%len(addresses)])
					if err != nil {
						continue
					}
					go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
					_, _ = io.Copy(client, server)
					break
				}
				_ = client.Close()
			}()
		}
	}()
	return l.Addr().String()
}
