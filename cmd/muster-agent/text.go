package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/internal/inventory"
)

// Bounds on what a person is shown of a list.
const (
	maxRows = 12
	maxCell = 48
)

func (p *program) printReport(last agent.Last) error {
	var b bytes.Buffer
	items, took := 0, 0.0
	for _, s := range last.Sections {
		items += s.Items
		took += s.TookMS
	}
	fmt.Fprintf(&b, "Report %s: %d sections with %d items, read in %.2f s.\n", last.Outcome, len(last.Sections), items, took/1000)
	for _, s := range last.Sections {
		if s.Status == inventory.StatusFailed || s.Status == inventory.StatusPartial {
			fmt.Fprintf(&b, "  %s %s: %s\n", s.Name, s.Status, plain(s.Reason))
		}
	}
	_, err := p.out.Write(b.Bytes())
	return err
}

func (p *program) printStatus(s agent.Status, enrolling *waiting) error {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, plain(fmt.Sprintf(format, args...)))
	}
	row("version", "%s", s.Version)
	if !s.Enrolled {
		row("identity", "not enrolled")
		if enrolling != nil {
			row("enrolment", "failed at %s: %s", enrolling.TriedAt.Format(time.RFC3339), enrolling.Error)
			row("next try", "%s", enrolling.NextAt.Format(time.RFC3339))
		}
	} else {
		row("identity", "%s", s.ID)
		row("site", "%s", orDash(s.Site))
		row("collector", "%s", s.Collector)
		state := "renewed from " + s.Certificate.RenewAt.Format(time.DateOnly)
		if s.Certificate.Expired {
			state = "EXPIRED, renewed with the next contact"
		}
		row("certificate", "until %s, %s", s.Certificate.NotAfter.Format(time.RFC3339), state)
	}
	waiting := "nothing"
	if s.Spool.Records > 0 {
		waiting = fmt.Sprintf("%d records, %s", s.Spool.Records, size(s.Spool.Bytes))
	}
	if s.Spool.Damaged > 0 {
		waiting += fmt.Sprintf("; %d damaged set aside", s.Spool.Damaged)
	}
	row("waiting", "%s", waiting)
	if s.Upgrade != nil {
		printUpgrade(row, *s.Upgrade)
	}
	if s.Spent.Day != "" {
		row("spent", "on %s: %.1f s of CPU, %s of traffic", s.Spent.Day, s.Spent.CPU.Seconds(), size(s.Spent.Traffic))
	}
	if s.Last == nil {
		row("last look", "never")
	} else {
		row("last look", "%s, %s", s.Last.LookedAt.Format(time.RFC3339), s.Last.Outcome)
		if s.Last.Error != "" {
			row("trouble", "%s", s.Last.Error)
		}
		if s.Last.Rekey {
			row("trouble", "the collector saw this key on two machines: enrol this one again with --force")
		}
		if !s.Last.AcceptedAt.IsZero() {
			row("last accepted", "%s", s.Last.AcceptedAt.Format(time.RFC3339))
		}
		if !s.Last.NextAt.IsZero() {
			row("next report", "%s", s.Last.NextAt.UTC().Format(time.RFC3339))
		}
		fmt.Fprintf(w, "\nSECTION\tSTATUS\tITEMS\tTOOK\tREASON\n")
		for _, x := range s.Last.Sections {
			fmt.Fprintf(w, "%s\t%s\t%d\t%.0f ms\t%s\n", x.Name, x.Status, x.Items, x.TookMS, plain(x.Reason))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := p.out.Write(b.Bytes())
	return err
}

func (p *program) printObservation(o inventory.Observation, all bool) error {
	var b bytes.Buffer
	for i, s := range o.Sections {
		if i > 0 {
			b.WriteByte('\n')
		}
		head := strings.ToUpper(string(s.Name))
		if s.Body != nil && reflect.ValueOf(s.Body).Kind() == reflect.Slice {
			head += fmt.Sprintf(" (%d)", s.Body.Len())
		}
		if s.Status != inventory.StatusOK {
			head += "  " + string(s.Status) + ": " + plain(s.Reason)
		}
		b.WriteString(head + "\n")
		if s.Body != nil {
			printBody(&b, s.Body, all)
		}
	}
	_, err := p.out.Write(b.Bytes())
	return err
}

// printBody shows a thing as name and value, a list as a table without its empty columns.
func printBody(b *bytes.Buffer, body inventory.Body, all bool) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	v := reflect.ValueOf(body)
	if v.Kind() == reflect.Pointer {
		printThing(w, v.Elem())
	} else {
		printTable(w, v, all)
	}
	_ = w.Flush() // into memory
}

func printThing(w io.Writer, v reflect.Value) {
	for i := range v.NumField() {
		name, f := fieldName(v.Type().Field(i)), v.Field(i)
		if f.IsZero() {
			continue
		}
		if ids, ok := f.Interface().([]inventory.Identifier); ok {
			for _, id := range ids {
				about := ""
				for _, text := range []string{id.Part, id.Scope, string(id.Quality)} {
					if text != "" {
						about += ", " + text
					}
				}
				fmt.Fprintf(w, "  %s\t%s%s\n", id.Type, plain(id.Value), plain(about))
			}
			continue
		}
		fmt.Fprintf(w, "  %s\t%s\n", name, cell(name, f))
	}
}

func printTable(w io.Writer, list reflect.Value, all bool) {
	if list.Len() == 0 {
		fmt.Fprintln(w, "  none")
		return
	}
	var columns []int
	item := list.Type().Elem()
	line := " "
	for i := range item.NumField() {
		for j := range list.Len() {
			if !list.Index(j).Field(i).IsZero() {
				columns = append(columns, i)
				line += " " + fieldName(item.Field(i)) + "\t"
				break
			}
		}
	}
	fmt.Fprintln(w, strings.TrimSuffix(line, "\t"))
	for j := range list.Len() {
		if j == maxRows && list.Len() > maxRows+1 && !all {
			fmt.Fprintf(w, "  ... and %d more (--all shows them)\n", list.Len()-j)
			return
		}
		line := " "
		for _, i := range columns {
			text := cell(fieldName(item.Field(i)), list.Index(j).Field(i))
			if short := []rune(text); len(short) > maxCell && !all {
				text = string(short[:maxCell-1]) + "…"
			}
			line += " " + text + "\t"
		}
		fmt.Fprintln(w, strings.TrimSuffix(line, "\t"))
	}
}

func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func cell(name string, v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC().Format(time.RFC3339)
	case []netip.Prefix:
		text := make([]string, len(x))
		for i, a := range x {
			text[i] = a.String()
		}
		return strings.Join(text, " ")
	case int64:
		if strings.HasSuffix(name, "bytes") && x > 0 {
			return size(x)
		}
	case bool:
		if x {
			return "yes"
		}
		return "no"
	}
	if v.IsZero() {
		return "-"
	}
	return plain(fmt.Sprint(v.Interface()))
}

// size is bytes for people, in powers of 1024.
func size(n int64) string {
	units := "KMGTPE"
	f, unit := float64(n), "B"
	for i := 0; f >= 1024 && i < len(units); i++ {
		f, unit = f/1024, units[i:i+1]+"iB"
	}
	if unit == "B" || f >= 100 {
		return fmt.Sprintf("%.0f %s", f, unit)
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
}

// plain makes what a machine reported harmless for a terminal: control characters, escape
// sequences and marks that turn the direction of text are shown, not obeyed.
func plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == unicode.ReplacementChar || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return plain(text)
}
