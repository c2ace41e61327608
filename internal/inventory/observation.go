package inventory

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// SourceKind says what sort of reporter a source is.
type SourceKind string

// The kinds of sources. Cloud pollers and imports carry their product in the name.
const (
	KindAgent   SourceKind = "agent"
	KindScanner SourceKind = "scanner"
	KindAWS     SourceKind = "aws"
	KindAzure   SourceKind = "azure"
	KindImport  SourceKind = "import"
)

// Source is one reporting instance: an agent, a scanner, a poller's scope, an import.
type Source struct {
	Kind SourceKind
	// ID names the instance: the agent's or scanner's uuid, "aws:<account>", "import:<name>".
	ID string
	// Site is the place whose private address space the source stands in; "" when it has none.
	Site string
}

// Observation is one message: what a source saw of one thing at one time.
type Observation struct {
	Source Source
	// NativeKey is what the source calls the thing; together with the source's kind and
	// scope it names the record. Empty for an agent: it reports on itself.
	NativeKey string
	// Epoch is the Unix millisecond at which the source's counter began, Seq the counter.
	// Both only ever grow; (source, epoch, seq) is unique.
	Epoch, Seq int64
	// SeenAt is by the source's own clock and may be wrong. SentAt is when its report left, by
	// the same clock; zero when that is not known.
	SeenAt, SentAt time.Time
	// Complete says that the observation has every section the source can see of the thing.
	Complete bool
	// Digest stands for all sections of a report in which nothing changed: it is that of the
	// sections' names, statuses, reasons and hashes, and then Sections is empty. A report with
	// sections may carry its digest too, so that the next one can be this short.
	Digest   []byte
	Sections []Section
}

// Status is a source's word on how its look at one section went.
type Status string

// Only StatusOK and StatusPartial come with a body. Could-not-look (StatusFailed,
// StatusUnsupported) never ends what was known before; StatusPartial adds and
// changes but does not remove.
const (
	StatusOK          Status = "ok"
	StatusPartial     Status = "partial"
	StatusFailed      Status = "failed"
	StatusUnsupported Status = "unsupported"
)

// Section is a part of an observation that is replaced as a whole.
type Section struct {
	Name   SectionName
	Status Status
	// Reason says in words why the status is not ok, or why a device that was read is not known;
	// empty otherwise.
	Reason string
	// Hash identifies the body: equal hashes from one record mean an unchanged body. Opaque to the collector.
	Hash []byte
	// Body is nil when the section is unchanged since the last report, or was not read.
	Body Body
	// Took is the wall time the source spent on the section.
	Took time.Duration
}

// SectionName names a kind of section.
type SectionName string

// The sections.
const (
	SectionDevice      SectionName = "device"
	SectionOS          SectionName = "os"
	SectionHardware    SectionName = "hardware"
	SectionSecurity    SectionName = "security"
	SectionMemory      SectionName = "memory"
	SectionDisks       SectionName = "disks"
	SectionFilesystems SectionName = "filesystems"
	SectionVolumes     SectionName = "volumes"
	SectionInterfaces  SectionName = "interfaces"
	SectionPCI         SectionName = "pci"
	SectionGPUs        SectionName = "gpus"
	SectionMonitors    SectionName = "monitors"
	SectionBatteries   SectionName = "batteries"
	SectionPrinters    SectionName = "printers"
	SectionPeripherals SectionName = "peripherals"
	SectionUsers       SectionName = "users"
	SectionPorts       SectionName = "ports"
	SectionContainers  SectionName = "containers"
	SectionComponents  SectionName = "components"
	SectionNeighbours  SectionName = "neighbours"
	SectionSoftware    SectionName = "software"
	SectionUsage       SectionName = "usage"
	SectionReadings    SectionName = "readings" // of an agent's sources
	SectionVLANs       SectionName = "vlans"
	SectionRedundancy  SectionName = "redundancy"
	SectionWireless    SectionName = "wireless"
	SectionSupplies    SectionName = "supplies"
	SectionMeters      SectionName = "meters"
)

// Measured tells whether a section says how a look went, or what was counted at it: that this
// changes is no change of the thing.
func (n SectionName) Measured() bool { return n == SectionReadings || n == SectionMeters }

// Limits on one observation. What exceeds them is refused with the field and the limit named.
const (
	MaxItems       = 200_000 // items in one section
	MaxText        = 4096    // bytes in one text field
	MaxSections    = 64
	MaxIdentifiers = 1024
	maxHash        = 64 // bytes of a hash or digest
)

// Validate reports the first field that is out of bounds, as an invalid error.
func (o *Observation) Validate() error {
	switch {
	case o.Seq <= 0 || o.Epoch <= 0:
		return Errorf(CodeInvalid, "epoch and seq must be positive, got %d and %d", o.Epoch, o.Seq)
	case len(o.Sections) > MaxSections:
		return Errorf(CodeInvalid, "sections: %d given, at most %d allowed", len(o.Sections), MaxSections)
	case len(o.Digest) > maxHash:
		return Errorf(CodeInvalid, "digest: %d bytes, at most %d allowed", len(o.Digest), maxHash)
	case len(o.NativeKey) > MaxText:
		return Errorf(CodeInvalid, "native_key: %d bytes, at most %d allowed", len(o.NativeKey), MaxText)
	}
	seen := make(map[SectionName]bool, len(o.Sections))
	for i := range o.Sections {
		s := &o.Sections[i]
		if seen[s.Name] {
			return Errorf(CodeInvalid, "section %q appears twice", s.Name)
		}
		seen[s.Name] = true
		if err := s.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Section) validate() error {
	switch s.Status {
	case StatusOK, StatusPartial:
	case StatusFailed, StatusUnsupported:
		if s.Body != nil {
			return Errorf(CodeInvalid, "section %q: status %s cannot carry a body", s.Name, s.Status)
		}
	default:
		return Errorf(CodeInvalid, "section %q: unknown status %q", s.Name, s.Status)
	}
	if len(s.Hash) > maxHash {
		return Errorf(CodeInvalid, "section %q: hash of %d bytes, at most %d allowed", s.Name, len(s.Hash), maxHash)
	}
	if s.Body == nil {
		return nil
	}
	if s.Body.Section() != s.Name {
		return Errorf(CodeInvalid, "section %q carries a %s body", s.Name, s.Body.Section())
	}
	if n := s.Body.Len(); n > MaxItems {
		return Errorf(CodeInvalid, "section %q: %d items, at most %d allowed", s.Name, n, MaxItems)
	}
	return s.Body.check(func(field, text string) error {
		if len(text) > MaxText {
			return Errorf(CodeInvalid, "section %q: %s has %d bytes, at most %d allowed", s.Name, field, len(text), MaxText)
		}
		if !utf8.ValidString(text) {
			return Errorf(CodeInvalid, "section %q: %s is not valid UTF-8", s.Name, field)
		}
		for i := range len(text) {
			if text[i] == 0 {
				return Errorf(CodeInvalid, "section %q: %s contains a NUL byte", s.Name, field)
			}
		}
		return nil
	})
}

// String names the observation for logs.
func (o *Observation) String() string {
	return fmt.Sprintf("%s/%s %d.%d", o.Source.Kind, o.Source.ID, o.Epoch, o.Seq)
}
