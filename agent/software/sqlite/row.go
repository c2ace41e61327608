package sqlite

import "errors"

// maxColumns is more than any table that is read has.
const maxColumns = 64

// Row is one row, valid during the call that brings it. A column that is an alias for the
// row id is NULL in it.
type Row struct {
	ID      int64
	columns [maxColumns]column
	count   int
}

type column struct {
	kind int64 // the record format's serial type
	data []byte
}

// cut takes a record apart: its header's length, the columns' types, the columns.
func (r *Row) cut(id int64, record []byte) error {
	r.ID, r.count = id, 0
	length, n := varint(record)
	if n == 0 || length < int64(n) || length > int64(len(record)) {
		return errors.New("header leaves the record")
	}
	head, data := record[n:length], record[length:]
	for len(head) > 0 && r.count < maxColumns {
		kind, n := varint(head)
		if n == 0 {
			return errors.New("header is cut")
		}
		head = head[n:]
		size := columnSize(kind)
		if size < 0 || size > int64(len(data)) {
			return errors.New("column leaves the record")
		}
		r.columns[r.count] = column{kind, data[:size]}
		r.count++
		data = data[size:]
	}
	return nil
}

func columnSize(kind int64) int64 {
	sizes := [12]int64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, -1, -1}
	switch {
	case kind < 0:
		return -1
	case kind < int64(len(sizes)):
		return sizes[kind]
	}
	return (kind - 12) / 2
}

// Bytes is a text or blob; nil for other values and columns that the row does not have.
func (r *Row) Bytes(i int) []byte {
	if i >= r.count || r.columns[i].kind < 12 {
		return nil
	}
	return r.columns[i].data
}

// Text is a copy of a text or blob.
func (r *Row) Text(i int) string { return string(r.Bytes(i)) }

// Int is an integer; 0 for other values.
func (r *Row) Int(i int) int64 {
	if i >= r.count {
		return 0
	}
	switch c := r.columns[i]; {
	case c.kind == 9: // the constant 1
		return 1
	case c.kind >= 1 && c.kind <= 6:
		v := int64(int8(c.data[0])) // big-endian two's complement
		for _, b := range c.data[1:] {
			v = v<<8 | int64(b)
		}
		return v
	}
	return 0
}

// varint decodes SQLite's integer of 1 to 9 bytes; n is 0 when b ends before it.
func varint(b []byte) (v int64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | int64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			return v, n
		}
	}
	if n == 8 && len(b) > 8 {
		return v<<8 | int64(b[8]), 9
	}
	return 0, 0
}
