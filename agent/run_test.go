package agent

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// scripted is a collector that answers from memory and notes when it was called.
type scripted struct {
	id       string
	next     time.Duration
	down     atomic.Bool
	refuses  atomic.Bool
	contacts []time.Time // all, also those that failed
	reports  []time.Time
	renewals int
	until    time.Time

	conditions func() Conditions
	traffic    int64 // of each report
}

func (s *scripted) Report(_ context.Context, r wire.Report) (wire.Receipt, error) {
	s.contacts = append(s.contacts, time.Now())
	if s.refuses.Load() {
		return wire.Receipt{}, inventory.Errorf(inventory.CodeUnauthenticated, "no valid certificate")
	}
	if s.down.Load() {
		return wire.Receipt{}, inventory.Errorf(inventory.CodeUnavailable, "no route")
	}
	receipt := wire.Receipt{NextReport: s.next}
	for range r.Observations {
		s.reports = append(s.reports, time.Now())
		receipt.Acks = append(receipt.Acks, wire.Ack{Outcome: wire.OutcomeAccepted})
	}
	return receipt, nil
}

func (s *scripted) Renew(context.Context) error {
	s.renewals++
	s.until = time.Now().Add(30 * 24 * time.Hour)
	return nil
}

func (s *scripted) Identity() wire.Identity {
	return wire.Identity{ID: s.id, NotBefore: s.until.Add(-30 * 24 * time.Hour), NotAfter: s.until}
}

func (s *scripted) Traffic() int64 { return s.traffic * int64(len(s.reports)) }

func (s *scripted) Close() {}

func runFor(t *testing.T, s *scripted, cfg Config, d time.Duration, change func()) (stateDir string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	log := slog.New(slog.DiscardHandler)
	sources := []source.Source{{Section: inventory.SectionOS, Name: "os", Read: func(context.Context) (inventory.Body, error) {
		return &inventory.OS{Name: "Debian"}, nil
	}}}
	outbox, err := wire.OpenOutbox(wire.OutboxConfig{StateDir: dir, Source: s.id, Now: time.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(cfg, dir, "test", NewEyes(cfg, dir, sources, time.Now, log), s, outbox, time.Now, log)
	a.conditions = func() Conditions { return Conditions{} }
	if s.conditions != nil {
		a.conditions = s.conditions
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if change != nil {
		time.AfterFunc(d/2, change)
	}
	if err := a.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRunReportsAtIntervals(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg       Config
		asked     time.Duration
		over      time.Duration
		low, high int // reports in that time
	}{
		"by itself":                {Config{}, 0, 24 * time.Hour, 23, 26},
		"as the collector asks":    {Config{}, 15 * time.Minute, 6 * time.Hour, 22, 26},
		"as the host's owner says": {Config{Interval: 4 * time.Hour}, 15 * time.Minute, 24 * time.Hour, 6, 8},
		"asked for nonsense":       {Config{}, time.Nanosecond, 5 * time.Minute, 24, 32},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{id: "4b1d", next: tt.asked, until: time.Now().Add(30 * 24 * time.Hour)}
				start := time.Now()
				runFor(t, s, tt.cfg, tt.over, nil)
				if n := len(s.reports); n < tt.low || n > tt.high {
					t.Errorf("%d reports, want %d to %d", n, tt.low, tt.high)
				}
				if s.reports[0] != start {
					t.Errorf("a fresh machine reported after %v", s.reports[0].Sub(start))
				}
			})
		})
	}
}

func TestRunSpreadsAgents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quarters := map[int]int{}
		for i := range 40 {
			a := &Agent{client: &scripted{id: string(rune('a' + i))}}
			next := a.slot(time.Now().Truncate(time.Hour))
			quarters[next.Minute()/15]++
		}
		for q := range 4 {
			if quarters[q] == 0 {
				t.Errorf("no agent of 40 reports in quarter %d of the hour: %v", q+1, quarters)
			}
		}
	})
}

func TestRunWithoutCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{id: "4b1d", until: time.Now().Add(30 * 24 * time.Hour)}
		s.down.Store(true)
		start := time.Now()
		dir := runFor(t, s, Config{}, 12*time.Hour, func() { s.down.Store(false) })
		// Every hourly look of the first half waited and arrived, and so did the later ones.
		if n := len(s.reports); n < 11 || n > 14 {
			t.Errorf("%d reports, want one an hour", n)
		}
		if len(s.reports) > 0 && s.reports[0].Sub(start) > 7*time.Hour+10*time.Minute {
			t.Errorf("first report %v after the start", s.reports[0].Sub(start))
		}
		last, err := readLast(dir)
		if err != nil || last.Outcome != OutcomeAccepted || last.NextAt.IsZero() {
			t.Errorf("status %+v, %v", last, err)
		}
	})
}

// A collector that refuses everybody, for a day, is asked about once an hour; nothing is lost.
func TestF14_EverybodyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{id: "4b1d", until: time.Now().Add(30 * 24 * time.Hour)}
		s.refuses.Store(true)
		start := time.Now()
		runFor(t, s, Config{}, 48*time.Hour, func() { s.refuses.Store(false) })
		refused := 0
		for _, at := range s.contacts {
			if at.Sub(start) < 24*time.Hour {
				refused++
			}
		}
		if refused < 15 || refused > 28 {
			t.Errorf("%d contacts in a day of refusals, want three and then one an hour", refused)
		}
		// 25 looks of the first day waited, and those of the second came after them.
		if n := len(s.reports); n < 44 || n > 52 {
			t.Errorf("%d reports arrived in the end, want one for each hour of both days", n)
		}
	})
}

func TestRunRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{id: "4b1d", until: time.Now().Add(30 * 24 * time.Hour)}
		runFor(t, s, Config{Interval: 24 * time.Hour}, 70*24*time.Hour, nil)
		if s.renewals != 3 {
			t.Errorf("%d renewals in 70 days, want 3", s.renewals)
		}
	})
}

func TestRunEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{id: "4b1d", until: time.Now().Add(time.Hour * 24 * 30)}
		runFor(t, s, Config{}, 0, nil)
		if len(s.reports) != 0 {
			t.Error("reported after its context had ended")
		}
	})
}
