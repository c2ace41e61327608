package reconcile

import (
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// RecordFacts is what one record knows, for the choice of an asset's attributes.
type RecordFacts struct {
	ID     int64
	Source inventory.Source
	// LastSeen is when the record's source last spoke of it, by the collector's clock.
	LastSeen time.Time
	Bodies   map[inventory.SectionName]inventory.Body
}

// Attribute is one value with where it comes from.
type Attribute struct {
	Name   string
	Value  string
	Record int64
	Source inventory.SourceKind
	Seen   time.Time
	Stale  bool
	Others []Attribute // what other records say, in order of preference; no Others of their own
}

// Assemble chooses for each attribute the value to show among what an asset's records
// say: by source, by freshness, never a placeholder. Sorted by name.
func Assemble(now time.Time, records []RecordFacts) []Attribute {
	_, _ = now, records
	return nil
}
