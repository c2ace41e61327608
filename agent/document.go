package agent

import (
	"encoding/hex"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Document is an observation as JSON: what muster-agent show prints.
type Document struct {
	SeenAt   time.Time         `json:"seen_at"`
	Complete bool              `json:"complete"`
	Sections []DocumentSection `json:"sections"`
}

// DocumentSection is a section of a [Document].
type DocumentSection struct {
	Name   inventory.SectionName `json:"name"`
	Status inventory.Status      `json:"status"`
	Reason string                `json:"reason,omitempty"`
	TookMS float64               `json:"took_ms"`
	Hash   string                `json:"hash,omitempty"`
	Body   inventory.Body        `json:"body,omitempty"`
}

// NewDocument is the document of an observation.
func NewDocument(o inventory.Observation) Document {
	d := Document{SeenAt: o.SeenAt, Complete: o.Complete, Sections: make([]DocumentSection, len(o.Sections))}
	for i, s := range o.Sections {
		d.Sections[i] = DocumentSection{
			Name: s.Name, Status: s.Status, Reason: s.Reason, TookMS: milliseconds(s.Took),
			Hash: hex.EncodeToString(s.Hash), Body: s.Body,
		}
	}
	return d
}
