package reconcile

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Tiers, from what a provider vouches for to where a thing was seen on one day.
const (
	tierProvider = iota // provider's instance id, container id
	tierManaged         // hypervisor's instance uuid, directory and device management ids
	tierSerial
	tierUUID
	tierAgent   // agent id, SNMP engine id
	tierMAC     // burned-in address, anywhere
	tierPart    // machine-id, disk serial, any address inside its site
	tierName    // host name, SSH host key
	tierAddress // address in a site on a day
	tierNearby  // the same, on a day next to it: only a sighting of an address claims it
	tierRole    // what sort of thing it is and whether it is gone: joins nothing
)

// Bounds on the claims of one observation: beyond them a thing is a switch or a lie.
const (
	maxMACs      = 1024
	maxDisks     = 128
	maxAddresses = 64
)

// Scopes that are no site.
const (
	scopeCloud    = "cloud"    // cards whose locally administered address a provider gave
	scopeBMC      = "bmc"      // a chassis' serial number as its management controller tells it
	scopeVirtual  = "virtual"  // a virtual machine's: hypervisors can show it the chassis' own
	scopeInternet = "internet" // addresses that mean the same everywhere
)

const day = 24 * time.Hour

// Evidence is what one observation says about identity.
type Evidence struct {
	Role   inventory.Role
	Claims []Claim
	// Incarnation tells things apart that a source calls by one name: it belongs to the
	// record's key. Two machines restored from one image report with one agent id, an
	// address belongs to another machine tomorrow.
	Incarnation string
}

// Read turns the facts of one thing, as its record would keep them, into evidence. seen
// is by the source's own clock. Source.Site is the place in which private addresses
// are meaningful, "" when there is none. It looks at the sections device, os,
// interfaces, disks and components.
func Read(src inventory.Source, seen time.Time, bodies map[inventory.SectionName]inventory.Body) Evidence {
	r := newReader(src, seen, bodies)
	r.claims = make([]Claim, 0, 8) // as many as most have
	if r.role != "" {
		r.claim(TypeRole, "", string(r.role), tierRole)
	}
	if m := Maker(r.dev.Vendor); m != "" && r.virtual {
		r.claim(TypePlatform, "", m, tierRole)
	}
	r.identifiers()
	r.serials()
	r.cards()
	r.disks()
	if gone(r.dev.State) {
		r.claim(TypeGone, "", "", tierRole) // and gives up its name and address
	} else {
		r.names()
		r.addresses()
	}
	return Evidence{Role: r.role, Claims: r.claims, Incarnation: r.incarnation()}
}

// reader collects the claims of one observation.
type reader struct {
	src        inventory.Source
	day        Day
	dev        *inventory.Device
	windows    bool
	interfaces inventory.Interfaces
	diskList   inventory.Disks
	components inventory.Components

	role    inventory.Role
	cloud   bool
	virtual bool
	onCards []netip.Addr // found on cards that count
	site    string       // as a scope, "" without one
	claims  []Claim
	at      map[Key]int // of claims, once there are many
}

func newReader(src inventory.Source, seen time.Time, bodies map[inventory.SectionName]inventory.Body) reader {
	r := reader{src: src, day: DayOf(seen)}
	if src.Site != "" {
		r.site = "site:" + src.Site
	}
	if r.dev, _ = bodies[inventory.SectionDevice].(*inventory.Device); r.dev == nil {
		r.dev = &inventory.Device{}
	}
	if o, ok := bodies[inventory.SectionOS].(*inventory.OS); ok && o != nil {
		r.windows = strings.EqualFold(o.Family, "windows")
	}
	r.interfaces, _ = bodies[inventory.SectionInterfaces].(inventory.Interfaces)
	r.diskList, _ = bodies[inventory.SectionDisks].(inventory.Disks)
	r.components, _ = bodies[inventory.SectionComponents].(inventory.Components)
	maker := Maker(r.dev.Vendor)
	r.cloud = src.Kind == inventory.KindAWS || src.Kind == inventory.KindAzure || maker == "amazon" || maker == "google"
	r.virtual = isVirtual(r.dev)
	r.role = r.roleOf()
	return r
}

