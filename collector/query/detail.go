package query

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/topology"
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
	Security    inventory.Security
	Volumes     inventory.Volumes
	GPUs        inventory.GPUs
	Monitors    inventory.Monitors
	Batteries   inventory.Batteries
	Printers    inventory.Printers
	Peripherals inventory.Peripherals
	Containers  inventory.Containers
	Usage       inventory.Usages
	Readings    inventory.Readings
	VLANs       inventory.VLANs
	Redundancy  inventory.Redundancies
	Wireless    inventory.WirelessNetworks
	Supplies    inventory.Supplies
	Meters      inventory.Meters
	// Links are where it is plugged in, and who is plugged into it.
	Links []Connection
	// Places are where it is plugged in with the evidence, Switch its ports when it is a bridge.
	Places Whereabouts
	Switch Switch
	// Missed is how many complete sweeps did not see it since it was last seen, MissedAt when the last of them began.
	Missed   int
	MissedAt time.Time
	// From has for each section that is known the record it is from.
	From map[inventory.SectionName]*store.RecordDetail
}

// Asset is everything about one asset, now or as it was at a time.
func (q *Inventory) Asset(ctx context.Context, id string, at When) (Detail, error) {
	if err := checkWhen(at, q.now()); err != nil {
		return Detail{}, err
	}
	n, err := inventory.ParseAssetID(id)
	if err != nil {
		return Detail{}, err
	}
	found, err := q.store.Asset(ctx, n, at)
	if err != nil {
		return Detail{}, err
	}
	d := choose(found, at)
	sweeps, err := q.store.Sweeps(ctx, d.Site, at)
	if err != nil {
		return Detail{}, err
	}
	d.Missed, d.MissedAt = sweeps.Missed(&d.Asset)
	return d, q.connect(ctx, &d, at)
}

// choose takes each section from the best record that has it.
func choose(found store.AssetDetail, at When) Detail {
	d := Detail{AssetDetail: found, From: map[inventory.SectionName]*store.RecordDetail{}}
	best := make([]*store.RecordDetail, len(d.Records))
	for i := range d.Records {
		best[i] = &d.Records[i]
	}
	slices.SortStableFunc(best, func(a, b *store.RecordDetail) int {
		return cmp.Or(rank(a.Key.Kind)-rank(b.Key.Kind), b.LastSeen.Compare(a.LastSeen))
	})
	v := reflect.ValueOf(&d).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if list, ok := f.Interface().(inventory.Body); ok && list.Section() != inventory.SectionSoftware {
			if body := d.pick(best, at, list.Section()); body != nil {
				f.Set(reflect.ValueOf(body))
			}
		} else if thing, ok := f.Addr().Interface().(inventory.Body); ok && !f.Type().Implements(reflect.TypeFor[inventory.Body]()) {
			if body := d.pick(best, at, thing.Section()); body != nil {
				f.Set(reflect.ValueOf(body).Elem())
			}
		}
	}
	// Facts come in the order of texts, eth10 before eth2.
	d.Interfaces = slices.SortedStableFunc(slices.Values(d.Interfaces), func(a, b inventory.Interface) int { return topology.Natural(a.Name, b.Name) })
	for _, r := range best {
		if len(r.Software) > 0 || toldEmpty(r, at, inventory.SectionSoftware) {
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

// pick is a section as the best record has it, nil when none has.
func (d *Detail) pick(best []*store.RecordDetail, at When, name inventory.SectionName) inventory.Body {
	for _, r := range best {
		body, ok := r.Bodies[name]
		if ok || toldEmpty(r, at, name) {
			d.From[name] = r
			return body
		}
	}
	return nil
}

// toldEmpty reports whether the record's source looked and there was nothing. What was
// told in the past is not kept for empty lists.
func toldEmpty(r *store.RecordDetail, at When, name inventory.SectionName) bool {
	s := r.Sections[name]
	return at.IsZero() && s.BodyObs != 0 && s.Status == inventory.StatusOK
}

// RecordID is how people see a record's id.
func RecordID(id int64) string { return "r" + strconv.FormatInt(id, 10) }

// RecordName names a record for people: who said it and of what.
func RecordName(r *store.RecordDetail) string {
	_, name, found := strings.Cut(r.Key.Key, ":") // mac:8c:16:.., ip:10.1.0.5
	if !found || r.Key.Kind != inventory.KindScanner {
		name = r.Key.Key
	}
	if dev, ok := r.Bodies[inventory.SectionDevice].(*inventory.Device); ok && dev.Name != "" {
		name = dev.Name
	}
	switch kind := string(r.Key.Kind); r.Key.Kind {
	case inventory.KindAgent:
		name = "the agent on " + name
	case inventory.KindScanner:
		name = "the sighting of " + name
	case inventory.KindImport:
		name = "the row " + name + " of " + strings.TrimPrefix(r.Key.Scope, "import:")
	default:
		name = "the entry " + name + " of " + kind
	}
	return name + " (" + RecordID(r.ID) + ")"
}
