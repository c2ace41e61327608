package output

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// Column is one column of a table.
type Column struct {
	Title string
	Right bool // numbers
	// Keep shows the whole text however narrow the terminal is: ids that people copy.
	Keep bool
}

// narrowest is the width that a column is not shortened below.
const narrowest = 6

// Table writes rows under titles, aligned. When width is positive, the widest columns
// are shortened until the lines fit, as far as they can be.
func Table(w io.Writer, width int, columns []Column, rows [][]string) error {
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = strings.ToUpper(c.Title)
	}
	clean := make([][]string, 0, len(rows)+1)
	clean = append(clean, titles)
	for _, row := range rows {
		texts := make([]string, len(columns))
		for i := range min(len(row), len(columns)) {
			texts[i] = Clean(row[i])
		}
		clean = append(clean, texts)
	}
	widths := fit(width, columns, clean)
	out := bufio.NewWriter(w)
	var line []byte
	for _, row := range clean {
		line = line[:0]
		for i, cell := range row {
			if i > 0 {
				line = append(line, "  "...)
			}
			cell = shorten(cell, widths[i])
			pad := max(0, widths[i]-cells(cell))
			if columns[i].Right {
				line = append(blanks(line, pad), cell...)
			} else {
				line = blanks(append(line, cell...), pad)
			}
		}
		if _, err := out.Write(append(bytes.TrimRight(line, " "), '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}

func blanks(line []byte, n int) []byte {
	for range n {
		line = append(line, ' ')
	}
	return line
}

// cells is a clean text's width in terminal cells. Most are ASCII, for which grapheme clusters need not be looked for.
func cells(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return uniseg.StringWidth(s)
		}
	}
	return len(s)
}

// fit gives each column its width.
func fit(width int, columns []Column, rows [][]string) []int {
	widths := make([]int, len(columns))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], cells(cell))
		}
	}
	if width <= 0 {
		return widths
	}
	total := 2 * (len(columns) - 1)
	for _, n := range widths {
		total += n
	}
	for ; total > width; total-- {
		widest := -1
		for i, n := range widths {
			if !columns[i].Keep && n > narrowest && (widest < 0 || n > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

// shorten cuts a text to a width in terminal cells, with … for what was cut.
func shorten(s string, width int) string {
	if cells(s) <= width {
		return s
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used += g.Width(); used > width-1 {
			break
		}
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}

// Width is the number of columns of the terminal that w is; 0, no limit, for a file or a
// pipe. The environment variable COLUMNS, given as its value, stands above both.
func Width(w io.Writer, columns string) int {
	if n, err := strconv.Atoi(columns); err == nil && n > 0 {
		return n
	}
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 0
}
