package query

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// field is one name that a filter can compare.
type field struct {
	name    string
	compile func(p *parser, op string, val operand) (condition, error)
}

// fields is the list of all fields, sorted by name.
func fields() []field {
	type a = inventory.Asset
	return []field{
		{"address", addressField},
		attributeField("asset_tag", "asset_tag", func(*a) []string { return nil }),
		{"certificate_until", certificateField},
		{"class", classField},
		textField("cpu", func(x *a) []string { return []string{x.CPU} }),
		sizeField("disk", func(x *a) int64 { return x.DiskBytes }),
		textField("domain", func(x *a) []string { return []string{x.Domain} }),
		dated(timeField("first_seen", func(x *a) time.Time { return x.FirstSeen })),
		{"id", idField},
		dated(timeField("last_seen", func(x *a) time.Time { return x.LastSeen })),
		{"mac", macField},
		textField("machine_id", func(x *a) []string { return []string{x.MachineID} }),
		sizeField("memory", func(x *a) int64 { return x.MemoryBytes }),
		dated(field{"missed", missedField}),
		dated(field{"missing", missingField}),
		textField("model", func(x *a) []string { return []string{x.Model} }),
		textField("name", names),
		attributeField("os", "os_family", func(x *a) []string { return []string{x.OS} }),
		textField("serial", func(x *a) []string { return []string{x.Serial} }),
		textField("site", func(x *a) []string { return []string{x.Site} }),
		{"software", softwareField},
		dated(textField("source", func(x *a) []string { return x.Sources })),
		textField("user", func(x *a) []string { return []string{x.User} }),
		textField("vendor", func(x *a) []string { return []string{x.Vendor} }),
		{"version", versionField},
	}
}

// dated marks a field that looks at when assets were seen, or by which sources.
func dated(f field) field {
	return field{f.name, func(p *parser, op string, val operand) (condition, error) {
		p.filter.lines.Dated = true
		return f.compile(p, op, val)
	}}
}

// attributeField is a text field with the values of an attribute as well.
func attributeField(name, attr string, values func(*inventory.Asset) []string) field {
	f := textField(name, func(x *inventory.Asset) []string { return append(attribute(x, attr), values(x)...) })
	return field{name, func(p *parser, op string, val operand) (condition, error) {
		p.wantAttribute(attr)
		return f.compile(p, op, val)
	}}
}

func (p *parser) wantAttribute(name string) {
	p.filter.lines.Attributes = append(p.filter.lines.Attributes, name)
}

// FieldNames are the names of all fields, sorted.
func FieldNames() []string {
	all := fields()
	out := make([]string, len(all))
	for i, f := range all {
		out[i] = f.name
	}
	return out
}

// otherNames are what people also call fields: the names in JSON.
var otherNames = map[string]string{
	"addresses": "address", "ip": "address", "macs": "mac", "os_version": "version", "memory_bytes": "memory",
	"disk_bytes": "disk", "sources": "source", "hostname": "name",
}

