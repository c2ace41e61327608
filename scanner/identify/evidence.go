package identify

import (
	"cmp"
	"slices"
	"strings"
)

// Evidence is a fact that was taken for a sign of what a device is.
type Evidence struct {
	Port int    `json:"port,omitempty"` // where a service told it
	Fact string `json:"fact"`           // the kind of fact: "snmp.sys_descr", "http.title"
	Text string `json:"text"`
	Rule string `json:"rule"` // the rule, or the part of the general ones, that read it
	// Confidence is how many in a hundred devices of which that is said it is true of.
	Confidence int `json:"confidence"`
	// Values are what it says, by field.
	Values map[string]string `json:"values,omitempty"`
}

// Facts that SNMP tells of every device.
const (
	factDescr    = "snmp.sys_descr"
	factObjectID = "snmp.sys_object_id"
	factPrivate  = "snmp.private"
)

// How sure the sources are that SNMP has, in per cent.
const (
	sureOfRule   = 95
	sureOfMIB    = 95
	sureOfMaker  = 92 // of a maker's name, and of what a maker of one sort of thing makes
	sureOfLabel  = 90 // "Model:", "S/N"
	sureOfGroup  = 85 // neighbours of the right shape among private objects
	sureOfWords  = 85
	sureOfShape  = 75 // the only text of its shape
	sureOfPhrase = 75 // what stands where products' names stand
)

// inquiry puts an identity together of what witnesses tell, the best of them first: for
// each field the first answer stands.
type inquiry struct {
	id       *Identity
	evidence []Evidence
}

// witness is one source; it is written down once it gives a value.
type witness struct {
	in *inquiry
	Evidence
	at int // where in the evidence it stands, from 1
}

func (in *inquiry) witness(fact, text, rule string, confidence int) *witness {
	return &witness{in: in, Evidence: Evidence{Fact: fact, Text: text, Rule: rule, Confidence: confidence}}
}

// tell sets a field that nothing better set.
func (w *witness) tell(field, text string) {
	at := w.in.id.field(field)
	text = strings.Trim(text, " \"'\\")
	if at == nil || *at != "" || !meaningful(text) {
		return
	}
	*at = text
	if w.at == 0 {
		w.Values = map[string]string{}
		w.in.evidence = append(w.in.evidence, w.Evidence)
		w.at = len(w.in.evidence)
	}
	w.in.evidence[w.at-1].Values[field] = text
}

// field is where a field is kept; nil for one that there is not.
func (id *Identity) field(name string) *string {
	switch name {
	case "vendor":
		return &id.Vendor
	case "type":
		return (*string)(&id.Type)
	case "model":
		return &id.Model
	case "serial":
		return &id.Serial
	case "family":
		return &id.OS.Family
	case "os":
		return &id.OS.Name
	case "version":
		return &id.OS.Version
	case "kernel":
		return &id.OS.Kernel
	}
	return nil
}

// conclusion is the surest text for a field, or none when two are as sure and differ.
type conclusion struct {
	text       string
	confidence int
	torn       bool
}

func (c conclusion) with(text string, confidence int) conclusion {
	switch {
	case confidence > c.confidence:
		return conclusion{text: text, confidence: confidence}
	case confidence == c.confidence && !strings.EqualFold(text, c.text):
		c.torn = true
	}
	return c
}

// conclusions are the surest texts of signs, by field.
type conclusions map[string]conclusion

func conclude(signs []Evidence) conclusions {
	found := conclusions{}
	for _, s := range signs {
		for field, text := range s.Values {
			found[field] = found[field].with(text, s.Confidence)
		}
	}
	return found
}

// text is what is concluded of a field; empty when two signs are as sure and differ.
func (c conclusions) text(field string) string {
	if c[field].torn {
		return ""
	}
	return c[field].text
}

// adopt takes what signs add. A sign of another vendor than the device's, or the surest
// sign's, speaks of something else. Model and serial number go with a vendor, version and
// kernel with an operating system.
func (id *Identity) adopt(signs, known []Evidence) {
	found := conclude(signs)
	if vendor := cmp.Or(id.Vendor, found.text("vendor")); vendor != "" {
		signs = slices.DeleteFunc(slices.Clone(signs), func(s Evidence) bool {
			return s.Values["vendor"] != "" && !sameMaker(s.Values["vendor"], vendor)
		})
		found = conclude(signs)
	}
	fields := []string{"vendor", "type", "model", "serial"}
	if found["vendor"].torn {
		fields = []string{"type"}
	}
	for _, field := range fields {
		if text := found.text(field); meaningful(text) && found[field].confidence > id.sure(field, known) {
			*id.field(field) = text
		}
	}
	name := cmp.Or(id.OS.Name, found.text("os"))
	if name == "" && found["os"].torn {
		return
	}
	found = conclude(slices.DeleteFunc(slices.Clone(signs), func(s Evidence) bool {
		return s.Values["os"] != "" && !strings.EqualFold(s.Values["os"], name)
	}))
	if family := found.text("family"); found["family"].torn || family != "" && id.OS.Family != "" && !strings.EqualFold(family, id.OS.Family) {
		return
	}
	for _, field := range []string{"family", "os", "kernel", "version"} {
		if at := id.field(field); *at == "" {
			*at = found.text(field)
		}
	}
}

// sure is how sure the evidence is of what a field has: not at all of nothing, and fully
// where there is none, as for what a person said.
func (id *Identity) sure(field string, known []Evidence) int {
	have := *id.field(field)
	if have == "" {
		return 0
	}
	best := 0
	for _, e := range known {
		if e.Values[field] == have {
			best = max(best, e.Confidence)
		}
	}
	if best == 0 {
		return 100
	}
	return best
}

// sameMaker tells whether two names are of one maker: one begins with the other, as
// "Axis" and "Axis Communications AB".
func sameMaker(a, b string) bool {
	short := strings.NewReplacer("hewlettpackard", "hp")
	x, y := short.Replace(letters(a)), short.Replace(letters(b))
	return x != "" && y != "" && (strings.HasPrefix(x, y) || strings.HasPrefix(y, x))
}
