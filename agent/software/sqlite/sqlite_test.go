package sqlite_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software/sqlite"
)

// sql runs statements in SQLite's own shell, which keeps the log when it is told to.
func sql(t testing.TB, file, statements string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sqlite3", "-batch", "-bail", file)
	cmd.Stdin = strings.NewReader(statements)
	out, err := cmd.CombinedOutput()
	if err != nil {
		if _, missing := exec.LookPath("sqlite3"); missing != nil && os.Getenv("CI") == "" {
			t.Skip("sqlite3 is not installed: see tools/setup.sh")
		}
		t.Fatalf("sqlite3: %v: %s", err, out)
	}
	return string(out)
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rows prints a table of an integer key, a blob, an integer and a text as the query in
// TestRows does.
func rows(file, wal []byte, table string) (string, error) {
	var r io.ReaderAt
	if wal != nil {
		r = bytes.NewReader(wal)
	}
	db, err := sqlite.Open(bytes.NewReader(file), int64(len(file)), r, int64(len(wal)))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = db.Rows(table, func(r *sqlite.Row) error {
		fmt.Fprintf(&b, "%d|%X|%d|%s\n", r.ID, r.Bytes(1), r.Int(2), r.Text(3))
		return nil
	})
	return b.String(), err
}

const schema = `create table other(x); create table t(id integer primary key, data blob, n int, s text);
with recursive c(i) as (select 1 union all select i+1 from c where i<ROWS)
insert into t select i*3, randomblob((i*i*37)%6000), case i%9 when 0 then -i when 1 then i<<20 when 2 then 0 when 3 then 1
 when 4 then -9223372036854775808 when 5 then i<<33 when 6 then -129 when 7 then 8388608 else null end, 'row '||i from c;
insert into t values(100000, randomblob(150000), 0, 'longer than any page');
delete from t where id%7=0;
`

const query = `select id, hex(data), ifnull(n,0), s from t order by id;`

func TestRows(t *testing.T) {
	tests := []struct {
		name, before string
		rows         string
	}{
		{"one page", "", "2"},
		{"no rows", "", "0"},
		{"small pages", "pragma page_size=512;", "400"},
		{"usual pages", "pragma page_size=4096;", "400"},
		{"largest pages", "pragma page_size=65536;", "100"},
		{"auto-vacuum", "pragma auto_vacuum=full;", "200"},
		{"many", "pragma page_size=1024;", "1500"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "db")
			want := sql(t, name, tt.before+strings.Replace(schema, "ROWS", tt.rows, 1)+query)
			if tt.rows == "0" {
				want = sql(t, name, "delete from t;"+query)
			}
			got, err := rows(read(t, name), nil, "t")
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%d bytes, want %d", len(got), len(want))
			}
		})
	}
}

// Rows that are only in the log are read, rows that were not committed are not.
func TestLog(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "db")
	const size = "pragma page_size=1024;pragma journal_mode=wal;pragma wal_autocheckpoint=0;"
	copyFiles := fmt.Sprintf("\n.system cp %[1]s %[1]s2; cp %[1]s-wal %[1]s2-wal\n", name)
	out := sql(t, name, size+strings.Replace(schema, "ROWS", "200", 1)+
		"update t set s='new '||id where id%2;"+copyFiles+query)
	want := strings.TrimPrefix(out, "wal\n0\n") // the pragmas' answers
	file, wal := read(t, name+"2"), read(t, name+"2-wal")
	if len(wal) == 0 {
		t.Fatal("nothing in the log")
	}
	got, err := rows(file, wal, "t")
	if err != nil || got != want {
		t.Errorf("%d bytes, want %d; %v", len(got), len(want), err)
	}
	// Cut and torn logs end at the last commit before the damage.
	for _, n := range []int{0, 31, 32, 1000, len(wal) - 1, len(wal) / 2} {
		if _, err := rows(file, wal[:n], "t"); err != nil && !strings.Contains(err.Error(), "no table") &&
			!strings.Contains(err.Error(), "EOF") && !strings.Contains(err.Error(), "schema") {
			t.Errorf("log of %d bytes: %v", n, err)
		}
	}
	torn := bytes.Clone(wal)
	torn[len(torn)-5] ^= 1 // in the last frame, which holds a commit
	if got, err := rows(file, torn, "t"); err != nil || got == want {
		t.Errorf("a torn commit was read: %v", err)
	}
	// SQLite itself says what such a log holds.
	if err := os.WriteFile(name+"2-wal", torn, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err = rows(file, torn, "t")
	if want := sql(t, name+"2", query); err != nil || got != want {
		t.Errorf("torn log: %d bytes, sqlite3 says %d; %v", len(got), len(want), err)
	}
}

