package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

func record(id int64, kind inventory.SourceKind, last time.Time, bodies ...inventory.Body) reconcile.RecordFacts {
	s := see(kind, "s", "", "", last, bodies...)
	return reconcile.RecordFacts{ID: id, Source: kind, LastSeen: last, Said: reconcile.Say(s.source, s.bodies)}
}

func TestAssemble(t *testing.T) {
	now := on(30)
	daysAgo := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	var assembler reconcile.Assembler // one for all: nothing of an asset may show in the next
	for _, c := range []struct {
		name    string
		records []reconcile.RecordFacts
		want    map[string]string // attribute: value, then what others say
	}{
		{"the agent before an import", []reconcile.RecordFacts{
			record(1, inventory.KindImport, daysAgo(1), &inventory.Device{Model: "Latitude", User: "anna"}),
			record(2, inventory.KindAgent, daysAgo(1), &inventory.Device{Model: "Latitude 5440", User: "ben"}),
		}, map[string]string{"model": "Latitude 5440, Latitude", "user": "ben, anna"}},
		{"a stale agent yields", []reconcile.RecordFacts{
			record(1, inventory.KindImport, daysAgo(1), &inventory.Device{User: "anna"}),
			record(2, inventory.KindAgent, daysAgo(8), &inventory.Device{User: "ben"}),
		}, map[string]string{"user": "anna, ben"}},
		{"all stale: the usual order", []reconcile.RecordFacts{
			record(1, inventory.KindImport, daysAgo(100), &inventory.Device{User: "anna"}),
			record(2, inventory.KindAgent, daysAgo(200), &inventory.Device{User: "ben"}),
		}, map[string]string{"user": "ben, anna"}},
		{"of one kind the newer", []reconcile.RecordFacts{
			record(1, inventory.KindAgent, daysAgo(3), &inventory.Device{Name: "old"}),
			record(2, inventory.KindAgent, daysAgo(1), &inventory.Device{Name: "new"}),
		}, map[string]string{"name": "new, old"}},
		{"placeholders never win", []reconcile.RecordFacts{
			record(1, inventory.KindAgent, daysAgo(0), &inventory.Device{Serial: "To Be Filled By O.E.M.", Vendor: "System manufacturer"}),
			record(2, inventory.KindImport, daysAgo(60), &inventory.Device{Serial: "5CG1234XYZ"}),
		}, map[string]string{"serial": "5CG1234XYZ, To Be Filled By O.E.M.", "vendor": "System manufacturer"}},
		{"nothing but a placeholder", []reconcile.RecordFacts{
			record(1, inventory.KindAgent, daysAgo(0), &inventory.Device{Serial: "Default string"}),
		}, map[string]string{"serial": ", Default string"}},
		{"asset tags are the books'", []reconcile.RecordFacts{
			record(1, inventory.KindAgent, daysAgo(0), &inventory.Device{AssetTag: "B7"}),
			record(2, inventory.KindImport, daysAgo(1), &inventory.Device{AssetTag: "A100"}),
		}, map[string]string{"asset_tag": "A100, B7"}},
		{"sums and fallbacks", []reconcile.RecordFacts{
			record(1, inventory.KindAgent, daysAgo(0), &inventory.Hardware{SystemVendor: "HP", SystemModel: "Book", CPUModel: "Core", MemoryBytes: 15, ChassisType: "Notebook"}, &inventory.Device{},
				inventory.MemoryModules{{Bytes: 8}, {Bytes: 8}}, inventory.Disks{{Bytes: 100}, {Bytes: 7, Removable: true}}, &inventory.OS{Family: "linux", Name: "Debian GNU/Linux", Version: "12"}),
		}, map[string]string{"vendor": "HP", "model": "Book", "cpu": "Core", "memory_bytes": "16", "disk_bytes": "100", "os": "Debian GNU/Linux", "os_family": "linux", "os_version": "12", "class": "laptop"}},
		{"a controller shows as one", []reconcile.RecordFacts{
			record(1, inventory.KindScanner, daysAgo(0), &inventory.Device{Description: "Dell iDRAC9"}),
		}, map[string]string{"class": "management controller", "description": "Dell iDRAC9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]string{}
			for _, a := range assembler.Assemble(now, c.records) {
				words := []string{a.Value}
				for _, o := range a.Losers {
					words = append(words, o.Value)
				}
				got[a.Name] = strings.Join(words, ", ")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
