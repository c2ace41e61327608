package collector_test

import (
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

func (r *rig) jobs(s source) musterv1connect.ScanJobServiceClient {
	return musterv1connect.NewScanJobServiceClient(r.rpc(s.client))
}

func (r *rig) fetch(s source, wait time.Duration) *musterv1.ScanJob {
	r.t.Helper()
	res, err := r.jobs(s).FetchJob(r.t.Context(), &musterv1.FetchJobRequest{Wait: durationOf(wait)})
	if err != nil {
		r.t.Fatal(err)
	}
	return res.GetJob()
}

func (r *rig) update(s source, u *musterv1.UpdateJobRequest) bool {
	r.t.Helper()
	res, err := r.jobs(s).UpdateJob(r.t.Context(), u)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.GetCancel()
}

func (r *rig) scan(id string) *musterv1.ScanJob {
	r.t.Helper()
	res, err := r.people().GetScan(r.t.Context(), &musterv1.GetScanRequest{Id: id})
	if err != nil {
		r.t.Fatal(err)
	}
	return res.GetJob()
}

// A job goes from a person to a scanner that waits for it and back.
func TestScanJob(t *testing.T) {
	r := start(t)
	scanner := r.enrol(inventory.KindScanner, "a")
	got := make(chan *musterv1.ScanJob)
	go func() {
		res, err := r.jobs(scanner).FetchJob(t.Context(), &musterv1.FetchJobRequest{Wait: durationOf(time.Minute)})
		if err != nil {
			t.Error(err)
		}
		got <- res.GetJob()
	}()
	created, err := r.people().CreateScan(t.Context(), &musterv1.CreateScanRequest{Targets: []string{"192.0.2.0/24"}, Exclude: []string{"192.0.2.9"}, Rate: 100})
	if err != nil {
		t.Fatal(err)
	}
	job := <-got
	if job.GetId() != created.GetJob().GetId() || job.GetRate() != 100 || job.GetExclude()[0] != "192.0.2.9" || job.GetSite() != "a" {
		t.Fatalf("handed out %v", job)
	}
	if stop := r.update(scanner, &musterv1.UpdateJobRequest{Id: job.GetId(), State: "running", Probed: 5, Planned: 254, Found: 2}); stop {
		t.Error("told to stop")
	}
	if now := r.scan(job.GetId()); now.GetState() != "running" || now.GetProbed() != 5 || now.GetScanner() != scanner.id || now.GetCreatedBy() != "admin" {
		t.Errorf("running as %v", now)
	}
	r.update(scanner, &musterv1.UpdateJobRequest{Id: job.GetId(), State: "done", Probed: 254, Planned: 254, Found: 7, Message: "fine"})
	if now := r.scan(job.GetId()); now.GetState() != "done" || now.GetFound() != 7 || now.GetFinishedAt() == nil {
		t.Errorf("done as %v", now)
	}
	if job := r.fetch(scanner, 0); job != nil {
		t.Errorf("a done job is handed out again: %v", job)
	}
	for name, u := range map[string]*musterv1.UpdateJobRequest{
		"state of its own": {Id: job.GetId(), State: "queued"},
		"negative":         {Id: job.GetId(), State: "running", Probed: -1},
		"long message":     {Id: job.GetId(), State: "running", Message: string(make([]byte, 5000))},
	} {
		if _, err := r.jobs(scanner).UpdateJob(t.Context(), u); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: %v, want it invalid", name, err)
		}
	}
}

// A scanner that falls silent loses its job to another; after some tries the job has failed.
func TestLostScanners(t *testing.T) {
	r := start(t)
	first, second := r.enrol(inventory.KindScanner, "a"), r.enrol(inventory.KindScanner, "a")
	job, err := r.Store.CreateScan(t.Context(), scanJob("a"), r.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := r.fetch(first, 0); got.GetId() != job.ID {
		t.Fatalf("handed out %v", got)
	}
	r.clock.Add(time.Minute)
	if stop := r.update(first, &musterv1.UpdateJobRequest{Id: job.ID, State: "running"}); stop {
		t.Error("told to stop")
	}
	r.clock.Add(90 * time.Second)
	if got := r.fetch(second, 0); got != nil {
		t.Fatalf("taken from a scanner that was heard 90 s ago: %v", got)
	}
	r.clock.Add(time.Minute)
	if got := r.fetch(second, 0); got.GetId() != job.ID {
		t.Fatalf("not handed to the second scanner: %v", got)
	}
	if stop := r.update(first, &musterv1.UpdateJobRequest{Id: job.ID, State: "done", Message: "late"}); !stop {
		t.Error("the first scanner is not told that it lost the job")
	}
	if got := r.scan(job.ID); got.GetState() != "running" || got.GetScanner() != second.id {
		t.Errorf("after the first one's late word: %v", got)
	}
	for range 2 {
		r.clock.Add(3 * time.Minute)
		r.fetch(second, 0)
	}
	if got := r.scan(job.ID); got.GetState() != "failed" || got.GetMessage() == "" {
		t.Errorf("after the last try: %v", got)
	}
}

func TestCancelledScan(t *testing.T) {
	r := start(t)
	scanner := r.enrol(inventory.KindScanner, "a")
	var ids []string
	for range 2 {
		job, err := r.Store.CreateScan(t.Context(), scanJob("a"), r.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		r.clock.Add(time.Second)
		ids = append(ids, job.ID)
	}
	r.fetch(scanner, 0)
	for _, id := range ids {
		if _, err := r.people().CancelScan(t.Context(), &musterv1.CancelScanRequest{Id: id}); err != nil {
			t.Fatal(err)
		}
	}
	if stop := r.update(scanner, &musterv1.UpdateJobRequest{Id: ids[0], State: "running"}); !stop {
		t.Error("the scanner is not told to stop")
	}
	if got := r.fetch(scanner, 0); got != nil {
		t.Errorf("a cancelled job is handed out: %v", got)
	}
	if _, err := r.people().CancelScan(t.Context(), &musterv1.CancelScanRequest{Id: ids[0]}); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("cancelled twice: %v", err)
	}
}

// A scanner that is revoked while it waits gets nothing.
func TestRevokedScannerGetsNoJob(t *testing.T) {
	r := start(t)
	scanner := r.enrol(inventory.KindScanner, "a")
	r.fetch(scanner, 0) // known to the collector's cache as good
	if err := r.Store.RevokeSource(t.Context(), scanner.id, "test", "", r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Store.CreateScan(t.Context(), scanJob("a"), r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	res, err := r.jobs(scanner).FetchJob(t.Context(), &musterv1.FetchJobRequest{})
	if err == nil && res.GetJob() != nil {
		t.Errorf("handed out %v", res.GetJob())
	}
}

func TestScanTargets(t *testing.T) {
	r := start(t)
	for name, j := range map[string]store.ScanSpec{
		"none":     {},
		"option":   {Targets: []string{"-oN"}},
		"spaces":   {Targets: []string{"192.0.2.1 192.0.2.2"}},
		"control":  {Targets: []string{"192.0.2.1\n"}},
		"long":     {Targets: []string{string(make([]byte, 300))}},
		"too many": {Targets: make([]string, 2000)},
		"rate":     {Targets: []string{"192.0.2.1"}, Rate: -1},
		"exclude":  {Targets: []string{"192.0.2.1"}, Exclude: []string{""}},
	} {
		if _, err := r.Store.CreateScan(t.Context(), store.ScanJob{ScanSpec: j}, r.clock.Now()); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("%s: %v, want it invalid", name, err)
		}
	}
}
