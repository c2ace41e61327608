// Package store keeps the inventory in SQLite: every SQL statement of muster is here.
//
// It owns the schema and its migrations, transactions, and the shape of history: a
// fact has the observation that began it and the one that ended it. It decides
// nothing about identity; collector/ingest calls it with what collector/reconcile
// decided, and collector/query reads through its Reader. Statements are portable
// ($1 parameters, no engine's own functions but for json_each) so that PostgreSQL is
// a second dialect and not a second store.
package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver; needs cgo

	"github.com/muster-itam/muster/internal/inventory"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is one open inventory. Writes go through one connection, in Update; reads
// through a pool of read-only ones that see the last commit.
type Store struct {
	write, read *sql.DB
	titles      titleCache
}

// Open opens or creates the inventory at dsn, "sqlite:FILE", and brings its schema up to date.
func Open(ctx context.Context, dsn string) (*Store, error) {
	file, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok {
		return nil, inventory.Errorf(inventory.CodeInvalid, "store %q: only sqlite:FILE is supported so far", dsnForPeople(dsn))
	}
	// WAL alone would make SQLite sync less often and lose acknowledged reports at a power cut.
	const common = "_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_busy_timeout=10000&_cache_size=-65536&_stmt_cache_size=100"
	u := (&url.URL{Path: file}).EscapedPath()
	write, err := sql.Open("sqlite3", "file:"+u+"?"+common+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", file, err)
	}
	write.SetMaxOpenConns(1)
	s := &Store{write: write}
	if err := write.PingContext(ctx); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("open store %s: %w", file, err)
	}
	if err := s.migrate(ctx); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("migrate store %s: %w", file, err)
	}
	s.read, err = sql.Open("sqlite3", "file:"+u+"?"+common+"&_query_only=on")
	if err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("open store %s: %w", file, err)
	}
	s.read.SetMaxOpenConns(8)
	return s, nil
}

// dsnForPeople drops what may be a password from a data source name.
func dsnForPeople(dsn string) string {
	if u, err := url.Parse(dsn); err == nil {
		return u.Redacted()
	}
	return "(unreadable)"
}

// Ready reports whether the store answers.
func (s *Store) Ready(ctx context.Context) error { return s.read.PingContext(ctx) }

// Close waits for running transactions and closes the files.
func (s *Store) Close() error {
	err := s.read.Close()
	if werr := s.write.Close(); err == nil {
		err = werr
	}
	return err
}

// migrate applies the migrations that the database does not have, each in a transaction.
func (s *Store) migrate(ctx context.Context) error {
	if _, err := s.write.ExecContext(ctx, `create table if not exists migration (version int primary key, applied_at bigint not null)`); err != nil {
		return err
	}
	var have int
	if err := s.write.QueryRowContext(ctx, `select coalesce(max(version), 0) from migration`).Scan(&have); err != nil {
		return err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	types := strings.NewReplacer("{{id}}", "integer primary key", "{{blob}}", "blob", "{{without_rowid}}", "without rowid")
	newest := 0
	for _, name := range names {
		version, err := strconv.Atoi(path.Base(name)[:4])
		if err != nil {
			return fmt.Errorf("migration %s: the name must begin with four digits: %w", name, err)
		}
		newest = max(newest, version)
		if version <= have {
			continue
		}
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if err := s.applyMigration(ctx, version, types.Replace(string(text))); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if have > newest {
		return inventory.Errorf(inventory.CodeConflict, "the database has schema %d, this program knows %d: run a newer muster-collector", have, newest)
	}
	return nil
}

func (s *Store) applyMigration(ctx context.Context, version int, text string) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, text); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, rebind(`insert into migration values ($1, $2)`), version, time.Now().UnixMilli()); err != nil {
		return err
	}
	return tx.Commit()
}

var parameter = regexp.MustCompile(`\$(\d+)`)

var rebound sync.Map // query text -> the same for SQLite; queries are constants, so it stays small

// rebind turns PostgreSQL's numbered parameters into SQLite's.
func rebind(query string) string {
	if q, ok := rebound.Load(query); ok {
		return q.(string)
	}
	q := parameter.ReplaceAllString(query, "?$1")
	rebound.Store(query, q)
	return q
}

// millis is how times are kept.
func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