// claim claims a value, once.
func (r *reader) claim(t Type, scope, value string, tier int32) *Claim {
	k := Key{Type: t, Scope: scope, Value: value}
	if c := r.claimed(k); c != nil {
		c.Tier = min(c.Tier, tier)
		return c
	}
	r.claims = append(r.claims, Claim{Key: k, Tier: tier, First: r.day, Last: r.day})
	return &r.claims[len(r.claims)-1]
}

// claimed is the claim on a value, nil when there is none yet. An index pays only for the
// many claims of a switch or hypervisor.
func (r *reader) claimed(k Key) *Claim {
	const few = 32
	if len(r.claims) <= few {
		return claimIn(r.claims, k)
	}
	if r.at == nil {
		r.at = map[Key]int{}
	}
	for i := len(r.at); i < len(r.claims); i++ {
		r.at[r.claims[i].Key] = i
	}
	if i, ok := r.at[k]; ok {
		return &r.claims[i]
	}
	return nil
}

// address claims an address for a day, on which the thing was there or nearby.
func (r *reader) address(place string, a netip.Addr, d Day, nearby bool) {
	tier := int32(tierAddress)
	if nearby {
		tier = tierNearby
	}
	week, days := InWeek(place, d, nearby)
	r.claim(TypeAddress, week, a.String(), tier).Days |= days
}

// ec2Instance is how an instance id looks where the firmware shows it as a board's asset tag.
var ec2Instance = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)

func (r *reader) identifiers() {
	if r.src.Kind == inventory.KindAgent && r.src.ID != "" {
		r.claim(inventory.IDAgent, "", r.src.ID, tierAgent)
	}
	for _, id := range r.dev.Identifiers {
		r.identifier(id)
	}
}

func (r *reader) identifier(id inventory.Identifier) {
	guest := r.role == inventory.RoleContainer // sees its host's firmware and files
	switch id.Type {
	case inventory.IDCloudInstance:
		if v, ok := token(id.Value); ok && !guest {
			r.cloud = true
			r.claim(id.Type, strings.ToLower(id.Scope), v, tierProvider)
			if strings.EqualFold(id.Scope, "azure") {
				r.uuid(v) // Azure's VM id is the machine's SMBIOS UUID
			}
		}
	case inventory.IDAssetTag:
		if v := strings.ToLower(strings.TrimSpace(id.Value)); ec2Instance.MatchString(v) && !guest {
			r.cloud = true
			r.claim(inventory.IDCloudInstance, "aws", v, tierProvider)
		}
	case inventory.IDContainer:
		if v, ok := token(id.Value); ok {
			r.claim(id.Type, "", v, tierProvider)
		}
	case inventory.IDVMInstance, inventory.IDDirectory:
		if v, ok := parseUUID(id.Value); ok && !v.placeholder() {
			r.claim(id.Type, "", v.String(), tierManaged)
		}
	case inventory.IDMDM:
		if v, ok := token(id.Value); ok {
			r.claim(id.Type, "", v, tierManaged)
		}
	case inventory.IDSMBIOS:
		r.uuid(id.Value)
	case inventory.IDSNMPEngine:
		if v, ok := hexID(id.Value, 5); ok {
			r.claim(id.Type, "", v, tierAgent)
		}
	case inventory.IDMachine:
		if v, ok := hexID(id.Value, 16); ok && !guest {
			r.claim(id.Type, "", v, tierPart)
		}
	case inventory.IDSSHHostKey:
		if v := strings.TrimSpace(id.Value); len(v) >= 16 && len(v) <= 512 {
			r.claim(id.Type, "", v, tierName)
		}
	default: // serials and cards have methods of their own; an agent's id is its source's
	}
}

func (r *reader) uuid(s string) {
	if v, ok := UUID(s); ok && r.role != inventory.RoleContainer {
		scope := ""
		if r.role == inventory.RoleBMC {
			scope = scopeBMC
		}
		r.claim(inventory.IDSMBIOS, scope, v, tierUUID)
	}
}

