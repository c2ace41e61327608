package query

import (
	"errors"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// softwareTerm asks for assets on which a title is installed.
type softwareTerm struct {
	part  string // text, in lower case, that every matching name contains
	match func(inventory.Software) bool
}

// softwareField takes the name of a program, or a part of it, and optionally a
// comparison with its version: openssl, "openssl<3.0.11". The operator before the
// name says whether it is a part (:) or the whole of it (=).
func softwareField(p *parser, op string, val operand) (condition, error) {
	name, versionOp, version := splitVersion(val)
	part := longestLiteral(name)
	switch {
	case op != ":" && op != "=" && op != "!=":
		return nil, errors.New(`a version is compared like this: software:"openssl<3.0.11"`)
	case len(part) < 2:
		return nil, errors.New("give at least two letters of the name")
	case versionOp != "" && version == "":
		return nil, errors.New("expected a version after " + versionOp)
	case len(p.filter.software) == maxSoftwareTerms:
		return nil, errors.New("too many questions about software in one filter")
	}
	test := name.equals
	if op == ":" {
		test = name.within
	}
	n := len(p.filter.software)
	p.filter.software = append(p.filter.software, softwareTerm{part: part, match: func(s inventory.Software) bool {
		return test(s.Name) && (versionOp == "" || versionFits(s, versionOp, version))
	}})
	found := func(s *subject) bool { return s.installed[n][s.ID] }
	if op == "!=" {
		return func(s *subject) bool { return !found(s) }, nil
	}
	return found, nil
}

// splitVersion takes "openssl<3.0.11" apart.
func splitVersion(val operand) (name operand, op, version string) {
	name = val
	if i := strings.IndexAny(val.text, "<>=!"); i > 0 {
		if op = operatorAt(val.text[i:]); op != "" {
			name.text = strings.TrimSpace(val.text[:i])
			version = strings.TrimSpace(val.text[i+len(op):])
		}
	}
	name.lower = strings.ToLower(name.text)
	name.wild = val.wild && strings.Contains(name.text, "*")
	return name, op, version
}

func longestLiteral(name operand) string {
	if !name.wild {
		return name.lower
	}
	best := ""
	for _, s := range strings.Split(name.lower, "*") {
		if len(s) > len(best) {
			best = s
		}
	}
	return best
}

// versionFits compares an installed version by the rules of the package system it is from.
func versionFits(s inventory.Software, op, want string) bool {
	if s.Version == "" {
		return false
	}
	c := compareVersions(s.Source, s.Version, want)
	switch op {
	case "=":
		return c == 0 || beginsVersion(s, want)
	case "!=":
		return c != 0 && !beginsVersion(s, want)
	case "<":
		return c < 0
	case "<=":
		return c <= 0 || beginsVersion(s, want)
	case ">":
		return c > 0 && !beginsVersion(s, want)
	case ">=":
		return c >= 0
	}
	return false
}

// beginsVersion reports whether a version is what was asked for with a packager's
// revision after it: 3.0.11-1~deb12u2 is 3.0.11.
func beginsVersion(s inventory.Software, want string) bool {
	rest, ok := strings.CutPrefix(withoutEpoch(s.Version, want), want)
	return ok && rest != "" && strings.ContainsAny(rest[:1], "-+~")
}

// withoutEpoch drops the epoch of a package version when the other one has none:
// people ask for bind9 9.18, not for 1:9.18.
func withoutEpoch(version, other string) string {
	if i := strings.IndexByte(version, ':'); i > 0 && !strings.Contains(other, ":") && strings.Trim(version[:i], "0123456789") == "" {
		return version[i+1:]
	}
	return version
}
