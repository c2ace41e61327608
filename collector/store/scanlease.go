package store

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-itam/muster/collector/schedule"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	// scanLease is how long a running job may go without a word from its scanner.
	scanLease = 2 * time.Minute
	// maxScanTries is how often a job is given out without getting on before it counts as failed.
	maxScanTries = 3
	// scanCandidates is how many queued jobs are looked at for one whose window is open.
	scanCandidates = 50

	// sweepMargin is how much later than it was a sweep may seem to have begun.
	sweepMargin = time.Minute

	maxSwept      = 1024 // ranges in one word
	maxDoneRanges = 10_000
	// keptSweeps is how many complete sweeps of one range are remembered.
	keptSweeps = 10
)

// FetchScan gives the scanner the oldest queued job of its site that may run now. A job whose
// scanner has been silent, or asks for another one, is queued again first, or fails when that
// happened too often.
func (s *Store) FetchScan(ctx context.Context, scanner inventory.Source, now time.Time) (j ScanJob, ok bool, err error) {
	// Scanners ask all the time: looking costs no write.
	var one int
	err = s.row(ctx, `select 1 from scan_job where site = $1 and state in ('queued', 'running')
		and case state when 'queued' then not_before <= $2 else lease_until < $2 or scanner = $3 end limit 1`, scanner.Site, millis(now), scanner.ID).Scan(&one)
	if noRow(err) {
		return ScanJob{}, false, nil
	}
	if err != nil {
		return ScanJob{}, false, fmt.Errorf("look for scans: %w", err)
	}
	err = s.Update(ctx, func(tx *Tx) error {
		j, ok, err = tx.fetchScan(ctx, scanner, now)
		return err
	})
	return j, ok && err == nil, err
}

func (t *Tx) fetchScan(ctx context.Context, scanner inventory.Source, now time.Time) (ScanJob, bool, error) {
	// A scanner does one job at a time: who asks for the next has lost the one it had.
	const lost = ` where site = $1 and state = 'running' and (lease_until < $2 or scanner = $3)`
	if err := t.exec(ctx, `update scan_job set state = 'paused', left_ms = 0, message = ''`+lost+` and wanted = 'pause'`,
		scanner.Site, millis(now), scanner.ID); err != nil {
		return ScanJob{}, false, err
	}
	for _, q := range []string{
		`update scan_job set state = 'failed', finished_at = $2, left_ms = 0, message = 'its scanners fell silent'` + lost + ` and tries >= $4`,
		`update scan_job set state = 'queued', left_ms = 0, message = 'its scanner fell silent: queued again'` + lost + ` and tries < $4`,
	} {
		if err := t.exec(ctx, q, scanner.Site, millis(now), scanner.ID, maxScanTries); err != nil {
			return ScanJob{}, false, err
		}
	}
	j, ok, err := t.nextScan(ctx, scanner, now)
	if err != nil || !ok {
		return ScanJob{}, false, err
	}
	j.State, j.Scanner = ScanRunning, scanner.ID
	if j.StartedAt.IsZero() {
		j.StartedAt = fromMillis(millis(now))
	}
	err = t.exec(ctx, `update scan_job set state = 'running', scanner = $2, started_at = $3, lease_until = $4, tries = tries + 1, message = '' where id = $1`,
		j.ID, j.Scanner, millis(j.StartedAt), millis(now.Add(scanLease)))
	return j, true, err
}

// nextScan is the oldest queued job of the scanner's site whose windows are open. Those that
// are closed are put off.
func (t *Tx) nextScan(ctx context.Context, scanner inventory.Source, now time.Time) (ScanJob, bool, error) {
	// A scanner revoked while it waited gets nothing.
	queued, err := list(ctx, t, scanScanJob, `select `+scanColumns+` from scan_job where site = $1 and state = 'queued' and not_before <= $3
		and exists (select 1 from identity where id = $2 and revoked_at = 0) order by created_at, id limit $4`+t.d.forUpdate,
		scanner.Site, scanner.ID, millis(now), scanCandidates)
	if err != nil {
		return ScanJob{}, false, fmt.Errorf("read scans: %w", err)
	}
	for _, j := range queued {
		opens, err := j.opens(now)
		if err != nil || !opens.After(now) {
			return j, err == nil, err
		}
		if err := t.exec(ctx, `update scan_job set not_before = $2, message = $3 where id = $1`, j.ID, millis(opens), outsideWindow(opens)); err != nil {
			return ScanJob{}, false, err
		}
	}
	return ScanJob{}, false, nil
}

// opens is when the job may run: now, or when the next of its windows opens.
func (j *ScanJob) opens(now time.Time) (time.Time, error) {
	windows, err := schedule.ParseWindows(j.Windows)
	if err != nil {
		return now, fmt.Errorf("scan %s: %w", j.ID, err)
	}
	return windows.Next(now), nil
}

// ScanUpdate is a scanner's word on a job it was given.
type ScanUpdate struct {
	ID                     string
	State                  ScanState // running, paused (given back), done or failed
	Message                string
	Probed, Planned, Found int64
	Left                   time.Duration
	Swept                  []inventory.SweptRange // since the last word
}

