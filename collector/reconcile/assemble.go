package reconcile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// RecordFacts is what one record knows, for the choice of an asset's attributes.
type RecordFacts struct {
	ID     int64
	Source inventory.SourceKind
	// LastSeen is when the record's source last spoke of it, by the collector's clock.
	LastSeen time.Time
	Said     Said
}

// Said is what a record says of each attribute, in their order. It follows from the
// record's source and sections alone, so that it can be kept while these are as they were.
type Said []attributeValue

type attributeValue struct {
	attribute   int
	value       string
	placeholder bool
}

// Say is what a record with those sections says.
func Say(src inventory.Source, bodies map[inventory.SectionName]inventory.Body) Said {
	r := facts{src, bodies}
	out := make(Said, 0, 32) // not what is kept
	for i := range attributes {
		a := &attributes[i]
		if v := strings.TrimSpace(a.of(&r)); v != "" {
			out = append(out, attributeValue{i, v, a.placeholder != nil && a.placeholder(v)})
		}
	}
	return slices.Clone(out)
}

// facts are a record's sections.
type facts struct {
	Source inventory.Source
	Bodies map[inventory.SectionName]inventory.Body
}

// fresh is how long what a kind of source said is believed before others'.
var fresh = map[inventory.SourceKind]time.Duration{
	inventory.KindAgent: 7 * day, inventory.KindAWS: day, inventory.KindAzure: day,
	inventory.KindScanner: 7 * day, inventory.KindImport: 90 * day,
}

// Who is asked first. A sighting's name is last: reverse DNS remembers previous holders.
var (
	usualOrder = []inventory.SourceKind{inventory.KindAgent, inventory.KindAWS, inventory.KindAzure, inventory.KindScanner, inventory.KindImport}
	nameOrder  = []inventory.SourceKind{inventory.KindAgent, inventory.KindAWS, inventory.KindAzure, inventory.KindImport, inventory.KindScanner}
	booksOrder = []inventory.SourceKind{inventory.KindImport, inventory.KindAgent, inventory.KindAWS, inventory.KindAzure, inventory.KindScanner}
	cloudOrder = []inventory.SourceKind{inventory.KindAWS, inventory.KindAzure, inventory.KindImport, inventory.KindAgent, inventory.KindScanner}
)

// attributes are all that an Assembler chooses, by name.
var attributes = []struct {
	name  string
	order []inventory.SourceKind
	of    func(*facts) string
	// meaningless values never win; nil when all mean something
	placeholder func(string) bool
}{
	{"asset_tag", booksOrder, device(func(d *inventory.Device) string { return d.AssetTag }), meaninglessText},
	{"bios_version", usualOrder, hardware(func(h *inventory.Hardware) string { return h.BIOSVersion }), meaninglessText},
	{"class", usualOrder, classOfRecord, nil},
	{"cloud_account", cloudOrder, device(func(d *inventory.Device) string { return d.CloudAccount }), nil},
	{"cloud_region", cloudOrder, device(func(d *inventory.Device) string { return d.CloudRegion }), nil},
	{"contact", usualOrder, device(func(d *inventory.Device) string { return d.Contact }), meaninglessText},
	{"cpu", usualOrder, hardware(func(h *inventory.Hardware) string { return h.CPUModel }), meaninglessText},
	{"description", usualOrder, device(func(d *inventory.Device) string { return d.Description }), nil},
	{"disk_bytes", usualOrder, diskBytes, nil},
	{"domain", nameOrder, device(func(d *inventory.Device) string { return d.Domain }), nil},
	{"location", usualOrder, device(func(d *inventory.Device) string { return d.Location }), meaninglessText},
	{"machine_id", usualOrder, identifier(inventory.IDMachine), func(s string) bool { _, ok := hexID(s, 16); return !ok }},
	{"memory_bytes", usualOrder, memoryBytes, nil},
	{"model", usualOrder, model, meaninglessText},
	{"name", nameOrder, device(func(d *inventory.Device) string { return d.Name }), meaninglessText},
	{"os", usualOrder, system(func(o *inventory.OS) string { return cmp.Or(o.Name, o.Family) }), meaninglessText},
	{"os_family", usualOrder, system(func(o *inventory.OS) string { return o.Family }), meaninglessText},
	{"os_version", usualOrder, system(func(o *inventory.OS) string { return o.Version }), meaninglessText},
	{"serial", usualOrder, serialOf, func(s string) bool { _, ok := Serial(s); return !ok }},
	{"site", usualOrder, func(r *facts) string { return r.Source.Site }, nil},
	{"smbios_uuid", usualOrder, identifier(inventory.IDSMBIOS), func(s string) bool { _, ok := UUID(s); return !ok }},
	{"state", cloudOrder, device(func(d *inventory.Device) string { return d.State }), nil},
	{"user", usualOrder, device(func(d *inventory.Device) string { return d.User }), meaninglessText},
	{"vendor", usualOrder, vendor, meaninglessText},
}

