package identify

import (
	"regexp"
	"strings"

	"github.com/muster-itam/muster/scanner/snmp"
)

// Makers put what names a device next to each other: model, serial number and version are
// scalars of one group. A text of the right shape with such neighbours is what it looks
// like; alone it is, where the maker's objects have no second of that shape.

var (
	privateSerial  = regexp.MustCompile(`^[A-Z0-9]{2,}(?:[-/]?[A-Z0-9]+){0,3}$`)
	privateVersion = regexp.MustCompile(`^[vVrR]?\d{1,4}(?:\.\d{1,6}){1,4}(?:[-_. (/]?[A-Za-z0-9().]+)*$`)
	privateModel   = regexp.MustCompile(`^[A-Z][A-Za-z]*[A-Za-z0-9]*[ _-]?[A-Za-z0-9]+(?:[ +/_.-][A-Za-z0-9+().]+)*\+?$`)
	dateShape      = regexp.MustCompile(`^(?:19|20)\d\d[-/.]?[01]\d[-/.]?[0-3]\d|^[0-3]\d[-/.][01]\d[-/.](?:19|20)\d\d`)
	addressShape   = regexp.MustCompile(`^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$`)
)

var (
	// mobileEquipment is an IMEI: of the modem inside, not of the device.
	mobileEquipment = regexp.MustCompile(`^(?:35|86|01)\d{13}$`)
	// decimal is a measured value.
	decimal = regexp.MustCompile(`^\d+\.\d+$`)
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
	return len(s) <= 40 && privateVersion.MatchString(s) && !decimal.MatchString(s) && !dateShape.MatchString(s) && !addressShape.MatchString(s)
}

func isPrivateModel(s string) bool {
	return len(s) >= 3 && len(s) <= maxModel && strings.ContainsAny(s, "0123456789") && privateModel.MatchString(s) &&
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
func fromPrivate(values []snmp.Private, enterprise int) described {
	groups, order := map[string]*identityGroup{}, []string{}
	for _, v := range values {
		if enterprise != 0 && v.Enterprise != enterprise {
			continue
		}
		g := groupOf(v.Name)
		if groups[g] == nil {
			groups[g] = newGroup()
			order = append(order, g)
		}
		switch t := strings.TrimSpace(v.Text); {
		case isPrivateVersion(t):
			groups[g].version[t] = true
		case isPrivateSerial(t):
			groups[g].serial[t] = true
		case isPrivateModel(t):
			groups[g].model[t] = true
		}
	}
	all := newGroup()
	for _, name := range order {
		g := groups[name]
		for v := range g.version {
			all.version[v] = true
		}
		for v := range g.serial {
			all.serial[v] = true
		}
		for v := range g.model {
			all.model[v] = true
		}
		if strings.HasSuffix(name, "|.0") && len(g.serial) == 1 && (len(g.version) > 0 || len(g.model) > 0) {
			return described{only(g.model), only(g.serial), only(g.version)}
		}
	}
	return described{serial: only(all.serial), version: only(all.version)}
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
