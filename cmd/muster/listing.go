package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
)

// column is one column of a listing of M: what a person sees, and under key what a
// spreadsheet gets. Either may be missing.
type column[M proto.Message] struct {
	output.Column
	see  func(M) string
	key  string
	cell func(M) string
}

// list writes a listing in the format that was asked for; empty is said when there is
// nothing to show to a person.
func list[M proto.Message](a *app, items []M, columns []column[M], empty string) error {
	switch output.Format(a.format) {
	case output.FormatJSON:
		return output.JSONList(a.out, len(items), func(i int) *object { return toJSON(items[i]) })
	case output.FormatCSV:
		var header []string
		for _, c := range columns {
			if c.cell != nil {
				header = append(header, c.key)
			}
		}
		rows := make([][]string, len(items))
		for i, m := range items {
			for _, c := range columns {
				if c.cell != nil {
					rows[i] = append(rows[i], c.cell(m))
				}
			}
		}
		return output.CSV(a.out, header, rows)
	case output.FormatTable:
	}
	if len(items) == 0 {
		_, err := fmt.Fprintln(a.out, empty)
		return err
	}
	return table(a, items, columns)
}

func table[M proto.Message](a *app, items []M, columns []column[M]) error {
	var shown []column[M]
	var heads []output.Column
	for _, c := range columns {
		if c.see != nil {
			shown, heads = append(shown, c), append(heads, c.Column)
		}
	}
	rows := make([][]string, len(items))
	for i, m := range items {
		for _, c := range shown {
			rows[i] = append(rows[i], c.see(m))
		}
	}
	return output.Table(a.out, output.Width(a.out, a.getenv("COLUMNS")), heads, rows)
}

// col is a column that looks the same everywhere.
func col[M proto.Message](title, key string, text func(M) string) column[M] {
	return column[M]{Column: output.Column{Title: title}, see: text, key: key, cell: text}
}

// idCol is one that is never shortened.
func idCol[M proto.Message](title, key string, text func(M) string) column[M] {
	return column[M]{Column: output.Column{Title: title, Keep: true}, see: text, key: key, cell: text}
}

// numCol is a number.
func numCol[M proto.Message](title, key string, n func(M) int64) column[M] {
	text := func(m M) string { return strconv.FormatInt(n(m), 10) }
	return column[M]{Column: output.Column{Title: title, Right: true}, see: text, key: key, cell: text}
}

// ageCol is a time: how long ago for people, exact in a sheet.
func ageCol[M proto.Message](a *app, title, key string, at func(M) *timestamppb.Timestamp) column[M] {
	return column[M]{Column: output.Column{Title: title, Keep: true}, key: key,
		see:  func(m M) string { return ago(a.now(), at(m)) },
		cell: func(m M) string { return stamp(at(m)) }}
}

// hidden is a column for sheets alone.
func hidden[M proto.Message](key string, text func(M) string) column[M] {
	return column[M]{key: key, cell: text}
}

// ago is how long ago a time was, roughly.
func ago(now time.Time, t *timestamppb.Timestamp) string {
	if t == nil {
		return "never"
	}
	d := now.Sub(t.AsTime())
	switch {
	case d < -time.Minute:
		return t.AsTime().Local().Format("2006-01-02 15:04")
	case d < time.Minute:
		return "now"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h ago"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " d ago"
}

// local is a time for people, in their zone.
func local(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Local().Format(time.DateTime)
}

// more is a list in the width of its first item.
func more(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return fmt.Sprintf("%s +%d", items[0], len(items)-1)
}

func words(list ...string) string { return strings.Join(strings.Fields(strings.Join(list, " ")), " ") }

func number(n int64) string { return strconv.FormatInt(n, 10) }

// size is a number of bytes for people, with binary units.
func size(n int64) string {
	if n <= 0 {
		return ""
	}
	v, unit := float64(n), 0
	for ; v >= 1024 && unit < 5; unit++ {
		v /= 1024
	}
	digits := 0
	if unit > 0 && v < 10 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}

// pages asks for page after page until there are enough items; all of them when limit is 0.
func pages[M any](limit int, ask func(size int32, cursor string) (items []M, next string, err error)) ([]M, error) {
	const most = 10_000
	if limit < 0 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "--limit: %d given, 0 (all) or more is allowed", limit)
	}
	all := []M{}
	cursor := ""
	for {
		n := most
		if limit > 0 {
			n = min(most, limit-len(all))
		}
		items, next, err := ask(int32(n), cursor) //nolint:gosec // at most 10,000
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if next == "" || next == cursor || limit > 0 && len(all) >= limit {
			break
		}
		cursor = next
	}
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, nil
}
