package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/muster-itam/muster/collector/schedule"
	"github.com/muster-itam/muster/internal/inventory"
)

// ScanState is where a scan job stands.
type ScanState string

// The states of a scan job. Done, failed and cancelled are final.
const (
	ScanQueued    ScanState = "queued"
	ScanRunning   ScanState = "running"
	ScanPaused    ScanState = "paused"
	ScanDone      ScanState = "done"
	ScanFailed    ScanState = "failed"
	ScanCancelled ScanState = "cancelled"
)

// Over tells whether a job in that state is done with for good.
func (s ScanState) Over() bool { return s == ScanDone || s == ScanFailed || s == ScanCancelled }

// ScanSpec is what is to be scanned, and how.
type ScanSpec struct {
	Site    string
	Targets []string
	Exclude []string
	Rate    int // packets a second; 0 for the scanner's default
	Options inventory.ScanOptions
}

// ScanJob is a sweep that the scanner of a site is asked for.
type ScanJob struct {
	ID string // uuid
	ScanSpec
	Template, Schedule string
	Windows            []string

	State     ScanState
	Wanted    inventory.ScanOrder // run or pause
	NotBefore time.Time           // while it is queued
	Done      []inventory.Range

	CreatedAt  time.Time
	CreatedBy  string
	Scanner    string // id of the scanner that has or had it
	StartedAt  time.Time
	FinishedAt time.Time
	Message    string

	Probed, Planned, Found int64
	Left                   time.Duration
}

const (
	maxScanTargets = 1024
	maxScanRate    = 1_000_000
	maxScanList    = 500 // jobs shown
)

const scanColumns = `id, site, targets, exclude, rate, options, template, schedule, windows, state, wanted, not_before, done,
	created_at, created_by, scanner, started_at, finished_at, message, probed, planned, found, left_ms`

func scanScanJob(row oneRow) (ScanJob, error) {
	var j ScanJob
	var targets, exclude, options, windows, done string
	var created, started, finished, notBefore, left int64
	if err := row.Scan(&j.ID, &j.Site, &targets, &exclude, &j.Rate, &options, &j.Template, &j.Schedule, &windows, &j.State, &j.Wanted, &notBefore, &done,
		&created, &j.CreatedBy, &j.Scanner, &started, &finished, &j.Message, &j.Probed, &j.Planned, &j.Found, &left); err != nil {
		return j, err
	}
	j.CreatedAt, j.StartedAt, j.FinishedAt, j.NotBefore = fromMillis(created), fromMillis(started), fromMillis(finished), fromMillis(notBefore)
	j.Left = time.Duration(left) * time.Millisecond
	var ranges []string
	if err := fromJSON(targets, &j.Targets, exclude, &j.Exclude, options, &j.Options, windows, &j.Windows, done, &ranges); err != nil {
		return j, fmt.Errorf("scan %s: %w", j.ID, err)
	}
	for _, text := range ranges {
		r, err := inventory.ParseRange(text)
		if err != nil {
			return j, fmt.Errorf("scan %s: %w", j.ID, err)
		}
		j.Done = append(j.Done, r)
	}
	return j, nil
}