func (r *reader) serials() {
	found := false
	add := func(value, maker, part string) {
		found = r.serial(value, maker, part) || found
	}
	maker := r.dev.Vendor
	if r.src.Kind == inventory.KindImport {
		maker = "" // who sold it, often enough
	}
	add(r.dev.Serial, maker, r.partOf(r.dev.Serial))
	for _, id := range r.dev.Identifiers {
		if id.Type == inventory.IDSerial {
			scope := id.Scope
			if scope == "" {
				scope = maker
			}
			add(id.Value, scope, id.Part)
		}
	}
	if found {
		return
	}
	for _, c := range r.components { // RFC 6933: only a chassis' number is the device's
		if strings.EqualFold(c.Class, "chassis") {
			add(c.Serial, c.Vendor, inventory.PartStack)
		}
	}
}

// partOf is what bears the serial number that is shown for the whole device: where its
// firmware knows none, sources show the enclosure's.
func (r *reader) partOf(serial string) string {
	part := inventory.PartSystem
	for _, id := range r.dev.Identifiers {
		if id.Type != inventory.IDSerial || strings.TrimSpace(id.Value) != strings.TrimSpace(serial) {
			continue
		}
		if id.Part != inventory.PartChassis {
			return inventory.PartSystem
		}
		part = inventory.PartChassis
	}
	return part
}

// serial claims the number alone, which a delivery note knows, and with its maker.
func (r *reader) serial(value, maker, part string) bool {
	if r.role == inventory.RoleContainer || part == inventory.PartBoard {
		return false
	}
	if u, ok := vmwareUUID(value); ok {
		r.virtual = true
		r.uuid(u)
		return true
	}
	v, ok := Serial(value)
	if !ok {
		return false
	}
	if part == inventory.PartBMC || r.role == inventory.RoleBMC {
		r.claim(inventory.IDSerial, scopeBMC, v, tierSerial)
		return true
	}
	if r.virtual {
		r.claim(inventory.IDSerial, scopeVirtual, v, tierSerial)
		return true
	}
	if part == inventory.PartChassis {
		r.claim(inventory.IDSerial, "", v, tierPart)
		return false
	}
	r.claim(inventory.IDSerial, "", v, tierSerial)
	if m := Maker(maker); m != "" {
		r.claim(inventory.IDSerial, "maker:"+m, v, tierSerial)
	}
	return true
}

// cards claims the addresses of network cards and notes the IP addresses on them.
func (r *reader) cards() {
	n := 0
	for _, c := range r.interfaces {
		if n++; n > maxMACs {
			return
		}
		if c.MAC == "" && c.PermanentMAC == "" {
			if r.src.Kind != inventory.KindAgent {
				r.onCard(c.Addresses)
			}
			continue
		}
		if r.card(c) {
			r.onCard(c.Addresses)
		}
	}
	for _, id := range r.dev.Identifiers {
		if id.Type == inventory.IDMAC {
			r.mac(id.Value, tierMAC, true)
		}
	}
}

// card claims one card's addresses; false when no card stands behind the interface.
func (r *reader) card(c inventory.Interface) bool {
	switch c.Type {
	case inventory.IfBridge, inventory.IfVPN, inventory.IfVirtual, inventory.IfLoopback, inventory.IfBluetooth:
		return false
	case inventory.IfEthernet, inventory.IfWiFi, inventory.IfUSB, inventory.IfBond, inventory.IfVLAN:
	default:
	}
	if softwareInterface(c.Name) || softwareInterface(c.Description) {
		return false
	}
	attested := c.Type != inventory.IfWiFi && c.Type != inventory.IfUSB
	tier := int32(tierMAC)
	if c.Type == inventory.IfUSB {
		tier = tierPart // goes from hand to hand
	}
	permanent := c.PermanentMAC != "" && r.mac(c.PermanentMAC, tier, attested)
	return r.mac(c.MAC, tier, attested) || permanent
}

