// Package output writes what a program found for people (aligned tables), for
// spreadsheets (CSV) and for scripts (JSON).
//
// It owns making text inert that came from outside: a host name or a program's name may
// hold escape sequences, marks that reverse the direction of writing, line breaks, or a
// spreadsheet's formula. It refuses to know what the rows are about. The command line
// tools call it.
package output

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Format is a way of writing a list.
type Format string

// The formats.
const (
	FormatTable Format = "table"
	FormatJSON  Format = "json"
	FormatCSV   Format = "csv"
)

// inert reports whether a rune only shows itself. Control characters drive terminals,
// format characters (Unicode category Cf) reorder or hide their neighbours. The joiners
// belong to the spelling of Persian, Hindi and others.
func inert(r rune) bool {
	if r < 0x7f {
		return r >= ' '
	}
	return r == '\u200c' || r == '\u200d' || !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// Clean makes a text from outside one harmless line: blanks for line breaks and tabs,
// visible escapes such as \x1b or \u202e for what a terminal would obey.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	return clean(s, "")
}

// CleanLines does the same and lets line feeds stand: for a whole page.
func CleanLines(s string) string { return clean(s, "\n") }

func clean(s, keep string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case inert(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			b.WriteByte(' ')
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

func isClean(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !inert(r) }) < 0
}

// Cell makes a text safe to open in a spreadsheet: one that begins like a formula gets
// an apostrophe in front, which spreadsheets take as "this is text".
func Cell(s string) string {
	s = Clean(s)
	if t := strings.TrimLeft(s, " "); t != "" && strings.ContainsRune("=+-@＝＋－＠", firstRune(t)) {
		return "'" + s
	}
	return s
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// CSV writes rows with a header (RFC 4180, but with line feeds alone).
func CSV(w io.Writer, header []string, rows [][]string) error {
	out := csv.NewWriter(w)
	if err := out.Write(header); err != nil {
		return err
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = Cell(c)
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// JSON writes v, indented. Characters that are not inert are escaped, so that the text
// is harmless on a terminal and still means the same.
func JSON(w io.Writer, v any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeJSON(b.String()))
	return err
}

// JSONList writes a list as JSON does, one item after the other: item makes the one with a number.
func JSONList[T any](w io.Writer, n int, item func(int) T) error {
	if n == 0 {
		_, err := io.WriteString(w, "[]\n")
		return err
	}
	out := bufio.NewWriter(w)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("  ", "  ")
	before := "[\n  "
	for i := range n {
		b.Reset()
		if err := enc.Encode(item(i)); err != nil {
			return err
		}
		_, _ = out.WriteString(before)
		_, _ = out.WriteString(escapeJSON(strings.TrimSuffix(b.String(), "\n")))
		before = ",\n  "
	}
	_, _ = out.WriteString("\n]\n")
	return out.Flush() // has the error of any write
}

func escapeJSON(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r != '\n' && !inert(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || inert(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		}
	}
	return b.String()
}
