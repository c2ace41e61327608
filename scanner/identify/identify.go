// Package identify says what a device is from what it told by SNMP: vendor, type, model,
// serial number and operating system.
//
// It owns the rules, which are data: rules/*.yaml, each with examples that are its tests,
// and the few general ones that follow from standard MIBs. It refuses to guess: no answer
// beats a wrong one. The caller is scanner.
package identify

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Identity is what a device is; empty fields are not known.
type Identity struct {
	Vendor string
	Type   inventory.Class
	Model  string
	Serial string
	OS     inventory.OS
}

// Device identifies a device: by rules first, then standard MIBs, then by how devices word
// what they say of themselves. The evidence has a line for each source that gave a value.
func (r *Rules) Device(f *snmp.Facts) (Identity, []Evidence) {
	var id Identity
	c := &inquiry{id: &id}
	opaque := r.match(f, c)
	linux(f, c)
	enterprise := r.enterprise(f)
	descr := f.System.Description
	if id.Vendor == "" {
		c.witness(factDescr, descr, "maker's name", sureOfMaker).tell("vendor", r.brand(descr))
	}
	if id.Vendor == "" {
		c.witness(factObjectID, f.System.ObjectID, "enterprise number", sureOfMaker).tell("vendor", r.vendor(enterprise))
	}
	label := ""
	if !opaque {
		label = labelled(descr)
	}
	if orderName.MatchString(label) {
		c.witness(factDescr, descr, "labels in sysDescr", sureOfLabel).tell("model", label)
	}
	standard(f, r.types[enterprise], c)
	r.product(f, c)
	if !opaque {
		describe(f, id.Vendor, label, c)
	}
	fromPrivate(f.Private, enterprise, c)
	if id.Type == "" && !opaque {
		c.witness(factDescr, descr, "words of sysDescr", sureOfWords).tell("type", string(worded(descr)))
	}
	if id.Type == "" {
		class, confidence := r.sortOf(f, enterprise)
		c.witness(factObjectID, f.System.ObjectID, "what its maker makes and its tables show", confidence).tell("type", string(class))
	}
	return id, c.evidence
}

// product takes the model from its maker's list of products: by sysObjectID, or by the
// entPhysicalVendorType of the chassis.
func (r *Rules) product(f *snmp.Facts, in *inquiry) {
	ids := []string{f.System.ObjectID}
	if c := chassis(f.Components); c != nil {
		ids = append(ids, c.VendorType)
	}
	for _, id := range ids {
		in.witness(factObjectID, id, "its maker's list of products", sureOfMaker).tell("model", r.products[id])
	}
}

// standard takes what the MIBs of IETF and TIA say of the whole device. usual is what its
// maker makes.
func standard(f *snmp.Facts, usual inventory.Class, in *inquiry) {
	h := f.Hints
	if h.UPSMaker != "" || h.UPSModel != "" || h.UPSVersion != "" {
		w := in.witness("snmp.ups", h.UPSModel, "UPS-MIB", sureOfMIB)
		w.tell("vendor", h.UPSMaker)
		w.tell("model", h.UPSModel)
		w.tell("version", h.UPSVersion)
		w.tell("type", string(inventory.ClassUPS))
	}
	// Windows lists the printers that it prints on, or to files, first of its devices.
	first := h.Printer && (in.id.Type == "" || in.id.Type == inventory.ClassPrinter) || usual == inventory.ClassPrinter
	if first && h.DeviceDescr != "" || h.PrinterName != "" || h.PrinterSerial != "" {
		w := in.witness("snmp.printer", h.DeviceDescr, "Printer-MIB", sureOfMIB)
		w.tell("serial", h.PrinterSerial)
		w.tell("model", h.DeviceDescr)
		w.tell("type", string(inventory.ClassPrinter))
	}
	if c := chassis(f.Components); c != nil {
		ofChassis(c, in.witness("snmp.chassis", cmp.Or(c.Description, c.Name), "ENTITY-MIB", sureOfMIB))
	}
	if c := outermost(f.Components); c != nil {
		in.witness("snmp.chassis", cmp.Or(c.Description, c.Name), "description of the outermost part", sureOfGroup).tell("model", describedAs(c, in.id.Vendor))
	}
	inventories(h, in)
}

