package query

import (
	"context"

	"github.com/muster-itam/muster/collector/store"
)

// Scans are the newest scan jobs, newest first.
func (q *Inventory) Scans(ctx context.Context) ([]store.ScanJob, error) { return q.store.Scans(ctx) }

// ScanTemplates are the templates, by name.
func (q *Inventory) ScanTemplates(ctx context.Context) ([]store.ScanTemplate, error) {
	return q.store.ScanTemplates(ctx)
}

// ScanSchedules are the schedules, by name.
func (q *Inventory) ScanSchedules(ctx context.Context) ([]store.ScanSchedule, error) {
	return q.store.ScanSchedules(ctx)
}
