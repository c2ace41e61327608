// Package reconcile decides which records are one asset.
//
// It owns the normalisation of identifiers, the claims that follow from a record's
// facts, the decision by claim value, the choice of the attributes shown and the
// words that explain all this. Everything is a pure function of records: no clock,
// no store, no order of arrival. It refuses to guess: a value that would join two
// records known to be different joins nothing, and says so. collector/ingest calls
// it inside its transaction; the full rebuild calls the same code over everything.
package reconcile

import (
	"context"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Type names what a claim is about. It extends the identifier types by what comes
// with interfaces, disks and names.
type Type = inventory.IdentifierType

// Claim types that are no identifiers of a device section.
const (
	TypeDisk    Type = "disk_serial"
	TypeName    Type = "name"
	TypeAddress Type = "address" // Scope is place@week
	TypeRole    Type = "role"
	// TypePlatform is the maker of the hypervisor that a virtual machine runs on.
	TypePlatform Type = "platform"
	TypeGone     Type = "gone" // from First to Last its source said that it is gone for good
)

// Key is what records share when they agree: the whole identity of a claim.
type Key struct {
	Type         Type
	Scope, Value string
}

// Claim is a normalised identifier that a record carries or once carried. First and
// Last are by the source's own clock, so that a claim changes at
// most once a day while the thing stays the same.
type Claim struct {
	Key
	Tier        int32
	First, Last Day
	Days        Days // of an address
}

// claimIn is the claim on a value, nil when there is none.
func claimIn(list []Claim, k Key) *Claim {
	for i := range list {
		if list[i].Key == k {
			return &list[i]
		}
	}
	return nil
}

// Record is what deciding needs to know of a record: the claims that it ever made.
type Record struct {
	ID     int64
	Kind   inventory.SourceKind
	Claims []Claim
	Pins   []Pin // those that name it, beside the ones that are given for all records
}

// Pin is a person's word on two records; it stands above all evidence.
type Pin struct {
	A, B int64
	Same bool
}

// Loader reads records for Resolve, seeing what the surrounding transaction wrote.
type Loader interface {
	// Records are the records with these ids. A missing one is an error.
	Records(ctx context.Context, ids []int64) ([]Record, error)
	// Holders are the ids of all records that ever made a claim, for each key in its place, at most limit.
	Holders(ctx context.Context, keys []Key, limit int) ([][]int64, error)
}

// Result is a decision. Records that it does not name keep their asset.
type Result struct {
	// Assets leads from a record to the record whose id is the asset's id.
	Assets    map[int64]int64
	Joins     []Join
	Demotions []Demotion
	Handovers []Handover
	// NearMisses are assets that lack little to be one.
	NearMisses []NearMiss
}

// Join is a claim value that holds records together.
type Join struct {
	Key     Key
	Tier    int32
	Rule    string
	Since   time.Time
	Records []int64
}

// Demotion is a claim value that joins nothing, and why: two witnesses that cannot be one asset.
type Demotion struct {
	Key    Key
	Tier   int32
	Reason string
	A, B   int64
	Told   bool // a person told them apart
	// Holders are the records that carry it, as far as they are known.
	Holders []int64
}

// Handover says that a record went with its value from one asset to the next: a
// directory's account from a machine to the one that replaced it under its name. What
// the record said before the day On was about From; it is no correction of a mistake.
type Handover struct {
	Key      Key
	Record   int64
	From, To int64 // assets
	On       time.Time
}
