package identify

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

//go:embed rules/*.yaml
var builtin embed.FS

// Rules are rules in the order in which they are tried, and the vendors of enterprise numbers.
type Rules struct {
	rules          []Rule
	announced      []AnnouncedRule
	enterprises    map[int]string
	types          map[int]inventory.Class
	products       map[string]string // models by sysObjectID
	others, shared map[int]bool
	brands         []string
}

// Rule is one entry of a rules file. It matches when its object ids (a prefix each, any of
// them), its enterprises and its pattern match; two of the three may be absent.
type Rule struct {
	Name      string   `yaml:"name"`
	ObjectIDs []string `yaml:"object_ids"`
	// Has are enterprise numbers: the device has objects of one of them. Branded devices
	// with a general agent show their maker in no other way.
	Has []int `yaml:"has"`
	// Descr is matched against sysDescr. Its groups named vendor, model, serial, os,
	// version become those fields.
	Descr string `yaml:"descr"`
	// Vendor, Type, Model, OS are what the device is when the rule matches.
	Vendor string          `yaml:"vendor"`
	Type   inventory.Class `yaml:"type"`
	Model  string          `yaml:"model"`
	OS     string          `yaml:"os"`
	// Read are object ids whose texts become fields: model, serial, version, vendor.
	// Of several ids for one field the first that the device has counts; one that ends in
	// ".*" stands for the first object below it, one that begins with "$" is below the
	// device's sysObjectID, with "^" below the one that is below.
	Read map[string]oids `yaml:"read"`
	// Take are patterns for the texts that were read: their first group becomes the field.
	Take map[string]string `yaml:"take"`
	// Opaque says that the wording of sysDescr is about something else, a management card
	// or a person's remark, and is not to be searched.
	Opaque bool `yaml:"opaque"`
	// Last keeps later rules from adding anything.
	Last bool `yaml:"last"`
	// Examples are the rule's tests.
	Examples []Example `yaml:"examples"`

	descr *regexp.Regexp
	take  map[string]*regexp.Regexp
}

// oids are one or several object ids.
type oids []string

// UnmarshalYAML takes one id where a list could stand.
func (o *oids) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*o = oids{n.Value}
		return nil
	}
	return n.Decode((*[]string)(o))
}

// Example is what a device says and what must come of it.
type Example struct {
	ObjectID string            `yaml:"object_id"`
	Descr    string            `yaml:"descr"`
	Has      []int             `yaml:"has"`
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
	enterpriseTable `yaml:",inline"`

	Rules []Rule `yaml:"rules"`
	// Announced are tried in order after Rules; for each field the first answer stands.
	Announced []AnnouncedRule `yaml:"announced"`
	// Products are makers' lists of what their sysObjectIDs stand for.
	Products []ProductList `yaml:"products"`
}

// ProductList names the products that a maker registered below one object identifier.
type ProductList struct {
	Below string `yaml:"below"`
	// Models are names by the rest of the identifier.
	Models map[string]string `yaml:"models"`
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
	r := newRules()
	for _, name := range names {
		f, err := dir.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open rules: %w", err)
		}
		err = r.read(name, f)
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
	r.sortBrands()
	return r, nil
}

func newRules() *Rules {
	return &Rules{enterprises: map[int]string{}, types: map[int]inventory.Class{}, products: map[string]string{}, others: map[int]bool{}, shared: map[int]bool{}}
}

// maxRules bounds a file of rules.
const maxRules = 4 << 20

// read adds the rules of one file.
func (r *Rules) read(name string, in io.Reader) error {
	var content ruleFile
	dec := yaml.NewDecoder(io.LimitReader(in, maxRules))
	dec.KnownFields(true)
	if err := dec.Decode(&content); err != nil {
		return inventory.Errorf(inventory.CodeInvalid, "rules %s: %w", name, err)
	}
	r.learn(&content.enterpriseTable)
	for _, rule := range content.Rules {
		if err := rule.compile(); err != nil {
			return inventory.Errorf(inventory.CodeInvalid, "rules %s: rule %q: %w", name, rule.Name, err)
		}
		r.rules = append(r.rules, rule)
	}
	for _, list := range content.Products {
		for rest, model := range list.Models {
			id := list.Below + "." + rest
			if !objectID.MatchString(id) || !meaningful(model) {
				return inventory.Errorf(inventory.CodeInvalid, "rules %s: product %q of %s: needs the rest of an object id and a name", name, rest, list.Below)
			}
			r.products[id] = model
		}
	}
	for _, rule := range content.Announced {
		if err := rule.compile(); err != nil {
			return inventory.Errorf(inventory.CodeInvalid, "rules %s: rule %q: %w", name, rule.Name, err)
		}
		r.announced = append(r.announced, rule)
	}
	return nil
}

