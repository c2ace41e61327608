package scanner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/seal"
	"github.com/muster-itam/muster/internal/wire"
)

// Collector is where a Worker gets its jobs and delivers to; wire.Client is the real one.
type Collector interface {
	wire.Reporter
	FetchJob(ctx context.Context, wait time.Duration, key []byte) (*wire.Job, error)
	UpdateJob(ctx context.Context, u wire.JobUpdate) (inventory.ScanOrder, error)
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

	key *seal.Key
}

// fetchWait is how long the collector holds a question for the next job.
const fetchWait = 50 * time.Second

// Run works until ctx ends. Trouble with the collector is waited out.
func (w *Worker) Run(ctx context.Context) (err error) {
	if w.Config.Log == nil {
		w.Config.Log = slog.New(slog.DiscardHandler)
	}
	if w.Config.Now == nil {
		w.Config.Now = time.Now
	}
	if w.key, err = seal.NewKey(); err != nil {
		return err
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
		job, err := w.Collector.FetchJob(ctx, fetchWait, w.key.Public())
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

// lastWord is how long a scanner that is stopped, or lets go of a job, takes to say so.
const lastWord = time.Second

// do runs one job to its end, or until it is to let go of it, and tells the collector.
func (w *Worker) do(ctx context.Context, job wire.Job) error {
	log := w.Config.Log
	log.Info("job begins", "job", job.ID, "targets", len(job.Targets), "done", len(job.Done))
	jobCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	j := &jobRun{worker: w, job: job, cancel: cancel, begun: w.Config.Now(), heard: w.Config.Now()}
	hush := j.talk(jobCtx)
	err := j.scan(jobCtx)
	hush()
	if err := w.Config.Worked.Save(); err != nil {
		log.Warn("not remembered", "error", err)
	}
	u := j.word()
	switch {
	case j.told(errStopped), j.told(errLost): // it is not ours any more
		log.Info("job left", "job", job.ID, "why", j.why())
		return nil
	case ctx.Err() != nil, j.told(errPaused):
		// Goes on here or elsewhere. The scanner may be on its way out: it does not wait for long.
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
		defer stop()
		u.State, u.Message = "paused", ""
		w.update(last, u)
		log.Info("job given back", "job", job.ID)
		return nil
	case err != nil:
		u.State, u.Message = "failed", message(err)
		w.update(ctx, u)
		return err
	}
	u.State, u.Message = "done", clipText(j.summary())
	if j.incomplete {
		u.State, u.Message = "failed", clipText("incomplete: "+j.summary())
	}
	u.Probed, u.Left = u.Planned, 0
	w.update(ctx, u)
	log.Info("job ends", "job", job.ID, "state", u.State, "devices", j.devices)
	return nil
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
		return errNotTaken
	}
	return nil
}

func (w *Worker) update(ctx context.Context, u wire.JobUpdate) (order inventory.ScanOrder, ok bool) {
	order, err := w.Collector.UpdateJob(ctx, u)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		w.Config.Log.Warn("collector not told about job", "job", u.ID, "state", u.State, "error", err)
	}
	return order, err == nil
}
