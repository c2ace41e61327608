package store

import (
	"context"
	"database/sql"
	"fmt"
)

// behind runs statements of a transaction while what follows is thought about: what a group of
// observations writes is known without the database when their records are decided about (Tx.ahead).
// Whoever else uses the transaction waits until they are done.
type behind struct {
	runner
	queue []statement
	done  chan error // of those under way, nil when there are none
	err   error      // what came of the ones before

	// past answers queries as the database was before the transaction, nil when they are to wait.
	past runner
}

// statement is run with one parameter after the other. It changes want rows, any number when that is 0.
type statement struct {
	query string
	args  []string
	want  int
}

// later leaves a statement for start.
func (b *behind) later(s statement) { b.queue = append(b.queue, s) }

// start runs what was left, after what was started before.
func (b *behind) start(ctx context.Context) {
	if len(b.queue) == 0 || b.finish() != nil {
		return
	}
	queue, done := b.queue, make(chan error, 1)
	b.queue, b.done = nil, done
	go func() {
		for _, s := range queue {
			if err := s.run(ctx, b.runner); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
}

func (b *behind) finish() error {
	if b.done != nil {
		b.err, b.done = <-b.done, nil
	}
	return b.err
}

// wait waits until nothing is left. An error stays until drop.
func (b *behind) wait(ctx context.Context) error {
	b.start(ctx)
	return b.finish()
}

// drop forgets what was left and what came of the rest, which is about to be undone.
func (b *behind) drop() {
	b.queue = nil
	_ = b.finish()
	b.err = nil
}

func (s *statement) run(ctx context.Context, r runner) error {
	changed := 0
	for _, arg := range s.args {
		res, err := r.ExecContext(ctx, s.query, arg)
		if err != nil {
			return fmt.Errorf("%.60s: %w", s.query, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		changed += int(n)
	}
	if s.want != 0 && changed != s.want {
		return errCollision
	}
	return nil
}

func (b *behind) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	return b.runner.ExecContext(ctx, query, args...)
}

func (b *behind) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if b.past != nil {
		return b.past.QueryContext(ctx, query, args...)
	}
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	return b.runner.QueryContext(ctx, query, args...)
}

func (b *behind) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if b.past != nil {
		return b.past.QueryRowContext(ctx, query, args...)
	}
	_ = b.wait(ctx) // the next one that can say so returns it
	return b.runner.QueryRowContext(ctx, query, args...)
}
