package inventory

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Sections are the names of all sections, in the order in which they are reported and shown.
func Sections() []SectionName {
	out := make([]SectionName, len(empty))
	for i, b := range empty {
		out[i] = b.Section()
	}
	return out
}

// empty has a body of each section.
var empty = [...]Body{
	&Device{}, &OS{}, &Hardware{}, &Security{}, MemoryModules{}, Disks{}, Filesystems{}, Volumes{}, Interfaces{}, PCIDevices{},
	GPUs{}, Monitors{}, Batteries{}, Printers{}, Peripherals{}, Users{}, Ports{}, Containers{}, Components{},
	VLANs{}, Redundancies{}, WirelessNetworks{}, Supplies{}, Neighbours{},
	SoftwareList{}, Usages{}, Meters{}, Readings{},
}

// NewBody is an empty body of a section, nil for a section that is not known: a newer
// source or collector may know it.
func NewBody(name SectionName) Body {
	for _, b := range empty {
		if b.Section() != name {
			continue
		}
		if t := reflect.TypeOf(b); t.Kind() == reflect.Pointer {
			fresh, _ := reflect.New(t.Elem()).Interface().(Body) // same type, so still a body
			return fresh
		}
		return b // nobody writes to a list without items
	}
	return nil
}

// BodyOf rebuilds a section's body from its facts: the inverse of Body.Facts, but for
// the order of a list. An unknown section gives nil without an error.
func BodyOf(name SectionName, facts []Fact) (Body, error) {
	body := NewBody(name)
	if body == nil {
		return nil, nil
	}
	v := reflect.ValueOf(body)
	if v.Kind() == reflect.Pointer {
		return body, fromAttributes(facts, body)
	}
	list := reflect.MakeSlice(v.Type(), len(facts), len(facts))
	for i, f := range facts {
		if err := json.Unmarshal([]byte(f.Value), list.Index(i).Addr().Interface()); err != nil {
			return nil, fmt.Errorf("section %s, item %q: %w", name, f.Key, err)
		}
	}
	body, _ = list.Interface().(Body) // same type, so still a body
	return body, nil
}

func fromAttributes(facts []Fact, body Body) error {
	var b strings.Builder
	b.WriteByte('{')
	for i, f := range facts {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(f.Key)
		if err != nil {
			return fmt.Errorf("attribute name %q: %w", f.Key, err)
		}
		b.Write(key)
		b.WriteByte(':')
		b.WriteString(f.Value)
	}
	b.WriteByte('}')
	if err := json.Unmarshal([]byte(b.String()), body); err != nil {
		return fmt.Errorf("section %s: %w", body.Section(), err)
	}
	return nil
}

// attributes turns a struct into one fact per JSON field that is not empty.
func attributes(v any) []Fact {
	text, err := encoded(v)
	if err != nil || text == "" {
		return nil // the section types marshal by construction
	}
	out := make([]Fact, 0, 8)
	for rest := text[1:]; strings.HasPrefix(rest, `"`); {
		var f Fact
		f.Key, rest, _ = strings.Cut(rest[1:], `":`) // the name of a field, without escapes
		end := valueEnd(rest)
		f.Value, rest = rest[:end], rest[end+1:]
		out = append(out, f)
	}
	slices.SortFunc(out, compareFacts)
	return out
}

// valueEnd is where the value ends that a text begins with, which is inside an object that
// was encoded here.
func valueEnd(text string) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
			if c == '\\' {
				i++
			}
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}'):
			return i
		case c == '}' || c == ']':
			depth--
		}
	}
	return len(text)
}

// items turns a list into one fact per item; items that share a natural key get a number after it.
func items[T any](list []T, key func(T) string) []Fact {
	out := make([]Fact, 0, len(list))
	for i := range list {
		text, err := encoded(&list[i])
		if err != nil {
			continue
		}
		out = append(out, Fact{Key: key(list[i]), Value: text})
	}
	slices.SortFunc(out, compareFacts)
	for i, n := 1, 1; i < len(out); i++ {
		base := out[i-n].Key
		if out[i].Key != base {
			n = 1
			continue
		}
		n++
		out[i].Key = fmt.Sprintf("%s#%d", base, n)
	}
	return out
}

func compareFacts(a, b Fact) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
}

// encoded is the JSON of what v points to, in memory of its own size.
func encoded(v any) (string, error) {
	var text strings.Builder
	err := json.NewEncoder(&text).Encode(v)
	return strings.TrimSuffix(text.String(), "\n"), err
}