// mac claims one address. onCloud admits the locally administered ones that a provider gives.
func (r *reader) mac(s string, tier int32, onCloud bool) bool {
	m, ok := MAC(s)
	if !ok {
		return false
	}
	class := classOf(m)
	if r.cloud && onCloud && strings.IndexByte("2367abef", m[1]) >= 0 {
		r.claim(inventory.IDMAC, scopeCloud, m, tierMAC)
		return true
	}
	switch class {
	case macBurnedIn, macHypervisor:
		r.claim(inventory.IDMAC, "", m, tier)
		if r.site != "" {
			r.claim(inventory.IDMAC, r.site, m, tierPart)
		}
	case macLocal:
		if r.site == "" {
			return true
		}
		r.claim(inventory.IDMAC, r.site, m, tierPart)
	case macRouter:
		// Only somebody else's sighting is the virtual address itself; its routers list it too.
		if r.role != inventory.RoleVirtualAddress || r.site == "" {
			return false
		}
		r.claim(inventory.IDMAC, r.site, m, tierPart)
	case macSoftware:
		return false
	}
	return true
}

func (r *reader) onCard(list []netip.Prefix) {
	for _, p := range list {
		if len(r.onCards) < maxAddresses {
			r.onCards = append(r.onCards, p.Addr().Unmap())
		}
	}
}

func (r *reader) disks() {
	if r.role == inventory.RoleContainer {
		return
	}
	for i, d := range r.diskList {
		if i >= maxDisks {
			return
		}
		if d.Removable || strings.EqualFold(d.Bus, "usb") {
			continue
		}
		if v, ok := Serial(d.Serial); ok && r.drawn(v) {
			r.claim(TypeDisk, "", v, tierPart)
		}
	}
}

// counted is a short number that is counted up from nothing, as emulated disks have.
var counted = regexp.MustCompile(`^[A-Z]{0,6}0{2,}[0-9]{1,3}$`)

// drawn says that a disk's serial number was given to it alone. What a hypervisor shows
// without being told is the same in every machine; what it draws at random is long.
func (r *reader) drawn(serial string) bool {
	return !counted.MatchString(serial) && (!r.virtual || len(serial) >= 16)
}

// names claims what a thing calls itself. A provider's label is no name, and what reverse
// DNS says of an address may be the previous holder's name: it counts with the address only.
func (r *reader) names() {
	if r.src.Kind == inventory.KindAWS || r.src.Kind == inventory.KindAzure || r.role == inventory.RoleContainer {
		return
	}
	name, domain, ok := Name(r.dev.Name, r.dev.Domain)
	if !ok {
		return
	}
	if r.addressOnly() {
		for _, a := range r.onCards {
			r.claim(TypeName, r.place(a)+"/"+a.String(), name, tierAddress)
		}
		return
	}
	r.name(name, domain)
	if len(name) > netbiosLength && (r.windows || r.src.Kind == inventory.KindImport) {
		r.name(name[:netbiosLength], domain)
	}
}

func (r *reader) name(name, domain string) {
	r.claim(TypeName, "", name, tierName)
	if domain != "" {
		r.claim(TypeName, domain, name, tierName)
	}
}

// addressOnly says that a scanner saw nothing but an address that answers.
func (r *reader) addressOnly() bool {
	return r.src.Kind == inventory.KindScanner && !slices.ContainsFunc(r.claims, func(c Claim) bool {
		return c.Tier < tierName
	})
}

func (r *reader) addresses() {
	only := r.addressOnly()
	for _, a := range r.onCards {
		place := r.place(a)
		if place == "" {
			continue
		}
		r.address(place, a, r.day, false)
		if only {
			r.address(place, a, r.day-1, true)
			r.address(place, a, r.day+1, true)
		}
	}
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// place is where an address means one thing: its site when it is private. "" when it
// means nothing to others.
func (r *reader) place(a netip.Addr) string {
	switch {
	case !a.IsValid(), a.IsLoopback(), a.IsUnspecified(), a.IsLinkLocalUnicast(), a.IsMulticast():
		return ""
	case a.IsPrivate(), sharedSpace.Contains(a):
		return r.site
	}
	return scopeInternet
}
