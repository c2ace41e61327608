package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/agent/upgrade/versions"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// Reported is the last report, as the agent's status has it.
type Reported struct {
	Accepted bool   // the last report was accepted
	By       string // version that had a report accepted last
}

// Pace is how quickly a supervisor acts; 0 is what suits a host.
type Pace struct {
	Poll    time.Duration // between looks at whether a version on trial has reported
	Backoff time.Duration // before a version on trial is started again
	Grace   time.Duration // for a version to end in order
}

// Supervisor runs the agent's versions, one at a time.
type Supervisor struct {
	Config   Config // validated
	Dir      string // of the upgrades, in the agent's state folder
	Program  string // the installed program
	Version  string // its version
	Args     []string
	ID       string // of the agent
	Fetch    Fetcher
	Reported func() (Reported, error)
	Out, Err io.Writer // of the versions
	Now      func() time.Time
	Log      *slog.Logger
	Pace     Pace
	Step     func(name string) // told before each step that a crash could follow; nil for nobody
}

// Run runs the chosen version until ctx ends or one that is not on trial ends by itself; then
// the service's manager starts all anew.
func (s *Supervisor) Run(ctx context.Context) (err error) {
	base, err := release.ParseVersion(s.Version)
	if err != nil {
		return inventory.Errorf(inventory.CodeInvalid, "upgrade: this build cannot be upgraded: %w", err)
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("make folder of upgrades: %w", err)
	}
	lock, err := wire.LockDir(s.Dir)
	if err != nil {
		return fmt.Errorf("supervise: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	s.Pace.Poll, s.Pace.Backoff, s.Pace.Grace = or(s.Pace.Poll, 5*time.Second), or(s.Pace.Backoff, 10*time.Second), or(s.Pace.Grace, 30*time.Second)
	r := &run{Supervisor: s, base: base, store: versions.Store{Dir: s.Dir, OS: runtime.GOOS}}
	if r.state, err = loadState(s.Dir); err != nil {
		s.Log.Error("upgrades begin anew", "error", err)
		if err := os.Rename(filepath.Join(s.Dir, stateFile), filepath.Join(s.Dir, stateFile+".damaged")); err != nil {
			s.Log.Warn("cannot set the state of upgrades aside", "error", err)
		}
	}
	r.next = firstCheck(s.ID, s.Config.Window, r.state.Check, s.Now())
	for {
		again, err := r.once(ctx)
		if !again || ctx.Err() != nil {
			return err
		}
	}
}

func or(d, builtIn time.Duration) time.Duration {
	if d == 0 {
		return builtIn
	}
	return d
}

// run is a supervisor at work.
type run struct {
	*Supervisor
	base  release.Version
	store versions.Store
	state state
	next  time.Time // of the check
}

func (r *run) step(name string) {
	if r.Step != nil {
		r.Step(name)
	}
}

// save writes the state down. On a full disk decisions hold until the next start.
func (r *run) save() bool {
	err := r.state.save(r.Dir)
	if err != nil {
		r.Log.Error("cannot write the state of upgrades", "error", err)
	}
	return err == nil
}

// once starts the version that is chosen and stays with it; again says that another is to be started.
func (r *run) once(ctx context.Context) (again bool, err error) {
	path, version, onTrial := r.pick()
	r.step("start")
	c, err := startChild(path, r.Args, r.Out, r.Err)
	if err != nil {
		if !onTrial {
			return r.drop(version, err)
		}
		r.fail(err.Error())
		return true, nil
	}
	r.Log.Info("version started", "version", version, "on_trial", onTrial)
	w := &watch{run: r, child: c, version: version, onTrial: onTrial}
	return w.until(ctx)
}

// drop goes back to the installed program when a settled version cannot even be started.
func (r *run) drop(version string, cause error) (again bool, err error) {
	if r.state.Settled == nil || r.state.Settled.Version != version {
		return false, cause
	}
	r.Log.Error("version cannot be started, the installed one runs", "version", version, "error", cause)
	r.state.Settled = nil
	r.save()
	return true, nil
}

// pick is what to start. A version that others could have changed, or that is damaged, is not
// started; one on trial only when this start could be counted.
func (r *run) pick() (path, version string, onTrial bool) {
	for {
		in, onTrial := r.state.choose(r.base, r.Config.Pin)
		if in == nil {
			return r.Program, r.base.String(), false
		}
		path, err := r.store.Open(*in)
		switch {
		case err != nil && onTrial:
			r.fail(err.Error())
		case err != nil:
			r.Log.Error("version is not started", "version", in.Version, "error", err)
			r.state.Settled = nil
			r.save()
		case !onTrial:
			return path, in.Version, false
		case r.state.Trial.Starts >= maxStarts:
			r.fail(fmt.Sprintf("ended %d times before a report was accepted", maxStarts))
		default:
			r.step("count")
			r.state.Trial.Starts++
			if r.save() {
				return path, in.Version, true
			}
			r.fail("the start could not be written down")
		}
	}
}

// fail ends a trial: the next to be started is what ran before.
func (r *run) fail(reason string) {
	r.Log.Error("new version failed, going back", "version", r.state.Trial.Version, "reason", reason)
	r.state.fail(reason, r.Now())
	r.save()
	r.prune()
}

func (r *run) settle() {
	r.Log.Info("new version has reported", "version", r.state.Trial.Version)
	r.step("settle")
	r.state.settle()
	r.save()
	r.prune()
}

// prune removes versions that nothing refers to.
func (r *run) prune() {
	var keep []string
	for _, in := range []*versions.Installed{r.state.Settled, r.state.trialled()} {
		if in != nil {
			keep = append(keep, in.Version)
		}
	}
	if err := r.store.Prune(keep...); err != nil {
		r.Log.Warn("cannot remove former versions", "error", err)
	}
}
