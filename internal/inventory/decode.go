package inventory

import (
	"encoding/json"
	"fmt"
	"strings"
)

// BodyOf rebuilds a section's body from its facts: the inverse of Body.Facts, but for
// the order of a list. An unknown section gives nil without an error: a newer
// collector may have written it.
func BodyOf(name SectionName, facts []Fact) (Body, error) {
	switch name {
	case SectionDevice:
		return fromAttributes(facts, &Device{})
	case SectionOS:
		return fromAttributes(facts, &OS{})
	case SectionHardware:
		return fromAttributes(facts, &Hardware{})
	case SectionMemory:
		return fromItems[MemoryModules](facts)
	case SectionInterfaces:
		return fromItems[Interfaces](facts)
	case SectionDisks:
		return fromItems[Disks](facts)
	case SectionFilesystems:
		return fromItems[Filesystems](facts)
	case SectionPCI:
		return fromItems[PCIDevices](facts)
	case SectionSoftware:
		return fromItems[SoftwareList](facts)
	case SectionUsers:
		return fromItems[Users](facts)
	case SectionPorts:
		return fromItems[Ports](facts)
	case SectionComponents:
		return fromItems[Components](facts)
	case SectionNeighbours:
		return fromItems[Neighbours](facts)
	}
	return nil, nil
}

func fromAttributes[T Body](facts []Fact, body T) (Body, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, f := range facts {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(f.Key)
		if err != nil {
			return nil, fmt.Errorf("attribute name %q: %w", f.Key, err)
		}
		b.Write(key)
		b.WriteByte(':')
		b.WriteString(f.Value)
	}
	b.WriteByte('}')
	if err := json.Unmarshal([]byte(b.String()), body); err != nil {
		return nil, fmt.Errorf("section %s: %w", body.Section(), err)
	}
	return body, nil
}

func fromItems[L interface {
	~[]T
	Body
}, T any](facts []Fact) (Body, error) {
	list := make(L, len(facts))
	for i, f := range facts {
		if err := json.Unmarshal([]byte(f.Value), &list[i]); err != nil {
			return nil, fmt.Errorf("section %s, item %q: %w", list.Section(), f.Key, err)
		}
	}
	return list, nil
}
