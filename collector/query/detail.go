package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Detail is everything about one asset. Each list is the account of one record, the
// best that has it: two sources' lists of the same disks cannot be merged without
// showing some twice.
type Detail struct {
	store.AssetDetail
	OS          inventory.OS
	Hardware    inventory.Hardware
	Memory      inventory.MemoryModules
	Interfaces  inventory.Interfaces
	Disks       inventory.Disks
	Filesystems inventory.Filesystems
	PCI         inventory.PCIDevices
	Software    inventory.SoftwareList
	Users       inventory.Users
	Ports       inventory.Ports
	Components  inventory.Components
	// From has for each section that is known the record it is from.
	From map[inventory.SectionName]*store.RecordDetail
}

// Asset is everything about one asset, now or as it was at a time.
func (q *Inventory) Asset(ctx context.Context, id string, asOf time.Time) (Detail, error) {
	if err := checkAsOf(asOf, q.now()); err != nil {
		return Detail{}, err
	}
	n, err := inventory.ParseAssetID(id)
	if err != nil {
		return Detail{}, err
	}
	found, err := q.store.Asset(ctx, n, asOf)
	if err != nil {
		return Detail{}, err
	}
	return choose(found, asOf), nil
}

// choose takes each section from the best record that has it.
func choose(found store.AssetDetail, asOf time.Time) Detail {
	d := Detail{AssetDetail: found, From: map[inventory.SectionName]*store.RecordDetail{}}
	best := make([]*store.RecordDetail, len(d.Records))
	for i := range d.Records {
		best[i] = &d.Records[i]
	}
	slices.SortStableFunc(best, func(a, b *store.RecordDetail) int {
		return cmp.Or(rank(a.Key.Kind)-rank(b.Key.Kind), b.LastSeen.Compare(a.LastSeen))
	})
	if os := pick[*inventory.OS](&d, best, asOf, inventory.SectionOS); os != nil {
		d.OS = *os
	}
	if hw := pick[*inventory.Hardware](&d, best, asOf, inventory.SectionHardware); hw != nil {
		d.Hardware = *hw
	}
	d.Memory = pick[inventory.MemoryModules](&d, best, asOf, inventory.SectionMemory)
	d.Interfaces = pick[inventory.Interfaces](&d, best, asOf, inventory.SectionInterfaces)
	d.Disks = pick[inventory.Disks](&d, best, asOf, inventory.SectionDisks)
	d.Filesystems = pick[inventory.Filesystems](&d, best, asOf, inventory.SectionFilesystems)
	d.PCI = pick[inventory.PCIDevices](&d, best, asOf, inventory.SectionPCI)
	d.Users = pick[inventory.Users](&d, best, asOf, inventory.SectionUsers)
	d.Ports = pick[inventory.Ports](&d, best, asOf, inventory.SectionPorts)
	d.Components = pick[inventory.Components](&d, best, asOf, inventory.SectionComponents)
	for _, r := range best {
		if len(r.Software) > 0 || toldEmpty(r, asOf, inventory.SectionSoftware) {
			d.Software, d.From[inventory.SectionSoftware] = r.Software, r
			break
		}
	}
	return d
}

// rank puts what runs on the thing before what asks it, and that before hearsay.
func rank(kind inventory.SourceKind) int {
	switch kind {
	case inventory.KindAgent:
		return 0
	case inventory.KindScanner, inventory.KindAWS, inventory.KindAzure:
		return 1
	case inventory.KindImport:
		return 2
	}
	return 1
}

func pick[T inventory.Body](d *Detail, best []*store.RecordDetail, asOf time.Time, name inventory.SectionName) T {
	for _, r := range best {
		body, ok := r.Bodies[name].(T)
		if ok || toldEmpty(r, asOf, name) {
			d.From[name] = r
			return body
		}
	}
	var none T
	return none
}

// toldEmpty reports whether the record's source looked and there was nothing. What was
// told in the past is not kept for empty lists.
func toldEmpty(r *store.RecordDetail, asOf time.Time, name inventory.SectionName) bool {
	s := r.Sections[name]
	return asOf.IsZero() && s.BodyObs != 0 && s.Status == inventory.StatusOK
}

// RecordID is how people see a record's id.
func RecordID(id int64) string { return "r" + strconv.FormatInt(id, 10) }

// RecordName names a record for people.
func RecordName(r *store.RecordDetail) string {
	name := r.Key.Key
	if dev, ok := r.Bodies[inventory.SectionDevice].(*inventory.Device); ok && dev.Name != "" {
		name = dev.Name
	}
	return strings.TrimSpace(fmt.Sprintf("%s's %s", r.Key.Kind, RecordID(r.ID))) + " (" + name + ")"
}
