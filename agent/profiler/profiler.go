// Package profiler reads the reports of macOS's system_profiler(8): the XML of -xml, and
// the indented text of all versions, as one tree.
//
// It owns the formats and the words they use for sizes and truth; which entry means what
// is the business of agent/hardware and agent/software, its callers. It starts nothing.
package profiler

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/muster-itam/muster/internal/plist"
)

// Bounds on one report. That of 4,000 applications has 5 MiB and 40,000 values.
const (
	maxBytes   = 64 << 20
	maxEntries = 200_000
	maxDepth   = 48
)

var errEntries = fmt.Errorf("system_profiler's report: more than %d entries", maxEntries)

// Entry is a thing in a report, with what it consists of or what hangs on it. An entry
// at the top is a data type, such as SPHardwareDataType.
type Entry struct {
	Name string
	// Kind is the key of the list or dictionary that holds the entry; "" in a text report.
	Kind string
	// Values by key, in lower case: serial_number in XML, "serial number (system)" in text.
	Values  map[string]string
	Entries []*Entry
}

// Get is the first value that there is among the keys, which are in lower case.
func (e *Entry) Get(keys ...string) string {
	for _, k := range keys {
		if v := e.Values[k]; v != "" {
			return v
		}
	}
	return ""
}

// Sub is the first entry right below with the kind or the name, an empty one without.
func (e *Entry) Sub(names ...string) *Entry {
	for _, name := range names {
		for _, c := range e.Entries {
			if c.Kind == name || strings.EqualFold(c.Name, name) {
				return c
			}
		}
	}
	return &Entry{}
}

// All are the entry and all below it, each before what it holds.
func (e *Entry) All() []*Entry {
	list := []*Entry{e}
	for i := 0; i < len(list); i++ { // grows while it runs
		list = append(list, list[i].Entries...)
	}
	return list
}

// Report is what was told, by data type.
type Report []*Entry

// Type is the entry of a data type; an empty one when it was not told.
func (r Report) Type(name string) *Entry {
	for _, e := range r {
		if e.Name == name {
			return e
		}
	}
	return &Entry{}
}

// Without says in an error that the report holds none of the data types, nil when it does:
// a type with nothing in it is there all the same.
func (r Report) Without(types ...string) error {
	for _, e := range r {
		if slices.Contains(types, e.Name) {
			return nil
		}
	}
	return fmt.Errorf("system_profiler's report does not have %s", strings.Join(types, " or "))
}

// Parse reads a report of either format.
func Parse(b []byte) (Report, error) {
	if len(b) > maxBytes {
		return nil, fmt.Errorf("system_profiler's report: %d bytes, at most %d are read", len(b), maxBytes)
	}
	if trimmed := bytes.TrimSpace(b); !bytes.HasPrefix(trimmed, []byte("<")) && !bytes.HasPrefix(trimmed, []byte("bplist")) {
		return parseText(b)
	}
	v, err := plist.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("system_profiler's report: %w", err)
	}
	if _, ok := v.([]any); !ok {
		return nil, fmt.Errorf("system_profiler's report: not a list but %T", v)
	}
	t := &tree{}
	var out Report
	for _, d := range plist.Dicts(v) {
		e := &Entry{Name: d.Text("_dataType")}
		if e.Name == "" {
			return nil, errors.New("system_profiler's report: an entry without _dataType")
		}
		if err := t.list(e, "_items", d.List("_items"), 0); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

type tree struct{ entries int }

// list hangs what an array holds under e: dictionaries as entries, the rest as one value.
func (t *tree) list(e *Entry, key string, list []any, depth int) error {
	var texts []string
	for _, v := range list {
		switch v := v.(type) {
		case plist.Dict:
			if err := t.entry(e, key, v, depth+1); err != nil {
				return err
			}
		case []any:
		default:
			texts = append(texts, plist.Text(v))
		}
	}
	if len(texts) > 0 {
		e.set(key, strings.Join(texts, ", "))
	}
	return nil
}

func (t *tree) entry(parent *Entry, kind string, d plist.Dict, depth int) error {
	if t.entries++; t.entries > maxEntries || depth > maxDepth {
		return errEntries
	}
	e := &Entry{Kind: kind, Name: d.Text("_name")}
	parent.Entries = append(parent.Entries, e)
	keys := make([]string, 0, len(d))
	for k := range d {
		if k != "_name" {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		switch v := d[k].(type) {
		case plist.Dict:
			if err := t.entry(e, k, v, depth+1); err != nil {
				return err
			}
			if last := e.Entries[len(e.Entries)-1]; last.Name == "" {
				last.Name = k
			}
		case []any:
			if err := t.list(e, k, v, depth); err != nil {
				return err
			}
		default:
			e.set(k, plist.Text(v))
		}
	}
	return nil
}

func (e *Entry) set(key, value string) {
	if e.Values == nil {
		e.Values = map[string]string{}
	}
	e.Values[strings.ToLower(key)] = strings.TrimSpace(value)
}
