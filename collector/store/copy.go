package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// TableSum is a table's number of rows and a check sum of all that is in them. It does
// not depend on the order of rows or on the engine.
type TableSum struct {
	Table string
	Rows  int64
	Sum   [sha256.Size]byte // of the rows' hashes, as one large number
}

// kind is what matters of a column's type.
type kind string

const (
	kindText  kind = "text"
	kindInt   kind = "int"
	kindBytes kind = "bytes"
	kindJSON  kind = "json"
)

// table is a table as the database has it.
type table struct {
	name    string
	columns []string
	kinds   []kind
}

// tables are the inventory's tables, those that others refer to first. Tables of one
// engine only, which hold nothing but locks, are left out by the caller.
func (s session) tables(ctx context.Context) ([]table, error) {
	rows, err := s.query(ctx, s.d.catalogue)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []table
	for rows.Next() {
		var name, column, typ string
		if err := rows.Scan(&name, &column, &typ); err != nil {
			return nil, err
		}
		if name == "migration" {
			continue
		}
		if len(out) == 0 || out[len(out)-1].name != name {
			out = append(out, table{name: name})
		}
		t := &out[len(out)-1]
		t.columns = append(t.columns, column)
		t.kinds = append(t.kinds, kindOf(strings.ToLower(typ)))
	}
	return out, rows.Err()
}

func kindOf(typ string) kind {
	switch {
	case strings.HasPrefix(typ, "json"):
		return kindJSON
	case strings.Contains(typ, "int"):
		return kindInt
	case typ == "blob", typ == "bytea":
		return kindBytes
	}
	return kindText
}

