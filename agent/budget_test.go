package agent

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// one of each worth.
func worths() []source.Source {
	make := func(section inventory.SectionName, name string, category source.Category, body inventory.Body) source.Source {
		return source.Source{Section: section, Name: name, Category: category, Read: func(context.Context) (inventory.Body, error) { return body, nil }}
	}
	return []source.Source{
		make(inventory.SectionSoftware, "pip", source.CategoryLibraries, inventory.SoftwareList{{Name: "six"}}),
		make(inventory.SectionPrinters, "cups", "", inventory.Printers{{Name: "p"}}),
		make(inventory.SectionSoftware, "dpkg", "", inventory.SoftwareList{{Name: "bash"}}),
		make(inventory.SectionOS, "os", "", &inventory.OS{Name: "Debian"}),
	}
}

func TestBudgetDropsTheLeastFirst(t *testing.T) {
	const cpu, traffic, memory = 60 * time.Second, 10 << 20, 100 << 20
	tests := []struct {
		name   string
		used   float64
		left   []string
		reason string
	}{
		{"plenty", 0.74, []string{"pip", "cups", "dpkg", "os"}, ""},
		{"some", 0.76, []string{"cups", "dpkg", "os"}, "is used to 75%"},
		{"little", 0.95, []string{"dpkg", "os"}, "is used to 90%"},
		{"none", 1, []string{"os"}, "is used up"},
		{"far beyond", 7, []string{"os"}, "is used up"},
	}
	for _, of := range []string{"CPU budget of 60 s", "traffic budget of 10 MiB", "memory budget of 100 MiB"} {
		for _, tt := range tests {
			t.Run(of+" "+tt.name, func(t *testing.T) {
				e := NewEyes(Config{Budget: Budget{CPU: cpu, Traffic: traffic, Memory: memory}}, "", worths(), time.Now, slog.New(slog.DiscardHandler))
				e.ledger.cpu, e.ledger.memory = func() time.Duration { return 0 }, func() int64 { return 0 }
				switch {
				case strings.HasPrefix(of, "CPU"):
					e.ledger.cpu = func() time.Duration { return time.Duration(tt.used * float64(cpu)) }
				case strings.HasPrefix(of, "traffic"):
					e.ledger.traffic = func() int64 { return int64(tt.used * traffic) }
				default:
					e.ledger.memory = func() int64 { return int64(tt.used * memory) }
				}
				o, readings, err := e.Look(t.Context(), "")
				if err != nil {
					t.Fatal(err)
				}
				var left []string
				for _, r := range readings {
					if r.Status == inventory.StatusOK {
						left = append(left, r.Source)
					} else if r.Status != inventory.StatusFailed || !strings.Contains(r.Reason, "not collected because the "+of) {
						t.Errorf("%s: %s %q", r.Source, r.Status, r.Reason)
					}
				}
				if diff := cmp.Diff(tt.left, left); diff != "" {
					t.Errorf("sources that were read (-want +got):\n%s", diff)
				}
				if dropped := len(readings) - len(left); dropped > 0 && !strings.HasSuffix(readings[dropped-1].Reason, tt.reason) {
					t.Errorf("reason %q, want %q", readings[dropped-1].Reason, tt.reason)
				}
				// Nothing of what was not read may count as gone.
				for _, s := range o.Sections {
					if whole := slices.Contains(left, "pip") || s.Name != inventory.SectionSoftware; s.Status == inventory.StatusOK && !whole {
						t.Errorf("software is %s without all of its sources", s.Status)
					}
				}
			})
		}
	}
}

func TestBudgetWithoutLimits(t *testing.T) {
	l := newLedger(Budget{CPU: -1, Memory: -1, Traffic: -1}, Spent{})
	l.cpu, l.traffic, l.memory = func() time.Duration { return 1 << 50 }, func() int64 { return 1 << 50 }, func() int64 { return 1 << 50 }
	l.tally(time.Now())
	if reason := l.refuse(worthDetail); reason != "" || l.trafficOver(1) {
		t.Errorf("refused: %q", reason)
	}
}

// Days begin once, whatever the clock does; restarts do not begin one.
func TestBudgetDays(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var used time.Duration
	l := newLedger(Budget{}, Spent{})
	l.cpu = func() time.Duration { return used }
	for _, step := range []struct {
		name string
		now  time.Time
		use  time.Duration
		want time.Duration
	}{
		{"start", noon, time.Second, time.Second},
		{"an hour later", noon.Add(time.Hour), time.Second, 2 * time.Second},
		{"set back by a day", noon.Add(-24 * time.Hour), time.Second, 3 * time.Second},
		{"set right again", noon, time.Second, time.Second}, // takes it for the next day
		{"set back ten years", noon.AddDate(-10, 0, 0), time.Second, 2 * time.Second},
		{"years pass there", noon.AddDate(-9, 0, 0), time.Second, time.Second},
		{"the same day in another zone", noon.AddDate(-9, 0, 0).In(time.FixedZone("", 13*3600)), time.Second, 2 * time.Second},
	} {
		used += step.use
		l.tally(step.now)
		if l.CPU != step.want {
			t.Errorf("%s: %v used today, want %v", step.name, l.CPU, step.want)
		}
	}
}

