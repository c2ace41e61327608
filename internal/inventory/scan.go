package inventory

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ScanOptions is how a sweep is made. What is left out is as the scanner's own settings say.
type ScanOptions struct {
	Large      bool          `json:"large,omitempty"`   // more than 65,536 addresses are meant
	Ports      []string      `json:"ports,omitempty"`   // to ask, as on the scanner's command line
	Fragile    []string      `json:"fragile,omitempty"` // beside what the scanner's own list names, in its words
	NoServices bool          `json:"no_services,omitempty"`
	NoSearch   bool          `json:"no_search,omitempty"`
	NoNames    bool          `json:"no_names,omitempty"`
	NoSNMP     bool          `json:"no_snmp,omitempty"`
	Listen     time.Duration `json:"listen,omitempty"` // only listen, for that long
	Interfaces []string      `json:"interfaces,omitempty"`
	// Credentials are the collector's sets by name, beside the scanner's own.
	Credentials []string `json:"credentials,omitempty"`
}

// Limits on what one job can ask for.
const (
	MaxListen       = 24 * time.Hour
	maxScanWords    = 256
	maxScanWordText = 64
)

// Validate reports the first field that is out of bounds.
func (o *ScanOptions) Validate() error {
	if o.Listen < 0 || o.Listen > MaxListen || o.Listen > 0 && o.Listen < time.Second {
		return Errorf(CodeInvalid, "listen: %v given, 1s to %v allowed", o.Listen, MaxListen)
	}
	for name, list := range map[string][]string{"ports": o.Ports, "fragile": o.Fragile, "interfaces": o.Interfaces, "credentials": o.Credentials} {
		if len(list) > maxScanWords {
			return Errorf(CodeInvalid, "%s: %d given, at most %d allowed", name, len(list), maxScanWords)
		}
		for _, w := range list {
			if w == "" || len(w) > maxScanWordText || w[0] == '-' || strings.ContainsFunc(w, func(r rune) bool { return r < ' ' || r == ' ' && name != "fragile" || r >= 0x7f }) {
				return Errorf(CodeInvalid, "%s: %.80q is none", name, w)
			}
		}
	}
	return nil
}

// Range is a run of addresses of one family, both ends included.
type Range struct {
	From, To netip.Addr
}

func (r Range) String() string {
	if r.From == r.To {
		return r.From.String()
	}
	return r.From.String() + "-" + r.To.String()
}

// Contains tells whether a is in the range.
func (r Range) Contains(a netip.Addr) bool {
	return a.BitLen() == r.From.BitLen() && !a.Less(r.From) && !r.To.Less(a)
}

// ParseRange reads what String writes: an address, or two with a hyphen between them.
func ParseRange(text string) (Range, error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err := netip.ParseAddr(first)
	to, terr := netip.ParseAddr(last)
	if err != nil || terr != nil || from.Zone() != "" || to.Zone() != "" || from.Is4In6() || from.BitLen() != to.BitLen() || to.Less(from) {
		return Range{}, Errorf(CodeInvalid, "%.100q is no range of addresses", text)
	}
	return Range{from, to}, nil
}

// UnionRanges is ranges in ascending order, those that overlap or touch made one.
func UnionRanges(ranges []Range) []Range {
	rs := slices.Clone(ranges)
	slices.SortFunc(rs, func(a, b Range) int { return a.From.Compare(b.From) })
	var out []Range
	for _, r := range rs {
		if n := len(out); n > 0 {
			last := &out[n-1]
			sameFamily := last.To.BitLen() == r.From.BitLen()
			if sameFamily && (!last.To.Less(r.From) || last.To.Next() == r.From) {
				if last.To.Less(r.To) {
					last.To = r.To
				}
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// SweptRange is a run of addresses that a scan is done with.
type SweptRange struct {
	Range
	// Complete says that every address was probed by all probes that are meant for it: who was
	// not seen is not there.
	Complete bool
	// Took is how long ago its sweep began.
	Took time.Duration
}

// ScanOrder is what a scanner is told about its job.
type ScanOrder string

// The orders.
const (
	OrderRun   ScanOrder = "run"
	OrderPause ScanOrder = "pause" // give the job back, to go on later
	OrderStop  ScanOrder = "stop"
)