// Assembler chooses what to show of one asset after another.
type Assembler struct {
	all            []candidate
	chosen, losers []inventory.Attribute
}

// candidate is what one record says of an attribute; the one of the lowest rank shows.
type candidate struct {
	of   *RecordFacts
	said attributeValue
	rank int
}

// Assemble chooses for each attribute the value to show among what an asset's records
// say: by source, by freshness, never a placeholder. Sorted by name; what nobody says
// is left out. A value is empty when all that records say is placeholders; those are then
// among the losers, which are in order of preference. What it returns is good until the next asset.
func (a *Assembler) Assemble(now time.Time, records []RecordFacts) []inventory.Attribute {
	a.all, a.chosen, a.losers = a.all[:0], a.chosen[:0], a.losers[:0]
	for i := range records {
		r := &records[i]
		life, ok := fresh[r.Source]
		stale := !ok || now.Sub(r.LastSeen) > life
		for _, s := range r.Said {
			a.all = append(a.all, candidate{r, s, rank(r.Source, s, stale)})
		}
	}
	slices.SortFunc(a.all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.said.attribute, b.said.attribute), cmp.Compare(a.rank, b.rank),
			b.of.LastSeen.Compare(a.of.LastSeen), cmp.Compare(a.of.ID, b.of.ID))
	})
	for rest := a.all; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].said.attribute == rest[0].said.attribute {
			n++
		}
		a.choose(rest[:n])
		rest = rest[n:]
	}
	return a.chosen
}

func rank(source inventory.SourceKind, s attributeValue, stale bool) int {
	order := attributes[s.attribute].order
	r := slices.Index(order, source)
	if r < 0 {
		r = len(order)
	}
	if stale {
		r += 100
	}
	if s.placeholder {
		r += 1000
	}
	return r
}

// choose takes the first of the candidates for one attribute, unless it means nothing.
func (a *Assembler) choose(all []candidate) {
	best := inventory.Attribute{Name: attributes[all[0].said.attribute].name}
	if !all[0].said.placeholder {
		best, all = all[0].shown(), all[1:]
	}
	begin := len(a.losers)
	for i := range all {
		a.losers = append(a.losers, all[i].shown())
	}
	best.Losers = slices.Clip(a.losers[begin:])
	a.chosen = append(a.chosen, best)
}

func (c *candidate) shown() inventory.Attribute {
	return inventory.Attribute{Name: attributes[c.said.attribute].name, Value: c.said.value,
		Record: c.of.ID, Source: string(c.of.Source), At: c.of.LastSeen}
}

// meaninglessText tells the words that firmware and forms hold in place of a value.
func meaninglessText(s string) bool {
	plain := strings.Map(func(r rune) rune {
		if notAlnum(r) {
			return -1
		}
		return r
	}, strings.ToUpper(s))
	return plain == "" || badSerials.match(plain)
}

func device(get func(*inventory.Device) string) func(*facts) string {
	return func(r *facts) string {
		if d, ok := r.Bodies[inventory.SectionDevice].(*inventory.Device); ok && d != nil {
			return get(d)
		}
		return ""
	}
}

