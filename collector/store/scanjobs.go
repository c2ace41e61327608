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

	"github.com/muster-itam/muster/internal/inventory"
)

// ScanState is where a scan job stands.
type ScanState string

// The states of a scan job. Done, failed and cancelled are final.
const (
	ScanQueued    ScanState = "queued"
	ScanRunning   ScanState = "running"
	ScanDone      ScanState = "done"
	ScanFailed    ScanState = "failed"
	ScanCancelled ScanState = "cancelled"
)

// ScanJob is a sweep that the scanner of a site is asked for.
type ScanJob struct {
	ID      string // uuid
	Site    string
	Targets []string
	Exclude []string
	Rate    int // packets a second; 0 for the scanner's default

	State      ScanState
	CreatedAt  time.Time
	CreatedBy  string
	Scanner    string // id of the scanner that has or had it
	StartedAt  time.Time
	FinishedAt time.Time
	Message    string

	Probed, Planned, Found int64
}

const (
	// scanLease is how long a running job may go without a word from its scanner.
	scanLease = 2 * time.Minute
	// maxScanTries is how often a job is given out before it counts as failed.
	maxScanTries = 3

	maxScanTargets = 1024
	maxScanRate    = 1_000_000
	maxScanList    = 500 // jobs shown
)

const scanColumns = `id, site, targets, exclude, rate, state, created_at, created_by, scanner, started_at, finished_at, message, probed, planned, found`

func scanScanJob(row interface{ Scan(...any) error }) (ScanJob, error) {
	var j ScanJob
	var targets, exclude string
	var created, started, finished int64
	if err := row.Scan(&j.ID, &j.Site, &targets, &exclude, &j.Rate, &j.State, &created, &j.CreatedBy, &j.Scanner,
		&started, &finished, &j.Message, &j.Probed, &j.Planned, &j.Found); err != nil {
		return j, err
	}
	j.CreatedAt, j.StartedAt, j.FinishedAt = fromMillis(created), fromMillis(started), fromMillis(finished)
	if err := json.Unmarshal([]byte(targets), &j.Targets); err != nil {
		return j, fmt.Errorf("targets of scan %s: %w", j.ID, err)
	}
	if err := json.Unmarshal([]byte(exclude), &j.Exclude); err != nil {
		return j, fmt.Errorf("exclusions of scan %s: %w", j.ID, err)
	}
	return j, nil
}

