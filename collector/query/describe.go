package query

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Describe says in one line what a change was: "3.0.11 → 3.0.12", "up: true → false".
// Its texts are from outside and shown as they came.
func Describe(c store.Change) string {
	if c.Section == string(inventory.SectionSoftware) {
		return arrow(c.Before, c.After)
	}
	if c.Section == store.SectionIdentity {
		return moved(c)
	}
	if c.Section == store.SectionPlace {
		return "from " + c.Before + " to " + c.After
	}
	before, after := values(c.Before), values(c.After)
	if len(before) == 0 || len(after) == 0 { // added or removed: what there is of it
		return strings.Join(list(before, after), ", ")
	}
	var out []string
	for _, k := range keysOf(before, after) {
		if b, a := before[k], after[k]; b != a {
			text := arrow(b, a)
			if k != "" {
				text = k + ": " + text
			}
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

// moved says what became of assets.
func moved(c store.Change) string {
	switch store.EventKind(c.Kind) {
	case store.EventMerged:
		return c.Before + " became part of " + c.After
	case store.EventSplit:
		return c.After + " came out of " + c.Before
	case store.EventMoved:
	}
	return "records went from " + c.Before + " to " + c.After
}

func arrow(before, after string) string {
	switch {
	case before == "":
		return after
	case after == "":
		return before + " → nothing"
	}
	return before + " → " + after
}

func list(before, after map[string]string) []string {
	var out []string
	for _, k := range keysOf(before, after) {
		v := before[k] + after[k]
		if k != "" {
			v = k + ": " + v
		}
		out = append(out, v)
	}
	return out
}

func keysOf(a, b map[string]string) []string {
	both := maps.Clone(a)
	if both == nil {
		both = map[string]string{}
	}
	maps.Copy(both, b)
	return slices.Sorted(maps.Keys(both))
}

// values are the fields of a JSON object as texts; another value has the empty name.
func values(text string) map[string]string {
	if text == "" {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &fields) != nil {
		return map[string]string{"": scalar([]byte(text))}
	}
	out := make(map[string]string, len(fields))
	for k, raw := range fields {
		out[k] = scalar(raw)
	}
	return out
}

// scalar is a JSON value as people write it: strings without quotes, lists of strings with commas.
func scalar(raw []byte) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			s, ok := x.(string)
			if !ok {
				return string(raw)
			}
			parts[i] = s
		}
		return strings.Join(parts, " ")
	case nil:
		return ""
	case bool:
		return fmt.Sprint(v)
	}
	return string(raw)
}
