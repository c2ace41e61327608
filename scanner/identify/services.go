package identify

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/service"
)

//go:embed services/*.yaml
var builtinServices embed.FS

// ServiceRules say what a device is from what its ports told.
type ServiceRules struct{ rules []ServiceRule }

// ServiceRule is one entry of a file: when the fact matches, the device is what the rule
// says, as surely as its confidence.
type ServiceRule struct {
	Name string `yaml:"name"`
	// Fact is the name of one of service.Facts, and Match a pattern for its text, of which
	// groups named vendor, model, serial, family, os, version, kernel become those fields.
	Fact  string `yaml:"fact"`
	Match string `yaml:"match"`
	// What the device is when the rule matches.
	Vendor  string          `yaml:"vendor"`
	Type    inventory.Class `yaml:"type"`
	Model   string          `yaml:"model"`
	Family  string          `yaml:"family"`
	OS      string          `yaml:"os"`
	Version string          `yaml:"version"`
	// Confidence in percent: how many of the devices that say so are what the rule says.
	Confidence int              `yaml:"confidence"`
	Examples   []ServiceExample `yaml:"examples"`

	match *regexp.Regexp
}

// ServiceExample is a text and all that must come of it.
type ServiceExample struct {
	Text string            `yaml:"text"`
	Want map[string]string `yaml:"want"`
}

// Evidence is a fact that a rule took for a sign.
type Evidence struct {
	Port       int    `json:"port"`
	Fact       string `json:"fact"`
	Text       string `json:"text"`
	Rule       string `json:"rule"`
	Confidence int    `json:"confidence"`
}

// BuiltinServices are the rules that come with the scanner.
func BuiltinServices() (*ServiceRules, error) {
	sub, err := fs.Sub(builtinServices, "services")
	if err != nil {
		return nil, fmt.Errorf("open built-in service rules: %w", err)
	}
	return LoadServices(sub)
}

// LoadServices reads all *.yaml files of dir. Unknown keys, patterns that match any text
// without taking a part of it, and rules without an example are errors.
func LoadServices(dir fs.FS) (*ServiceRules, error) {
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list service rules: %w", err)
	}
	r := &ServiceRules{}
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("read service rules: %w", err)
		}
		var content struct {
			Rules []ServiceRule `yaml:"rules"`
		}
		dec := yaml.NewDecoder(bytes.NewReader(text))
		dec.KnownFields(true)
		if err := dec.Decode(&content); err != nil {
			return nil, inventory.Errorf(inventory.CodeInvalid, "service rules %s: %w", name, err)
		}
		for _, rule := range content.Rules {
			if err := rule.compile(); err != nil {
				return nil, inventory.Errorf(inventory.CodeInvalid, "service rules %s: rule %q: %w", name, rule.Name, err)
			}
			r.rules = append(r.rules, rule)
		}
	}
	return r, nil
}

// serviceFields are what a rule can tell, in the order of conclusions.
var serviceFields = []string{"vendor", "type", "model", "serial", "family", "os", "version", "kernel"}

func (r *ServiceRule) compile() error {
	var err error
	switch {
	case r.Name == "":
		return fmt.Errorf("has no name")
	case r.Fact == "" || r.Match == "":
		return fmt.Errorf("needs a fact and a pattern that it must match")
	case r.Confidence < 1 || r.Confidence > 100:
		return fmt.Errorf("confidence %d: must be from 1 to 100", r.Confidence)
	case len(r.Examples) == 0:
		return fmt.Errorf("has no example")
	}
	if r.match, err = regexp.Compile(r.Match); err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	for _, group := range r.match.SubexpNames() {
		if group != "" && (group == "type" || !slices.Contains(serviceFields, group)) {
			return fmt.Errorf("pattern has a group for the unknown field %q", group)
		}
	}
	return nil
}

// tell is what the rule makes of a text, by field; nil when it does not match.
func (r *ServiceRule) tell(text string) map[string]string {
	m := r.match.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	out := map[string]string{}
	set := func(field, text string) {
		if text = strings.TrimSpace(text); text != "" {
			out[field] = text
		}
	}
	set("vendor", r.Vendor)
	set("type", string(r.Type))
	set("model", r.Model)
	set("family", r.Family)
	set("os", r.OS)
	set("version", r.Version)
	for i, name := range r.match.SubexpNames() {
		if name != "" && meaningful(m[i]) {
			set(name, m[i])
		}
	}
	return out
}

// maxEvidence is how many signs are kept of one device.
const maxEvidence = 32

// conclusion is the surest text for a field, or none when two are as sure and differ.
type conclusion struct {
	text       string
	confidence int
	torn       bool
}

// Identify adds to id what the ports tell and what it does not know yet, and answers with
// the signs. What contradicts id, as a port that leads to another machine does, adds nothing.
func (r *ServiceRules) Identify(id *Identity, ports []service.Port) []Evidence {
	found := map[string]conclusion{}
	var signs []Evidence
	for i := range r.rules {
		rule := &r.rules[i]
		for _, p := range ports {
			text := p.Facts[rule.Fact]
			if text == "" {
				continue
			}
			told := rule.tell(text)
			if told == nil {
				continue
			}
			for field, text := range told {
				found[field] = found[field].with(text, rule.Confidence)
			}
			if len(signs) < maxEvidence {
				signs = append(signs, Evidence{p.Number, rule.Fact, text, rule.Name, rule.Confidence})
			}
		}
	}
	slices.SortStableFunc(signs, func(a, b Evidence) int { return cmp.Compare(b.Confidence, a.Confidence) })
	id.adopt(found)
	return signs
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

// adopt takes what the conclusions add. Model and serial number go with a vendor, version
// and kernel with an operating system.
func (id *Identity) adopt(found map[string]conclusion) {
	text := func(field string) string {
		if c := found[field]; !c.torn {
			return c.text
		}
		return ""
	}
	agrees := func(have, field string) bool {
		return have == "" || !found[field].torn && (text(field) == "" || strings.EqualFold(have, text(field)))
	}
	if agrees(id.Vendor, "vendor") && !found["vendor"].torn {
		fill(&id.Vendor, text("vendor"))
		fill(&id.Model, text("model"))
		fill(&id.Serial, text("serial"))
	}
	if id.Type == "" {
		id.Type = inventory.Class(text("type"))
	}
	if !agrees(id.OS.Name, "os") || !agrees(id.OS.Family, "family") || found["os"].torn {
		return
	}
	fill(&id.OS.Family, text("family"))
	fill(&id.OS.Name, text("os"))
	fill(&id.OS.Kernel, text("kernel"))
	if id.OS.Version == "" {
		id.OS.Version = text("version")
	}
}
