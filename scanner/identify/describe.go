package identify

import (
	"regexp"
	"strings"
	"unicode"
)

// described is what the wording of a sysDescr gives away, whoever made the device.
type described struct {
	model, serial, version string
}

var (
	// noise are parts of a sysDescr with numbers that are not the device's own version:
	// kernels, boards, loaders, protocols, dates, years.
	noise = regexp.MustCompile(`(?i)\b(?:linux(?: kernel)?|kernel:?|vxworks|nucleus os|freebsd|busybox|net-snmp|debian|distribution:|rtcs) v?\d[^\s,;)]*` +
		`|\b(?:hw|h/w|hardware|boot ?rom|boot(?:loader|r)?|btldr|backup|pcb|cpld|fpga|chip|mib|protocol|net|hw_rev|rootfs|devicetree|operating system|mb|an1|pn)(?:[ _-]?(?:version|ver|rev(?:ision)?|release))?[ .:=]+v?[A-Z]?\d[^\s,;)>]*` +
		`|\bSNMP[ -]?v?\d\w*(?:\.\d+)?|\b(?:copyright|\(c\)).*$|\bcompiled\b.*$|\bbuilt on\b.*$` +
		`|\b\d{4}[-/]\d\d?[-/]\d\d?(?:T[\d:]+)?|\b\d\d?[-/.]\d\d?[-/.]\d{4}\b|\b\d\d?:\d\d(?::\d\d)?\b`)

	versionWords = []*regexp.Regexp{
		regexp.MustCompile(`(?i)\b(?:application|app|software|sw|s/w|sw_rev|runtime code|primary)[ _-]*(?:software )?(?:version|vers?|revision|rev|release)?[ .:=]*(\S+)`),
		regexp.MustCompile(`(?i)\b(?:firmware|fw|f/w|system)[ _-]?(?:version|vers?|revision|rev|release)?[ .:=]*(\S+)`),
		regexp.MustCompile(`(?i)\b(?:version|vers?|release|rel|revision|rev)[ .:=]*(\S+)`),
		regexp.MustCompile(`(?:^|[ ,;(_-])([vV] ?\d+(?:\.\w+)+\S*)`),
		regexp.MustCompile(`(?:^|[ ,;(])((?:[A-Z]{1,2})?\d+\.\d+\.\w+\S*)`),
	}
	// versionShape is what a version looks like when a word has announced it.
	versionShape = regexp.MustCompile(`^[a-zA-Z]{0,6}[-_]?\d+\.\w+(?:[.\-_(]+\w+[)]?)*$|^[vVrR]?\d+(?:[.\-_(]+\w+[)]?)+$`)
	// sureVersion needs no word before it.
	sureVersion = regexp.MustCompile(`^[vVrR]?\d{1,3}\.\d{1,4}(?:\.\w+)+[\w.()+-]*$|^[vV]\d{1,3}\.\d+\w*$`)

	serialWords = regexp.MustCompile(`(?i)(?:\bs/n|\bsn|\bserial(?: ?(?:number|num|no|#))?)\b[ .:=#]*([A-Z0-9][A-Z0-9/-]{4,24})\b`)
	modelWords  = regexp.MustCompile(`(?i)\b(?:device model|hardware model|router model|model(?: name| no| number)?|mdl|product(?: name)?|prod|hwsku|series)\s*[:=#]\s*([A-Za-z0-9][^,;:>]*)`)

	// modelToken is a word that tells one product from another: letters and digits.
	modelToken = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+/_.()*-]*$`)
	// generalWords say what sort of thing it is; a model's name ends before them.
	generalWords = regexp.MustCompile(`(?i)^(version|ver|vers|v|rev|release|software|firmware|switch|router|series|managed|smart|gigabit|ethernet|` +
		`fast|layer|l2|l3|device|agent|snmp|hw|sw|fw|s/n|sn|sn:|serial|system|card|controller|gateway|access|port|ports|with|for|by|on|the|is|` +
		`standalone|printer|printing|network|hardware|supervisor|module|module\(s\)|and|running|operating|os|using|from|product|copyright|\d+-port|\d*g(?:be?)?|\d+ports?|-|:|=)$`)
	// noModel begin what is no product's name.
	noModel = regexp.MustCompile(`(?i)^(linux|freebsd|openbsd|netbsd|sunos|darwin|windows|hardware|software|version|snmp|net-snmp|ubuntu|debian|unix|vxworks|mode|<private>|nx-os|cisco|ios|vyos|vyatta|busybox|gnu|oneos|ios)\b`)
)

// describe searches a sysDescr. vendor is its maker's name where known.
func describe(descr, vendor string) described {
	var d described
	d.serial = serialOf(descr)
	if m := modelWords.FindStringSubmatch(descr); m != nil {
		d.model = productName(m[1])
	}
	isUname := linuxDescr.MatchString(descr) || strings.HasPrefix(descr, "Linux ")
	if isUname {
		return described{serial: d.serial}
	}
	rest := noise.ReplaceAllString(descr, " ")
	d.version = versionOf(rest)
	if d.model == "" {
		d.model = productName(withoutVendor(rest, vendor))
	}
	return d
}

func serialOf(descr string) string {
	for _, m := range serialWords.FindAllStringSubmatch(descr, -1) {
		if strings.ContainsAny(m[1], "0123456789") && serialNumber(m[1]) {
			return m[1]
		}
	}
	return ""
}

func versionOf(text string) string {
	for i, re := range versionWords {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			v := strings.TrimRight(strings.TrimLeft(m[1], "([\"'"), ",;:.\"'\\")
			if strings.Count(v, "(") < strings.Count(v, ")") {
				v = strings.TrimSuffix(v, ")")
			}
			shape := versionShape
			if i >= 3 {
				shape = sureVersion
			}
			if shape.MatchString(v) && len(v) < 48 && strings.ContainsAny(v, ".-(") {
				return v
			}
		}
	}
	return ""
}

// legalForms stand between a maker's name and a product's.
var legalForms = regexp.MustCompile(`(?i)^[\s,.]*(?:(?:networks?|technologies|technology|systems|communications?|corporation|corp|inc|ltd|llc|gmbh|co|ag|emc|wireless)\b[\s,.]*)+`)

// withoutVendor cuts the maker's name and legal form off the beginning.
func withoutVendor(text, vendor string) string {
	text = strings.Trim(text, " \"'\\=[")
	first, _, _ := strings.Cut(vendor, " ")
	for _, name := range []string{vendor, first} {
		if len(name) < 2 || len(text) <= len(name) || !strings.EqualFold(text[:len(name)], name) {
			continue
		}
		rest := text[len(name):]
		if r := rune(rest[0]); unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' {
			continue
		}
		if cut := legalForms.FindString(rest); cut != "" && len(cut) < len(rest) {
			return rest[len(cut):]
		}
		return strings.TrimLeft(rest, " ,.:;-\"'")
	}
	return text
}

// maxModel is the length of a product's name; what is longer is a sentence.
const maxModel = 40

// productName takes a product's name off the beginning of a text: up to three words, of
// which one has digits.
func productName(text string) string {
	text = strings.Trim(text, " \"'\\=[]")
	if noModel.MatchString(text) {
		return ""
	}
	if i := strings.IndexAny(text, ",;:[\"|<"); i >= 0 {
		text = text[:i]
	}
	var words []string
	digits := false
	for _, w := range strings.Fields(text) {
		if generalWords.MatchString(w) || !modelToken.MatchString(w) && len(words) > 0 || sureVersion.MatchString(w) || strings.HasPrefix(w, "(") {
			break
		}
		if len(words) == 4 {
			return "" // a sentence
		}
		words = append(words, w)
		if d := strings.ContainsAny(w, "0123456789"); d {
			digits = true
		} else if digits {
			if len(w) > 3 {
				words = words[:len(words)-1]
			}
			break // what comes after the number describes
		}
	}
	name := strings.Trim(strings.Join(words, " "), " -,.")
	if !digits || len(name) > maxModel || len(name) < 3 || !strings.ContainsFunc(name, unicode.IsLetter) {
		return ""
	}
	return name
}

// serialNumber tells whether a text may be one. What has few digits is a word, what has
// the form of a date or of nothing but one digit is not filled in.
func serialNumber(s string) bool {
	if len(s) < 5 || len(s) > 32 || !meaningful(s) || strings.Count(s, s[:1]) == len(s) {
		return false
	}
	digits := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	return digits >= 3
}
