package collector

import (
	"context"
	"time"
)

// scanTick is how often it is looked whether a schedule's time has come. Looking is one
// read of a small table.
const scanTick = time.Second

// startScans starts scheduled scans until ctx ends. Every collector on the inventory does
// this; the store sees to it that one of them starts each scan.
func (m *machine) startScans(ctx context.Context) {
	tick := time.NewTicker(scanTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		started, err := m.base.Store.Due(ctx, m.deps.Now())
		if err != nil && ctx.Err() == nil {
			m.deps.Log.ErrorContext(ctx, "scheduled scans not started", "error", err)
		}
		for _, j := range started {
			m.deps.Log.InfoContext(ctx, "scheduled scan ordered", "scan", j.ID, "schedule", j.Schedule, "template", j.Template, "site", j.Site)
		}
	}
}
