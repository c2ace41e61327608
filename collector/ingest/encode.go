package ingest

import (
	"encoding/json"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// kept is the form in which a decoded observation is quarantined: readable by a person.
type kept struct {
	NativeKey string        `json:"native_key,omitempty"`
	SeenAt    time.Time     `json:"seen_at"`
	Site      string        `json:"site,omitempty"`
	Sections  []keptSection `json:"sections"`
}

type keptSection struct {
	Name   inventory.SectionName `json:"name"`
	Status inventory.Status      `json:"status"`
	Reason string                `json:"reason,omitempty"`
	Hash   []byte                `json:"hash,omitempty"`
	Body   inventory.Body        `json:"body,omitempty"`
}

func encode(o *inventory.Observation) []byte {
	k := kept{NativeKey: o.NativeKey, SeenAt: o.SeenAt, Site: o.Source.Site}
	for _, s := range o.Sections {
		k.Sections = append(k.Sections, keptSection{s.Name, s.Status, s.Reason, s.Hash, s.Body})
	}
	b, err := json.Marshal(k)
	if err != nil {
		return []byte(`{"error":"not encodable"}`)
	}
	return b
}