// inventories takes what LLDP-EXT-MED-MIB has for the neighbours' inventories and RMON2-MIB
// for its managers.
func inventories(h snmp.Hints, in *inquiry) {
	med := in.witness("snmp.lldp_med", h.MEDModel, "LLDP-EXT-MED-MIB", sureOfMIB)
	if makerName.MatchString(h.MEDMaker) {
		med.tell("vendor", h.MEDMaker)
	}
	if name := withoutVendor(h.MEDModel, in.id.Vendor); !partNumber.MatchString(name) && !partName.MatchString(name) {
		med.tell("model", name)
	}
	if serialNumber(h.MEDSerial) {
		med.tell("serial", h.MEDSerial)
	}
	if isVersion(h.MEDVersion) {
		med.tell("version", h.MEDVersion)
	}
	if isVersion(h.ProbeVersion) {
		in.witness("snmp.rmon", h.ProbeVersion, "RMON2-MIB", sureOfMIB).tell("version", h.ProbeVersion)
	}
}

// ofChassis takes what a chassis says of itself.
func ofChassis(c *snmp.Component, w *witness) {
	w.tell("model", chassisModel(c))
	if strings.ContainsAny(c.Serial, "0123456789") && c.Serial != c.Model {
		w.tell("serial", c.Serial)
	}
	if strings.ContainsAny(c.Software, "0123456789") {
		w.tell("version", c.Software)
	}
	if makerName.MatchString(c.Maker) {
		w.tell("vendor", c.Maker)
	}
}

// chassisModel is the model's name, or the product that the description names, or a
// description or name that is nothing but one.
func chassisModel(c *snmp.Component) string {
	if meaningful(c.Model) && !partNumber.MatchString(c.Model) && !partName.MatchString(c.Model) {
		return c.Model
	}
	if m := chassisDescr.FindStringSubmatch(c.Description); m != nil {
		words := strings.Fields(m[1])
		if last := words[len(words)-1]; len(m[1]) > maxModel && strings.ContainsAny(last, "0123456789") {
			return last
		}
		if strings.ContainsAny(m[1], "0123456789") && len(m[1]) <= maxModel {
			return m[1]
		}
	}
	for _, text := range []string{c.Description, c.Name} {
		if orderName.MatchString(text) && len(text) <= maxModel {
			return text
		}
	}
	return ""
}

// orderName is one word of the form in which makers write a product's name in catalogues:
// capitals, digits and a hyphen between them.
var orderName = regexp.MustCompile(`^[A-Z]+-?[A-Za-z]*\d+\w*(?:-\w+)+$`)

// chassisDescr is a description that names the product.
var chassisDescr = regexp.MustCompile(`(?i)^(.+\S) chassis$`)

// partNumber is an order number where a model should be: it names the device to its maker
// only.
var partNumber = regexp.MustCompile(`^[\d-]+$|^J[A-Z]?\d{3,4}[A-Z]$|^[A-Z0-9]*\d{6,}[A-Z0-9]*$`)

// partName is what sort of part it is, where a model should be.
var partName = regexp.MustCompile(`(?i)^(?:(?:main|base|virtual|system|switch|router|unit|shelf|rack|chassis|board|device|module|card|cpu|slot|frame|stack)[ _=-]?\d{0,3}[ _-]?)+$`)

// makerName is what an ENTITY-MIB maker must look like to be one: some agents put a model,
// a code or an abbreviation there.
var makerName = regexp.MustCompile(`^[A-Z][A-Za-z&. ,-]{3,}$`)

