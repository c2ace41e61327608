// Package sqlite reads the rows of a table from an SQLite database file, without SQL,
// locks or writing.
//
// It owns the file format (https://www.sqlite.org/fileformat2.html): pages, table
// b-trees, overflow chains, records, and the write-ahead log beside the file, where the
// newest pages are until a checkpoint. It refuses indexes, tables WITHOUT ROWID, texts in
// UTF-16 and databases with an unfinished rollback journal, which the caller looks for. A
// database driver would make the agent half as large again. agent/software calls it for
// the databases of rpm and Nix.
//
// Nothing is locked, so a database may change while it is read. Who reads it compares the
// files' sizes and times before and after, and reads again.
package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	magic = "SQLite format 3\x00"

	headerSize = 100
	maxDepth   = 20       // a b-tree of 2^31 pages has fewer levels
	maxRow     = 64 << 20 // bytes in one row; the largest rpm headers have a few MiB

	pageTableInterior = 0x05
	pageTableLeaf     = 0x0d
)

// DB is a database that is being read. It is not safe for concurrent use.
type DB struct {
	file     window
	wal      window
	frames   map[uint32]int64 // pages in the log: where the newest committed copy begins
	pageSize int
	usable   int                  // bytes of a page without the reserved ones at its end
	pages    uint32               // in the database
	budget   uint32               // pages that may still be read: none is read twice in a sound tree
	levels   [maxDepth + 1][]byte // the page at each level of the walk
	page     []byte               // of an overflow chain
	bytes    []byte               // of the row
	row      Row
}

// Open takes the file and, unless it is nil, the write-ahead log beside it ("-wal"), with
// their sizes.
func Open(file io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) (*DB, error) {
	if size < headerSize {
		return nil, errors.New("not an SQLite 3 database: shorter than its header")
	}
	d := &DB{file: window{r: file, size: size}}
	if wal != nil && walSize > 0 {
		d.wal = window{r: wal, size: walSize}
		if err := d.readLog(); err != nil {
			return nil, fmt.Errorf("write-ahead log: %w", err)
		}
	}
	head, err := d.head()
	if err != nil {
		return nil, err
	}
	if string(head[:len(magic)]) != magic {
		return nil, errors.New("not an SQLite 3 database")
	}
	pageSize := int(binary.BigEndian.Uint16(head[16:]))
	if pageSize == 1 {
		pageSize = 64 << 10
	}
	switch {
	case !validPageSize(pageSize):
		return nil, fmt.Errorf("page size %d", pageSize)
	case len(d.frames) > 0 && pageSize != d.pageSize:
		return nil, fmt.Errorf("page size %d, but %d in the write-ahead log", pageSize, d.pageSize)
	case head[18] > 2 || head[19] > 2:
		return nil, fmt.Errorf("format version %d", head[19])
	case binary.BigEndian.Uint32(head[56:]) > 1:
		return nil, errors.New("texts are in UTF-16, which is not read")
	}
	d.pageSize, d.usable = pageSize, pageSize-int(head[20])
	if d.usable < 480 {
		return nil, fmt.Errorf("%d usable bytes a page", d.usable)
	}
	there := uint32(min(size/int64(pageSize)+int64(len(d.frames)), 1<<32-2))
	if d.pages == 0 || d.pages > there { // else a log says
		d.pages = there
	}
	d.page = make([]byte, pageSize)
	return d, nil
}

func validPageSize(n int) bool { return n >= 512 && n <= 64<<10 && n&(n-1) == 0 }

// head is the beginning of page 1, from the log if it is there.
func (d *DB) head() ([]byte, error) {
	b := make([]byte, headerSize)
	if at, ok := d.frames[1]; ok {
		return b, d.wal.read(b, at)
	}
	if err := d.file.read(b, 0); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	return b, nil
}

// readPage fills p with page n, which counts from 1.
func (d *DB) readPage(p []byte, n uint32) error {
	if n == 0 || n > d.pages {
		return fmt.Errorf("page %d of %d", n, d.pages)
	}
	if d.budget == 0 {
		return errors.New("pages are linked in a circle")
	}
	d.budget--
	var err error
	if at, ok := d.frames[n]; ok {
		err = d.wal.read(p, at)
	} else {
		err = d.file.read(p, int64(n-1)*int64(d.pageSize))
	}
	if err != nil {
		return fmt.Errorf("read page %d: %w", n, err)
	}
	return nil
}