func hardware(get func(*inventory.Hardware) string) func(*facts) string {
	return func(r *facts) string {
		if h, ok := r.Bodies[inventory.SectionHardware].(*inventory.Hardware); ok && h != nil {
			return get(h)
		}
		return ""
	}
}

func system(get func(*inventory.OS) string) func(*facts) string {
	return func(r *facts) string {
		if o, ok := r.Bodies[inventory.SectionOS].(*inventory.OS); ok && o != nil {
			return get(o)
		}
		return ""
	}
}

func identifier(t inventory.IdentifierType) func(*facts) string {
	return device(func(d *inventory.Device) string {
		for _, id := range d.Identifiers {
			if id.Type == t {
				return id.Value
			}
		}
		return ""
	})
}

func vendor(r *facts) string {
	return cmp.Or(device(func(d *inventory.Device) string { return d.Vendor })(r), hardware(func(h *inventory.Hardware) string { return h.SystemVendor })(r))
}

func model(r *facts) string {
	return cmp.Or(device(func(d *inventory.Device) string { return d.Model })(r), hardware(func(h *inventory.Hardware) string { return h.SystemModel })(r))
}

func serialOf(r *facts) string {
	return device(func(d *inventory.Device) string {
		if d.Serial != "" {
			return d.Serial
		}
		for _, id := range d.Identifiers {
			if id.Type == inventory.IDSerial && id.Part != inventory.PartBoard {
				return id.Value
			}
		}
		return ""
	})(r)
}

func memoryBytes(r *facts) string {
	var sum int64
	modules, _ := r.Bodies[inventory.SectionMemory].(inventory.MemoryModules)
	for _, m := range modules {
		sum += m.Bytes
	}
	if h, ok := r.Bodies[inventory.SectionHardware].(*inventory.Hardware); ok && h != nil && sum == 0 {
		sum = h.MemoryBytes
	}
	return positive(sum)
}

func diskBytes(r *facts) string {
	var sum int64
	disks, _ := r.Bodies[inventory.SectionDisks].(inventory.Disks)
	for _, d := range disks {
		if !d.Removable {
			sum += d.Bytes
		}
	}
	return positive(sum)
}

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// chassisClasses are SMBIOS chassis types (DSP0134 section 7.4.1) as words.
var chassisClasses = map[string]inventory.Class{
	"laptop": inventory.ClassLaptop, "notebook": inventory.ClassLaptop, "portable": inventory.ClassLaptop, "sub notebook": inventory.ClassLaptop,
	"convertible": inventory.ClassLaptop, "detachable": inventory.ClassTablet, "tablet": inventory.ClassTablet,
	"desktop": inventory.ClassDesktop, "low profile desktop": inventory.ClassDesktop, "tower": inventory.ClassDesktop, "mini tower": inventory.ClassDesktop,
	"mini pc": inventory.ClassDesktop, "all in one": inventory.ClassDesktop, "space-saving": inventory.ClassDesktop, "stick pc": inventory.ClassDesktop,
	"main server chassis": inventory.ClassServer, "rack mount chassis": inventory.ClassServer, "blade": inventory.ClassServer, "blade enclosure": inventory.ClassServer,
	"multi-system chassis": inventory.ClassServer,
}

// classOfRecord is the class a source states, or the one that its facts leave no doubt about.
func classOfRecord(r *facts) string {
	d, _ := r.Bodies[inventory.SectionDevice].(*inventory.Device)
	if d == nil {
		return ""
	}
	if d.Class != "" {
		return string(d.Class)
	}
	read := newReader(r.Source, time.Time{}, r.Bodies)
	switch read.role {
	case inventory.RoleContainer:
		return string(inventory.ClassContainer)
	case inventory.RoleBMC:
		return string(inventory.ClassBMC)
	case inventory.RoleVirtualAddress:
		return string(inventory.ClassVirtualIP)
	case inventory.RoleHost:
	}
	if read.virtual {
		return string(inventory.ClassVM)
	}
	return hardware(func(h *inventory.Hardware) string { return string(chassisClasses[strings.ToLower(h.ChassisType)]) })(r)
}
