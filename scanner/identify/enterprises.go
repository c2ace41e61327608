package identify

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

// registry is IANA's list of enterprise numbers, made by generate.go: for the vendors that
// no rules file names.
//
//go:embed enterprises.gz
var registry []byte

// maxRegistry bounds the list once it is unpacked.
const maxRegistry = 8 << 20

var registered = sync.OnceValues(func() (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(registry))
	if err != nil {
		return "", fmt.Errorf("unpack the list of enterprises: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxRegistry))
	if err != nil {
		return "", fmt.Errorf("unpack the list of enterprises: %w", err)
	}
	return "\n" + string(text), nil
})

// registeredName is the organisation behind an enterprise number.
func registeredName(number int) string {
	text, err := registered()
	if err != nil {
		return "" // a broken build; the test of the list says so
	}
	lo, hi := 0, len(text) // the line is in between; both are at a line's end
	for lo < hi {
		at := lo + strings.LastIndexByte(text[lo:lo+(hi-lo)/2+1], '\n') + 1
		line, _, _ := strings.Cut(text[at:], "\n")
		digits, name, _ := strings.Cut(line, "\t")
		switch n, _ := strconv.Atoi(digits); {
		case n == number:
			return name
		case n < number:
			lo = at + len(line)
		default:
			hi = at - 1
		}
	}
	return ""
}

// enterpriseOf is the enterprise number of an object identifier; 0 where it has none.
func enterpriseOf(objectID string) int {
	rest, ok := strings.CutPrefix(objectID, "1.3.6.1.4.1.")
	if !ok {
		return 0
	}
	number, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return n
}

// enterprise is the one that speaks for the maker of the device: that of sysObjectID, or,
// where that is the agent's, the only one among the device's own objects.
func (r *Rules) enterprise(f *snmp.Facts) int {
	if n := enterpriseOf(f.System.ObjectID); n != 0 && !r.others[n] {
		return n
	}
	var own []int
	for _, n := range f.System.Enterprises {
		if n != 0 && !r.others[n] && !r.shared[n] {
			own = append(own, n)
		}
	}
	if len(own) == 1 {
		return own[0]
	}
	return 0
}

// vendor is the name behind an enterprise number.
func (r *Rules) vendor(number int) string {
	if number == 0 {
		return ""
	}
	if name := r.enterprises[number]; name != "" {
		return name
	}
	return registeredName(number)
}

// brand is the vendor whose name a sysDescr begins with.
func (r *Rules) brand(descr string) string {
	descr = strings.TrimLeft(descr, " \"'=\\")
	for _, name := range r.brands {
		if len(descr) < len(name) || !strings.EqualFold(descr[:len(name)], name) {
			continue
		}
		if len(descr) == len(name) || !strings.ContainsAny(descr[len(name):len(name)+1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") {
			return name
		}
	}
	return ""
}

// enterpriseTable is the part of a rules file about makers.
type enterpriseTable struct {
	// Enterprises are names by number.
	Enterprises map[int]string `yaml:"enterprises"`
	// Types are enterprises that make one sort of device only.
	Types map[inventory.Class][]int `yaml:"types"`
	// Agents are enterprises that speak for an agent, chip or module built into others'
	// devices, and Shared those whose objects other makers' devices have as well.
	Agents []int `yaml:"agents"`
	Shared []int `yaml:"shared"`
	// Brands are names that a sysDescr of theirs begins with, beside those above.
	Brands []string `yaml:"brands"`
}

func (r *Rules) learn(t *enterpriseTable) {
	for n, vendor := range t.Enterprises {
		r.enterprises[n] = vendor
		r.brands = append(r.brands, vendor)
	}
	for class, numbers := range t.Types {
		for _, n := range numbers {
			r.types[n] = class
		}
	}
	for _, n := range t.Agents {
		r.others[n] = true
	}
	for _, n := range t.Shared {
		r.shared[n] = true
	}
	r.brands = append(r.brands, t.Brands...)
}

// sortBrands puts the names of all files in the order in which they are tried.
func (r *Rules) sortBrands() {
	slices.SortFunc(r.brands, func(a, b string) int { // the longest first
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	r.brands = slices.Compact(r.brands)
}