// chassis is the one that everything else is in: the topmost of its class. A stack has
// several; the first member with a serial number stands for it.
func chassis(components []snmp.Component) *snmp.Component {
	class := map[int]int{}
	for _, c := range components {
		class[c.Index] = c.Class
	}
	for i := range components {
		c := &components[i]
		if c.Class != snmp.ClassChassis {
			continue
		}
		if parent := class[c.Parent]; parent != 0 && parent != snmp.ClassStack {
			continue // a chassis inside something: a blade, a fan tray that calls itself one
		}
		if meaningful(c.Serial) || meaningful(c.Model) {
			return c
		}
	}
	return root(components)
}

// root is the one component that is in nothing, where an agent calls none a chassis. It is
// none of the sorts of parts that others have.
func root(components []snmp.Component) *snmp.Component {
	var found *snmp.Component
	for i := range components {
		c := &components[i]
		if c.Class > snmp.ClassBackplane {
			continue
		}
		if c.Class == snmp.ClassChassis {
			return nil // it is there and says nothing
		}
		if c.Parent == 0 && (meaningful(c.Serial) || meaningful(c.Model)) {
			if found != nil {
				if found.Index == 1 {
					break
				}
				return nil
			}
			found = c
		}
	}
	return found
}

// outermost is the part that everything else is in, whether it has a model or not: the
// first chassis, or where there is none, the first thing in nothing that is no part of a
// sort that others have.
func outermost(components []snmp.Component) *snmp.Component {
	var first *snmp.Component
	for i := range components {
		c := &components[i]
		switch {
		case c.Parent != 0:
		case c.Class == snmp.ClassChassis:
			return c
		case first == nil && (c.Class == 0 || c.Class == snmp.ClassModule || c.Class == snmp.ClassStack):
			first = c
		}
	}
	return first
}

// describedAs is the product that the description or name of a part begins with.
func describedAs(c *snmp.Component, vendor string) string {
	for _, text := range []string{c.Description, c.Name} {
		if name := headline(withoutVendor(text, vendor)); name != "" && !partName.MatchString(name) {
			return name
		}
	}
	return ""
}

// placeholders are what devices say when nobody told them better.
var placeholders = regexp.MustCompile(`(?i)^(n/?a|none|null|unknown|undefined|default|serial ?no|f{6,}|not (specified|available|set|applicable)|` +
	`to be filled.*|system serial number|serial number|serial|model|generic.*|invalid.*|empty|x+|0+|1234567890?|<private>|-+|\.+|\?+)$`)

func meaningful(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) > 1 && !placeholders.MatchString(text)
}

var (
	// linuxDescr is net-snmp's sysDescr: uname -a without the operating system at its end.
	linuxDescr = regexp.MustCompile(`^Linux (\S+) (\d+\.\d+\S*) .*?(\S+)$`)
	// lldpdDescr is lldpd's system description: PRETTY_NAME of os-release, then uname.
	lldpdDescr = regexp.MustCompile(`^(.+?) Linux (\d+\.\d+\S*) #.* (\S+)$`)
	prettyName = regexp.MustCompile(`^(.*?) (\d[\w.]*)(?: .*)?$`)
)

// linux takes family, kernel and architecture of a Linux agent. The kernel is never the
// version of the operating system; that one is known only where lldpd tells it.
func linux(f *snmp.Facts, in *inquiry) {
	m := linuxDescr.FindStringSubmatch(f.System.Description)
	if m == nil {
		return
	}
	w := in.witness(factDescr, f.System.Description, "uname", sureOfMIB)
	w.tell("family", "linux")
	w.tell("kernel", m[2])
	in.id.OS.Arch = m[3]
	l := lldpdDescr.FindStringSubmatch(f.LLDP.Description)
	if l == nil || l[2] != m[2] || in.id.OS.Name != "" {
		return
	}
	w = in.witness("snmp.lldp", f.LLDP.Description, "system description of lldpd", sureOfMIB)
	if p := prettyName.FindStringSubmatch(l[1]); p != nil {
		w.tell("os", p[1])
		w.tell("version", p[2])
		return
	}
	w.tell("os", l[1])
}