// BuiltinAfter are the built-in rules with those of one file before them.
func BuiltinAfter(name string, in io.Reader) (*Rules, error) {
	own := newRules()
	if err := own.read(name, in); err != nil {
		return nil, err
	}
	r, err := Builtin()
	if err != nil {
		return nil, err
	}
	r.rules, r.announced = append(own.rules, r.rules...), append(own.announced, r.announced...)
	maps.Copy(r.enterprises, own.enterprises)
	maps.Copy(r.types, own.types)
	maps.Copy(r.products, own.products)
	maps.Copy(r.others, own.others)
	maps.Copy(r.shared, own.shared)
	r.brands = append(r.brands, own.brands...)
	r.sortBrands()
	return r, nil
}

// Matching are the names of the rules that apply to a device.
func (r *Rules) Matching(s snmp.System) []string {
	var out []string
	for i := range r.rules {
		if _, ok := r.rules[i].groups(s); ok {
			out = append(out, r.rules[i].Name)
		}
	}
	return out
}

// fields are what groups of patterns may be named.
var fields = map[string]bool{"vendor": true, "model": true, "serial": true, "os": true, "version": true}

var objectID = regexp.MustCompile(`^(1(\.\d+){3,}|[$^](\.\d+)+)(\.\*)?$`)

// ownRoot and parentRoot stand for the device's sysObjectID, and for what that is below, at
// the beginning of an id: some makers have the objects of a model or of a series there.
const (
	ownRoot    = "$."
	parentRoot = "^."
)

func expand(id string, s snmp.System) string {
	if rest, ok := strings.CutPrefix(id, ownRoot); ok {
		return s.ObjectID + "." + rest
	}
	if rest, ok := strings.CutPrefix(id, parentRoot); ok {
		return s.ObjectID[:max(strings.LastIndexByte(s.ObjectID, '.'), 0)] + "." + rest
	}
	return id
}

func (r *Rule) compile() error {
	switch {
	case r.Name == "":
		return fmt.Errorf("has no name")
	case len(r.ObjectIDs) == 0 && len(r.Has) == 0 && r.Descr == "":
		return fmt.Errorf("matches everything")
	case len(r.Examples) == 0:
		return fmt.Errorf("has no example")
	}
	for field, ids := range r.Read {
		if !fields[field] {
			return fmt.Errorf("cannot read field %q", field)
		}
		for _, id := range ids {
			if !objectID.MatchString(id) {
				return fmt.Errorf("read %s: %q is no object id", field, id)
			}
		}
	}
	r.take = map[string]*regexp.Regexp{}
	for field, pattern := range r.Take {
		if len(r.Read[field]) == 0 {
			return fmt.Errorf("take %s: nothing is read for it", field)
		}
		re, err := regexp.Compile(pattern)
		if err != nil {
			return fmt.Errorf("take %s: %w", field, err)
		}
		if re.NumSubexp() != 1 {
			return fmt.Errorf("take %s: must have one group, has %d", field, re.NumSubexp())
		}
		r.take[field] = re
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
	if len(r.Has) > 0 && !slices.ContainsFunc(r.Has, func(n int) bool { return slices.Contains(s.Enterprises, n) }) {
		return nil, false
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

// Wanted are the object ids that the rules matching s would like to read as well, each once
// and what matters most first, as few are asked for: the first choice of every field before
// those that stand in for it, by the order of rules, a model before a version.
func (r *Rules) Wanted(s snmp.System) []string {
	var matching []*Rule
	choices := 0
	for i := range r.rules {
		rule := &r.rules[i]
		if _, ok := rule.groups(s); !ok {
			continue
		}
		matching = append(matching, rule)
		for _, ids := range rule.Read {
			choices = max(choices, len(ids))
		}
		if rule.Last {
			break
		}
	}
	var out []string
	for choice := range choices {
		for _, rule := range matching {
			for _, field := range serviceFields {
				if ids := rule.Read[field]; choice < len(ids) && !slices.Contains(out, expand(ids[choice], s)) {
					out = append(out, expand(ids[choice], s))
				}
			}
		}
	}
	return out
}

// text is what the device said under the ids of a field.
func (r *Rule) text(field string, f *snmp.Facts) string {
	for _, id := range r.Read[field] {
		text := f.Extra[expand(id, f.System)]
		if re := r.take[field]; re != nil {
			m := re.FindStringSubmatch(text)
			if m == nil {
				continue
			}
			text = m[1]
		}
		if meaningful(text) {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// match applies every rule that matches; for each field the first answer stands. opaque
// tells that sysDescr is not to be searched.
func (r *Rules) match(f *snmp.Facts, in *inquiry) (opaque bool) {
	for i := range r.rules {
		rule := &r.rules[i]
		groups, ok := rule.groups(f.System)
		if !ok {
			continue
		}
		w := in.witness(factObjectID, f.System.ObjectID, rule.Name, sureOfRule)
		if rule.descr != nil {
			w = in.witness(factDescr, f.System.Description, rule.Name, sureOfRule)
		}
		fixed := map[string]string{"vendor": rule.Vendor, "model": rule.Model, "os": rule.OS, "type": string(rule.Type)}
		for _, field := range serviceFields {
			w.tell(field, cmp.Or(rule.text(field, f), groups[field], fixed[field]))
		}
		opaque = opaque || rule.Opaque
		if rule.Last {
			break
		}
	}
	return opaque
}
