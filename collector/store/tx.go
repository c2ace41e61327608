package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

// Tx is a write transaction. Its methods are small steps of one unit of work; the
// unit is the function given to Update.
type Tx struct {
	s  *Store
	tx *sql.Tx
}

// Update runs fn in one transaction that is durable when Update returns nil. An error
// of fn or a panic rolls everything back.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		if !done {
			_ = tx.Rollback()
			s.titles.forget() // it may name titles that were rolled back
		}
	}()
	if err := fn(&Tx{s: s, tx: tx}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	return nil
}

// Savepoint runs fn so that its error or panic undoes fn alone; a panic comes back as an error.
func (t *Tx) Savepoint(ctx context.Context, fn func() error) (err error) {
	if err := t.exec(ctx, `savepoint one`); err != nil {
		return err
	}
	undo := true
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if undo {
			t.s.titles.forget()
			// The rollback must happen even when ctx is what ended fn.
			clean := context.WithoutCancel(ctx)
			err = errors.Join(err, t.exec(clean, `rollback to one`), t.exec(clean, `release one`))
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	undo = false
	return t.exec(ctx, `release one`)
}

func (t *Tx) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.tx.ExecContext(ctx, rebind(query), args...)
	if err != nil {
		return fmt.Errorf("%.60s: %w", query, err)
	}
	return nil
}

// rowScanner is *sql.Rows.
type rowScanner interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

func (t *Tx) query(ctx context.Context, query string, args ...any) (rowScanner, error) {
	rows, err := t.tx.QueryContext(ctx, rebind(query), args...)
	if err != nil {
		return nil, fmt.Errorf("%.60s: %w", query, err)
	}
	return rows, nil
}

// Unavailable reports whether err says that the database could not be used for now:
// locked, full, or out of reach. The same work may succeed later.
func Unavailable(err error) bool {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return errors.Is(err, sql.ErrConnDone)
	}
	switch e.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrNomem:
		return true
	}
	return false
}