func fieldOf(name string) (field, bool) {
	name = strings.ToLower(name)
	if other, ok := otherNames[name]; ok {
		name = other
	}
	for _, f := range fields() {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// names are an asset's name with and without its domain.
func names(x *inventory.Asset) []string {
	if x.Domain == "" || x.Name == "" {
		return []string{x.Name}
	}
	return []string{x.Name, x.Name + "." + x.Domain}
}

// attribute is the value of an attribute that has no field of its own.
func attribute(x *inventory.Asset, name string) []string {
	for i := range x.Attributes {
		if x.Attributes[i].Name == name {
			return []string{x.Attributes[i].Value}
		}
	}
	return nil
}

// anyOf makes the condition for an operator that is : or = or != over several values.
func anyOf(op string, values func(*inventory.Asset) []string, part, whole func(string) bool) (condition, error) {
	test := whole
	if op == ":" {
		test = part
	}
	found := func(s *subject) bool { return slices.ContainsFunc(values(s.Asset), test) }
	switch op {
	case ":", "=":
		return found, nil
	case "!=":
		return func(s *subject) bool { return !found(s) }, nil
	}
	return nil, fmt.Errorf("%s compares sizes, times and versions; use : for a part, = or != for the whole", op)
}

func textField(name string, values func(*inventory.Asset) []string) field {
	return field{name, func(_ *parser, op string, val operand) (condition, error) {
		return anyOf(op, atLeastOne(values), val.within, val.equals)
	}}
}

// atLeastOne lets "has no value" be asked as = "".
func atLeastOne(values func(*inventory.Asset) []string) func(*inventory.Asset) []string {
	return func(x *inventory.Asset) []string {
		if v := values(x); len(v) > 0 {
			return v
		}
		return []string{""}
	}
}

// shortClasses are what people call classes.
var shortClasses = map[string]inventory.Class{
	"vm": inventory.ClassVM, "ap": inventory.ClassAccessPoint, "bmc": inventory.ClassBMC, "vip": inventory.ClassVirtualIP,
	"workstation": inventory.ClassDesktop, "pc": inventory.ClassDesktop, "notebook": inventory.ClassLaptop,
	"smartphone": inventory.ClassPhone, "wap": inventory.ClassAccessPoint, "voip": inventory.ClassPhoneVoIP,
}

// classField takes whole words from the beginning: "virtual" finds virtual machines,
// "phone" does not find VoIP phones.
func classField(_ *parser, op string, val operand) (condition, error) {
	val.lower = strings.NewReplacer("-", " ", "_", " ").Replace(val.lower)
	if full, ok := shortClasses[val.lower]; ok {
		val.lower = string(full)
	}
	val.text = val.lower
	part := func(class string) bool {
		if val.wild || val.lower == "" {
			return val.within(class)
		}
		rest, ok := strings.CutPrefix(strings.ToLower(class), val.lower)
		return ok && (rest == "" || rest[0] == ' ')
	}
	return anyOf(op, func(x *inventory.Asset) []string { return []string{string(x.Class)} }, part, val.equals)
}

func idField(_ *parser, op string, val operand) (condition, error) {
	id, err := inventory.ParseAssetID(val.text)
	if err != nil {
		return nil, errors.New("expected an asset id such as a17")
	}
	equal := func(v string) bool { return v == id.String() }
	return anyOf(op, func(x *inventory.Asset) []string { return []string{x.ID.String()} }, equal, equal)
}

// addressField takes an address, a network, a range or a part of an address.
func addressField(_ *parser, op string, val operand) (condition, error) {
	values := atLeastOne(func(x *inventory.Asset) []string { return x.Addresses })
	if contains := val.network(); contains != nil {
		test := func(v string) bool {
			ip, err := netip.ParseAddr(v)
			return err == nil && contains(ip.Unmap().WithZone(""))
		}
		return anyOf(op, values, test, test)
	}
	if strings.Contains(val.text, "/") {
		return nil, errors.New("expected an address or a network such as 10.77.1.0/24")
	}
	return anyOf(op, values, val.within, val.equals)
}

// network is the test for an address, a network in CIDR notation or a range a-b; nil when val is none of them.
func (o operand) network() func(netip.Addr) bool {
	if net, err := netip.ParsePrefix(o.text); err == nil {
		return net.Masked().Contains
	}
	first, last, isRange := strings.Cut(o.text, "-")
	from, err := netip.ParseAddr(first)
	if err != nil {
		return nil
	}
	to := from
	if isRange {
		if to, err = netip.ParseAddr(last); err != nil || to.Is4() != from.Is4() {
			return nil
		}
	}
	from, to = from.Unmap().WithZone(""), to.Unmap().WithZone("")
	return func(ip netip.Addr) bool { return from.Compare(ip) <= 0 && ip.Compare(to) <= 0 }
}

// macField compares the hexadecimal digits, however they are written.
func macField(_ *parser, op string, val operand) (condition, error) {
	values := atLeastOne(func(x *inventory.Asset) []string { return x.MACs })
	if val.text == "" {
		return anyOf(op, values, val.within, val.equals)
	}
	digits, ok := hexOf(val.text)
	if !ok {
		return nil, errors.New("expected a MAC address such as 00:1a:2b:3c:4d:5e, or a part of one")
	}
	val.text, val.lower = digits, digits
	on := func(test func(string) bool) func(string) bool {
		return func(mac string) bool {
			h, _ := hexOf(mac)
			return test(h)
		}
	}
	return anyOf(op, values, on(val.within), on(val.equals))
}

// ordered makes the condition for an operator from the sign of a comparison of the
// asset's value with what was asked for.
func ordered(op string, compare func(*subject) int) (condition, bool) {
	switch op {
	case ":":
		return nil, false
	case "!=":
		return func(s *subject) bool { return compare(s) != 0 }, true
	}
	return orderedBy(op, compare), true
}

// orderedBy is the test for an operator; : and != are for the caller to make of =.
func orderedBy[T any](op string, compare func(T) int) func(T) bool {
	switch op {
	case "<":
		return func(v T) bool { return compare(v) < 0 }
	case "<=":
		return func(v T) bool { return compare(v) <= 0 }
	case ">":
		return func(v T) bool { return compare(v) > 0 }
	case ">=":
		return func(v T) bool { return compare(v) >= 0 }
	}
	return func(v T) bool { return compare(v) == 0 }
}

// known limits a condition to assets that have the value: an unknown size is neither small nor large.
func known(has func(*subject) bool, cond condition) condition {
	return func(s *subject) bool { return has(s) && cond(s) }
}

func sizeField(name string, value func(*inventory.Asset) int64) field {
	return field{name, func(_ *parser, op string, val operand) (condition, error) {
		has := func(s *subject) bool { return value(s.Asset) > 0 }
		if val.text == "*" && op == ":" {
			return has, nil
		}
		n, err := val.size()
		if err != nil {
			return nil, err
		}
		if n == 0 && (op == ":" || op == "=") {
			return func(s *subject) bool { return value(s.Asset) == 0 }, nil
		}
		cond, ok := ordered(op, func(s *subject) int { return compareInts(value(s.Asset), n) })
		if !ok {
			// What a system can use is a little less than what is built in: about is what people mean.
			cond = func(s *subject) bool { v := value(s.Asset); return v >= n-n/16 && v <= n+n/16 }
		}
		return known(has, cond), nil
	}}
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

var errTime = errors.New("expected a date such as 2026-05-01, or an age such as 30d")

// timeField compares dates as dates, and ages as ages: last_seen<30d is less than 30 days ago.
func timeField(name string, value func(*inventory.Asset) time.Time) field {
	return field{name, func(p *parser, op string, val operand) (condition, error) {
		has := func(s *subject) bool { return !value(s.Asset).IsZero() }
		var compare func(*subject) int
		if from, to, ok := inventory.ParseDate(val.text, p.now); ok {
			compare = func(s *subject) int { return compareSpan(value(s.Asset), from, to) }
		} else if age, err := inventory.ParseAge(val.text); err == nil {
			compare = func(s *subject) int { return compareInts(int64(p.now.Sub(value(s.Asset))), int64(age)) }
			if op == ":" {
				op = "<=" // seen within the last 7 days
			}
		} else {
			return nil, errTime
		}
		if op == ":" {
			op = "="
		}
		cond, _ := ordered(op, compare)
		return known(has, cond), nil
	}}
}

// missedField counts the complete sweeps that did not see the asset since it was last seen.
func missedField(p *parser, op string, val operand) (condition, error) {
	want, err := strconv.ParseUint(val.text, 10, 8)
	if err != nil {
		return nil, errors.New("expected a number of sweeps such as 2")
	}
	if op == ":" {
		op = "="
	}
	p.filter.sweeps = true
	cond, _ := ordered(op, func(s *subject) int {
		n, _ := s.sweeps.Missed(s.Asset)
		return n - int(want)
	})
	return cond, nil
}

// missingField is yes for what one complete sweep at least did not see.
func missingField(p *parser, op string, val operand) (condition, error) {
	var want bool
	switch val.lower {
	case "yes", "true":
		want = true
	case "no", "false":
	default:
		return nil, errors.New("expected yes or no")
	}
	if op != ":" && op != "=" && op != "!=" {
		return nil, errors.New("missing is yes or no; missed counts")
	}
	want = want != (op == "!=")
	p.filter.sweeps = true
	return func(s *subject) bool {
		n, _ := s.sweeps.Missed(s.Asset)
		return n > 0 == want
	}, nil
}

// compareSpan is 0 for a time within [from, to).
func compareSpan(t, from, to time.Time) int {
	switch {
	case t.Before(from):
		return -1
	case t.Before(to):
		return 0
	}
	return 1
}

// versionField compares versions of operating systems.
func versionField(_ *parser, op string, val operand) (condition, error) {
	if cond, ok := ordered(op, func(s *subject) int { return compareDotted(s.OSVersion, val.text) }); ok && op != "=" && op != "!=" {
		return known(func(s *subject) bool { return s.OSVersion != "" }, cond), nil
	}
	return anyOf(op, func(x *inventory.Asset) []string { return []string{x.OSVersion} }, val.within, val.equals)
}

// freeText looks where people expect a name or a number of a thing to be found.
func (p *parser) freeText(val operand) condition {
	texts := func(x *inventory.Asset) []string {
		out := append(names(x), x.ID.String(), x.Serial, x.Model, x.Vendor, x.User, x.MachineID, x.OS, string(x.Class), x.Domain, x.Site)
		return append(append(append(out, x.Addresses...), x.MACs...), attribute(x, "asset_tag")...)
	}
	if isMAC(val.text) {
		return must(macField(nil, ":", val))
	}
	if val.network() != nil {
		return must(addressField(nil, ":", val))
	}
	p.wantAttribute("asset_tag")
	return func(s *subject) bool { return slices.ContainsFunc(texts(s.Asset), val.within) }
}

// must drops an error that a value which was looked at before cannot cause.
func must(c condition, _ error) condition { return c }
