package identify

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/muster-itam/muster/scanner/snmp"
)

var (
	// noise are parts of a sysDescr with numbers that are not the device's own version:
	// kernels, boards, loaders, protocols, dates, years.
	noise = regexp.MustCompile(`(?i)\b(?:linux(?: kernel)?|kernel:?|vxworks|nucleus os|freebsd|busybox|net-snmp|debian|distribution:|rtcs) v?\d[^\s,;)]*` +
		`|\b(?:hw|h/w|hardware|boot ?rom|boot(?:loader|r)?|btldr|backup|pcb|cpld|fpga|chip|mib|protocol|net|hw_rev|rootfs|devicetree|operating system|mb|an1|pn)(?:[ _-]?(?:version|ver|rev(?:ision)?|release))?[ .:=]+v?[A-Z]?\d[^\s,;)>]*` +
		`|\bSNMP[ -]?v?\d\w*(?:\.\d+)?|\b(?:copyright|\(c\)).*$|\bcompiled\b.*$|\bbuilt on\b.*$` +
		`|\b\d{4}[-/]\d\d?[-/]\d\d?(?:T[\d:]+)?|\b\d\d?[-/.]\d\d?[-/.](?:19|20)\d\d\b|\b\d\d?:\d\d(?::\d\d)?\b`)

	versionWords = []*regexp.Regexp{
		regexp.MustCompile(`(?i)\b(?:application|app|software|sw|s/w|sw_rev|runtime code|primary)[ _-]*(?:software )?(?:version|vers?|revision|rev|release)?[ .:=]*([^\s;]+)`),
		regexp.MustCompile(`(?i)\b(?:firmware|fw|f/w|system)[ _-]?(?:version|vers?|revision|rev|release)?[ .:=]*([^\s;]+)`),
		regexp.MustCompile(`(?i)\b(?:version|vers?|release|rel|revision|rev)[ .:=]*([^\s;]+)`),
		regexp.MustCompile(`(?:^|[ ,;(_-])([vV] ?\d+(?:\.\w+)+\S*)`),
		regexp.MustCompile(`(?:^|[ ,;(])((?:[A-Z]{1,2})?\d+\.\d+[.(]\w+\S*)`),
		regexp.MustCompile(`(?:^|[ ,;(])([A-Z]{1,2}\.\d{1,2}\.\d{2}\S*)`),
	}
	// versionShape is what a version looks like when a word has announced it.
	versionShape = regexp.MustCompile(`^[a-zA-Z]{0,6}[-_]?\d+\.\w+(?:[.\-_(]+\w+[)]?)*$|^[vVrR]?\d+(?:[.\-_(]+\w+[)]?)+$`)
	// sureVersion needs no word before it: three numbers, a v, or the form of IOS or ProCurve.
	sureVersion = regexp.MustCompile(`^[vVrR]?\d{1,3}\.\d{1,4}(?:\.\w+)+[\w.()+-]*$|^[vV]\d{1,3}\.\d+\w*$` +
		`|^\d{1,2}\.\d{1,2}\(\d+\w*\)\w*$|^[A-Z]{1,2}\.\d{1,2}\.\d{2}(?:\.\d+)*$`)

	serialWords = regexp.MustCompile(`(?i)(?:\bs/n|\bsn|\bserial(?: ?(?:number|num|no|#))?)\b[ .:=#]*([A-Z0-9][A-Z0-9/-]{4,24})\b`)
	modelWords  = regexp.MustCompile(`(?i)\b(?:device model|hardware model|router model|model(?: name| no| number)?|mdl|product(?: name)?|prod|hwsku|series)\s*[:=#]\s*([A-Za-z0-9][^,;:>]*)`)

	// modelToken is a word that tells one product from another: letters and digits.
	modelToken = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+/_.()*-]*$`)
	// generalWords say what sort of thing it is; a model's name ends before them.
	generalWords = regexp.MustCompile(`(?i)^(version|ver|vers|v|rev|release|software|firmware|switch|router|series|managed|smart|gigabit|ethernet|` +
		`fast|layer|l2|l3|device|agent|snmp|hw|sw|fw|s/n|sn|sn:|serial|system|card|controller|gateway|access|port|ports|with|for|by|on|the|is|` +
		`standalone|printer|printing|network|hardware|supervisor|module|module\(s\)|and|running|cloud|optical|wireless|operating|os|using|from|product|copyright|\d+-port|\d*g(?:be?)?|\d+ports?|` +
		`v?\d+\.\d+\w?|(?:ver|rev)\.?\d\S*|\d{1,2}x?(?:ge|fe|xe|xs|gt|gx|x?gpon|xgs|sfp|qsfp|pots|cx|fx[os]?|tx|poe)\S*|-|:|=)$`)
	// notes stand for what is no part of a name: techniques, processors, systems and what
	// people call their own devices.
	notes = regexp.MustCompile(`(?i)^(?:802\.\d+\S*|ipv[46]|rs-?(?:232|422|485)|dvb-?\S*|docsis\S*|stm-?\d+|10/100\S*|x86\S*|i[3-6]86|amd64|arm(?:v\d\S*|64)?|mips\S*|ppc\S*|` +
		`mpc\d+|bcm\d+\S*|\d+-?bits?|\d+(?:k?va|k?w|v(?:ac|dc)?|hz|mhz|ghz|mb|gb|tb)|\S*(?:bsd|-release)\S*|(?:test|lab|floor|rack|building|site|prod|dev)-?\d*)$|(?-i:^\S*OS/?\d\S*$)|^V\d+R\d+\S*$`)
	// noModel begin what is no product's name.
	noModel = regexp.MustCompile(`(?i)^(linux|freebsd|openbsd|netbsd|sunos|darwin|windows|hardware|software|version|snmp|net-snmp|ubuntu|debian|unix|vxworks|mode|<private>|nx-os|cisco|ios|vyos|vyatta|busybox|gnu|oneos|ios)\b`)
)

// describe searches a sysDescr. vendor is its maker's name where known, model what a label
// in it names. What stands at its beginning is supported or denied by what else the device
// says of itself.
func describe(f *snmp.Facts, vendor, model string, in *inquiry) {
	descr := f.System.Description
	labels := in.witness(factDescr, descr, "labels in sysDescr", sureOfLabel)
	labels.tell("serial", serialOf(descr))
	labels.tell("model", model)
	if strings.HasPrefix(descr, "Linux ") {
		return
	}
	rest := noise.ReplaceAllString(descr, " ")
	phrase := in.witness(factDescr, descr, "wording of sysDescr", sureOfPhrase)
	phrase.tell("version", versionOf(rest))
	phrase.tell("model", placed(descr, vendor))
	name := headline(withoutVendor(rest, vendor))
	switch supported, denied := compare(name, f); {
	case name == "":
	case supported:
		in.witness(factDescr, descr, "wording of sysDescr and private objects", sureOfGroup).tell("model", name)
	case !denied:
		phrase.tell("model", name)
	}
}

// compare tells whether private objects have the name of a product, or whether the device
// names itself otherwise: private objects have only another, or ENTITY-MIB lists its parts
// and none of them has the name.
func compare(name string, f *snmp.Facts) (supported, denied bool) {
	for _, p := range f.Private {
		if strings.Contains(letters(p.Text), letters(name)) {
			return true, false
		}
		denied = denied || strings.HasSuffix(p.Name, ".0") && threeDigits.MatchString(p.Text) && isPrivateModel(p.Text)
	}
	number := letters(numbered(name))
	return false, denied || len(f.Components) > 0 && !slices.ContainsFunc(f.Components, func(c snmp.Component) bool {
		return strings.Contains(letters(c.Model+" "+c.Description+" "+c.Name), number)
	})
}

// numbered is the word of a name that tells the product from others: it has the most digits.
func numbered(name string) string {
	digits := func(w string) (n int) {
		for _, r := range w {
			if unicode.IsDigit(r) {
				n++
			}
		}
		return n
	}
	best := ""
	for _, w := range strings.Fields(name) {
		if digits(w) > digits(best) {
			best = w
		}
	}
	return best
}

var (
	threeDigits = regexp.MustCompile(`\d{3}`)
	notLetters  = regexp.MustCompile(`[^a-z0-9]+`)
)

// letters are those and the digits of a text, by which names are compared.
func letters(text string) string { return notLetters.ReplaceAllString(strings.ToLower(text), "") }

// labelled is the model that a label stands before. A label may name one without digits
// where it is plain where the name ends.
func labelled(descr string) string {
	m := modelWords.FindStringSubmatchIndex(descr)
	if m == nil {
		return ""
	}
	text := descr[m[2]:m[3]]
	if name := productName(text); name != "" {
		return name
	}
	text = strings.TrimSpace(text)
	if delimited := m[3] < len(descr) && strings.ContainsRune(",;", rune(descr[m[3]])); delimited && bareName.MatchString(text) && !noModel.MatchString(text) {
		return text
	}
	return ""
}

// bareName is a product's name without digits.
var bareName = regexp.MustCompile(`^[A-Z][A-Za-z-]{1,}(?: [A-Z][A-Za-z-]*){0,2}$`)

// places are where systems that run on many products name the one they run on.
var places = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\brunning on (?:an? )?([A-Z].+)$`),
	regexp.MustCompile(`\(([A-Z][\w .+/-]*(?:\([\w ]+\))?)\),? [Vv]ersion\b`),
	regexp.MustCompile(`\[([A-Z][\w-]*\d[\w-]*\d[\w-]*)\] \w`),
}

