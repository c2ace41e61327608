package scanner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

const (
	// updateEvery is how often a job's progress is reported, and so how soon an order is heard.
	updateEvery = 500 * time.Millisecond
	// wordTime is how long one word may take: a connection that has died in silence must not
	// keep an order waiting for as long as other calls may.
	wordTime = 5 * time.Second
	// ownLease is after how long without an answer a job may have been given to another
	// scanner; the collector waits for two minutes.
	ownLease = 100 * time.Second
)

// Causes of a job's end before it is done.
var (
	errStopped  = errors.New("stopped")
	errPaused   = errors.New("paused")
	errLost     = errors.New("the collector does not answer: another scanner may have the job")
	errNotTaken = errors.New("the collector did not take all findings")
)

// jobRun is one job under way: what it did, and what the collector knows of that.
type jobRun struct {
	worker *Worker
	job    wire.Job
	cancel context.CancelCauseFunc
	begun  time.Time

	devices, addresses int
	notes              []string
	incomplete         bool

	mu     sync.Mutex
	reason error // why it ends early
	heard  time.Time
	last   Progress
	swept  []sweptPart // that the collector does not know of
	done   uint64      // addresses, or seconds of listening
	before uint64      // of those, what was done when it began
	part   uint64      // in the part under way
	total  uint64
	found  int
}

// sweptPart is a range with the time at which its sweep began.
type sweptPart struct {
	inventory.SweptRange
	started time.Time
}

// scan does the job; each part is delivered before it counts as done.
func (j *jobRun) scan(ctx context.Context) error {
	cfg, err := j.config()
	if err != nil {
		return err
	}
	s, err := New(cfg)
	if err != nil {
		return err
	}
	if j.job.Options.Listen > 0 {
		return j.listen(ctx, s)
	}
	plan, err := s.Plan(ctx, Job{Targets: j.job.Targets, Exclude: j.job.Exclude, Rate: j.job.Rate, Large: j.job.Options.Large})
	if err != nil {
		return err
	}
	done := NewSet(j.job.Done...)
	parts := plan.parts(done, cfg.partSize(plan.Rate))
	j.expect(plan.Addresses(), parts)
	mem := &memory{}
	for len(parts) > 0 && ctx.Err() == nil {
		part := parts[0]
		parts = parts[1:]
		j.partOf(part.Addresses())
		res, err := s.runPart(ctx, part, mem)
		if err != nil {
			return err
		}
		if err := j.take(ctx, res); err != nil {
			return err
		}
	}
	return nil
}

func (j *jobRun) listen(ctx context.Context, s *Scanner) error {
	whole := j.job.Options.Listen
	already := min(time.Duration(j.job.Probed)*time.Second, whole)
	j.mu.Lock()
	j.total, j.done, j.before, j.part = uint64(whole/time.Second), uint64(already/time.Second), uint64(already/time.Second), uint64((whole-already)/time.Second)
	j.mu.Unlock()
	if already == whole {
		return nil
	}
	res, err := s.Listen(ctx, ListenJob{Interfaces: j.job.Options.Interfaces, For: whole - already})
	if err != nil {
		return err
	}
	return j.take(ctx, res)
}

