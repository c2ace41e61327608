package upgrade

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/agent/upgrade/versions"
)

// watch is a running version and what is done meanwhile: on trial it is waited for its report,
// otherwise for the time of the next check.
type watch struct {
	*run
	child   *child
	version string
	onTrial bool
}

// until stays with the child until it has to make room, ends, or ctx does.
func (w *watch) until(ctx context.Context) (again bool, err error) {
	trial := time.NewTimer(w.Config.Trial)
	defer trial.Stop()
	for {
		wait := w.Pace.Poll
		if !w.onTrial {
			wait = max(min(w.next.Sub(w.Now()), nap), w.Pace.Poll)
		}
		poll := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			w.stopped()
			return false, nil
		case <-w.child.done:
			return w.ended(ctx, w.child.err)
		case <-trial.C:
			if w.onTrial && !w.reported() {
				w.child.stop(w.Pace.Grace)
				w.fail(fmt.Sprintf("no report was accepted within %v", w.Config.Trial))
				return true, nil
			}
		case <-poll.C:
			if w.onTrial && w.reported() {
				w.settle()
				w.onTrial = false
			}
		}
		poll.Stop()
		if !w.onTrial && w.check(ctx) {
			w.step("switch")
			w.child.stop(w.Pace.Grace)
			return true, nil
		}
	}
}

// stopped ends the child in order, which is no failure of a version on trial.
func (w *watch) stopped() {
	w.child.stop(w.Pace.Grace)
	if w.onTrial && w.reported() {
		w.settle()
	} else if w.onTrial {
		w.state.Trial.Starts--
		w.save()
	}
}

// ended is what follows when the child ends by itself.
func (w *watch) ended(ctx context.Context, err error) (again bool, _ error) {
	if !w.onTrial {
		if err != nil {
			err = fmt.Errorf("version %s ended: %w", w.version, err)
		}
		return false, err
	}
	w.Log.Warn("version on trial ended", "version", w.version, "starts", w.state.Trial.Starts, "error", err)
	t := time.NewTimer(w.Pace.Backoff)
	defer t.Stop()
	select {
	case <-ctx.Done():
		w.state.Trial.Starts-- // whoever ends the service ends both
		w.save()
	case <-t.C:
	}
	return true, nil
}

// reported: the collector has accepted a report of the version that runs.
func (w *watch) reported() bool {
	r, err := w.Reported()
	if err != nil {
		w.Log.Warn("cannot read whether the version has reported", "error", err)
		return false
	}
	return w.same(r.By)
}

func (w *watch) same(version string) bool {
	v, err := release.ParseVersion(version)
	return err == nil && v.String() == w.version
}

// check looks for an upgrade when it is time, and says whether one waits to be started. While
// reports do not arrive nothing is changed: a new version could not show that it works.
func (w *watch) check(ctx context.Context) (found bool) {
	now := w.Now()
	if left := w.next.Sub(now); left > 0 && left <= w.Config.Window+2*nap { // a clock that was set back does not end checks
		return false
	}
	if r, err := w.Reported(); err != nil || !r.Accepted || !w.same(r.By) {
		return false
	}
	w.next = slot(w.ID, w.Config.Window, now)
	request := release.Request{
		Repository: w.Config.Repository, Root: w.Config.Root, Dir: w.Dir, Channel: w.Config.Channel, Pin: w.Config.Pin, Running: w.version,
	}
	for _, b := range w.state.Bad {
		request.Bad = append(request.Bad, b.Version)
	}
	w.step("check")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // who holds a download up does not hold the restart of an agent up
		select {
		case <-w.child.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	result, err := w.Fetch(ctx, request)
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		result = release.Result{Outcome: release.OutcomeFailed, Reason: err.Error()}
	}
	return w.note(result, now)
}

func (w *watch) note(result release.Result, now time.Time) (found bool) {
	w.state.Check = &Check{At: now.UTC().Truncate(time.Second), Outcome: result.Outcome, Reason: short(result.Reason)}
	switch result.Outcome {
	case release.OutcomeInstalled:
		w.Log.Info("new version fetched", "version", result.Version)
		w.state.Trial = &trial{Installed: versions.Installed{Version: result.Version, SHA256: result.SHA256, Bytes: result.Bytes}}
		found = true
	case release.OutcomeRefused:
		w.Log.Error("upgrade refused", "reason", result.Reason, "running", w.version)
	case release.OutcomeFailed:
		w.Log.Warn("cannot look for upgrades", "reason", result.Reason)
		w.next = now.Add(max(w.Config.Window/24, nap) + rand.N(nap)) // spreads load, guards nothing
	default:
		w.Log.Info("no upgrade", "reason", result.Reason)
	}
	w.step("note")
	if !w.save() && found {
		w.state.Trial, found = nil, false
	}
	return found
}