func (u *ScanUpdate) validate() error {
	switch {
	case u.State != ScanRunning && u.State != ScanPaused && u.State != ScanDone && u.State != ScanFailed:
		return inventory.Errorf(inventory.CodeInvalid, "state %.20q: running, paused, done and failed are what a scanner can say", u.State)
	case len(u.Message) > inventory.MaxText:
		return inventory.Errorf(inventory.CodeInvalid, "message: %d bytes, at most %d allowed", len(u.Message), inventory.MaxText)
	case u.Probed < 0 || u.Planned < 0 || u.Found < 0 || u.Left < 0:
		return inventory.Errorf(inventory.CodeInvalid, "probed, planned, found and left must not be negative")
	case len(u.Swept) > maxSwept:
		return inventory.Errorf(inventory.CodeInvalid, "swept: %d ranges, at most %d allowed", len(u.Swept), maxSwept)
	}
	return nil
}

// UpdateScan keeps a scanner's word and answers with what it is to do. Stop says that the job
// is no longer the scanner's: it was cancelled, or given to another after a silence.
func (s *Store) UpdateScan(ctx context.Context, scanner inventory.Source, u ScanUpdate, now time.Time) (order inventory.ScanOrder, err error) {
	if err := u.validate(); err != nil {
		return "", err
	}
	err = s.Update(ctx, func(tx *Tx) error {
		order, err = tx.updateScan(ctx, scanner, &u, now)
		return err
	})
	return order, err
}

func (t *Tx) updateScan(ctx context.Context, scanner inventory.Source, u *ScanUpdate, now time.Time) (inventory.ScanOrder, error) {
	j, err := scanScanJob(t.row(ctx, `select `+scanColumns+` from scan_job where id = $1 and scanner = $2 and state = 'running'`+t.d.forUpdate, u.ID, scanner.ID))
	if noRow(err) {
		var one int
		err = t.row(ctx, `select 1 from scan_job where id = $1 and site = $2`, u.ID, scanner.Site).Scan(&one)
		return inventory.OrderStop, found(err, "scan job")
	}
	if err != nil {
		return "", fmt.Errorf("read scan: %w", err)
	}
	opens, err := j.opens(now)
	if err != nil {
		return "", err
	}
	state, notBefore, finished, message := u.State, time.Time{}, time.Time{}, u.Message
	switch {
	case u.State == ScanPaused && j.Wanted == inventory.OrderRun: // its window is over, or the scanner stops
		state = ScanQueued
		if opens.After(now) {
			notBefore, message = opens, outsideWindow(opens)
		}
	case u.State.Over():
		finished = now
	}
	if err := t.swept(ctx, &j, u.Swept, now); err != nil {
		return "", err
	}
	ranges := make([]string, len(j.Done))
	for i, r := range j.Done {
		ranges[i] = r.String()
	}
	done, err := toJSON(ranges)
	if err != nil {
		return "", err
	}
	got := 0 // a job that gets on, or is given back in order, was not lost
	if len(u.Swept) > 0 || u.State == ScanPaused {
		got = 1
	}
	err = t.exec(ctx, `update scan_job set state = $2, message = $3, probed = $4, planned = $5, found = $6, left_ms = $7, done = $8, lease_until = $9,
			finished_at = $10, not_before = $11, tries = case when $12 = 1 then 0 else tries end where id = $1`,
		u.ID, string(state), message, u.Probed, u.Planned, u.Found, u.Left.Milliseconds(), done[0], millis(now.Add(scanLease)), since(finished), since(notBefore), got)
	if err != nil {
		return "", err
	}
	if j.Wanted == inventory.OrderPause || opens.After(now) {
		return inventory.OrderPause, nil
	}
	return inventory.OrderRun, nil
}

// swept adds ranges to what the job is done with, and those that were swept completely to
// what can show that something is not there.
func (t *Tx) swept(ctx context.Context, j *ScanJob, list []inventory.SweptRange, now time.Time) error {
	var complete bulk
	for _, r := range list {
		j.Done = append(j.Done, r.Range)
		if r.Complete {
			// Sightings are kept by our clock, too: neither depends on the scanner's. A word may have been under way
			// for as long as a call may take, and who was seen during the sweep must not count as seen before it.
			started := now.Add(-max(0, r.Took) - sweepMargin)
			complete.row(r.From.String(), r.To.String(), max(0, millis(started)))
		}
	}
	j.Done = inventory.UnionRanges(j.Done)
	if len(j.Done) > maxDoneRanges {
		return inventory.Errorf(inventory.CodeInvalid, "swept: the job would have %d ranges, at most %d allowed", len(j.Done), maxDoneRanges)
	}
	if complete.n == 0 {
		return nil
	}
	if err := t.exec(ctx, `insert into sweep (site, first, last, job, started_at, finished_at)
		select $2, value->>0, value->>1, $3, cast(value->>2 as bigint), $4 from json_each($1) where true on conflict do nothing`,
		complete.text(), j.Site, j.ID, millis(now)); err != nil {
		return err
	}
	return t.exec(ctx, `delete from sweep where site = $2 and (first, last, job) in (select first, last, job from
		(select s.first, s.last, s.job, row_number() over (partition by s.first, s.last order by s.finished_at desc, s.job) as nth
			from (select distinct value->>0 as first, value->>1 as last from json_each($1)) n join sweep s on s.site = $2 and s.first = n.first and s.last = n.last) k
		where nth > $3)`, complete.text(), j.Site, keptSweeps)
}