// fromJSON reads pairs of a text and where it goes.
func fromJSON(pairs ...any) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		text, _ := pairs[i].(string)
		if err := json.Unmarshal([]byte(text), pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// toJSON is each value as a parameter; a list that is nil is an empty one.
func toJSON(values ...any) ([]any, error) {
	out := make([]any, len(values))
	for i, v := range values {
		if list, ok := v.([]string); ok && list == nil {
			v = []string{}
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		out[i] = string(text)
	}
	return out, nil
}

// Validate bounds what a person asks for; what a target means is for the scanner to say.
func (j *ScanSpec) Validate() error {
	switch listen := j.Options.Listen > 0; {
	case !listen && len(j.Targets) == 0:
		return inventory.Errorf(inventory.CodeInvalid, "targets: at least one is needed")
	case listen && len(j.Targets)+len(j.Exclude) > 0:
		return inventory.Errorf(inventory.CodeInvalid, "targets: listening has none")
	}
	if len(j.Targets)+len(j.Exclude) > maxScanTargets {
		return inventory.Errorf(inventory.CodeInvalid, "targets and exclude: %d given, at most %d allowed", len(j.Targets)+len(j.Exclude), maxScanTargets)
	}
	if j.Rate < 0 || j.Rate > maxScanRate {
		return inventory.Errorf(inventory.CodeInvalid, "rate: %d given, 0 to %d allowed", j.Rate, maxScanRate)
	}
	for _, list := range [][]string{j.Targets, j.Exclude} {
		for _, t := range list {
			if t == "" || len(t) > 255 || t[0] == '-' || strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				return inventory.Errorf(inventory.CodeInvalid, "target %.80q: an address, network, range or name is wanted", t)
			}
		}
	}
	return j.Options.Validate()
}

// CreateScan queues a job with the given specification, windows, names and author.
func (s *Store) CreateScan(ctx context.Context, j ScanJob, now time.Time) (ScanJob, error) {
	err := s.Update(ctx, func(tx *Tx) (err error) {
		j, err = tx.createScan(ctx, j, now)
		return err
	})
	return j, err
}

func (t *Tx) createScan(ctx context.Context, j ScanJob, now time.Time) (ScanJob, error) {
	if err := j.Validate(); err != nil {
		return ScanJob{}, err
	}
	windows, err := schedule.ParseWindows(j.Windows)
	if err != nil {
		return ScanJob{}, err
	}
	lists, err := toJSON(j.Targets, j.Exclude, j.Options, j.Windows)
	if err != nil {
		return ScanJob{}, err
	}
	j.ID, j.State, j.Wanted, j.CreatedAt = uuid.NewString(), ScanQueued, inventory.OrderRun, now.UTC().Truncate(time.Millisecond)
	if opens := windows.Next(now); opens.After(now) {
		j.NotBefore, j.Message = opens.UTC(), outsideWindow(opens)
	}
	if err := t.exec(ctx, `insert into scan_job (`+scanColumns+`, lease_until, tries)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'run', $11, '[]', $12, $13, '', 0, 0, $14, 0, 0, 0, 0, 0, 0)`,
		j.ID, j.Site, lists[0], lists[1], j.Rate, lists[2], j.Template, j.Schedule, lists[3], string(j.State), since(j.NotBefore),
		millis(j.CreatedAt), j.CreatedBy, j.Message); err != nil {
		return ScanJob{}, err
	}
	what := strings.Join(j.Targets, " ")
	if j.Options.Listen > 0 {
		what = "listen for " + j.Options.Listen.String()
	}
	return j, t.Audit(ctx, now, j.author(), "scan created", "scan:"+j.ID, "site "+j.Site+": "+what)
}

// author is who the audit names.
func (j *ScanJob) author() string {
	if j.Schedule != "" {
		return "schedule:" + j.Schedule
	}
	return "person:" + j.CreatedBy
}

func outsideWindow(opens time.Time) string {
	return "outside its windows: goes on at " + opens.UTC().Format("2006-01-02 15:04 MST")
}

// Scans are the newest jobs, newest first.
func (s *Store) Scans(ctx context.Context) ([]ScanJob, error) {
	out, err := list(ctx, session{s.read, s.d}, scanScanJob, `select `+scanColumns+` from scan_job order by created_at desc, id limit $1`, maxScanList)
	if err != nil {
		return nil, fmt.Errorf("read scans: %w", err)
	}
	return out, nil
}

// Scan is one job.
func (s *Store) Scan(ctx context.Context, id string) (ScanJob, error) {
	j, err := scanScanJob(s.row(ctx, `select `+scanColumns+` from scan_job where id = $1`, id))
	return j, found(err, fmt.Sprintf("scan %.80q", id))
}

// CancelScan ends a job that is not over; its scanner learns of it with its next word.
func (s *Store) CancelScan(ctx context.Context, id, by string, now time.Time) error {
	return s.orderScan(ctx, id, "not over", "scan cancelled", by, now,
		`update scan_job set state = 'cancelled', finished_at = $2, left_ms = 0 where id = $1 and state in ('queued', 'running', 'paused')`, id, millis(now))
}

// PauseScan lets a job wait until ResumeScan. One that runs is paused once its scanner
// says that it has let go.
func (s *Store) PauseScan(ctx context.Context, id, by string, now time.Time) error {
	return s.orderScan(ctx, id, "queued or running", "scan paused", by, now,
		`update scan_job set wanted = 'pause', state = case when state = 'queued' then 'paused' else state end
			where id = $1 and wanted = 'run' and state in ('queued', 'running')`, id)
}

// ResumeScan lets a paused job go on where it was, within its windows.
func (s *Store) ResumeScan(ctx context.Context, id, by string, now time.Time) error {
	return s.orderScan(ctx, id, "paused", "scan resumed", by, now,
		`update scan_job set wanted = 'run', state = case when state = 'paused' then 'queued' else state end, tries = 0, message = ''
			where id = $1 and wanted = 'pause' and state in ('paused', 'running')`, id)
}

// orderScan runs a statement that changes a job which is in the right state.
func (s *Store) orderScan(ctx context.Context, id, right, action, by string, now time.Time, statement string, args ...any) error {
	return s.Update(ctx, func(tx *Tx) error {
		n, err := tx.changed(ctx, statement, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			return inventory.Errorf(inventory.CodeNotFound, "no scan %.80q that is %s", id, right)
		}
		return tx.Audit(ctx, now, "person:"+by, action, "scan:"+id, "")
	})
}

// noRow reports whether a query found nothing.
func noRow(err error) bool { return errors.Is(err, sql.ErrNoRows) }
