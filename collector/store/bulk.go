package store

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// bulk collects rows that go to the database as one JSON parameter, an array of arrays: a
// statement for many rows costs little more than one for a single row. Statements read
// column n as value->>n.
type bulk struct {
	buf  []byte   // the rows of the portion at hand, after a bracket
	full []string // the portions before it
	n    int
}

// portion is how many rows a statement takes that others on its connection wait for. What
// was collected is copied once a portion, so that the buffer need not grow with all rows.
const portion = 128

// row adds a row of int64, int, string, []byte (as hexadecimal digits, null for nil) and nil.
func (b *bulk) row(values ...any) {
	b.begin()
	for i, v := range values {
		if i > 0 {
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

// document adds a row of an id and a value of any kind, which statements read as value->1.
func (b *bulk) document(id int64, v any) error {
	b.begin()
	b.buf = append(strconv.AppendInt(b.buf, id, 10), ',')
	err := json.NewEncoder(b).Encode(v)
	b.buf = append(b.buf, ']')
	return err
}

// Write is for the encoder of a document. Documents are large: the buffer doubles for them.
func (b *bulk) Write(p []byte) (int, error) {
	if len(b.buf)+len(p) > cap(b.buf) {
		b.buf = slices.Grow(b.buf, len(b.buf)+len(p))
	}
	b.buf = append(b.buf, p...)
	return len(p), nil
}

// begin begins a row.
func (b *bulk) begin() {
	switch {
	case b.n == 0:
		b.buf = append(b.buf, "[["...)
	case b.n%portion == 0:
		b.full = append(b.full, b.rest())
		b.buf = append(b.buf[:0], "[["...)
	default:
		b.buf = append(b.buf, ",["...)
	}
	b.n++
}

// rest is the portion at hand.
func (b *bulk) rest() string { return string(b.buf) + "]" }

// portions are the rows as several parameters.
func (b *bulk) portions() []string {
	if b.n == 0 {
		return nil
	}
	return append(b.full, b.rest())
}

// text is the rows as one parameter.
func (b *bulk) text() string {
	if b.n == 0 {
		return "[]"
	}
	if len(b.full) == 0 {
		return b.rest()
	}
	var all strings.Builder
	all.Grow((len(b.full) + 1) * (len(b.full[0]) + portion))
	sep := byte('[')
	for _, p := range b.portions() {
		all.WriteByte(sep)
		all.WriteString(p[1 : len(p)-1])
		sep = ','
	}
	all.WriteByte(']')
	return all.String()
}

// appendText adds a JSON string. An octet that is not UTF-8 becomes U+FFFD.
func appendText(buf []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	buf = append(buf, '"')
	plain := 0 // begins what needs no escape
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		buf = append(buf, s[plain:i]...)
		if plain = i + 1; c < 0x20 {
			buf = fmt.Appendf(buf, `\u%04x`, c)
		} else {
			buf = append(buf, '\\', c)
		}
	}
	buf = append(buf, s[plain:]...)
	return append(buf, '"')
}
