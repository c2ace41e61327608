package identify

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/muster-itam/muster/scanner/snmp"
)

// Makers put what names a device next to each other: model, serial number and version are
// scalars of one group. A text of the right shape with such neighbours is what it looks
// like; alone it is, where the maker's objects have no second of that shape.

var (
	privateSerial  = regexp.MustCompile(`^[A-Z0-9]{2,}(?:[-/]?[A-Z0-9]+){0,3}$`)
	privateVersion = regexp.MustCompile(`^[vVrR]?\d{1,4}(?:\.\d{1,6}){1,4}(?:[-_. (/]?[A-Za-z0-9().]+)*$|^V\d{3}R\d{3}(?:[A-Z]{1,3}\d+)*$`)
	privateModel   = regexp.MustCompile(`^[A-Z][A-Za-z]*[A-Za-z0-9]*[ _-]?[A-Za-z0-9]+(?:[ +/_.-][A-Za-z0-9+().]+)*\+?$`)
	dateShape      = regexp.MustCompile(`^(?:19|20)\d\d[-/.]?[01]\d[-/.]?[0-3]\d|^[0-3]\d[-/.][01]\d[-/.](?:19|20)\d\d`)
	addressShape   = regexp.MustCompile(`^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$`)
)

var (
	// mobileEquipment is an IMEI: of the modem inside, not of the device.
	mobileEquipment = regexp.MustCompile(`^(?:35|86|01)\d{13}$`)
	// decimal is a measured value.
	decimal  = regexp.MustCompile(`^\d+\.\d+$`)
	measured = regexp.MustCompile(`(?i)^[\d.]+ ?(?:%|°?[CF]|k?(?:VA|W|V|A|Hz|Wh)|m[VAs]|dBm?|volts?|watts?|amps?|[KMG]?B|[KMG]bps|RPM)$`)
	// shortCode is too short for a product's name: a revision or a state.
	shortCode = regexp.MustCompile(`^[A-Z]\d{1,2}(?:[A-Z]\d{0,2})?$`)
	// partOf is what a text names that is no device: a number of another sort, or a part.
	partOf = regexp.MustCompile(`(?i)^[0-9a-f]{6,}$|[0-9a-f]{8}-[0-9a-f]{4}-|\b(?:transceiver|sensor|sfp|qsfp|module|port|channel|input|output|slot|fan|battery|outlet|bank|relay|zone|group|line|card|user|vlan|eth|lan|wan|dvb-\w+)s?\b`)
	// serialLike is more of a number than of a name.
	serialLike = regexp.MustCompile(`\d{8}|\b[A-Z]{4,}\d{4}[A-Z0-9]{2,}`)
	// namedVersion is a product's name and its version in one text.
	namedVersion = regexp.MustCompile(`^([A-Z][\w.+/-]*(?: [\w.+/-]+){0,2}?)[ -][vV]\.? ?(\d+(?:\.\d+)+(?:[-,]? ?build\w+)?)`)
)

func isPrivateSerial(s string) bool {
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == '/' }) {
		if len(part) < 4 {
			return false // an order number
		}
	}
	digits := 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	return len(s) >= 8 && len(s) <= 20 && digits >= 5 && digits*2 >= len(s) && serialNumber(s) &&
		privateSerial.MatchString(s) && !mobileEquipment.MatchString(s) && !dateShape.MatchString(s)
}

func isPrivateVersion(s string) bool {
	return len(s) <= 40 && privateVersion.MatchString(s) && !measured.MatchString(s) && !decimal.MatchString(s) && !dateShape.MatchString(s) && !addressShape.MatchString(s)
}

func isPrivateModel(s string) bool {
	return len(s) >= 3 && len(s) <= maxModel && strings.ContainsAny(s, "0123456789") && privateModel.MatchString(s) &&
		!shortCode.MatchString(s) && !partOf.MatchString(s) && !serialLike.MatchString(s) && !versionAsName.MatchString(s) &&
		!isPrivateSerial(s) && !isPrivateVersion(s) && !dateShape.MatchString(s)
}

// identityGroup are the texts of each shape in one group.
type identityGroup struct {
	model, serial, version map[string]bool
}

func newGroup() *identityGroup {
	return &identityGroup{map[string]bool{}, map[string]bool{}, map[string]bool{}}
}

// groupOf is the group that a name belongs to: siblings of a scalar, or the row of a table,
// whose last number follows the bar.
func groupOf(name string) string {
	i := strings.LastIndexByte(name, '.')
	j := strings.LastIndexByte(name[:i], '.')
	if j < 0 {
		return name
	}
	return name[:j] + "|" + name[i:]
}

// fromPrivate searches the objects of one maker.
func fromPrivate(values []snmp.Private, enterprise int, in *inquiry) {
	groups, order := map[string]*identityGroup{}, []string{}
	all, scalars := newGroup(), newGroup()
	for _, v := range values {
		if enterprise != 0 && v.Enterprise != enterprise {
			continue
		}
		name := groupOf(v.Name)
		g := groups[name]
		if g == nil {
			g = newGroup()
			groups[name] = g
			order = append(order, name)
		}
		g.add(v.Text)
		all.add(v.Text)
		if strings.HasSuffix(v.Name, ".0") {
			scalars.add(v.Text)
		}
	}
	for _, name := range order {
		g := groups[name]
		if !strings.HasSuffix(name, "|.0") {
			continue
		}
		if len(g.serial) == 1 && (len(g.version) > 0 || len(g.model) > 0) {
			w := in.witness(factPrivate, name, "neighbours among private objects", sureOfGroup)
			w.tell("model", only(g.model))
			w.tell("serial", only(g.serial))
			w.tell("version", only(g.version))
			return
		}
	}
	for _, name := range order {
		if g := groups[name]; strings.HasSuffix(name, "|.0") && len(g.model) == 1 && len(g.version) == 1 {
			in.witness(factPrivate, name, "name and version among private objects", sureOfShape).tell("model", only(g.model))
			break
		}
	}
	if g, name := onlyRow(groups, order); g != nil {
		w := in.witness(factPrivate, name, "neighbours in the only such row of private objects", sureOfGroup)
		w.tell("model", only(g.model))
		w.tell("serial", only(g.serial))
		w.tell("version", only(g.version))
	}
	w := in.witness(factPrivate, "", "the only one among private objects", sureOfShape)
	w.tell("model", only(scalars.model))
	w.tell("serial", cmp.Or(only(scalars.serial), only(all.serial)))
	w.tell("version", cmp.Or(only(scalars.version), only(all.version)))
}

// onlyRow is the row that has a model and a serial number where only one of all tables has:
// of parts there are several.
func onlyRow(groups map[string]*identityGroup, order []string) (found *identityGroup, at string) {
	for _, name := range order {
		if g := groups[name]; !strings.HasSuffix(name, "|.0") && len(g.model) == 1 && len(g.serial) == 1 {
			if found != nil {
				return nil, ""
			}
			found, at = g, name
		}
	}
	return found, at
}

// add files a text under what it has the shape of.
func (g *identityGroup) add(text string) {
	t := strings.Trim(text, " \t\"")
	if m := namedVersion.FindStringSubmatch(t); m != nil && isPrivateModel(m[1]) {
		g.version[m[2]] = true
		return
	}
	switch {
	case isPrivateVersion(t):
		g.version[t] = true
	case isPrivateSerial(t):
		g.serial[t] = true
	case isPrivateModel(t):
		g.model[t] = true
	}
}

func only(values map[string]bool) string {
	if len(values) != 1 {
		return ""
	}
	for v := range values {
		return v
	}
	return ""
}