// take delivers what a part found, and then reports the part as done.
func (j *jobRun) take(ctx context.Context, res *Result) error {
	w := j.worker
	j.devices += len(res.Devices)
	j.addresses += res.Addresses()
	for _, n := range res.Notes {
		if !slices.Contains(j.notes, n) {
			j.notes = append(j.notes, n)
		}
	}
	stopped := ctx.Err() != nil
	if stopped { // what was found is still sent, if that is quickly done; else it waits in the outbox
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
		defer cancel()
		ctx = last
	} else if !res.Complete {
		j.incomplete = true
	}
	taken := w.Outbox.Add(Observations(res)...)
	if taken != nil {
		w.Config.Log.Warn("some findings cannot be sent", "error", taken)
	}
	err := w.deliver(ctx)
	switch {
	case errors.Is(err, errNotTaken):
		taken = err
	case err != nil:
		return err // ctx ended: what waits is sent after the restart
	}
	if stopped {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range res.Swept {
		r.Complete = r.Complete && taken == nil
		j.swept = append(j.swept, sweptPart{r, res.Started})
	}
	j.done, j.part, j.last, j.found = j.done+j.part, 0, Progress{}, j.addresses
	return nil
}

// config is the scanner's own with what the job adds. The scanner's own word on what is not
// done stands, whatever a job asks for.
func (j *jobRun) config() (Config, error) {
	cfg, o := j.worker.Config, &j.job.Options
	cfg.Progress = j.progress
	cfg.NoNames, cfg.NoSearch = cfg.NoNames || o.NoNames, cfg.NoSearch || o.NoSearch
	switch own := !cfg.Services.None(); {
	case o.NoServices:
		cfg.Services = service.Ports{}
	case len(o.Ports) > 0 && own:
		ports, err := service.ParsePorts(o.Ports)
		if err != nil {
			return cfg, err
		}
		cfg.Services = ports
	case len(o.Ports) > 0:
		j.notes = append(j.notes, "no ports are asked: this scanner asks none")
	}
	var err error
	if cfg.Fragile, err = cfg.Fragile.And(o.Fragile); err != nil {
		return cfg, inventory.Errorf(inventory.CodeInvalid, "fragile: %w", err)
	}
	if o.NoSNMP {
		cfg.Credentials = nil
		return cfg, nil
	}
	creds, err := j.credentials()
	cfg.Credentials = append(slices.Clone(cfg.Credentials), creds...)
	snmp.Order(cfg.Credentials)
	return cfg, err
}

// credentials opens those that came with the job, and says which did not.
func (j *jobRun) credentials() ([]snmp.Credential, error) {
	var out []snmp.Credential
	var have []string
	for _, x := range j.job.Sealed {
		text, err := j.worker.key.Open(x.Sealed, j.job.ID, j.worker.Collector.Identity().ID, x.Name)
		if err != nil {
			return nil, fmt.Errorf("credential %s: %w", x.Name, err)
		}
		secret, scope, err := wire.UnpackCredential(text)
		if err != nil {
			return nil, fmt.Errorf("credential %s: %w", x.Name, err)
		}
		list, err := snmp.ParseCredentials(bytes.NewReader([]byte(secret.Reveal())))
		if err != nil {
			return nil, fmt.Errorf("credential %s: %w", x.Name, err)
		}
		for i := range list {
			list[i].Within, list[i].Name = scope, x.Name+list[i].Name
		}
		out, have = append(out, list...), append(have, x.Name)
	}
	for _, name := range j.job.Options.Credentials {
		if !slices.Contains(have, name) {
			j.notes = append(j.notes, "credential "+name+" was not given to this scanner: it is not there, or not for this site and these targets")
		}
	}
	return out, nil
}

// phaseShare is how far a part is at the beginning and at the end of a phase, in percent.
var phaseShare = map[Phase][2]float64{
	PhaseSweep: {0, 30}, PhaseSilent: {30, 45}, PhaseSearch: {45, 55}, PhaseSNMP: {55, 75},
	PhaseServices: {75, 95}, PhaseNames: {95, 100}, PhaseListen: {0, 100},
}

func (j *jobRun) progress(p Progress) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = p
}

func (j *jobRun) expect(total uint64, parts []*Plan) {
	left := uint64(0)
	for _, p := range parts {
		left += p.Addresses()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.total, j.done = max(total, left), max(total, left)-left
	j.before = j.done
}

func (j *jobRun) partOf(n uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.part = n
}

// word is what there is to say about the job now.
func (j *jobRun) word() wire.JobUpdate {
	j.mu.Lock()
	defer j.mu.Unlock()
	u := wire.JobUpdate{ID: j.job.ID, State: "running", Message: string(j.last.Phase), Planned: int64(j.total), //nolint:gosec // at most 2^24
		Found: int64(j.found + j.last.Found)}
	now := j.worker.Config.Now()
	for _, r := range j.swept {
		r.Took = now.Sub(r.started)
		u.Swept = append(u.Swept, r.SweptRange)
	}
	at := float64(j.done)
	if share, ok := phaseShare[j.last.Phase]; ok && j.last.Planned > 0 {
		inPhase := min(1, float64(j.last.Probed)/float64(j.last.Planned))
		at += float64(j.part) * (share[0] + (share[1]-share[0])*inPhase) / 100
	}
	u.Probed = int64(at)
	took := now.Sub(j.begun)
	if did := at - float64(j.before); did > 0 && took > 2*time.Second && float64(j.total) > at {
		u.Left = time.Duration((float64(j.total) - at) / did * float64(took)).Round(time.Second)
	}
	return u
}

// told tells whether the job ends for that reason.
func (j *jobRun) told(reason error) bool { return errors.Is(j.why(), reason) }

func (j *jobRun) why() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.reason
}

func (j *jobRun) end(reason error) {
	j.mu.Lock()
	j.reason = reason
	j.mu.Unlock()
	j.cancel(reason)
}

// talk tells the collector how the job gets on, and hears its orders, until the function it
// returns is called.
func (j *jobRun) talk(ctx context.Context) (hush func()) {
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
			if reason := j.say(ctx); reason != nil {
				j.end(reason)
				return
			}
		}
	}()
	return func() { end(); <-done }
}

// say sends one word; the result is why the job ends, if it does.
func (j *jobRun) say(ctx context.Context) error {
	u := j.word()
	call, cancel := context.WithTimeout(ctx, wordTime)
	defer cancel()
	order, ok := j.worker.update(call, u)
	now := j.worker.Config.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !ok {
		if ctx.Err() == nil && now.Sub(j.heard) > ownLease {
			return errLost
		}
		return nil
	}
	j.heard, j.swept = now, j.swept[len(u.Swept):]
	switch order {
	case inventory.OrderStop:
		return errStopped
	case inventory.OrderPause:
		return errPaused
	case inventory.OrderRun:
	}
	return nil
}

func (j *jobRun) summary() string {
	text := fmt.Sprintf("%d devices with %d addresses", j.devices, j.addresses)
	for _, n := range j.notes {
		text += "; " + n
	}
	return text
}
