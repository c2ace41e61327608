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
type ServiceRules struct {
	facts []string                 // in the order of the files
	rules map[string][]ServiceRule // by fact
	// Recog are a site's own fingerprints in recog's format; nil for none.
	Recog *Recog
}

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
	r := &ServiceRules{rules: map[string][]ServiceRule{}}
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
			if r.rules[rule.Fact] == nil {
				r.facts = append(r.facts, rule.Fact)
			}
			r.rules[rule.Fact] = append(r.rules[rule.Fact], rule)
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

// tell is what the rules for a fact make of a text, at most so many signs.
func (r *ServiceRules) tell(port int, fact, text string, room int) (signs []Evidence) {
	rules := r.rules[fact]
	for i := range rules {
		if len(signs) == room {
			break
		}
		if told := rules[i].tell(text); told != nil {
			signs = append(signs, Evidence{port, fact, text, rules[i].Name, rules[i].Confidence, told})
		}
	}
	return signs
}

// Identify adds to id what the ports tell, and answers with the signs, surest first. known is the
// evidence for what id knows already: a sign must be surer to replace that, and what
// contradicts its vendor, as a port that leads to another machine does, adds nothing.
func (r *ServiceRules) Identify(id *Identity, known []Evidence, ports []service.Port) []Evidence {
	var signs []Evidence
	for _, fact := range r.facts {
		for _, p := range ports {
			if text := p.Facts[fact]; text != "" {
				signs = append(signs, r.tell(p.Number, fact, text, maxEvidence-len(signs))...)
			}
		}
	}
	signs = append(signs, r.Recog.tell(ports, maxEvidence-len(signs))...)
	slices.SortStableFunc(signs, func(a, b Evidence) int { return cmp.Compare(b.Confidence, a.Confidence) })
	id.adopt(signs, known)
	return signs
}
