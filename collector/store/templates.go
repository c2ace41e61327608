package store

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// ScanTemplate is a scan that can be started by name.
type ScanTemplate struct {
	Name string
	ScanSpec
	ChangedAt time.Time
	ChangedBy string
}

// Put says whether a name may be new, or there already.
type Put struct{ Create, Edit bool }

const maxNamed = 1000 // templates, schedules and credentials, of each

// CheckName bounds what people call things that they name on a command line.
func CheckName(what, name string) error {
	ok := name != "" && len(name) <= 64
	for i, r := range name {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || i > 0 && (r == '-' || r == '_' || r == '.'))
	}
	if !ok {
		return inventory.Errorf(inventory.CodeInvalid, "%s %.80q: 1 to 64 letters, digits, dots, hyphens and underscores, with a letter or digit first", what, name)
	}
	return nil
}

// room refuses a name that has no room, or may not be there, or not be new.
func (t *Tx) room(ctx context.Context, table, name string, put Put) error {
	var all, have int
	if err := t.row(ctx, `select count(*), count(case when name = $1 then 1 end) from `+table, name).Scan(&all, &have); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	switch {
	case have > 0 && put.Create && !put.Edit:
		return inventory.Errorf(inventory.CodeConflict, "%q is there already", name)
	case have == 0 && put.Edit && !put.Create:
		return inventory.Errorf(inventory.CodeNotFound, "there is no %q", name)
	case have == 0 && all >= maxNamed:
		return inventory.Errorf(inventory.CodeConflict, "there are %d already, no more are kept", all)
	}
	return nil
}

const templateColumns = `name, site, targets, exclude, rate, options, changed_at, changed_by`

func scanTemplate(row oneRow) (ScanTemplate, error) {
	var x ScanTemplate
	var targets, exclude, options string
	var changed int64
	if err := row.Scan(&x.Name, &x.Site, &targets, &exclude, &x.Rate, &options, &changed, &x.ChangedBy); err != nil {
		return x, err
	}
	x.ChangedAt = fromMillis(changed)
	return x, fromJSON(targets, &x.Targets, exclude, &x.Exclude, options, &x.Options)
}

// PutScanTemplate keeps a template under its name.
func (s *Store) PutScanTemplate(ctx context.Context, x ScanTemplate, put Put, by string, now time.Time) (ScanTemplate, error) {
	if err := CheckName("template", x.Name); err != nil {
		return x, err
	}
	if err := x.Validate(); err != nil {
		return x, err
	}
	lists, err := toJSON(x.Targets, x.Exclude, x.Options)
	if err != nil {
		return x, err
	}
	x.ChangedAt, x.ChangedBy = fromMillis(millis(now)), by
	return x, s.Update(ctx, func(tx *Tx) error {
		if err := tx.room(ctx, "scan_template", x.Name, put); err != nil {
			return err
		}
		if err := tx.exec(ctx, `insert into scan_template (`+templateColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (name) do update set
			site = excluded.site, targets = excluded.targets, exclude = excluded.exclude, rate = excluded.rate, options = excluded.options,
			changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
			x.Name, x.Site, lists[0], lists[1], x.Rate, lists[2], millis(now), by); err != nil {
			return err
		}
		return tx.Audit(ctx, now, "person:"+by, "scan template changed", "template:"+x.Name, "")
	})
}

// ScanTemplate is the template of a name.
func (s *Store) ScanTemplate(ctx context.Context, name string) (ScanTemplate, error) {
	return session{s.read, s.d}.template(ctx, name)
}

func (s session) template(ctx context.Context, name string) (ScanTemplate, error) {
	x, err := scanTemplate(s.row(ctx, `select `+templateColumns+` from scan_template where name = $1`, name))
	return x, found(err, fmt.Sprintf("scan template %.80q", name))
}

// StartTemplate queues the scan that a template says.
func (s *Store) StartTemplate(ctx context.Context, name, by string, now time.Time) (j ScanJob, err error) {
	return j, s.Update(ctx, func(tx *Tx) error {
		x, err := tx.template(ctx, name)
		if err != nil {
			return err
		}
		j, err = tx.createScan(ctx, ScanJob{ScanSpec: x.ScanSpec, Template: name, CreatedBy: by}, now)
		return err
	})
}

// ScanTemplates are all templates by name.
func (s *Store) ScanTemplates(ctx context.Context) ([]ScanTemplate, error) {
	out, err := list(ctx, session{s.read, s.d}, scanTemplate, `select `+templateColumns+` from scan_template order by name`)
	if err != nil {
		return nil, fmt.Errorf("read scan templates: %w", err)
	}
	return out, nil
}

// DeleteScanTemplate forgets a template that no schedule uses.
func (s *Store) DeleteScanTemplate(ctx context.Context, name, by string, now time.Time) error {
	return s.Update(ctx, func(tx *Tx) error {
		var used string
		err := tx.row(ctx, `select coalesce(min(name), '') from scan_schedule where template = $1`, name).Scan(&used)
		if err != nil {
			return fmt.Errorf("look for schedules: %w", err)
		}
		if used != "" {
			return inventory.Errorf(inventory.CodeConflict, "template %.80q: the schedule %q uses it", name, used)
		}
		return tx.deleteNamed(ctx, "scan_template", "scan template", name, by, now)
	})
}

func (t *Tx) deleteNamed(ctx context.Context, table, what, name, by string, now time.Time) error {
	n, err := t.changed(ctx, `delete from `+table+` where name = $1`, name)
	if err != nil {
		return err
	}
	if n == 0 {
		return inventory.Errorf(inventory.CodeNotFound, "no %s %.80q", what, name)
	}
	return t.Audit(ctx, now, "person:"+by, what+" deleted", what+":"+name, "")
}
