package identify

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Recog is a set of fingerprints in the format of recog (https://github.com/rapid7/recog),
// which a site brings itself. They count for less than any rule of muster's own.
type Recog struct {
	lists []recogList
	// Fingerprints is how many were read. Of these Unused, by kind, are about facts that
	// muster does not ask for, and Refused have a pattern that RE2 cannot do.
	Fingerprints int
	Unused       map[string]int
	Refused      []string // file: description
}

// recogList are the fingerprints of one file: the first that matches counts.
type recogList struct {
	fact         string
	name         string
	fingerprints []recogFingerprint
}

type recogFingerprint struct {
	name       string
	pattern    *regexp.Regexp
	params     []recogParam
	confidence int
}

type recogParam struct {
	Group int    `xml:"pos,attr"`
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

// Limits of a folder of fingerprints. recog's own has some 70 files with 5,000 in all.
const (
	maxRecogFiles   = 256
	maxRecogFile    = 8 << 20
	maxRecog        = 50_000
	maxRecogPattern = 4096
	maxRecogParams  = 64
)

// sureOfRecog is the confidence of a fingerprint: less than that of the least sure rule.
const sureOfRecog = 45

// recogFacts are the facts that the kinds of fingerprints are about.
var recogFacts = map[string]string{
	"ssh.banner":            "ssh.software",
	"ftp.banner":            "ftp.banner",
	"smtp.banner":           "smtp.banner",
	"pop.banner":            "pop3.banner",
	"pop3.banner":           "pop3.banner",
	"imap4.banner":          "imap.banner",
	"telnet.banner":         "telnet.banner",
	"http_header.server":    "http.server",
	"html_title":            "http.title",
	"mysql.banner":          "mysql.version",
	"sip_header.server":     "sip.server",
	"sip_header.user_agent": "sip.user_agent",
	"rtsp_header.server":    "rtsp.server",
	"x509.subject":          "tls.subject",
	"x509.issuer":           "tls.issuer",
	"hp.pjl.id":             "pjl.id",
	"hp_pjl_id":             "pjl.id",
	"snmp.sys_description":  factDescr,
	"snmp.sys_object_id":    factObjectID,
}

// LoadRecog reads all *.xml files of dir.
func LoadRecog(dir fs.FS) (*Recog, error) {
	names, err := fs.Glob(dir, "*.xml")
	if err != nil {
		return nil, fmt.Errorf("list fingerprints: %w", err)
	}
	if len(names) == 0 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "fingerprints: the folder has no *.xml file")
	}
	if len(names) > maxRecogFiles {
		return nil, inventory.Errorf(inventory.CodeTooLarge, "fingerprints: more than %d files", maxRecogFiles)
	}
	g := &Recog{Unused: map[string]int{}}
	for _, name := range names {
		f, err := dir.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open fingerprints: %w", err)
		}
		err = g.read(name, f)
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
	return g, nil
}

// read adds the fingerprints of one file.
func (g *Recog) read(name string, in io.Reader) error {
	limited := &io.LimitedReader{R: in, N: maxRecogFile + 1}
	dec := xml.NewDecoder(limited)
	var list *recogList
	kind := ""
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && limited.N > 0 {
			break
		}
		if limited.N <= 0 {
			return inventory.Errorf(inventory.CodeTooLarge, "fingerprints %s: more than %d bytes", name, maxRecogFile)
		}
		if err != nil {
			return inventory.Errorf(inventory.CodeInvalid, "fingerprints %s: %w", name, err)
		}
		start, ok := token.(xml.StartElement)
		switch {
		case !ok:
		case start.Name.Local == "fingerprints":
			kind = cmp.Or(attribute(start, "matches"), strings.TrimSuffix(path.Base(name), ".xml"))
			list = &recogList{fact: recogFacts[kind], name: name}
		case start.Name.Local == "fingerprint" && list != nil:
			if g.Fingerprints++; g.Fingerprints > maxRecog {
				return inventory.Errorf(inventory.CodeTooLarge, "fingerprints: more than %d", maxRecog)
			}
			if err := g.fingerprint(dec, start, list, kind); err != nil {
				return inventory.Errorf(inventory.CodeInvalid, "fingerprints %s: %w", name, err)
			}
		}
	}
	if list == nil {
		return inventory.Errorf(inventory.CodeInvalid, "fingerprints %s: has no element fingerprints", name)
	}
	if len(list.fingerprints) > 0 {
		g.lists = append(g.lists, *list)
	}
	return nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// fingerprint reads one and adds it, or counts why not.
func (g *Recog) fingerprint(dec *xml.Decoder, start xml.StartElement, list *recogList, kind string) error {
	var content struct {
		Description string       `xml:"description"`
		Params      []recogParam `xml:"param"`
	}
	if err := dec.DecodeElement(&content, &start); err != nil {
		return err
	}
	if list.fact == "" {
		g.Unused[kind]++
		return nil
	}
	label := service.Clean(cmp.Or(strings.TrimSpace(content.Description), attribute(start, "pattern")), maxLabel)
	f := recogFingerprint{name: "recog: " + label, params: content.Params, confidence: sureOfRecog}
	if f.pattern = rubyPattern(attribute(start, "pattern"), attribute(start, "flags")); f.pattern == nil || len(f.params) > maxRecogParams {
		g.Refused = append(g.Refused, list.name+": "+label)
		return nil
	}
	if c, err := strconv.ParseFloat(attribute(start, "certainty"), 64); err == nil && c >= 0 && c <= 1 {
		f.confidence = max(1, int(c*sureOfRecog))
	}
	list.fingerprints = append(list.fingerprints, f)
	return nil
}

// maxLabel is how much of a fingerprint's description is kept.
const maxLabel = 120

