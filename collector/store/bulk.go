package store

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// bulk collects rows that go to the database as one JSON parameter, an array of arrays: a
// statement for many rows costs little more than one for a single row. Statements read
// column n as value->>n.
type bulk struct {
	buf  []byte
	n    int
	cuts []int // where a portion of rows ends
}

// portion is how many rows a statement takes that others on its connection wait for.
const portion = 128

// row adds a row of int64, int, string, []byte (as hexadecimal digits, null for nil) and nil.
func (b *bulk) row(values ...any) {
	if b.n > 0 {
		if b.n%portion == 0 {
			b.cuts = append(b.cuts, len(b.buf))
		}
		b.buf = append(b.buf, ',')
	} else {
		b.buf = append(b.buf[:0], '[')
	}
	b.n++
	for i, v := range values {
		if i == 0 {
			b.buf = append(b.buf, '[')
		} else {
			b.buf = append(b.buf, ',')
		}
		switch v := v.(type) {
		case int64:
			b.buf = strconv.AppendInt(b.buf, v, 10)
		case int:
			b.buf = strconv.AppendInt(b.buf, int64(v), 10)
		case string:
			b.buf = appendText(b.buf, v)
		case []byte:
			if v == nil {
				b.buf = append(b.buf, "null"...)
				continue
			}
			b.buf = append(b.buf, '"')
			b.buf = hex.AppendEncode(b.buf, v)
			b.buf = append(b.buf, '"')
		default:
			b.buf = append(b.buf, "null"...)
		}
	}
	b.buf = append(b.buf, ']')
}

// portions are the rows as several parameters.
func (b *bulk) portions() []string {
	if b.n == 0 {
		return nil
	}
	var out []string
	begin := 1
	for _, end := range append(b.cuts, len(b.buf)) {
		out = append(out, "["+string(b.buf[begin:end])+"]")
		begin = end + 1
	}
	return out
}

// text is the parameter.
func (b *bulk) text() string {
	if b.n == 0 {
		return "[]"
	}
	return string(b.buf) + "]"
}

// appendText adds a JSON string.
func appendText(buf []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			text, err := json.Marshal(s)
			if err != nil {
				return append(buf, `""`...) // strings always marshal
			}
			return append(buf, text...)
		}
	}
	buf = append(buf, '"')
	buf = append(buf, s...)
	return append(buf, '"')
}