// IANAifType values of interfaces that carry a subnet of their own.
const (
	typeEthernet = 6
	typeVLAN     = 135 // l2vlan
	typeL3VLAN   = 136 // l3ipvlan
	typeVirtual  = 53  // propVirtual, what routers and switches call VLAN interfaces
)

// hostBridge are interfaces by which hosts route for their own containers and guests.
var hostBridge = regexp.MustCompile(`^(docker|br-|veth|virbr|cni|flannel|cali|lxc|lxd|podman|tap|vnet|vmnet|kube|weave)`)

// l3SwitchPorts is the number of bridge ports from which on a thing that routes and
// bridges is taken to be a switch; home routers have fewer.
const l3SwitchPorts = 8

// switchPorts is the number from which on a thing that bridges and does not route is one,
// forwarding table or not; telephones and virtual machine hosts have fewer.
const switchPorts = 4

// layer3 and layer2 are bits of sysServices (RFC 3418).
const (
	layer2 = 1 << 1
	layer3 = 1 << 2
	layer7 = 1 << 6
)

// sortOf is the type of a device by its maker and its tables, and how sure that is. Makers
// of switches make routers as well: what the device does tells them apart.
func (r *Rules) sortOf(f *snmp.Facts, enterprise int) (inventory.Class, int) {
	usual := r.types[enterprise]
	if usual != "" && usual != inventory.ClassSwitch && usual != inventory.ClassRouter {
		return usual, sureOfMaker
	}
	if does := sort(f); does != "" && (usual == "" || does != inventory.ClassServer) {
		return does, sureOfWords
	}
	if usual == "" && hasWiFi(f) {
		return inventory.ClassAccessPoint, sureOfWords
	}
	return usual, sureOfMaker
}

// sort is the type that a device's tables speak for.
func sort(f *snmp.Facts) inventory.Class {
	routes := f.System.Forwarding && subnets(f) > 1
	ports := f.Bridge.Ports
	switch {
	case ports >= l3SwitchPorts:
		return inventory.ClassSwitch
	case routes:
		return inventory.ClassRouter
	case ports >= switchPorts,
		ports >= 2 && f.System.Services&layer2 != 0, ports >= 2 && len(f.Bridge.Table) > 0:
		return inventory.ClassSwitch
	case f.System.Services&(layer2|layer3|layer7) == layer3:
		return inventory.ClassRouter
	case serverArch.MatchString(f.System.Description) && strings.HasPrefix(f.System.ObjectID, netSNMPLinux):
		return inventory.ClassServer
	}
	return ""
}

// serverArch is a Linux agent on the sort of processor that servers have. What runs on
// MIPS or 32-bit ARM is a device with a purpose of its own.
var serverArch = regexp.MustCompile(`^Linux .* (x86_64|i[3-6]86|aarch64|ppc64(le)?|s390x|riscv64)$`)

// netSNMPLinux is net-snmp's sysObjectID on Linux: it names the agent, not the device.
const netSNMPLinux = "1.3.6.1.4.1.8072.3.2.10"

// subnets counts the IPv4 networks that the device is in with interfaces of its own.
func subnets(f *snmp.Facts) int {
	nets := map[string]bool{}
	for _, i := range f.Interfaces {
		switch i.Type {
		case typeEthernet, typeVLAN, typeL3VLAN, typeVirtual:
		default:
			continue
		}
		if hostBridge.MatchString(i.Name) {
			continue
		}
		for _, p := range i.Addresses {
			if a := p.Addr(); a.Is4() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
				nets[p.Masked().String()] = true
			}
		}
	}
	return len(nets)
}
