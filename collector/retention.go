package collector

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Retention is for how many days what is no longer true is kept, by kind; 0 is for ever.
// docs/operate.md describes each key.
type Retention struct {
	Observations int `yaml:"observations_days"`
	History      int `yaml:"history_days"`
	Sightings    int `yaml:"sightings_days"`
	Quarantine   int `yaml:"quarantine_days"`
	Audit        int `yaml:"audit_days"`
	Scans        int `yaml:"scans_days"`
}

func defaultRetention() Retention {
	return Retention{Observations: 90, History: 400, Sightings: 90, Quarantine: 30, Audit: 730, Scans: 90}
}

// each gives the keys with their values and the fewest days that make sense: what
// deciding looks back on must be there.
func (r *Retention) each() []struct {
	key         string
	days, least int
} {
	return []struct {
		key         string
		days, least int
	}{
		{"observations_days", r.Observations, 7}, {"history_days", r.History, 7}, {"sightings_days", r.Sightings, 35},
		{"quarantine_days", r.Quarantine, 1}, {"audit_days", r.Audit, 30}, {"scans_days", r.Scans, 1},
	}
}

func (r *Retention) validate() error {
	for _, k := range r.each() {
		if k.days != 0 && (k.days < k.least || k.days > 36500) {
			return inventory.Errorf(inventory.CodeInvalid, "retention: %s: %d given, 0 (for ever) or %d to 36500 allowed", k.key, k.days, k.least)
		}
	}
	return nil
}

func (r *Retention) String() string {
	text := ""
	for _, k := range r.each() {
		text += "retention." + k.key + " " + strconv.Itoa(k.days) + "\n"
	}
	return text
}

// Store is the retention as the store takes it.
func (r *Retention) Store() store.Retention {
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	return store.Retention{Observations: days(r.Observations), History: days(r.History), Sightings: days(r.Sightings),
		Quarantine: days(r.Quarantine), Audit: days(r.Audit), Scans: days(r.Scans)}
}

// How the upkeep of the inventory goes on beside everything else.
const (
	upkeepFirst = 5 * time.Minute // after the start
	upkeepEvery = 6 * time.Hour
	upkeepPause = 100 * time.Millisecond // between its transactions
	upkeepLease = 15 * time.Minute
)

// keepUp removes what is past its time and finishes what was left unfinished, until ctx
// ends. Of several collectors on one inventory one does it.
func (m *machine) keepUp(ctx context.Context) {
	wait := upkeepFirst + rand.N(upkeepFirst)
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = upkeepEvery - upkeepEvery/8 + rand.N(upkeepEvery/4)
		m.upkeep(ctx)
	}
}

func (m *machine) upkeep(ctx context.Context) {
	host, _ := os.Hostname()
	holder := host + " " + strconv.Itoa(os.Getpid())
	renewed := time.Time{}
	ctx, lost := context.WithCancel(ctx)
	defer lost()
	mine := func() bool {
		now := m.deps.Now()
		if now.Sub(renewed) < upkeepLease/3 {
			return true
		}
		ok, err := m.base.Store.Lease(ctx, "upkeep", holder, now, now.Add(upkeepLease))
		if err != nil {
			m.deps.Log.Warn("upkeep put off", "error", err)
		}
		renewed = now
		return ok
	}
	if !mine() {
		return
	}
	moved, err := m.base.Store.ApplyRules(ctx, m.deps.Now)
	if err != nil && ctx.Err() == nil {
		m.deps.Log.Error("rules not applied to all", "error", err)
	} else if moved > 0 {
		m.deps.Log.Info("rules applied", "records", moved)
	}
	removed := map[string]int64{}
	err = m.base.Store.Retain(ctx, m.config.Retention.Store(), m.deps.Now(), upkeepPause, false, func(k store.Kept) {
		removed[k.Kind] += k.Rows
		if !mine() {
			lost()
		}
	})
	if err != nil && ctx.Err() == nil {
		m.deps.Log.Error("retention not finished", "error", err)
	}
	for kind, rows := range removed {
		m.deps.Log.Info("past their time", "kind", kind, "rows", rows)
	}
}
