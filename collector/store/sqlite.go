package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/mattn/go-sqlite3" // needs cgo
)

var sqliteDialect = &dialect{
	name: "sqlite",
	// jsonb_each does not write a row as text, to be read again, for each of its columns.
	sql: translated(func(q string) string {
		return strings.ReplaceAll(parameter.ReplaceAllString(q, "?$1"), "json_each(", "jsonb_each(")
	}),
	types: strings.NewReplacer("{{id}}", "integer primary key", "{{blob}}", "blob", "{{json}}", "json text",
		"{{without_rowid}}", "without rowid"),
	ids: func(table string) string {
		return `with recursive s(i) as (select 1 union all select i + 1 from s where i < $1)
			select coalesce((select max(id) from ` + table + `), 0) + i from s`
	},
	list: func(expr string) string { return "group_concat(distinct " + expr + ")" },
	script: func(ctx context.Context, tx *sql.Tx, text string) error {
		_, err := tx.ExecContext(ctx, text)
		return err
	},
	readOnly: &sql.TxOptions{ReadOnly: true},
	trouble:  sqliteTrouble,
	catalogue: `select m.name, c.name, c.type from pragma_table_list l join sqlite_master m on m.name = l.name
		join pragma_table_info(m.name) c where l.type = 'table' and l.schema = 'main' and m.name not like 'sqlite%' order by m.rowid, c.cid`,
	integrity: `pragma integrity_check(100)`,
	load:      map[kind]string{kindText: "%s", kindInt: "cast(%s as bigint)", kindBytes: "unhex(%s)", kindJSON: "%s"},
}

// openSQLite opens a file. Writes go through one connection; readers see the last commit.
func (s *Store) openSQLite(ctx context.Context, file string) (err error) {
	s.d = sqliteDialect
	// SQLite makes its files readable for all unless they exist; its side files follow.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// In WAL mode NORMAL does not sync the log with each commit: that is done after it, before anybody is told.
	s.log, s.turn = &syncedLog{file: file + "-wal"}, &turn{file: file + "-turn"}
	common := fmt.Sprintf("_journal_mode=WAL&_synchronous=NORMAL&_foreign_keys=on&_busy_timeout=%d&_cache_size=-65536&_stmt_cache_size=100", s.wait.Milliseconds())
	u := (&url.URL{Path: file}).EscapedPath()
	if s.write, err = sql.Open("sqlite3", "file:"+u+"?"+common+"&_txlock=immediate"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := s.write.PingContext(ctx); err != nil {
		return err
	}
	// A longer log is folded into the file less often, with fewer pages written twice.
	if _, err := s.write.ExecContext(ctx, `pragma wal_autocheckpoint = 4000`); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite3", "file:"+u+"?"+common+"&_query_only=on"); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(8)
	// Not one of those: people's questions may take long, and the transaction would wait for them.
	if s.past, err = sql.Open("sqlite3", "file:"+u+"?"+common+"&_query_only=on"); err != nil {
		return err
	}
	s.past.SetMaxOpenConns(1)
	return nil
}

func sqliteTrouble(err error) trouble {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return lasting
	}
	switch e.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrNomem:
		return passing
	}
	return lasting
}
