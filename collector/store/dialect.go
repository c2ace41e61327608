package store

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// dialect is what the engines do not have in common.
type dialect struct {
	name string
	// sql turns a statement as it stands in this package into the engine's.
	sql func(query string) string
	// types fills the tokens of the migrations.
	types *strings.Replacer
	// forUpdate ends a select whose rows nobody else may change until the transaction ends.
	forUpdate string
	// ids is a query for $1 unused keys of a table.
	ids func(table string) string
	// list is an aggregate: the distinct values of an expression, comma-separated.
	list func(expr string) string
	// readOnly are the options of a transaction that sees one state of everything.
	readOnly *sql.TxOptions
	// script runs several statements at once.
	script func(ctx context.Context, tx *sql.Tx, text string) error
	// concurrent says that write transactions run side by side: what they
	// decide upon has to be locked, and they are tried again when they collide.
	concurrent bool
	trouble    func(error) trouble
	// catalogue lists tables, columns and types, as they were created.
	catalogue string
	// load has the expression that makes a column's value of a JSON text, by kind.
	load map[kind]string
	// sequences moves a table's automatic keys past the rows that it was given; empty where they move by themselves.
	sequences string
	// integrity lets the engine look over its own files; empty where it cannot.
	integrity string
}

// bytes is the expression that makes a byte string of hexadecimal digits.
func (d *dialect) bytes(expr string) string { return fmt.Sprintf(d.load[kindBytes], expr) }

// trouble is what an engine's error means for the transaction it ended.
type trouble int

const (
	lasting   trouble = iota // the same transaction would fail again
	passing                  // the engine cannot be used for now: locked, full, out of reach
	collision                // the transaction was undone because of another one: again, at once
)

var parameter = regexp.MustCompile(`\$(\d+)`)

// translated makes a function that remembers its results: statements are constants, so there are few.
func translated(fn func(string) string) func(string) string {
	var known sync.Map
	return func(query string) string {
		if q, ok := known.Load(query); ok {
			return q.(string)
		}
		q := fn(query)
		known.Store(query, q)
		return q
	}
}

// session runs statements in a transaction. Statements have PostgreSQL's parameters, and
// lists come as one JSON parameter through json_each; dialects differ in no more than that.
type session struct {
	tx runner
	d  *dialect
}

// runner is a *sql.Tx or *sql.DB.
type runner interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (s session) query(ctx context.Context, query string, args ...any) (rowScanner, error) {
	rows, err := s.tx.QueryContext(ctx, s.d.sql(query), args...) //nolint:rowserrcheck // whoever reads the rows checks
	if err != nil {
		return nil, fmt.Errorf("%.60s: %w", query, err)
	}
	return rows, nil
}

func (s session) row(ctx context.Context, query string, args ...any) *sql.Row {
	return s.tx.QueryRowContext(ctx, s.d.sql(query), args...)
}

func (s session) exec(ctx context.Context, query string, args ...any) error {
	_, err := s.tx.ExecContext(ctx, s.d.sql(query), args...)
	if err != nil {
		return fmt.Errorf("%.60s: %w", query, err)
	}
	return nil
}

// oneRow is a row under the reader, or the only one of *sql.Row.
type oneRow interface{ Scan(dest ...any) error }

// list runs a query and reads each row by scan.
func list[T any](ctx context.Context, q queryer, scan func(oneRow) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return read(rows, scan)
}

// read reads rows to their end and closes them.
func read[T any](rows rowScanner, scan func(oneRow) (T, error)) (out []T, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		x, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, rows.Err()
}

// column is a row of one column.
func column[T any](row oneRow) (v T, err error) {
	err = row.Scan(&v)
	return v, err
}

// numbers are the rows of one column of ids.
func numbers(rows rowScanner) ([]int64, error) { return read(rows, column[int64]) }

// texts are the rows of one column of texts.
func texts(rows rowScanner) ([]string, error) { return read(rows, column[string]) }

// rowScanner is *sql.Rows.
type rowScanner interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}
