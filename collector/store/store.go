// Package store keeps the inventory in SQLite or PostgreSQL: every SQL statement of
// muster is here.
//
// It owns the schema and its migrations, transactions, and the shape of history: a
// fact has the observation that began it and the one that ended it. It decides
// nothing about identity; collector/ingest calls it with what collector/reconcile
// decided, and collector/query reads through its Reader. Statements are written once,
// for both engines; what differs is in dialect. Several collectors may share one
// PostgreSQL database: nothing but caches of what never changes is kept in memory.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Store is one open inventory. Writes go through Update; reads through a pool of
// connections that cannot write.
type Store struct {
	d           *dialect
	write, read *sql.DB
	// side is for what is written outside of the caller's transaction; nil where there is but one writer.
	side   *sql.DB
	past   *sql.DB // one connection for the write transaction to read what was before it; nil where they run side by side
	wait   time.Duration
	titles titleCache
	rules  ruleCache
	known  *known // what the last write transaction knew, where all come one after another

	log  *syncedLog // nil where the engine syncs with the commit
	turn *turn      // nil where transactions run side by side

	stirred atomic.Bool // there may be rows of that table
	moving  sync.Mutex  // held by who looks at them

	applied     func(name string) // told of each migration
	inMigration func(name string) // for tests: before it is committed
}

// Option changes how Open opens.
type Option func(*Store)

// Wait bounds how long a transaction waits for others and for an engine that does not
// answer, before Update gives up with an error that Unavailable knows; 10 s unless given.
func Wait(d time.Duration) Option { return func(s *Store) { s.wait = d } }

// Migrated is told of each migration that opening applies.
func Migrated(fn func(name string)) Option { return func(s *Store) { s.applied = fn } }

// Open opens or creates the inventory at dsn and brings its schema up to date. dsn is
// sqlite:FILE, or postgres://USER@HOST/DATABASE as libpq has it, with its environment
// variables and password file.
func Open(ctx context.Context, dsn string, options ...Option) (*Store, error) {
	s := &Store{wait: 10 * time.Second, applied: func(string) {}, inMigration: func(string) {}}
	for _, o := range options {
		o(s)
	}
	var err error
	switch scheme, rest, _ := strings.Cut(dsn, ":"); scheme {
	case "sqlite":
		err = s.openSQLite(ctx, rest)
	case "postgres", "postgresql":
		err = s.openPostgres(ctx, dsn)
	default:
		return nil, inventory.Errorf(inventory.CodeInvalid, "store %q: it must be sqlite:FILE or postgres://...", Redacted(dsn))
	}
	s.stirred.Store(true) // by who had it open before
	if err == nil {
		err = s.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", Redacted(dsn), err), s.Close())
	}
	return s, nil
}

// Redacted is a data source name without what may be a password.
func Redacted(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		scheme, _, _ := strings.Cut(dsn, ":")
		return fmt.Sprintf("%.20s:(unreadable)", scheme)
	}
	if q := u.Query(); q.Has("password") || q.Has("sslpassword") {
		q.Del("password")
		q.Del("sslpassword")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

// Ready reports whether the store answers.
func (s *Store) Ready(ctx context.Context) error { return s.read.PingContext(ctx) }

// Writers is how many transactions may usefully run side by side.
func (s *Store) Writers() int {
	if s.d.concurrent {
		return postgresWriters
	}
	return 1
}

// Close waits for running transactions and closes the files or connections.
func (s *Store) Close() error {
	var errs []error
	if s.log != nil {
		errs = append(errs, s.log.close())
	}
	for _, db := range []*sql.DB{s.read, s.side, s.past, s.write} { // SQLite's log is folded in by the last to close
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.turn != nil {
		errs = append(errs, s.turn.close())
	}
	return errors.Join(errs...)
}

// row and rows read outside of a transaction.
func (s *Store) row(ctx context.Context, query string, args ...any) *sql.Row {
	return session{s.read, s.d}.row(ctx, query, args...)
}

func (s *Store) rows(ctx context.Context, query string, args ...any) (rowScanner, error) {
	return session{s.read, s.d}.query(ctx, query, args...)
}

// millis is how times are kept.
func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
