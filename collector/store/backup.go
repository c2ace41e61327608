package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/muster-itam/muster/internal/inventory"
)

// Backup writes one state of the store to a new file, while others use it. The file is
// itself a store, whatever the engine: sqlite:FILE opens it. It has its name only once
// it is whole.
func (s *Store) Backup(ctx context.Context, file string, progress func(TableSum)) (err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return inventory.Errorf(inventory.CodeConflict, "%s exists: a backup replaces nothing", file)
	}
	part := file + ".part"
	if err := removeStore(part); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeStore(part)) }()
	if err := s.backupTo(ctx, part, progress); err != nil {
		return fmt.Errorf("back up to %s: %w", part, err)
	}
	if err := os.Rename(part, file); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file))
}

func (s *Store) backupTo(ctx context.Context, part string, progress func(TableSum)) (err error) {
	if s.d != sqliteDialect {
		to, err := Open(ctx, "sqlite:"+part)
		if err != nil {
			return err
		}
		return errors.Join(Copy(ctx, s, to, progress), to.Close())
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // vacuum takes an empty file as a new one
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := s.write.ExecContext(ctx, `vacuum into ?`, part); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	b, err := Open(ctx, "sqlite:"+part)
	if err != nil {
		return err
	}
	return errors.Join(b.check(ctx, progress), b.Close())
}

// check reads everything once.
func (s *Store) check(ctx context.Context, progress func(TableSum)) error {
	problems, err := s.Inspect(ctx, progress)
	if err == nil && len(problems) > 0 {
		err = inventory.Errorf(inventory.CodeConflict, "%s", problems[0])
	}
	return err
}

// removeStore removes a file with what SQLite leaves beside it.
func removeStore(file string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", "-turn"} {
		if err := os.Remove(file + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// syncDir makes a rename survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// references are the columns that name rows of other tables without the database seeing to
// it. 0 names none: a decision is an observation of no record.
var references = []struct{ table, column, target string }{
	{"observation", "record_id", "record"}, {"record", "asset_id", "record"}, {"member", "record_id", "record"},
	{"member", "asset_id", "record"}, {"section", "record_id", "record"}, {"fact", "record_id", "record"},
	{"install", "record_id", "record"}, {"install", "title_id", "title"}, {"software", "record_id", "record"}, {"claim", "record_id", "record"},
	{"asset", "id", "record"}, {"link", "record_id", "record"}, {"move", "to_record", "record"},
	{"pin_pair", "record_id", "record"}, {"pin_pair", "other_id", "record"}, {"event", "obs_id", "observation"},
}

// Inspect reads the whole store and returns what is wrong with it, in words: nothing
// unless a disk or a program went wrong. progress is called after each table.
func (s *Store) Inspect(ctx context.Context, progress func(TableSum)) (problems []string, err error) {
	err = s.look(ctx, func(v view) error {
		if v.d.integrity != "" {
			if problems, err = v.words(ctx, v.d.integrity); err != nil {
				return err
			}
		}
		for _, r := range references {
			var n int64
			err := v.row(ctx, `select count(*) from `+r.table+` a left join `+r.target+` b on b.id = a.`+r.column+` where b.id is null and a.`+r.column+` <> 0`).Scan(&n)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", r.table, r.column, err)
			}
			if n > 0 {
				problems = append(problems, fmt.Sprintf("%d rows of %s name a %s that does not exist", n, r.table, r.target))
			}
		}
		return nil
	})
	if err != nil {
		return problems, err
	}
	sums, err := s.Sums(ctx)
	for _, sum := range sums {
		progress(sum)
	}
	return problems, err
}

// words are the first column of a query, but for "ok".
func (v view) words(ctx context.Context, query string) (out []string, err error) {
	rows, err := v.query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		if s.String != "ok" {
			out = append(out, s.String)
		}
	}
	return out, rows.Err()
}
