package reconcile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/muster-itam/muster/internal/inventory"
)

// Rules are what an organisation knows of its own estate beside the lists that muster
// brings: serial numbers that its supplier prints on everything, a dock's addresses. They
// hold for all claims ever made, also those before the rules, and nothing is lost when
// they are taken back. The zero value has none.
type Rules struct {
	placeholders map[Type]patterns
	distrust     map[Type]map[string]bool
	macs         []string // prefixes, digits only
	maxHolders   int
}

// rulesFile is how rules are written.
type rulesFile struct {
	// Placeholders mean nothing, by type of claim; a * at the end stands for any ending.
	Placeholders map[Type][]string `yaml:"placeholders"`
	// Distrust are values that join nothing though they are somebody's.
	Distrust map[Type][]string `yaml:"distrust"`
	// IgnoreMACs are beginnings of addresses that are no claim.
	IgnoreMACs []string `yaml:"ignore_macs"`
	// MaxHolders is how many records may carry a value that means one thing.
	MaxHolders int `yaml:"max_holders"`
}

// Bounds on rules: they are written by hand.
const (
	MaxRulesText  = 256 << 10
	maxRuleValues = 10_000
	leastHolders  = 8
	mostHolders   = 200
)

// ruleTypes are the types of claim that rules can speak of.
var ruleTypes = []Type{
	inventory.IDCloudInstance, inventory.IDContainer, inventory.IDVMInstance, inventory.IDDirectory, inventory.IDMDM, inventory.IDSerial,
	inventory.IDSMBIOS, inventory.IDAgent, inventory.IDSNMPEngine, inventory.IDMAC, inventory.IDMachine, TypeDisk, TypeName, inventory.IDSSHHostKey,
}

// ParseRules reads rules as YAML; keys that are not known are errors. Empty text has no rules.
func ParseRules(text []byte) (Rules, error) {
	bad := func(format string, args ...any) (Rules, error) {
		return Rules{}, inventory.Errorf(inventory.CodeInvalid, "rules: "+format, args...)
	}
	if len(text) > MaxRulesText {
		return bad("%d bytes, at most %d allowed", len(text), MaxRulesText)
	}
	var f rulesFile
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return bad("%s", strings.NewReplacer("yaml: ", "", "unmarshal errors:\n  ", "", "\n  ", "; ", "field ", "key ",
			"not found in type reconcile.rulesFile", "is not known (placeholders, distrust, ignore_macs and max_holders are)").Replace(err.Error()))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return bad("one YAML document is wanted")
	}
	if f.MaxHolders != 0 && (f.MaxHolders < leastHolders || f.MaxHolders > mostHolders) {
		return bad("max_holders: %d given, %d to %d allowed", f.MaxHolders, leastHolders, mostHolders)
	}
	values := len(f.IgnoreMACs)
	for _, lists := range []map[Type][]string{f.Placeholders, f.Distrust} {
		for t, list := range lists {
			if values += len(list); !slices.Contains(ruleTypes, t) {
				return bad("type %.40q is not known; the types are %s", t, joinTypes(ruleTypes))
			}
		}
	}
	if values > maxRuleValues {
		return bad("%d values, at most %d allowed", values, maxRuleValues)
	}
	r, err := f.compile()
	if err != nil {
		return bad("%v", err)
	}
	return r, nil
}

// compile folds the values as claims are folded.
func (f *rulesFile) compile() (Rules, error) {
	r := Rules{placeholders: map[Type]patterns{}, distrust: map[Type]map[string]bool{}, maxHolders: f.MaxHolders}
	for t, list := range f.Placeholders {
		p := patterns{exact: map[string]bool{}}
		for _, s := range list {
			stem, open := strings.CutSuffix(strings.TrimSpace(s), "*")
			v := foldValue(t, stem, open)
			switch {
			case open && len(v) < 2, v == "":
				return r, fmt.Errorf("placeholders, %s: %.80q is too short", t, s)
			case open:
				p.prefixes = append(p.prefixes, v)
			default:
				p.exact[v] = true
			}
		}
		r.placeholders[t] = p
	}
	for t, list := range f.Distrust {
		r.distrust[t] = map[string]bool{}
		for _, s := range list {
			v := foldValue(t, s, false)
			if v == "" {
				return r, fmt.Errorf("distrust, %s: %.80q is no value", t, s)
			}
			r.distrust[t][v] = true
		}
	}
	for _, s := range f.IgnoreMACs {
		digits := hexDigits(s)
		if len(digits) < 4 || len(digits) > 12 || strings.Trim(digits, "0123456789abcdef") != "" {
			return r, fmt.Errorf("ignore_macs: %.40q is not the beginning of an address like 00:e0:4c", s)
		}
		r.macs = append(r.macs, digits)
	}
	return r, nil
}

func joinTypes(types []Type) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = string(t)
	}
	return strings.Join(words, ", ")
}

func hexDigits(s string) string {
	return strings.NewReplacer(":", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(s))
}

// foldValue is a value as its claims have it; of a beginning as far as that can be told.
func foldValue(t Type, s string, beginning bool) string {
	s = strings.TrimSpace(s)
	switch t {
	case inventory.IDSerial, TypeDisk:
		return foldSerial(s)
	case inventory.IDSMBIOS:
		if u, ok := parseUUID(s); ok && !beginning {
			return u.canonical()
		}
	case inventory.IDVMInstance, inventory.IDDirectory:
		if u, ok := parseUUID(s); ok {
			return u.String()
		}
	case inventory.IDMAC:
		if m, ok := MAC(s); ok {
			return m
		}
	case inventory.IDMachine, inventory.IDSNMPEngine:
		return hexDigits(s)
	case inventory.IDSSHHostKey, inventory.IDAgent:
		return s
	default:
	}
	return strings.ToLower(s)
}

// Decide is the decision over records that are everything there is.
func (r Rules) Decide(records []Record, pins []Pin) Result { return r.decide(records, pins).result() }

// Resolve is Resolve under these rules.
func (r Rules) Resolve(ctx context.Context, load Loader, seeds []int64, before map[int64][]Claim, pins []Pin) (Result, error) {
	return r.resolve(ctx, load, seeds, before, pins)
}

// admit leaves out the claims that mean nothing under the rules.
func (r *Rules) admit(rec *Record) *Record {
	if len(r.placeholders)+len(r.distrust)+len(r.macs) == 0 || !slices.ContainsFunc(rec.Claims, r.drops) {
		return rec
	}
	left := *rec
	left.Claims = slices.DeleteFunc(slices.Clone(rec.Claims), r.drops)
	return &left
}

func (r *Rules) drops(c Claim) bool {
	if p, ok := r.placeholders[c.Type]; ok && p.match(c.Value) {
		return true
	}
	if c.Tier > tierPart && r.distrust[c.Type][c.Value] {
		return true
	}
	if c.Type == inventory.IDMAC && len(r.macs) > 0 {
		digits := strings.ReplaceAll(c.Value, ":", "")
		return slices.ContainsFunc(r.macs, func(p string) bool { return strings.HasPrefix(digits, p) })
	}
	return false
}

func (r *Rules) distrusts(k Key) bool { return r.distrust[k.Type][k.Value] }

func (r *Rules) holders() int {
	if r.maxHolders != 0 {
		return r.maxHolders
	}
	return maxHolders
}
