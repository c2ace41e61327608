package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// parallel is how many sources run at a time: the agent is a guest on the machine.
const parallel = 2

// Reading is one source's answer, for display.
type Reading struct {
	Source  string                `json:"source"`
	Section inventory.SectionName `json:"section"`
	Status  inventory.Status      `json:"status"`
	Reason  string                `json:"reason,omitempty"`
	Items   int                   `json:"items"`
	TookMS  float64               `json:"took_ms"`

	took, cpu time.Duration
	bytes     int64
	body      inventory.Body
}

// Eyes look at the machine by running its sources.
type Eyes struct {
	sources []source.Source
	rules   rules
	now     func() time.Time
	log     *slog.Logger
	ledger  *ledger
	costs   map[string]cost // as reported last, by section and source

	mu    sync.Mutex
	stuck map[int]time.Time // sources that have not returned, by place in the list, since when
}

// NewEyes makes the runner of the sources; what the configuration switches off is not run.
// What the agent of the state folder remembers makes a look what that agent would send.
func NewEyes(cfg Config, stateDir string, sources []source.Source, now func() time.Time, log *slog.Logger) *Eyes {
	before, err := readDiary(stateDir)
	if err != nil {
		log.Warn("the budget of the day and the reported costs begin again", "error", err)
	}
	return &Eyes{
		sources: sources, rules: cfg.rules(), now: now, log: log, stuck: map[int]time.Time{},
		ledger: newLedger(cfg.Budget, before.Spent), costs: before.Costs,
	}
}

// remember writes down what was spent and reported.
func (e *Eyes) remember(stateDir string) error {
	e.ledger.tally(e.now())
	return diary{Spent: e.ledger.Spent, Costs: e.costs}.write(stateDir)
}

// Look reads the machine once and gives exactly what is to be sent, with what each source
// said. agentID is "" for a machine that is not enrolled. A source that fails, panics or
// hangs never stops another. The error is ctx's.
func (e *Eyes) Look(ctx context.Context, agentID string) (inventory.Observation, []Reading, error) {
	readings, err := e.readAll(ctx)
	if err != nil {
		return inventory.Observation{}, nil, err
	}
	o := inventory.Observation{SeenAt: e.now().UTC().Truncate(time.Millisecond), Complete: true}
	var looked []inventory.SectionName
	for _, name := range inventory.Sections() {
		if s, ok := join(name, readings); ok {
			if d, ok := s.Body.(*inventory.Device); ok && agentID != "" {
				own := *d // a source may give the same one each time
				own.Identifiers = append(slices.Clip(d.Identifiers), inventory.Identifier{Type: inventory.IDAgent, Value: agentID})
				s.Body = &own
			}
			o.Sections, looked = append(o.Sections, finish(s)), append(looked, name)
		}
	}
	if e.rules.section(inventory.SectionReadings) {
		o.Sections = append(o.Sections, finish(readingsSection(append(readings, e.rules.hidden(looked)...), e.costs)))
	}
	return o, readings, nil
}

// readAll runs what the host's owner and the budget allow, a few sources at a time.
func (e *Eyes) readAll(ctx context.Context) ([]Reading, error) {
	e.ledger.tally(e.now())
	readings := make([]Reading, len(e.sources))
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i, s := range e.sources {
		readings[i] = Reading{Source: s.Name, Section: s.Section}
		if !e.rules.source(s) {
			readings[i].Status, readings[i].Reason = inventory.StatusUnsupported, switchedOff
			continue
		}
		slots <- struct{}{}
		if reason := e.ledger.refuse(worthOf(s)); reason != "" {
			<-slots
			readings[i].Status, readings[i].Reason = inventory.StatusFailed, reason
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			readings[i] = e.read(ctx, i)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("look at the machine: %w", err)
	}
	return readings, nil
}

// read runs one source under its deadline. One that does not come back in time is left
// alone, and not run again before it has: a dead network drive can hold a thread for ever.
func (e *Eyes) read(ctx context.Context, i int) Reading {
	s := e.sources[i]
	reading := Reading{Source: s.Name, Section: s.Section}
	start := e.now()
	e.mu.Lock()
	since, stuck := e.stuck[i]
	if !stuck {
		e.stuck[i] = start
	}
	e.mu.Unlock()
	if stuck {
		reading.Status, reading.Reason = inventory.StatusFailed, "has not returned since "+since.UTC().Format(time.RFC3339)
		return reading
	}
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := make(chan Reading, 1)
	go func() {
		r := e.call(ctx, s)
		e.mu.Lock()
		delete(e.stuck, i)
		e.mu.Unlock()
		done <- r
	}()
	select {
	case reading = <-done:
	case <-ctx.Done():
		select {
		case reading = <-done: // it minds its context
		case <-time.After(time.Second):
			reading.Status, reading.Reason = inventory.StatusFailed, fmt.Sprintf("did not return within %v", timeout)
		}
	}
	reading.took = e.now().Sub(start)
	reading.TookMS = milliseconds(reading.took)
	return reading
}

// call makes an answer of whatever a source does.
func (e *Eyes) call(ctx context.Context, s source.Source) (r Reading) {
	r = Reading{Source: s.Name, Section: s.Section}
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("source panicked", "source", s.Name, "panic", p, "stack", string(debug.Stack()))
			r.Status, r.Reason, r.body, r.Items = inventory.StatusFailed, fmt.Sprintf("panicked: %v", p), nil, 0
		}
	}()
	runtime.LockOSThread() // so that the thread's processor time is the source's
	defer runtime.UnlockOSThread()
	before := threadCPU()
	body, err := s.Read(ctx)
	r.cpu = threadCPU() - before
	r.Status, r.Reason = source.Status(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		r.Reason = fmt.Sprintf("took too long: %v", err)
	case r.Status != inventory.StatusOK && r.Status != inventory.StatusPartial:
	case body == nil:
		r.Status, r.Reason = inventory.StatusFailed, "returned nothing"
	case body.Section() != s.Section:
		r.Status, r.Reason = inventory.StatusFailed, fmt.Sprintf("returned %s instead of %s", body.Section(), s.Section)
	default:
		r.body = e.rules.filter(body)
		r.Items, r.bytes = r.body.Len(), wire.SizeOf(r.body)
	}
	return r
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// finish makes a section fit to send, or failed when nothing can make it so.
func finish(s inventory.Section) inventory.Section {
	if s.Body == nil {
		return s
	}
	wire.Clean(s.Body)
	probe := inventory.Observation{Epoch: 1, Seq: 1, Sections: []inventory.Section{s}}
	if err := probe.Validate(); err != nil {
		return inventory.Section{Name: s.Name, Status: inventory.StatusFailed, Reason: err.Error(), Took: s.Took}
	}
	s.Hash = wire.HashSection(s.Body)
	return s
}