// rubyEscapes are those of Ruby that RE2 writes in another way.
var rubyEscapes = strings.NewReplacer(`\\`, `\\`, `\h`, `[0-9a-fA-F]`, `\H`, `[^0-9a-fA-F]`, `\Z`, `\n?\z`, `\/`, `/`, `\-`, `\-`)

// rubyPattern makes a pattern of Ruby's one for RE2. In Ruby ^ and $ are always of lines, and
// "multiline" lets a dot match their ends. nil when RE2 cannot do it, as looking around and
// possessive repetition.
func rubyPattern(pattern, flags string) *regexp.Regexp {
	if pattern == "" || len(pattern) > maxRecogPattern {
		return nil
	}
	mode := "m"
	for _, flag := range strings.FieldsFunc(flags, func(r rune) bool { return strings.ContainsRune(" ,|", r) }) {
		switch flag {
		case "REG_ICASE", "IGNORECASE":
			mode += "i"
		case "REG_MULTILINE", "REG_DOT_NEWLINE":
			mode += "s"
		}
	}
	re, err := regexp.Compile("(?" + mode + ")" + rubyEscapes.Replace(pattern))
	if err != nil {
		return nil
	}
	return re
}

// tell matches what ports told, at most so many signs.
func (g *Recog) tell(ports []service.Port, room int) []Evidence {
	if g == nil {
		return nil
	}
	var signs []Evidence
	for i := range g.lists {
		list := &g.lists[i]
		for _, p := range ports {
			text := p.Facts[list.fact]
			if text == "" || len(signs) >= room {
				continue
			}
			if f, values := list.match(text); len(values) > 0 {
				signs = append(signs, Evidence{p.Number, list.fact, text, f.name, f.confidence, values})
			}
		}
	}
	return signs
}

func (l *recogList) match(text string) (*recogFingerprint, map[string]string) {
	for i := range l.fingerprints {
		if m := l.fingerprints[i].pattern.FindStringSubmatch(text); m != nil {
			return &l.fingerprints[i], l.fingerprints[i].values(m)
		}
	}
	return nil, nil
}

// values are what the parameters say of the device, in muster's fields. What they say of a
// program (service.*) is no matter here.
func (f *recogFingerprint) values(m []string) map[string]string {
	said := map[string]string{}
	for _, p := range f.params {
		text := p.Value
		if p.Group > 0 && p.Group < len(m) {
			text = m[p.Group]
		}
		if text = strings.TrimSpace(text); text != "" && !strings.Contains(text, "{") { // made of other parameters
			said[p.Name] = text
		}
	}
	out := map[string]string{}
	set := func(field string, texts ...string) {
		for _, t := range texts {
			if out[field] == "" && meaningful(t) {
				out[field] = t
			}
		}
	}
	set("vendor", said["hw.vendor"])
	set("model", said["hw.product"], said["hw.model"])
	set("serial", said["hw.serial_number"])
	set("type", string(recogDevices[said["hw.device"]]), string(recogDevices[said["os.device"]]))
	set("family", recogFamilies[said["os.family"]])
	if name := said["os.product"]; name == "Linux" && said["os.vendor"] != "" && said["os.vendor"] != "Linux" {
		set("os", said["os.vendor"]+" "+name)
	} else {
		set("os", name)
	}
	set("version", said["os.version"], said["hw.version"])
	if out["os"] == "" {
		delete(out, "version") // of nothing that is named
	}
	return out
}

// recogFamilies are the families of operating systems by recog's names.
var recogFamilies = map[string]string{
	"Linux": "linux", "Windows": "windows", "FreeBSD": "freebsd", "OpenBSD": "openbsd", "NetBSD": "netbsd",
	"Mac OS X": "darwin", "macOS": "darwin", "iOS": "ios", "Android": "android", "Solaris": "solaris", "AIX": "aix",
}

// recogDevices are the classes by recog's names of sorts of devices.
var recogDevices = map[string]inventory.Class{
	"Router": inventory.ClassRouter, "Broadband router": inventory.ClassRouter, "Broadband Router": inventory.ClassRouter,
	"Gateway": inventory.ClassRouter, "DSL Modem": inventory.ClassRouter, "Cable Modem": inventory.ClassRouter,
	"Switch": inventory.ClassSwitch, "Firewall": inventory.ClassFirewall, "VPN": inventory.ClassFirewall,
	"WAP": inventory.ClassAccessPoint, "Wireless Controller": inventory.ClassAccessPoint,
	"Printer": inventory.ClassPrinter, "Multifunction Device": inventory.ClassPrinter, "Print server": inventory.ClassPrinter,
	"Print Server": inventory.ClassPrinter, "NAS": inventory.ClassStorage, "Storage": inventory.ClassStorage,
	"IP Camera": inventory.ClassCamera, "IP camera": inventory.ClassCamera, "Web cam": inventory.ClassCamera,
	"DVR": inventory.ClassCamera, "NVR": inventory.ClassCamera, "VoIP": inventory.ClassPhoneVoIP, "IP Phone": inventory.ClassPhoneVoIP,
	"Lights Out Management": inventory.ClassBMC, "Hypervisor": inventory.ClassServer, "Load Balancer": inventory.ClassLoadBalancer,
	"Load balancer": inventory.ClassLoadBalancer, "UPS": inventory.ClassUPS, "Power device": inventory.ClassPDU,
	"PDU": inventory.ClassPDU, "Environmental Monitoring": inventory.ClassSensor, "Media Server": inventory.ClassMedia,
}

// Told are the facts of SNMP in the form of a port's, for rules about them.
func Told(s snmp.System) []service.Port {
	return []service.Port{{Answer: service.Answer{Facts: service.Facts{factDescr: s.Description, factObjectID: s.ObjectID}}}}
}
