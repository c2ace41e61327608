package scanner

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// Collector is where a Worker gets its jobs and delivers to; wire.Client is the real one.
type Collector interface {
	wire.Reporter
	FetchJob(ctx context.Context, wait time.Duration) (*wire.Job, error)
	UpdateJob(ctx context.Context, u wire.JobUpdate) (cancel bool, err error)
	Identity() wire.Identity
	Renew(ctx context.Context) error
}

// Outbox keeps observations until they are delivered; wire.Outbox is the real one.
type Outbox interface {
	Add(observations ...inventory.Observation) error
	Deliver(ctx context.Context, to wire.Reporter) (wire.Delivery, error)
	Pending() int
}

// Worker scans what a collector asks for, one job after the other.
type Worker struct {
	Config    Config
	Collector Collector
	Outbox    Outbox
}

// fetchWait is how long the collector holds a question for the next job.
const fetchWait = 50 * time.Second

// updateEvery is how often a job's progress is reported, and so how soon a cancelled one stops.
const updateEvery = time.Second

// Run works until ctx ends. Trouble with the collector is waited out.
func (w *Worker) Run(ctx context.Context) error {
	if w.Config.Log == nil {
		w.Config.Log = slog.New(slog.DiscardHandler)
	}
	if w.Config.Now == nil {
		w.Config.Now = time.Now
	}
	log := w.Config.Log
	sleep := SystemClock().Sleep
	if w.Outbox.Pending() > 0 { // from before a restart
		if err := w.deliver(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	var backoff wire.Backoff
	for ctx.Err() == nil {
		w.renew(ctx)
		job, err := w.Collector.FetchJob(ctx, fetchWait)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			wait := backoff.Next(err)
			log.Warn("no job from the collector, will ask again", "error", err, "wait", wait.Round(time.Second))
			_ = sleep(ctx, wait) // its error is ctx's, which the loop looks at
		case job == nil:
			backoff.Reset()
		default:
			backoff.Reset()
			if err := w.do(ctx, *job); err != nil {
				log.Warn("job failed", "job", job.ID, "error", err)
			}
		}
	}
	return nil
}

func (w *Worker) renew(ctx context.Context) {
	if w.Config.Now().Before(w.Collector.Identity().RenewAt()) {
		return
	}
	if err := w.Collector.Renew(ctx); err != nil && ctx.Err() == nil {
		w.Config.Log.Warn("certificate not renewed, will try again", "error", err)
	}
}

// do runs one job to its end and tells the collector about it.
func (w *Worker) do(ctx context.Context, job wire.Job) error {
	log := w.Config.Log
	log.Info("job begins", "job", job.ID, "targets", len(job.Targets))
	jobCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := &ticker{worker: w, id: job.ID, cancel: cancel}
	cfg := w.Config
	cfg.Progress = t.set
	res, err := scanJob(jobCtx, cfg, job, t)
	if err != nil {
		w.update(ctx, wire.JobUpdate{ID: job.ID, State: "failed", Message: message(err)})
		return err
	}
	if err := w.Outbox.Add(Observations(res)...); err != nil {
		log.Warn("some findings cannot be sent", "error", err)
	}
	if err := w.deliver(ctx); err != nil {
		return err // ctx ended: what waits is sent after the restart
	}
	u := wire.JobUpdate{ID: job.ID, State: "done", Found: int64(len(res.Devices)), Probed: t.probed(), Planned: t.probed()}
	u.Message = fmt.Sprintf("%d devices with %d addresses", len(res.Devices), res.Addresses())
	for _, n := range res.Notes {
		u.Message += "; " + n
	}
	if !res.Complete {
		u.State, u.Message = "failed", "incomplete: "+u.Message
	}
	u.Message = clipText(u.Message)
	w.update(ctx, u)
	log.Info("job ends", "job", job.ID, "state", u.State, "devices", len(res.Devices))
	return nil
}

func scanJob(ctx context.Context, cfg Config, job wire.Job, t *ticker) (*Result, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	plan, err := s.Plan(ctx, Job{Targets: job.Targets, Exclude: job.Exclude, Rate: job.Rate})
	if err != nil {
		return nil, err
	}
	stop := t.start(ctx)
	defer stop()
	return s.Run(ctx, plan)
}

// message is what an administrator is shown of an error: domain errors say what was wrong
// with the job, others are the scanner's own business.
func message(err error) string {
	if inventory.CodeOf(err) == inventory.CodeInternal {
		return "the scanner could not do it; its log says why"
	}
	return clipText(err.Error())
}

const maxMessage = 1000

func clipText(s string) string {
	if len(s) > maxMessage {
		return s[:maxMessage] + "..."
	}
	return s
}

func (w *Worker) deliver(ctx context.Context) error {
	d, err := w.Outbox.Deliver(ctx, w.Collector)
	if err != nil {
		return fmt.Errorf("deliver findings: %w", err)
	}
	if d.Lost > 0 {
		w.Config.Log.Warn("the collector did not take all findings", "lost", d.Lost, "problem", d.Problem)
	}
	return nil
}

func (w *Worker) update(ctx context.Context, u wire.JobUpdate) (cancel bool) {
	cancel, err := w.Collector.UpdateJob(ctx, u)
	if err != nil && ctx.Err() == nil {
		w.Config.Log.Warn("collector not told about job", "job", u.ID, "state", u.State, "error", err)
	}
	return cancel
}

// ticker tells the collector how far a job is, and hears whether it is to stop.
type ticker struct {
	worker *Worker
	id     string
	cancel context.CancelCauseFunc

	mu   sync.Mutex
	last Progress
	sum  int64 // packets of the phases before
}

func (t *ticker) set(p Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.Phase != t.last.Phase {
		t.sum += int64(t.last.Probed)
	}
	t.last = p
}

func (t *ticker) probed() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sum + int64(t.last.Probed)
}

// errCancelled is the cause of a job's end when the collector asked for it.
var errCancelled = inventory.Errorf(inventory.CodeConflict, "cancelled")

func (t *ticker) start(ctx context.Context) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(updateEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			t.mu.Lock()
			p := t.last
			u := wire.JobUpdate{
				ID: t.id, State: "running", Message: string(p.Phase), Found: int64(p.Found),
				Probed: t.sum + int64(p.Probed), Planned: t.sum + int64(p.Planned),
			}
			t.mu.Unlock()
			if t.worker.update(ctx, u) {
				t.cancel(errCancelled)
				return
			}
		}
	}()
	return func() { end(); <-done }
}
