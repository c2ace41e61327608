package identify

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

//go:embed rules/*.yaml
var builtin embed.FS

// Rules are rules in the order in which they are tried, and the vendors of enterprise numbers.
type Rules struct {
	rules       []Rule
	announced   []AnnouncedRule
	enterprises map[int]string
}

// Rule is one entry of a rules file. It matches when its object ids (a prefix each, any of
// them) and its pattern match; one of the two may be absent.
type Rule struct {
	Name      string   `yaml:"name"`
	ObjectIDs []string `yaml:"object_ids"`
	// Descr is matched against sysDescr. Its groups named vendor, model, serial, os,
	// version become those fields.
	Descr string `yaml:"descr"`
	// Vendor, Type, Model, OS are what the device is when the rule matches.
	Vendor string          `yaml:"vendor"`
	Type   inventory.Class `yaml:"type"`
	Model  string          `yaml:"model"`
	OS     string          `yaml:"os"`
	// Read are object ids whose texts become fields: model, serial, version, vendor.
	Read map[string]string `yaml:"read"`
	// Last keeps later rules from adding anything.
	Last bool `yaml:"last"`
	// Examples are the rule's tests.
	Examples []Example `yaml:"examples"`

	descr *regexp.Regexp
}

// Example is what a device says and what must come of it.
type Example struct {
	ObjectID string            `yaml:"object_id"`
	Descr    string            `yaml:"descr"`
	Values   map[string]string `yaml:"values"` // of object ids that the rule reads
	Want     struct {
		Vendor  string          `yaml:"vendor"`
		Type    inventory.Class `yaml:"type"`
		Model   string          `yaml:"model"`
		Serial  string          `yaml:"serial"`
		OS      string          `yaml:"os"`
		Version string          `yaml:"version"`
	} `yaml:"want"`
}

type ruleFile struct {
	Enterprises map[int]string `yaml:"enterprises"`
	Rules       []Rule         `yaml:"rules"`
	// Announced are tried in order after Rules; for each field the first answer stands.
	Announced []AnnouncedRule `yaml:"announced"`
}

// Builtin are the rules that come with the scanner.
func Builtin() (*Rules, error) {
	sub, err := fs.Sub(builtin, "rules")
	if err != nil {
		return nil, fmt.Errorf("open built-in rules: %w", err)
	}
	return Load(sub)
}

// Load reads all *.yaml files of dir in the order of their names. Unknown keys, rules that
// match everything and rules without an example are errors.
func Load(dir fs.FS) (*Rules, error) {
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	r := &Rules{enterprises: map[int]string{}}
	for _, name := range names {
		f, err := dir.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open rules: %w", err)
		}
		var content ruleFile
		dec := yaml.NewDecoder(f)
		dec.KnownFields(true)
		err = dec.Decode(&content)
		_ = f.Close()
		if err != nil {
			return nil, inventory.Errorf(inventory.CodeInvalid, "rules %s: %w", name, err)
		}
		for n, vendor := range content.Enterprises {
			r.enterprises[n] = vendor
		}
		for _, rule := range content.Rules {
			if err := rule.compile(); err != nil {
				return nil, inventory.Errorf(inventory.CodeInvalid, "rules %s: rule %q: %w", name, rule.Name, err)
			}
			r.rules = append(r.rules, rule)
		}
		for _, rule := range content.Announced {
			if err := rule.compile(); err != nil {
				return nil, inventory.Errorf(inventory.CodeInvalid, "rules %s: rule %q: %w", name, rule.Name, err)
			}
			r.announced = append(r.announced, rule)
		}
	}
	return r, nil
}

// fields are what groups of patterns may be named.
var fields = map[string]bool{"vendor": true, "model": true, "serial": true, "os": true, "version": true}

func (r *Rule) compile() error {
	switch {
	case r.Name == "":
		return fmt.Errorf("has no name")
	case len(r.ObjectIDs) == 0 && r.Descr == "":
		return fmt.Errorf("matches everything")
	case len(r.Examples) == 0:
		return fmt.Errorf("has no example")
	}
	for field := range r.Read {
		if !fields[field] {
			return fmt.Errorf("cannot read field %q", field)
		}
	}
	if r.Descr == "" {
		return nil
	}
	var err error
	if r.descr, err = regexp.Compile(r.Descr); err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	for _, group := range r.descr.SubexpNames() {
		if group != "" && !fields[group] {
			return fmt.Errorf("pattern has a group for the unknown field %q", group)
		}
	}
	return nil
}

// groups are the fields that the pattern took; ok tells whether the rule matches at all.
func (r *Rule) groups(s snmp.System) (found map[string]string, ok bool) {
	if len(r.ObjectIDs) > 0 {
		any := false
		for _, o := range r.ObjectIDs {
			any = any || s.ObjectID == o || strings.HasPrefix(s.ObjectID, o+".")
		}
		if !any {
			return nil, false
		}
	}
	if r.descr == nil {
		return nil, true
	}
	m := r.descr.FindStringSubmatch(s.Description)
	if m == nil {
		return nil, false
	}
	found = map[string]string{}
	for i, name := range r.descr.SubexpNames() {
		if name != "" {
			found[name] = m[i]
		}
	}
	return found, true
}

// Wanted are the object ids that the rules matching s would like to read as well.
func (r *Rules) Wanted(s snmp.System) []string {
	var out []string
	for i := range r.rules {
		if _, ok := r.rules[i].groups(s); !ok {
			continue
		}
		for _, o := range r.rules[i].Read {
			out = append(out, o)
		}
	}
	return out
}

// match applies every rule that matches; for each field the first answer stands.
func (r *Rules) match(f *snmp.Facts) Identity {
	var id Identity
	for i := range r.rules {
		rule := &r.rules[i]
		groups, ok := rule.groups(f.System)
		if !ok {
			continue
		}
		value := func(field, fixed string) string {
			if t := f.Extra[rule.Read[field]]; rule.Read[field] != "" && meaningful(t) {
				return t
			}
			if groups[field] != "" {
				return groups[field]
			}
			return fixed
		}
		fill(&id.Vendor, value("vendor", rule.Vendor))
		fill(&id.Model, value("model", rule.Model))
		fill(&id.Serial, value("serial", ""))
		fill(&id.OS.Name, value("os", rule.OS))
		if id.OS.Version == "" {
			id.OS.Version = value("version", "")
		}
		if id.Type == "" {
			id.Type = rule.Type
		}
		if rule.Last {
			break
		}
	}
	return id
}