func TestRefuses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "db")
	sql(t, name, "create table w(a primary key, b) without rowid; create table t(a); insert into t values(randomblob(9000));")
	good := read(t, name)
	change := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	utf16 := filepath.Join(t.TempDir(), "utf16")
	sql(t, utf16, "pragma encoding='UTF-16'; create table t(a);")
	tests := []struct {
		name, table, want string
		file              []byte
	}{
		{"empty", "t", "shorter than its header", nil},
		{"text", "t", "not an SQLite 3 database", bytes.Repeat([]byte("x"), 4096)},
		{"page size", "t", "page size 77", change(16, 0, 77)},
		{"reserved", "t", "257 usable", change(16, 2, 0, 1, 1, 255)},
		{"UTF-16", "t", "UTF-16", read(t, utf16)},
		{"missing table", "u", "no table u", good},
		{"without row ids", "w", "not of a table", good},
		{"cut", "t", "page 3 of 2", good[:8192]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rows(tt.file, nil, tt.table)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A page that is its own child and a row that goes on in itself end.
func TestCircles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "db")
	sql(t, name, "create table t(a); insert into t values(randomblob(200000));")
	b := read(t, name)
	for page := 2; page*4096 < len(b); page++ { // overflow pages begin with the next one's number
		c := bytes.Clone(b)
		copy(c[page*4096:], []byte{0, 0, 0, byte(page + 1)})
		if _, err := rows(c, nil, "t"); err == nil {
			t.Errorf("page %d links to itself, no error", page+1)
		}
	}
	sql(t, name, "with recursive c(i) as (select 1 union all select i+1 from c where i<2000) insert into t select i from c;")
	b = read(t, name)
	if b[4096] != 5 {
		t.Fatalf("the root is of kind %d", b[4096])
	}
	copy(b[4096+8:], []byte{0, 0, 0, 2}) // its last child is itself
	if _, err := rows(b, nil, "t"); err == nil {
		t.Error("a tree that contains itself: no error")
	}
}

func FuzzOpen(f *testing.F) {
	for _, mode := range []string{"delete", "wal"} {
		name := filepath.Join(f.TempDir(), "db")
		sql(f, name, "pragma page_size=512; pragma journal_mode="+mode+"; create table t(id integer primary key, data blob, n int, s text);"+
			"with recursive c(i) as (select 1 union all select i+1 from c where i<9) insert into t select i,randomblob(i*90),i<<30,i from c;"+
			fmt.Sprintf("\n.system cp %[1]s %[1]s2; cp %[1]s-wal %[1]s2-wal 2>/dev/null || true\n", name))
		wal, err := os.ReadFile(name + "2-wal")
		if err != nil {
			wal = nil
		}
		f.Add(read(f, name+"2"), wal)
	}
	f.Fuzz(func(t *testing.T, file, wal []byte) {
		if got, err := rows(file, wal, "t"); err == nil && len(got) > 4*(len(file)+len(wal))*(len(file)+len(wal)) {
			t.Errorf("%d bytes from %d", len(got), len(file)+len(wal))
		}
		if diff := cmp.Diff(read2(file, wal), read2(file, wal)); diff != "" {
			t.Error(diff)
		}
	})
}

func read2(file, wal []byte) string { s, _ := rows(file, wal, "t"); return s }