// Rows calls visit with each row of the table, by ascending row id. What visit returns
// ends the reading.
func (d *DB) Rows(table string, visit func(*Row) error) error {
	root := uint32(0)
	// The schema is itself a table: type, name, tbl_name, rootpage, sql.
	err := d.walk(1, func(r *Row) error {
		if r.Text(0) == "table" && r.Text(1) == table {
			root = uint32(r.Int(3))
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("schema: %w", err)
	case root == 0:
		return fmt.Errorf("no table %s", table)
	}
	if err := d.walk(root, visit); err != nil {
		return fmt.Errorf("table %s: %w", table, err)
	}
	return nil
}

func (d *DB) walk(root uint32, visit func(*Row) error) error {
	d.budget = d.pages
	return d.tree(root, 0, visit)
}

// tree visits the rows beneath page n.
func (d *DB) tree(n uint32, depth int, visit func(*Row) error) error {
	if depth > maxDepth {
		return fmt.Errorf("deeper than %d pages", maxDepth)
	}
	p := d.levels[depth]
	if p == nil {
		p = make([]byte, d.pageSize)
		d.levels[depth] = p
	}
	if err := d.readPage(p, n); err != nil {
		return err
	}
	head := p
	if n == 1 {
		head = p[headerSize:]
	}
	kind, cells, array := head[0], int(binary.BigEndian.Uint16(head[3:])), 8
	if kind == pageTableInterior {
		array = 12
	}
	if kind != pageTableLeaf && kind != pageTableInterior {
		return fmt.Errorf("page %d is of kind %#x, not of a table with row ids", n, kind)
	}
	if array+2*cells > len(head) {
		return fmt.Errorf("page %d: %d cells", n, cells)
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(head[array+2*i:]))
		if at+4 > d.usable {
			return fmt.Errorf("page %d: cell %d outside", n, i)
		}
		var err error
		if kind == pageTableInterior {
			err = d.tree(binary.BigEndian.Uint32(p[at:]), depth+1, visit)
		} else {
			err = d.cell(p[at:d.usable], visit)
		}
		if err != nil {
			return err
		}
	}
	if kind == pageTableInterior {
		return d.tree(binary.BigEndian.Uint32(head[8:]), depth+1, visit)
	}
	return nil
}

// cell visits the row in a leaf's cell: length, row id, the first bytes, and the page
// where it goes on if it is longer.
func (d *DB) cell(c []byte, visit func(*Row) error) error {
	length, n := varint(c)
	id, m := varint(c[n:])
	c = c[n+m:]
	if n == 0 || m == 0 || length < 0 || length > maxRow {
		return fmt.Errorf("row %d has %d bytes, at most %d are read", id, length, maxRow)
	}
	total := int(length)
	local := d.local(total)
	if local == total {
		if local > len(c) {
			return fmt.Errorf("row %d leaves its page", id)
		}
		return d.visit(id, c[:local], visit)
	}
	if local+4 > len(c) {
		return fmt.Errorf("row %d leaves its page", id)
	}
	d.bytes = append(d.bytes[:0], c[:local]...)
	next := binary.BigEndian.Uint32(c[local:])
	for len(d.bytes) < total {
		if err := d.readPage(d.page, next); err != nil {
			return fmt.Errorf("row %d: %w", id, err)
		}
		next = binary.BigEndian.Uint32(d.page)
		d.bytes = append(d.bytes, d.page[4:min(d.usable, 4+total-len(d.bytes))]...)
	}
	if next != 0 {
		return fmt.Errorf("row %d goes on after its end", id)
	}
	return d.visit(id, d.bytes, visit)
}

// local is how many of a row's bytes are in its leaf page.
func (d *DB) local(total int) int {
	most := d.usable - 35
	if total <= most {
		return total
	}
	least := (d.usable-12)*32/255 - 23
	if k := least + (total-least)%(d.usable-4); k <= most {
		return k
	}
	return least
}

func (d *DB) visit(id int64, record []byte, visit func(*Row) error) error {
	if err := d.row.cut(id, record); err != nil {
		return fmt.Errorf("row %d: %w", id, err)
	}
	return visit(&d.row)
}
