package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
)

// lines are what a program writes, for whoever waits for some of it.
type lines struct{ testkit.Log }

func (l *lines) await(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(l.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never said %q: %s", text, l)
		}
	}
}

// Who watches a scan, and be it older than the 500 that are listed, sees its end though the collector restarts.
func TestWatchOverRestart(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := collector.DefaultConfig()
	config.DataDir, config.Listen, config.MetricsListen = filepath.Join(t.TempDir(), "data"), l.Addr().String(), "off"
	_ = l.Close() // the collector has the same port before and after
	if err := fill(t.Context(), config, "watch"); err != nil {
		t.Fatal(err)
	}
	base, err := collector.Open(t.Context(), config, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = base.Close() })
	at := time.Now()
	order := func(site string) store.ScanJob {
		t.Helper()
		at = at.Add(time.Millisecond)
		job, err := base.Store.CreateScan(t.Context(), store.ScanJob{ScanSpec: store.ScanSpec{Site: site, Targets: []string{"192.0.2.0/24"}}, CreatedBy: "ann"}, at)
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	job := order("hq")
	for range 500 {
		order("elsewhere")
	}
	url, stop, err := runCollector(config)
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(config.DataDir, collector.AdminTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MUSTER_URL": url, "MUSTER_TOKEN": strings.TrimSpace(string(token)), "MUSTER_CA": filepath.Join(config.DataDir, "ca.pem")}
	run := func(out, errs *lines, args ...string) int {
		a := &app{in: strings.NewReader(""), out: out, errs: errs, getenv: func(name string) string { return env[name] }, now: time.Now}
		return a.run(t.Context(), args)
	}
	var out, errs lines
	watched := make(chan int, 1)
	go func() { watched <- run(&out, &errs, "scan", "watch", job.ID) }()
	errs.await(t, "queued")
	if err := stop(); err != nil {
		t.Error(err)
	}
	errs.await(t, "the collector does not answer, waiting")
	// One that was never there is no restart.
	var none lines
	if code := run(&none, &none, "scan", "watch", job.ID); code != 6 {
		t.Errorf("without a collector: %d, %s", code, none.String())
	}
	if _, stop, err = runCollector(config); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	finish(t, base, job.ID)
	if code := <-watched; code != 0 || !strings.Contains(out.String(), "done") || !strings.Contains(out.String(), "3 devices") {
		t.Errorf("%d, %s, %s", code, out.String(), errs.String())
	}
}

// finish does a scan as its scanner would.
func finish(t *testing.T, base *collector.Base, id string) {
	t.Helper()
	scanner := inventory.Source{Kind: inventory.KindScanner, ID: scannerID, Site: "hq"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if got, ok, err := base.Store.FetchScan(ctx, scanner, time.Now()); err != nil || !ok || got.ID != id {
		t.Fatalf("fetched %v, %v", got, err)
	}
	if _, err := base.Store.UpdateScan(ctx, scanner, store.ScanUpdate{ID: id, State: store.ScanDone, Message: "3 devices with 3 addresses", Found: 3}, time.Now()); err != nil {
		t.Fatal(err)
	}
}
