package scanner_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/scanner"
)

// fakeCollector hands out jobs and ends the test when there are no more.
type fakeCollector struct {
	end    context.CancelFunc
	orders map[string]inventory.ScanOrder // for jobs that run

	mu      sync.Mutex
	jobs    []wire.Job
	errs    int // questions that fail before the first job is given out
	hang    int // words that are not answered
	updates []wire.JobUpdate
	renewed int
}

func (c *fakeCollector) Report(context.Context, wire.Report) (wire.Receipt, error) {
	return wire.Receipt{}, nil
}

func (c *fakeCollector) Identity() wire.Identity { return wire.Identity{} }

func (c *fakeCollector) Renew(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renewed++
	return nil
}

func (c *fakeCollector) FetchJob(context.Context, time.Duration, []byte) (*wire.Job, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.errs > 0 {
		c.errs--
		return nil, inventory.Errorf(inventory.CodeUnavailable, "not now")
	}
	if len(c.jobs) == 0 {
		c.end()
		return nil, nil
	}
	job := c.jobs[0]
	c.jobs = c.jobs[1:]
	return &job, nil
}

func (c *fakeCollector) UpdateJob(ctx context.Context, u wire.JobUpdate) (inventory.ScanOrder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hang > 0 {
		c.hang--
		<-ctx.Done()
		return "", ctx.Err()
	}
	if u.State == "running" {
		return c.orders[u.ID], nil
	}
	c.updates = append(c.updates, u)
	return inventory.OrderRun, nil
}

// fakeOutbox keeps what it is given.
type fakeOutbox struct {
	added     []inventory.Observation
	delivered int
	waiting   int
}

func (b *fakeOutbox) Add(o ...inventory.Observation) error {
	b.added = append(b.added, o...)
	return nil
}
func (b *fakeOutbox) Pending() int { return b.waiting }
func (b *fakeOutbox) Deliver(ctx context.Context, _ wire.Reporter) (wire.Delivery, error) {
	b.delivered++
	return wire.Delivery{}, ctx.Err()
}

func TestWorker(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	c := &fakeCollector{
		end: end, orders: map[string]inventory.ScanOrder{"stopped": inventory.OrderStop, "paused": inventory.OrderPause}, errs: 1,
		jobs: []wire.Job{
			{ID: "good", Targets: []string{"127.0.0.1"}},
			{ID: "denied", Targets: []string{"127.0.0.9"}},
			{ID: "everything", Targets: []string{"0.0.0.0/0"}},
			{ID: "nonsense", Targets: []string{"a b"}},
			{ID: "fragile", Targets: []string{"127.0.0.1"}, Options: inventory.ScanOptions{Fragile: []string{"the old one"}}},
			{ID: "stopped", Targets: []string{"127.0.1.0/24"}, Rate: 1},
			{ID: "paused", Targets: []string{"127.0.1.0/24"}, Rate: 1},
		},
	}
	box := &fakeOutbox{waiting: 1}
	w := scanner.Worker{Collector: c, Outbox: box, Config: scanner.Config{NoNames: true, Deny: prefixes("127.0.0.9/32")}}
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, u := range c.updates {
		got[u.ID] = u.State + ": " + u.Message
	}
	for id, want := range map[string]string{
		"good":       "done: 1 devices with 1 addresses",
		"denied":     "failed: nothing is left to scan: every target is excluded",
		"everything": "failed: 0.0.0.0-255.255.255.255 cannot be scanned: it includes 0.0.0.0/8 (the unspecified network)",
		"nonsense":   `failed: "a b" is no address, range, prefix or host name`,
		"fragile":    `failed: fragile: "the old one" is no address, range or prefix, beginning of a hardware address (00:0e:8c) or type=TYPE`,
		"stopped":    "", // it is not ours any more
		"paused":     "paused: ",
	} {
		if !strings.HasPrefix(got[id], want) {
			t.Errorf("%s: %q, want %q", id, got[id], want)
		}
	}
	if len(c.updates) != 6 {
		t.Errorf("%d jobs ended: %v", len(c.updates), got)
	}
	var keys []string
	for _, o := range box.added {
		keys = append(keys, o.NativeKey)
	}
	if d := cmp.Diff([]string{"address:127.0.0.1"}, keys); d != "" {
		t.Errorf("reported: %s", d)
	}
	if c.renewed == 0 {
		t.Error("a certificate that is due was not renewed")
	}
	if box.delivered < 2 {
		t.Error("what waited from before was not delivered first")
	}
}

// A word on a connection that has died in silence is given up, and the order heard with the next.
func TestWorkerHearsStop(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	c := &fakeCollector{end: end, hang: 1, orders: map[string]inventory.ScanOrder{"stopped": inventory.OrderStop},
		jobs: []wire.Job{{ID: "stopped", Targets: []string{"127.0.1.0/24"}, Rate: 1}}}
	w := scanner.Worker{Collector: c, Outbox: &fakeOutbox{}, Config: scanner.Config{NoNames: true}}
	began := time.Now()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped after %v", time.Since(began))
	if len(c.updates) != 0 || c.hang != 0 {
		t.Errorf("it went on to the end: %v", c.updates)
	}
}

// Nothing that is delivered is lost when the scanner is stopped in the middle.
func TestWorkerStops(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	c := &fakeCollector{end: end, jobs: []wire.Job{{ID: "x", Targets: []string{"127.0.0.1"}}}}
	box := &stoppingOutbox{stop: end}
	w := scanner.Worker{Collector: c, Outbox: box, Config: scanner.Config{NoNames: true}}
	if err := w.Run(ctx); err != nil {
		t.Errorf("stopping is no error: %v", err)
	}
	if len(c.updates) != 1 || c.updates[0].State != "paused" || len(c.updates[0].Swept) != 0 {
		t.Errorf("its findings were not delivered, and what the scanner says is: %v", c.updates)
	}
}

// stoppingOutbox is stopped while it delivers.
type stoppingOutbox struct {
	fakeOutbox
	stop context.CancelFunc
}

func (b *stoppingOutbox) Deliver(context.Context, wire.Reporter) (wire.Delivery, error) {
	b.stop()
	return wire.Delivery{}, errors.New("stopped")
}