func TestBudgetSurvivesRestarts(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	for run := 1; run <= 3; run++ {
		e := NewEyes(Config{}, dir, nil, time.Now, log)
		e.ledger.cpu = func() time.Duration { return time.Minute } // of each process
		if err := e.remember(dir); err != nil {
			t.Fatal(err)
		}
		if want := time.Duration(run) * time.Minute; e.ledger.CPU != want {
			t.Errorf("run %d: %v used today, want %v", run, e.ledger.CPU, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, diaryFile), []byte(`{"spent":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := NewEyes(Config{}, dir, nil, time.Now, log); e.ledger.CPU != 0 || e.costs == nil {
		t.Errorf("a damaged diary gives %+v", e.ledger.Spent)
	}
}

// The report of a day that is used up waits, and goes out on the next.
func TestBudgetOfTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{id: "4b1d", until: time.Now().Add(30 * 24 * time.Hour), traffic: 1 << 20}
		runFor(t, s, Config{Budget: Budget{Traffic: 5 << 20}}, 48*time.Hour, nil)
		days := map[string]int{}
		for _, at := range s.reports {
			days[at.UTC().Format(time.DateOnly)]++
		}
		// What waited goes out in one contact of the next day, and the test counts observations.
		if first := days[s.reports[0].UTC().Format(time.DateOnly)]; first > 6 || len(days) < 2 {
			t.Errorf("reports by day: %v, want 5 or 6 on the first and more later", days)
		}
	})
}

func TestCostsAreRepeatedWhileTheyAreAlike(t *testing.T) {
	tests := []struct {
		name          string
		before, after cost
		like          bool
	}{
		{"the same", cost{10, 10, 10}, cost{10, 10, 10}, true},
		{"small and small", cost{1, 1, 1}, cost{50, 40, 4000}, true},
		{"twice", cost{100, 100, 10_000}, cost{200, 200, 20_000}, true},
		{"more than twice the time", cost{100, 0, 0}, cost{201, 0, 0}, false},
		{"more than twice the CPU time", cost{0, 300, 0}, cost{0, 100, 0}, false},
		{"more than twice the size", cost{0, 0, 5000}, cost{0, 0, 10_001}, false},
		{"from nothing", cost{}, cost{TookMS: 51}, false},
	}
	for _, tt := range tests {
		if got := tt.after.like(tt.before); got != tt.like {
			t.Errorf("%s: like %v, want %v", tt.name, got, tt.like)
		}
		costs := map[string]cost{"os|os": tt.before}
		reading := Reading{Section: inventory.SectionOS, Source: "os", Status: inventory.StatusOK,
			took: time.Duration(tt.after.TookMS) * time.Millisecond, cpu: time.Duration(tt.after.CPUMS) * time.Millisecond, bytes: tt.after.Bytes}
		body, _ := readingsSection([]Reading{reading}, costs).Body.(inventory.Readings)
		want := tt.after
		if tt.like {
			want = tt.before
		}
		if got := (cost{body[0].TookMS, body[0].CPUMS, body[0].Bytes}); got != want || costs["os|os"] != want {
			t.Errorf("%s: reported %+v and kept %+v, want %+v", tt.name, got, costs["os|os"], want)
		}
	}
}

func TestCPUOfASourceIsMeasured(t *testing.T) {
	if threadCPU() == 0 {
		t.Skip("this system does not tell a thread's processor time")
	}
	busy := source.Source{Section: inventory.SectionOS, Name: "busy", Read: func(context.Context) (inventory.Body, error) {
		for start := threadCPU(); threadCPU()-start < 30*time.Millisecond; {
			continue
		}
		return &inventory.OS{}, nil
	}}
	idle := source.Source{Section: inventory.SectionPCI, Name: "idle", Read: func(context.Context) (inventory.Body, error) {
		time.Sleep(30 * time.Millisecond)
		return inventory.PCIDevices{}, nil
	}}
	_, readings, err := NewEyes(Config{}, "", []source.Source{busy, idle}, time.Now, slog.New(slog.DiscardHandler)).Look(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if readings[0].cpu < 30*time.Millisecond || readings[1].cpu > 20*time.Millisecond {
		t.Errorf("busy used %v, idle %v", readings[0].cpu, readings[1].cpu)
	}
}
