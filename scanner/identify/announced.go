package identify

import (
	"cmp"
	"fmt"
	"path"
	"regexp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/announce"
)

// AnnouncedRule is what follows from facts that a device announces. It matches when each of
// its conditions holds and none of Unless does.
type AnnouncedRule struct {
	Name   string      `yaml:"name"`
	When   []Condition `yaml:"when"`
	Unless []Condition `yaml:"unless"`
	// What the device is when the rule matches; groups of the conditions' patterns come first.
	Vendor string          `yaml:"vendor"`
	Type   inventory.Class `yaml:"type"`
	Model  string          `yaml:"model"`
	OS     string          `yaml:"os"`
	Family string          `yaml:"family"` // of the operating system
	// Confidence in per cent; 0 stands for 85.
	Confidence int                `yaml:"confidence"`
	Examples   []AnnouncedExample `yaml:"examples"`
}

// Condition holds when a fact has the key, a glob in which * stands for anything, and a
// value that the pattern is found in.
type Condition struct {
	Key   string `yaml:"key"`
	Match string `yaml:"match"`

	match *regexp.Regexp
}

// AnnouncedExample is what a device announces and what must come of it.
type AnnouncedExample struct {
	Facts map[string]string `yaml:"facts"`
	Want  struct {
		Vendor  string          `yaml:"vendor"`
		Type    inventory.Class `yaml:"type"`
		Model   string          `yaml:"model"`
		Serial  string          `yaml:"serial"`
		OS      string          `yaml:"os"`
		Family  string          `yaml:"family"`
		Version string          `yaml:"version"`
	} `yaml:"want"`
}

func (r *AnnouncedRule) compile() error {
	switch {
	case r.Name == "":
		return fmt.Errorf("has no name")
	case len(r.When) == 0:
		return fmt.Errorf("matches everything")
	case r.Confidence < 0 || r.Confidence > 100:
		return fmt.Errorf("confidence %d: must be from 1 to 100", r.Confidence)
	case len(r.Examples) == 0:
		return fmt.Errorf("has no example")
	}
	for _, list := range [][]Condition{r.When, r.Unless} {
		for i := range list {
			if err := list[i].compile(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Condition) compile() error {
	if _, err := path.Match(c.Key, ""); err != nil || c.Key == "" {
		return fmt.Errorf("key %q is no glob", c.Key)
	}
	var err error
	if c.match, err = regexp.Compile(c.Match); err != nil {
		return fmt.Errorf("pattern of %s: %w", c.Key, err)
	}
	for _, group := range c.match.SubexpNames() {
		if group != "" && !fields[group] {
			return fmt.Errorf("pattern of %s has a group for the unknown field %q", c.Key, group)
		}
	}
	return nil
}

// holds adds the groups of the first fact that fulfils the condition, and answers with it.
func (c *Condition) holds(facts []announce.Fact, groups map[string]string) (announce.Fact, bool) {
	for _, f := range facts {
		if ok, _ := path.Match(c.Key, f.Key); !ok { // its error was looked at when the rule was read
			continue
		}
		m := c.match.FindStringSubmatch(f.Value)
		if m == nil {
			continue
		}
		for i, name := range c.match.SubexpNames() {
			if name != "" && m[i] != "" {
				groups[name] = m[i]
			}
		}
		return f, true
	}
	return announce.Fact{}, false
}

// groups are what the patterns took, and sign the fact that fulfilled the first condition.
func (r *AnnouncedRule) groups(facts []announce.Fact) (groups map[string]string, sign announce.Fact, ok bool) {
	groups = map[string]string{}
	for i := range r.When {
		f, ok := r.When[i].holds(facts, groups)
		if !ok {
			return nil, sign, false
		}
		if i == 0 {
			sign = f
		}
	}
	for i := range r.Unless {
		if _, ok := r.Unless[i].holds(facts, map[string]string{}); ok {
			return nil, sign, false
		}
	}
	return groups, sign, true
}

// sureOfAnnounced is the confidence of rules that give none.
const sureOfAnnounced = 85

// Announced adds to id what a device's announcements tell and nothing better did, and answers
// with the evidence.
func (r *Rules) Announced(facts []announce.Fact, id *Identity) []Evidence {
	in := &inquiry{id: id}
	for i := range r.announced {
		rule := &r.announced[i]
		groups, sign, ok := rule.groups(facts)
		if !ok {
			continue
		}
		value := func(field, fixed string) string {
			if meaningful(groups[field]) {
				return groups[field]
			}
			return fixed
		}
		vendor := value("vendor", rule.Vendor)
		if vendor != "" && id.Vendor != "" && !sameMaker(vendor, id.Vendor) {
			continue // it speaks of something else than what is known: its model would not fit the vendor
		}
		w := in.witness(sign.Key, sign.Value, rule.Name, cmp.Or(rule.Confidence, sureOfAnnounced))
		w.tell("vendor", vendor)
		w.tell("model", value("model", rule.Model))
		w.tell("serial", value("serial", ""))
		// A version belongs to the name that it came with.
		if named := id.OS.Name; named == "" || named == value("os", rule.OS) {
			w.tell("os", value("os", rule.OS))
			w.tell("version", groups["version"])
		}
		w.tell("family", rule.Family)
		w.tell("type", string(rule.Type))
	}
	return in.evidence
}
