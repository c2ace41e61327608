package agent

import (
	"reflect"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// join makes one section of the answers of its sources; ok is false when it has none.
//
// The section is whole when every source that could look saw everything; partial when a body
// is there but a source saw less or failed; failed when only failures are left. A source that
// finds nothing of its sort here (no rpm database on Debian) takes nothing away.
func join(name inventory.SectionName, readings []Reading) (s inventory.Section, ok bool) {
	s = inventory.Section{Name: name}
	seen := map[inventory.Status][]string{}
	for _, r := range readings {
		if r.Section != name {
			continue
		}
		ok = true
		s.Took += r.took
		reason := r.Reason
		if reason == "" {
			reason = string(r.Status)
		}
		seen[r.Status] = append(seen[r.Status], r.Source+": "+reason)
		if r.body != nil {
			s.Body = merge(s.Body, r.body)
		}
	}
	trouble := append(seen[inventory.StatusPartial], seen[inventory.StatusFailed]...)
	switch {
	case s.Body != nil && len(trouble) == 0:
		s.Status = inventory.StatusOK
	case s.Body != nil:
		s.Status = inventory.StatusPartial
	case len(trouble) > 0:
		s.Status = inventory.StatusFailed
	default:
		s.Status, trouble = inventory.StatusUnsupported, seen[inventory.StatusUnsupported]
	}
	s.Reason = strings.Join(trouble, "; ")
	return s, ok
}

// merge joins two bodies of one section: lists are concatenated; of a body about one thing
// each field keeps the first value that is not empty.
func merge(into, from inventory.Body) inventory.Body {
	if into == nil {
		return from
	}
	a, b := reflect.ValueOf(into), reflect.ValueOf(from)
	if a.Kind() == reflect.Slice {
		joined, _ := reflect.AppendSlice(a, b).Interface().(inventory.Body) // same type, so still a body
		return joined
	}
	a, b = a.Elem(), b.Elem()
	for i := range a.NumField() {
		switch f := a.Field(i); {
		case f.Kind() == reflect.Slice:
			f.Set(reflect.AppendSlice(f, b.Field(i)))
		case f.IsZero():
			f.Set(b.Field(i))
		}
	}
	return into
}