// imageName is the file that a router of Cisco's was started from, or the family it is of.
var imageName = regexp.MustCompile(`(?i)-m[zx]?$|k9|ipbase|lanbase|ipservices|universal|advsecurity|ios|^cisco .*\bseries$`)

func placed(descr, vendor string) string {
	for _, re := range places {
		m := re.FindStringSubmatch(descr)
		if m == nil || imageName.MatchString(m[1]) {
			continue
		}
		if name := withoutVendor(m[1], vendor); orderName.MatchString(name) && len(name) <= maxModel {
			return name
		} else if name = productName(name); name != "" {
			return name
		}
	}
	return ""
}

// headline is the product that a sysDescr begins with. Nothing says that it is one, so it
// must look like one: not like a version, a code, a technique, a place or a sentence.
func headline(text string) string {
	name := productName(text)
	words := strings.Fields(name)
	if len(words) == 0 || strings.Contains(name, "_") || versionAsName.MatchString(name) || !strings.ContainsFunc(name, unicode.IsUpper) {
		return ""
	}
	if first := words[0]; len(words) > 1 && !strings.ContainsFunc(first, func(r rune) bool { return unicode.IsUpper(r) || unicode.IsDigit(r) }) {
		return ""
	}
	telling := false
	for _, w := range words {
		if notes.MatchString(w) {
			return ""
		}
		telling = telling || len(w) > 2 && strings.ContainsAny(w, "0123456789")
	}
	if !telling {
		return ""
	}
	return name
}

// versionAsName is a version with or without a name before it.
var versionAsName = regexp.MustCompile(`(?i)^[vr]\d+\w?$|\d\.\d|-\d+-u\d`)

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

// isVersion tells whether a text begins with a version.
func isVersion(text string) bool {
	first, _, _ := strings.Cut(text, " ")
	return versionShape.MatchString(first) && len(text) <= maxModel
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
			if len(w) > 3 || strings.ToLower(w) == w {
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
