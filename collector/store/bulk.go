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
	buf []byte
	n   int
}

// row adds a row of int64, int, string, []byte (as hexadecimal digits, null for nil) and nil.
func (b *bulk) row(values ...any) {
	if b.n > 0 {
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