// common are the tables of a that b has too. Both have the same schema, so the others
// are those of one engine; columns may stand in another order.
func common(a, b []table) ([]table, error) {
	var out []table
	for _, t := range a {
		i := slices.IndexFunc(b, func(u table) bool { return u.name == t.name })
		if i < 0 {
			continue
		}
		for j, c := range t.columns {
			k := slices.Index(b[i].columns, c)
			if k < 0 {
				return nil, fmt.Errorf("table %s: the other side has no column %s", t.name, c)
			}
			if b[i].kinds[k] == kindJSON {
				t.kinds[j] = kindJSON
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// each calls fn for every row. Values are nil, int64, string or []byte, by the columns' kinds.
func (s session) each(ctx context.Context, t table, fn func(row []any) error) error {
	rows, err := s.query(ctx, `select "`+strings.Join(t.columns, `", "`)+`" from "`+t.name+`"`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	dest := make([]any, len(t.columns))
	for i, k := range t.kinds {
		switch k {
		case kindInt:
			dest[i] = new(sql.NullInt64)
		case kindBytes:
			dest[i] = new([]byte)
		case kindText, kindJSON:
			dest[i] = new(sql.NullString)
		}
	}
	row := make([]any, len(dest))
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
		for i, d := range dest {
			row[i] = nil
			switch v := d.(type) {
			case *sql.NullInt64:
				if v.Valid {
					row[i] = v.Int64
				}
			case *sql.NullString:
				if v.Valid {
					row[i] = v.String
				}
			case *[]byte:
				if *v != nil {
					row[i] = *v
				}
			}
		}
		if err := fn(row); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return rows.Err()
}

// add adds a row to the check sum.
func (s *TableSum) add(t table, row []any) error {
	h := sha256.New()
	var size [9]byte
	put := func(mark byte, text []byte) {
		size[0] = mark
		binary.BigEndian.PutUint64(size[1:], uint64(len(text)))
		h.Write(size[:])
		h.Write(text)
	}
	for i, v := range row {
		h.Write([]byte(t.columns[i]))
		switch v := v.(type) {
		case nil:
			put('n', nil)
		case int64:
			put('i', binary.BigEndian.AppendUint64(nil, uint64(v)))
		case []byte:
			put('b', v)
		case string:
			if t.kinds[i] == kindJSON {
				text, err := canonical(v)
				if err != nil {
					return fmt.Errorf("column %s: %w", t.columns[i], err)
				}
				v = text
			}
			put('t', []byte(v))
		}
	}
	s.Rows++
	carry := uint16(0)
	for i, b := range slices.Backward(h.Sum(nil)) {
		carry += uint16(s.Sum[i]) + uint16(b)
		s.Sum[i] = byte(carry)
		carry >>= 8
	}
	return nil
}

// canonical is JSON with keys sorted and without spaces: engines keep neither.
func canonical(text string) (string, error) {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return "", err
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// Sums are the tables with their check sums.
func (s *Store) Sums(ctx context.Context) (sums []TableSum, err error) {
	err = s.look(ctx, func(v view) error {
		list, err := v.tables(ctx)
		if err != nil {
			return err
		}
		for _, t := range list {
			sum := TableSum{Table: t.name}
			if err := v.each(ctx, t, func(row []any) error { return sum.add(t, row) }); err != nil {
				return err
			}
			sums = append(sums, sum)
		}
		return nil
	})
	return sums, err
}

// Copy copies everything from one store to another, which must be empty, whatever their
// engines are: one state of the source, in one transaction of the target. Then it reads
// the target back, and fails when a row is not what it was. progress is called after
// each table, with the source's figures.
func Copy(ctx context.Context, from, to *Store, progress func(TableSum)) error {
	var sums []TableSum
	err := from.look(ctx, func(v view) error {
		tx, err := to.write.BeginTx(ctx, nil) // not Update: it may take hours
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer func() { _ = tx.Rollback() }()
		target := to.newTx(tx)
		if sums, err = target.load(ctx, v, progress); err != nil {
			return err
		}
		return wrap("commit", tx.Commit())
	})
	if err != nil {
		return err
	}
	copied, err := to.Sums(ctx)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	for _, s := range sums {
		if !slices.Contains(copied, s) {
			return inventory.Errorf(inventory.CodeConflict, "table %s: what was copied differs from its source", s.Table)
		}
	}
	return nil
}

// load takes all that v shows into the transaction.
func (t *Tx) load(ctx context.Context, v view, progress func(TableSum)) ([]TableSum, error) {
	if err := t.alone(ctx); err != nil {
		return nil, err
	}
	list, err := v.tables(ctx)
	if err != nil {
		return nil, err
	}
	own, err := t.tables(ctx)
	if err != nil {
		return nil, err
	}
	if list, err = common(list, own); err != nil {
		return nil, err
	}
	for _, tab := range list {
		var n int
		if err := t.row(ctx, `select count(*) from (select 1 from "`+tab.name+`" limit 1) x`).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			return nil, inventory.Errorf(inventory.CodeConflict, "the target is not empty: table %s has rows", tab.name)
		}
	}
	var sums []TableSum
	for _, tab := range list {
		sum, err := t.loadTable(ctx, v, tab)
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
		progress(sum)
	}
	return sums, nil
}

// loadBatch bounds what goes to the database in one statement.
const (
	loadRows  = 5000
	loadBytes = 4 << 20
)

func (t *Tx) loadTable(ctx context.Context, v view, tab table) (TableSum, error) {
	values := make([]string, len(tab.columns))
	for i, k := range tab.kinds {
		values[i] = fmt.Sprintf(t.d.load[k], fmt.Sprintf("value->>'%d'", i))
	}
	insert := `insert into "` + tab.name + `" ("` + strings.Join(tab.columns, `", "`) + `") select ` + strings.Join(values, ", ") + ` from json_each($1)`
	sum := TableSum{Table: tab.name}
	var batch []byte
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		err := t.exec(ctx, insert, string(append(batch, ']')))
		batch, n = batch[:0], 0
		return err
	}
	err := v.each(ctx, tab, func(row []any) error {
		if err := sum.add(tab, row); err != nil {
			return err
		}
		object := make(map[string]any, len(row))
		for i, val := range row {
			if b, ok := val.([]byte); ok {
				val = hex.EncodeToString(b)
			}
			if val != nil {
				object[fmt.Sprint(i)] = val
			}
		}
		text, err := json.Marshal(object)
		if err != nil {
			return err
		}
		separator := byte(',')
		if n == 0 {
			separator = '['
		}
		batch = append(append(batch, separator), text...)
		if n++; n >= loadRows || len(batch) >= loadBytes {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil && t.d.sequences != "" && tab.columns[0] == "id" && tab.kinds[0] == kindInt {
		err = t.exec(ctx, strings.ReplaceAll(t.d.sequences, "{{table}}", tab.name))
	}
	return sum, err
}
