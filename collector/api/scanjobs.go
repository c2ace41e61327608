package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/vault"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// ScanStore keeps scan jobs.
type ScanStore interface {
	FetchScan(ctx context.Context, scanner inventory.Source, now time.Time) (store.ScanJob, bool, error)
	UpdateScan(ctx context.Context, scanner inventory.Source, u store.ScanUpdate, now time.Time) (inventory.ScanOrder, error)
	CredentialsFor(ctx context.Context, scanner inventory.Source, j *store.ScanJob, now time.Time) ([]store.SealedCredential, error)
}

const (
	maxScanWait = 60 * time.Second
	scanPoll    = 500 * time.Millisecond
)

// ScanJobs implements ScanJobService.
type ScanJobs struct {
	store    ScanStore
	vault    *vault.Vault
	stopping <-chan struct{}
	log      *slog.Logger
	now      func() time.Time
}

// NewScanJobs makes the service; scanners that wait are sent home when stopping is closed.
func NewScanJobs(st ScanStore, v *vault.Vault, stopping <-chan struct{}, log *slog.Logger, now func() time.Time) *ScanJobs {
	return &ScanJobs{store: st, vault: v, stopping: stopping, log: log, now: now}
}

// FetchJob gives the scanner the next job of its site, and waits for one as long as asked.
func (s *ScanJobs) FetchJob(ctx context.Context, req *musterv1.FetchJobRequest) (*musterv1.FetchJobResponse, error) {
	scanner := identity.CallerOf(ctx).Source()
	end := time.NewTimer(min(max(req.GetWait().AsDuration(), 0), maxScanWait))
	defer end.Stop()
	look := time.NewTicker(scanPoll)
	defer look.Stop()
	for {
		job, ok, err := s.store.FetchScan(ctx, scanner, s.now())
		if err != nil {
			return nil, sourceError(ctx, s.log, err)
		}
		if ok {
			s.log.InfoContext(ctx, "scan handed out", "scan", job.ID, "scanner", scanner.ID, "site", scanner.Site)
			p := ScanJobToProto(job)
			if p.Sealed, err = s.seal(ctx, scanner, &job, req.GetSealingKey()); err != nil {
				return nil, sourceError(ctx, s.log, err)
			}
			return &musterv1.FetchJobResponse{Job: p}, nil
		}
		select {
		case <-look.C:
		case <-end.C:
			return &musterv1.FetchJobResponse{}, nil
		case <-s.stopping:
			return &musterv1.FetchJobResponse{}, nil
		case <-ctx.Done():
			return nil, sourceError(ctx, s.log, ctx.Err())
		}
	}
}

// UpdateJob keeps a scanner's word on a job and tells it what to do.
func (s *ScanJobs) UpdateJob(ctx context.Context, req *musterv1.UpdateJobRequest) (*musterv1.UpdateJobResponse, error) {
	u := store.ScanUpdate{
		ID: req.GetId(), State: store.ScanState(req.GetState()), Message: req.GetMessage(),
		Probed: req.GetProbed(), Planned: req.GetPlanned(), Found: req.GetFound(), Left: req.GetLeft().AsDuration(),
	}
	for _, p := range req.GetSwept() {
		r, err := sweptFromProto(p)
		if err != nil {
			return nil, sourceError(ctx, s.log, err)
		}
		u.Swept = append(u.Swept, r)
	}
	order, err := s.store.UpdateScan(ctx, identity.CallerOf(ctx).Source(), u, s.now())
	if err != nil {
		return nil, sourceError(ctx, s.log, err)
	}
	return &musterv1.UpdateJobResponse{Cancel: order != inventory.OrderRun, Order: string(order)}, nil
}

func sweptFromProto(p *musterv1.SweptRange) (inventory.SweptRange, error) {
	r, err := inventory.ParseRange(p.GetFirst() + "-" + p.GetLast())
	if err != nil {
		return inventory.SweptRange{}, inventory.Errorf(inventory.CodeInvalid, "swept: %w", err)
	}
	return inventory.SweptRange{Range: r, Complete: p.GetComplete(), Took: p.GetTook().AsDuration()}, nil
}

// ScanJobToProto is the job as scanners and persons see it.
func ScanJobToProto(j store.ScanJob) *musterv1.ScanJob {
	p := &musterv1.ScanJob{
		Id: j.ID, Site: j.Site, Targets: j.Targets, Exclude: j.Exclude, Rate: int32(j.Rate), //nolint:gosec // at most a million
		State: string(j.State), Scanner: j.Scanner, Message: j.Message, CreatedBy: j.CreatedBy,
		Probed: j.Probed, Planned: j.Planned, Found: j.Found,
		CreatedAt: stamp(j.CreatedAt), StartedAt: stamp(j.StartedAt), FinishedAt: stamp(j.FinishedAt),
		Options: optionsToProto(&j.Options), Template: j.Template, Schedule: j.Schedule, Windows: j.Windows,
		Left: span(j.Left), Wanted: string(j.Wanted),
	}
	if j.State == store.ScanQueued {
		p.NotBefore = stamp(j.NotBefore)
	}
	for _, r := range j.Done {
		p.Done = append(p.Done, r.String())
	}
	return p
}