// checkScan bounds what a person asks for; what a target means is for the scanner to say.
func checkScan(j *ScanJob) error {
	if len(j.Targets) == 0 {
		return inventory.Errorf(inventory.CodeInvalid, "targets: at least one is needed")
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
	return nil
}

// CreateScan queues a job with the given targets, exclusions, rate, site and author.
func (s *Store) CreateScan(ctx context.Context, j ScanJob, now time.Time) (ScanJob, error) {
	if err := checkScan(&j); err != nil {
		return ScanJob{}, err
	}
	targets, err := json.Marshal(j.Targets)
	if err != nil {
		return ScanJob{}, err
	}
	exclude, err := json.Marshal(append([]string{}, j.Exclude...))
	if err != nil {
		return ScanJob{}, err
	}
	j.ID, j.State, j.CreatedAt = uuid.NewString(), ScanQueued, now.UTC().Truncate(time.Millisecond)
	return j, s.Update(ctx, func(tx *Tx) error {
		if err := tx.exec(ctx, `insert into scan_job (`+scanColumns+`, lease_until, tries)
			values ($1, $2, $3, $4, $5, $6, $7, $8, '', 0, 0, '', 0, 0, 0, 0, 0)`,
			j.ID, j.Site, string(targets), string(exclude), j.Rate, string(j.State), millis(j.CreatedAt), j.CreatedBy); err != nil {
			return err
		}
		return tx.Audit(ctx, now, "person:"+j.CreatedBy, "scan created", "scan:"+j.ID, "site "+j.Site+": "+strings.Join(j.Targets, " "))
	})
}

// Scans are the newest jobs, newest first.
func (s *Store) Scans(ctx context.Context) ([]ScanJob, error) {
	rows, err := s.rows(ctx, `select `+scanColumns+` from scan_job order by created_at desc, id limit $1`, maxScanList)
	if err != nil {
		return nil, fmt.Errorf("read scans: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []ScanJob
	for rows.Next() {
		j, err := scanScanJob(rows)
		if err != nil {
			return nil, fmt.Errorf("read scans: %w", err)
		}
		out = append(out, j)
	}
	return out, rows.Err()
}

// CancelScan ends a job that is not over; its scanner learns of it with its next word.
func (s *Store) CancelScan(ctx context.Context, id, by string, now time.Time) error {
	return s.Update(ctx, func(tx *Tx) error {
		n, err := tx.changed(ctx, `update scan_job set state = 'cancelled', finished_at = $2 where id = $1 and state in ('queued', 'running')`, id, millis(now))
		if err != nil {
			return err
		}
		if n == 0 {
			return inventory.Errorf(inventory.CodeNotFound, "no scan %q that is not over", id)
		}
		return tx.Audit(ctx, now, "person:"+by, "scan cancelled", "scan:"+id, "")
	})
}

// FetchScan gives the scanner the oldest queued job of its site. A job whose scanner has
// been silent is queued again first, or fails when that happened too often.
func (s *Store) FetchScan(ctx context.Context, scanner inventory.Source, now time.Time) (j ScanJob, ok bool, err error) {
	// Scanners ask all the time: looking costs no write.
	var one int
	err = s.row(ctx, `select 1 from scan_job
		where site = $1 and (state = 'queued' or state = 'running' and lease_until < $2) limit 1`, scanner.Site, millis(now)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
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
	for _, q := range []string{
		`update scan_job set state = 'failed', finished_at = $2, message = 'its scanners fell silent'
			where site = $1 and state = 'running' and lease_until < $2 and tries >= $3`,
		`update scan_job set state = 'queued', message = 'its scanner fell silent: queued again'
			where site = $1 and state = 'running' and lease_until < $2 and tries < $3`,
	} {
		if err := t.exec(ctx, q, scanner.Site, millis(now), maxScanTries); err != nil {
			return ScanJob{}, false, err
		}
	}
	// A scanner revoked while it waited gets nothing.
	j, err := scanScanJob(t.row(ctx, `select `+scanColumns+` from scan_job where site = $1 and state = 'queued'
		and exists (select 1 from identity where id = $2 and revoked_at = 0) order by created_at, id limit 1`+t.d.forUpdate, scanner.Site, scanner.ID))
	if errors.Is(err, sql.ErrNoRows) {
		return ScanJob{}, false, nil
	}
	if err != nil {
		return ScanJob{}, false, fmt.Errorf("read scan: %w", err)
	}
	j.State, j.Scanner = ScanRunning, scanner.ID
	if j.StartedAt.IsZero() {
		j.StartedAt = fromMillis(millis(now))
	}
	err = t.exec(ctx, `update scan_job set state = 'running', scanner = $2, started_at = $3, lease_until = $4, tries = tries + 1 where id = $1`,
		j.ID, j.Scanner, millis(j.StartedAt), millis(now.Add(scanLease)))
	return j, true, err
}

// ScanUpdate is a scanner's word on a job it was given.
type ScanUpdate struct {
	ID                     string
	State                  ScanState // running, done or failed
	Message                string
	Probed, Planned, Found int64
}

// UpdateScan keeps a scanner's word. stop says that the job is no longer the scanner's:
// it was cancelled, or given to another after a silence.
func (s *Store) UpdateScan(ctx context.Context, scanner inventory.Source, u ScanUpdate, now time.Time) (stop bool, err error) {
	switch {
	case u.State != ScanRunning && u.State != ScanDone && u.State != ScanFailed:
		return false, inventory.Errorf(inventory.CodeInvalid, "state %.20q: running, done and failed are what a scanner can say", u.State)
	case len(u.Message) > inventory.MaxText:
		return false, inventory.Errorf(inventory.CodeInvalid, "message: %d bytes, at most %d allowed", len(u.Message), inventory.MaxText)
	case u.Probed < 0 || u.Planned < 0 || u.Found < 0:
		return false, inventory.Errorf(inventory.CodeInvalid, "probed, planned and found must not be negative")
	}
	var finished int64
	if u.State != ScanRunning {
		finished = millis(now)
	}
	err = s.Update(ctx, func(tx *Tx) error {
		n, err := tx.changed(ctx, `update scan_job set state = $3, message = $4, probed = $5, planned = $6, found = $7, lease_until = $8, finished_at = $9
			where id = $1 and scanner = $2 and state = 'running'`,
			u.ID, scanner.ID, string(u.State), u.Message, u.Probed, u.Planned, u.Found, millis(now.Add(scanLease)), finished)
		if err != nil || n > 0 {
			return err
		}
		stop = true
		var one int
		err = tx.row(ctx, `select 1 from scan_job where id = $1 and site = $2`, u.ID, scanner.Site).Scan(&one)
		return found(err, "scan job")
	})
	return stop, err
}
