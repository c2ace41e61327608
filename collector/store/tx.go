package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Tx is a write transaction. Its methods are small steps of one unit of work; the
// unit is the function given to Update.
type Tx struct {
	session
	behind *behind // the session's tx
	s      *Store
	dbtx   *sql.Tx
	known  *known
	pending
	locks
	stirred map[string]int64 // stations that began or ended somewhere, with the first observation by which they did
	stirs   bool             // some were written
	moved   bool             // records did, to other assets
}

// Update runs fn in one transaction that is durable when Update returns nil. An error
// of fn or a panic rolls everything back. fn may run several times: where transactions
// run side by side, one that collided with another, or lost its connection before the
// commit, is tried again. When the connection is lost during the commit, nobody knows
// whether it happened; the error is one that Unavailable knows, and it is not tried again.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	durable, err := s.UpdateAhead(ctx, fn)
	if err != nil {
		return err
	}
	return durable()
}

// UpdateAhead is Update that may return before the transaction is durable, which durable waits for:
// until then nobody may be told of it.
func (s *Store) UpdateAhead(ctx context.Context, fn func(*Tx) error) (durable func() error, err error) {
	if s.d.concurrent {
		return func() error { return nil }, s.retried(ctx, fn)
	}
	if err := s.log.lost(); err != nil {
		return nil, err
	}
	_, err = s.attempt(ctx, fn)
	return s.log.sync, err
}

// retried tries a transaction until it is done or time is up.
func (s *Store) retried(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*s.wait, errNoAnswer)
	defer cancel()
	giveUp := time.Now().Add(s.wait)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		again, err := s.attempt(ctx, fn)
		if err == nil || !again || time.Now().After(giveUp) {
			return err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)): // jitter: those that collided shall not meet again
		case <-ctx.Done():
			return err
		}
	}
}

// begin begins a transaction; end gives its connection back.
func (s *Store) begin(ctx context.Context) (tx *sql.Tx, end func(), err error) {
	if s.turn == nil {
		tx, err = s.write.BeginTx(ctx, nil)
		return tx, func() {}, err
	}
	conn, err := s.write.Conn(ctx) // first: the turn is not held while another transaction of this program runs
	if err != nil {
		return nil, nil, err
	}
	end = func() { _ = conn.Close() }
	if err = s.turn.take(); err == nil {
		tx, err = conn.BeginTx(ctx, nil)
		s.turn.give()
	}
	if err != nil {
		end()
	}
	return tx, end, err
}

func (s *Store) newTx(tx *sql.Tx) *Tx {
	b := &behind{runner: tx}
	return &Tx{session: session{b, s.d}, behind: b, s: s, dbtx: tx, known: &known{}}
}

// errCollision ends a transaction that met the work of another one.
var errCollision = errors.New("another transaction made the same")

var errNoAnswer = errors.New("the database did not answer in time")

// attempt runs fn in a transaction once; again says that it was undone by what may not recur.
func (s *Store) attempt(ctx context.Context, fn func(*Tx) error) (again bool, err error) {
	tx, end, err := s.begin(ctx)
	if err != nil {
		return s.d.trouble(err) != lasting, fmt.Errorf("begin: %w", err)
	}
	defer end()
	done := false
	defer func() {
		if !done {
			s.undone() // before the next transaction can begin
			_ = tx.Rollback()
		}
	}()
	t := s.newTx(tx)
	defer t.behind.drop() // before the rollback
	if err = fn(t); err == nil {
		err = t.behind.wait(ctx)
	}
	if err != nil {
		return s.d.trouble(err) != lasting, err
	}
	if err := tx.Commit(); err != nil {
		return s.d.trouble(err) == collision, fmt.Errorf("commit: %w", err)
	}
	done = true
	if s.log != nil {
		s.log.committed()
	}
	if t.stirs {
		s.stirred.Store(true)
	}
	return false, nil
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
			t.behind.drop()
			t.s.undone()
			t.known, t.pending = &known{}, pending{}
			t.locks = locks{} // the rollback lets go of them
			// The rollback must happen even when ctx is what ended fn.
			clean := context.WithoutCancel(ctx)
			err = errors.Join(err, t.exec(clean, `rollback to one`), t.exec(clean, `release one`))
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if err := t.behind.wait(ctx); err != nil {
		return err
	}
	undo = false
	return t.exec(ctx, `release one`)
}

// undone forgets what may have been rolled back.
func (s *Store) undone() {
	if s.side == nil {
		s.titles.forget()
		s.known = nil
	}
}

// Unavailable reports whether err says that the database could not be used for now:
// locked, full, or out of reach. The same work may succeed later.
func Unavailable(err error) bool {
	return errors.Is(err, sql.ErrConnDone) || errors.Is(err, errDisk) || sqliteTrouble(err) != lasting || postgresTrouble(err) != lasting
}
