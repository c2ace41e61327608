package inventory

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
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
	b, err := json.Marshal(v)
	if err != nil {
		return nil // the section types marshal by construction
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	out := make([]Fact, 0, len(m))
	for k, raw := range m {
		out = append(out, Fact{Key: k, Value: string(raw)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}

// items turns a list into one fact per item; items that share a natural key get a number after it.
func items[T any](list []T, key func(T) string) []Fact {
	out := make([]Fact, 0, len(list))
	for _, v := range list {
		b, err := json.Marshal(v)
		if err != nil {
			continue
		}
		out = append(out, Fact{Key: key(v), Value: string(b)})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Key != out[j].Key {
			return out[i].Key < out[j].Key
		}
		return out[i].Value < out[j].Value
	})
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
