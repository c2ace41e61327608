package web

import (
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// functions are what templates can call.
var functions = template.FuncMap{
	"ago": ago, "stamp": stamp, "size": size, "label": label, "value": value, "describe": query.Describe,
	"from": func(from map[inventory.SectionName]*store.RecordDetail, name string) *store.RecordDetail {
		return from[inventory.SectionName(name)]
	},
	"join": strings.Join, "recordID": query.RecordID, "recordName": query.RecordName, "sections": sections,
	"number": func(n int64) string { return group(strconv.FormatInt(n, 10)) },
	"count": func(n int, one, many string) string {
		return group(strconv.Itoa(n)) + " " + map[bool]string{true: one, false: many}[n == 1]
	},
	"first": func(n int, list []string) []string { return list[:min(n, len(list))] },
	"over":  func(n int, list []string) int { return max(0, len(list)-n) },
	"exact": func(name, version string) string { return "software=" + quote(name+"="+version) },
	"port": func(name string, members []string) string {
		if len(members) == 0 {
			return name
		}
		return strings.Join(members, " ") + " (" + name + ")"
	},
	"inc":   func(n int) int { return n + 1 },
	"more":  func(n, all int) int { return max(0, all-n) },
	"brief": brief, "order": order, "inches": inches,
	"state": sourceState, "scanWhat": scanWhat, "scanFound": scanFound, "took": took, "percent": percent, "unknownHelp": inventory.UnknownHelp,
	"len64": func(list []store.Unidentified) int64 { return int64(len(list)) },
}

// quote makes a text one value of the filter language.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d < -time.Minute:
		return stamp(t)
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h ago"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " days ago"
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

func size(n int64) string {
	if n <= 0 {
		return ""
	}
	v, unit := float64(n), 0
	for ; v >= 1024 && unit < 5; unit++ {
		v /= 1024
	}
	digits := 0
	if unit > 0 && v < 10 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}

// group puts commas between the thousands of a number.
func group(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// brief is the beginning of a text, for lists; the asset's own page has all of it.
func brief(s string) string {
	const most = 80
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

// inOrder is how people read an asset's attributes; others follow by name.
var inOrder = []string{"name", "domain", "class", "vendor", "model", "serial", "asset_tag", "machine_id", "os", "os_version", "cpu", "memory_bytes", "disk_bytes", "user", "site"}

func order(list []inventory.Attribute) []inventory.Attribute {
	place := func(a inventory.Attribute) int {
		if i := slices.Index(inOrder, a.Name); i >= 0 {
			return i
		}
		return len(inOrder)
	}
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b inventory.Attribute) int { return place(a) - place(b) })
	return out
}

// inches is the diagonal of a screen, as people call its size.
func inches(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f in", math.Hypot(float64(width), float64(height))/25.4)
}

var labels = map[string]string{
	"lvm_pv": "LVM physical volume", "lvm_vg": "LVM volume group", "lvm_lv": "LVM volume", "md": "RAID", "zpool": "ZFS pool",
	"dm_crypt": "Encrypted device", "apfs_container": "APFS container",
	"os": "System", "os_version": "System version", "os_family": "System family", "cpu": "CPU", "memory_bytes": "Memory",
	"disk_bytes": "Disk", "machine_id": "Machine id", "asset_tag": "Asset tag", "bios_version": "Firmware version",
}

// label is an attribute's name for people.
func label(name string) string {
	if l, ok := labels[name]; ok {
		return l
	}
	name = strings.ReplaceAll(name, "_", " ")
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// value is an attribute's value for people.
func value(name, text string) string {
	if strings.HasSuffix(name, "_bytes") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return size(n)
		}
	}
	return text
}

// sectionState is how a source's look at one section went.
type sectionState struct {
	Name inventory.SectionName
	store.Section
	At time.Time
}

// sections are a record's sections, those with trouble first.
func sections(r store.RecordDetail) []sectionState {
	var out []sectionState
	for _, name := range slices.Sorted(maps.Keys(r.Sections)) {
		out = append(out, sectionState{name, r.Sections[name], r.SectionAt[name]})
	}
	slices.SortStableFunc(out, func(a, b sectionState) int { return trouble(a.Status) - trouble(b.Status) })
	return out
}

func trouble(s inventory.Status) int {
	switch s {
	case inventory.StatusFailed:
		return 0
	case inventory.StatusPartial:
		return 1
	case inventory.StatusOK:
		return 2
	case inventory.StatusUnsupported:
	}
	return 3
}

// sourceState is what a person should know of a source, and whether it is good.
func sourceState(now time.Time, s store.SourceState) (out []string) {
	if s.Revoked {
		return []string{"revoked"}
	}
	if !s.CertificateEnd.IsZero() && s.CertificateEnd.Before(now) {
		out = append(out, "certificate ended "+stamp(s.CertificateEnd))
	}
	if d := s.Skew.Round(time.Second); d > time.Minute {
		out = append(out, "clock ahead by "+d.String())
	} else if d < -time.Minute {
		out = append(out, "clock behind by "+(-d).String())
	}
	return append(out, s.Flags...)
}
