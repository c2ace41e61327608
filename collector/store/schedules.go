package store

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-itam/muster/collector/schedule"
	"github.com/muster-itam/muster/internal/inventory"
)

// ScanSchedule says when a template is run.
type ScanSchedule struct {
	Name, Template string
	Times, Zone    string // as schedule.Parse reads them
	Windows        []string
	Disabled       bool
	NextAt, LastAt time.Time
	LastScan       string
	Note           string // why the last time was left out
	ChangedAt      time.Time
	ChangedBy      string
}

const scheduleColumns = `name, template, times, zone, windows, disabled, next_at, last_at, last_scan, note, changed_at, changed_by`

func scanSchedule(row oneRow) (ScanSchedule, error) {
	var x ScanSchedule
	var windows string
	var disabled int
	var next, last, changed int64
	if err := row.Scan(&x.Name, &x.Template, &x.Times, &x.Zone, &windows, &disabled, &next, &last, &x.LastScan, &x.Note, &changed, &x.ChangedBy); err != nil {
		return x, err
	}
	x.Disabled, x.NextAt, x.LastAt, x.ChangedAt = disabled != 0, fromMillis(next), fromMillis(last), fromMillis(changed)
	return x, fromJSON(windows, &x.Windows)
}

// PutScanSchedule keeps a schedule under its name, and works out its next time.
func (s *Store) PutScanSchedule(ctx context.Context, x ScanSchedule, by string, now time.Time) (ScanSchedule, error) {
	if err := CheckName("schedule", x.Name); err != nil {
		return x, err
	}
	times, err := schedule.Parse(x.Times, x.Zone)
	if err != nil {
		return x, err
	}
	if _, err := schedule.ParseWindows(x.Windows); err != nil {
		return x, err
	}
	lists, err := toJSON(x.Windows)
	if err != nil {
		return x, err
	}
	disabled := 0
	if x.Disabled {
		disabled = 1
	}
	x.NextAt, x.ChangedAt, x.ChangedBy = times.Next(now, time.Time{}), fromMillis(millis(now)), by
	return x, s.Update(ctx, func(tx *Tx) error {
		var one int
		if err := tx.row(ctx, `select 1 from scan_template where name = $1`, x.Template).Scan(&one); err != nil {
			return found(err, fmt.Sprintf("scan template %.80q", x.Template))
		}
		if err := tx.room(ctx, "scan_schedule", x.Name, Put{}); err != nil {
			return err
		}
		if err := tx.exec(ctx, `insert into scan_schedule (`+scheduleColumns+`) values ($1, $2, $3, $4, $5, $6, $7, 0, '', '', $8, $9) on conflict (name) do update set
			template = excluded.template, times = excluded.times, zone = excluded.zone, windows = excluded.windows, disabled = excluded.disabled,
			next_at = excluded.next_at, note = '', changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
			x.Name, x.Template, x.Times, x.Zone, lists[0], disabled, millis(x.NextAt), millis(now), by); err != nil {
			return err
		}
		return tx.Audit(ctx, now, "person:"+by, "scan schedule changed", "schedule:"+x.Name, x.Times+" "+x.Zone)
	})
}

// ScanSchedules are all schedules by name.
func (s *Store) ScanSchedules(ctx context.Context) ([]ScanSchedule, error) {
	return s.schedules(ctx, `select `+scheduleColumns+` from scan_schedule order by name`)
}

func (s *Store) schedules(ctx context.Context, query string, args ...any) ([]ScanSchedule, error) {
	out, err := list(ctx, session{s.read, s.d}, scanSchedule, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read scan schedules: %w", err)
	}
	return out, nil
}

// DeleteScanSchedule forgets a schedule; scans that it started go on.
func (s *Store) DeleteScanSchedule(ctx context.Context, name, by string, now time.Time) error {
	return s.Update(ctx, func(tx *Tx) error { return tx.deleteNamed(ctx, "scan_schedule", "scan schedule", name, by, now) })
}

// Due starts the scans whose time has come, each once however many times were missed and
// however many collectors look: who moves a schedule's next time on starts its scan, in the
// same transaction. While a scan of the schedule is not over, its time is left out.
func (s *Store) Due(ctx context.Context, now time.Time) (started []ScanJob, err error) {
	due, err := s.schedules(ctx, `select `+scheduleColumns+` from scan_schedule where disabled = 0 and next_at <= $1 order by next_at, name`, millis(now))
	if err != nil {
		return nil, err
	}
	for _, x := range due {
		var job *ScanJob
		err := s.Update(ctx, func(tx *Tx) (err error) {
			job, err = tx.startDue(ctx, x, now)
			return err
		})
		if err != nil {
			return started, fmt.Errorf("schedule %s: %w", x.Name, err)
		}
		if job != nil {
			started = append(started, *job)
		}
	}
	return started, nil
}

func (t *Tx) startDue(ctx context.Context, x ScanSchedule, now time.Time) (*ScanJob, error) {
	times, err := schedule.Parse(x.Times, x.Zone)
	if err != nil {
		return nil, err
	}
	next, disabled := times.Next(now, x.NextAt), 0
	if next.IsZero() {
		disabled = 1
	}
	n, err := t.changed(ctx, `update scan_schedule set next_at = $3, disabled = $4 where name = $1 and next_at = $2 and disabled = 0`,
		x.Name, millis(x.NextAt), since(next), disabled)
	if err != nil || n == 0 { // another collector was first
		return nil, err
	}
	var going string
	if err := t.row(ctx, `select coalesce(min(id), '') from scan_job where schedule = $1 and state in ('queued', 'running', 'paused')`, x.Name).Scan(&going); err != nil {
		return nil, fmt.Errorf("look for scans: %w", err)
	}
	if going != "" {
		return nil, t.exec(ctx, `update scan_schedule set note = $2 where name = $1`, x.Name,
			now.UTC().Format("2006-01-02 15:04 MST")+": left out, scan "+going+" was not over")
	}
	template, err := t.template(ctx, x.Template)
	if err != nil {
		return nil, err
	}
	job, err := t.createScan(ctx, ScanJob{ScanSpec: template.ScanSpec, Template: x.Template, Schedule: x.Name, Windows: x.Windows, CreatedBy: x.ChangedBy}, now)
	if inventory.CodeOf(err) == inventory.CodeInvalid {
		return nil, t.exec(ctx, `update scan_schedule set note = $2 where name = $1`, x.Name, err.Error())
	}
	if err != nil {
		return nil, err
	}
	return &job, t.exec(ctx, `update scan_schedule set last_at = $2, last_scan = $3, note = '' where name = $1`, x.Name, millis(now), job.ID)
}
