package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migration is one step of the schema. NNNN_name.sql is for both engines,
// NNNN_name.ENGINE.sql for one of them and an empty step for the other.
type migration struct {
	version int
	name    string
	text    string
	// then, where a step has one, does what SQL cannot, in the same transaction.
	then func(context.Context, *Tx) error
}

// rewrites are steps that go on in Go after their SQL, by name.
var rewrites = map[string]func(context.Context, *Tx) error{"0006_software": packInstalls, "0009_links": keepLinks, "0011_weeks": keepWeeks}

// steps are the migrations as the engine understands them, in order.
func (d *dialect) steps() ([]migration, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var out []migration
	for i, name := range names { // sorted by Glob
		version, err := strconv.Atoi(path.Base(name)[:4])
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s: its name must begin with %04d", name, i+1)
		}
		m := migration{version: version, name: strings.TrimSuffix(path.Base(name), ".sql")}
		m.then = rewrites[m.name]
		if _, engine, special := strings.Cut(m.name, "."); !special || engine == d.name {
			text, err := migrations.ReadFile(name)
			if err != nil {
				return nil, err
			}
			m.text = d.types.Replace(string(text))
		}
		out = append(out, m)
	}
	return out, nil
}

// migrate applies the migrations that the database does not have, each in a transaction
// of its own. Row 0 of the table is the lock: of several collectors that start at once,
// one migrates and the others wait.
func (s *Store) migrate(ctx context.Context) error {
	steps, err := s.d.steps()
	if err != nil {
		return err
	}
	have, err := s.schema(ctx)
	if err != nil {
		return err
	}
	for _, m := range steps {
		if m.version <= have {
			continue
		}
		did := false
		err := s.Update(ctx, func(t *Tx) error {
			did = false
			if err := t.alone(ctx); err != nil {
				return err
			}
			var n int
			if err := t.row(ctx, `select count(*) from migration where version = $1`, m.version).Scan(&n); err != nil || n > 0 {
				return err
			}
			did = true
			if err := s.d.script(ctx, t.dbtx, m.text); err != nil {
				return err
			}
			if m.then != nil {
				if err := m.then(ctx, t); err != nil {
					return err
				}
			}
			s.inMigration(m.name)
			return t.exec(ctx, `insert into migration values ($1, $2)`, m.version, time.Now().UnixMilli())
		})
		if err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
		if did {
			s.applied(m.name)
		}
	}
	if newest := len(steps); have > newest {
		return inventory.Errorf(inventory.CodeConflict, "the database has schema %d, this program knows %d: run a newer muster-collector", have, newest)
	}
	return nil
}

// inPortions calls do with the records that a query lists after $1, at most $2 at a time.
func (t *Tx) inPortions(ctx context.Context, query string, size int, do func(context.Context, []int64) error) error {
	for last := int64(0); ; {
		rows, err := t.query(ctx, query, last, size)
		if err != nil {
			return err
		}
		ids, err := numbers(rows)
		if err != nil || len(ids) == 0 {
			return err
		}
		last = ids[len(ids)-1]
		if err := do(ctx, ids); err != nil {
			return err
		}
	}
}

// schema is the newest migration that the database has; it makes the table of migrations.
func (s *Store) schema(ctx context.Context) (have int, err error) {
	err = s.Update(ctx, func(t *Tx) error {
		for _, q := range []string{
			`create table if not exists migration (version int primary key, applied_at bigint not null)`,
			`insert into migration values (0, 0) on conflict do nothing`,
		} {
			if err := t.exec(ctx, q); err != nil {
				return err
			}
		}
		return t.row(ctx, `select max(version) from migration`).Scan(&have)
	})
	return have, err
}

// alone waits until no other transaction that asked for it runs. It is for what is
// rare and concerns the store as a whole.
func (t *Tx) alone(ctx context.Context) error {
	var zero int
	return wrap("lock the store", t.row(ctx, `select version from migration where version = 0`+t.d.forUpdate).Scan(&zero))
}
