package software

import (
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// ReportedApps are the applications of a system_profiler report, by the same rules as
// those that are found in folders. people says whether what is in homes is wanted.
func ReportedApps(r profiler.Report, people bool) inventory.SoftwareList {
	list := inventory.SoftwareList{}
	for _, top := range r {
		for _, e := range top.All() {
			path := e.Get("path", "location")
			place := placeOf(path)
			if path == "" || !place.known || place.user != "" && !people || len(list) == inventory.MaxItems {
				continue
			}
			s := inventory.Software{
				Source: "app", Name: macName(path), Version: source.Text(e.Get("version")), Arch: reportedArch(e), Path: source.Text(path),
				Kind: place.kind, User: source.Text(place.user), Installed: reportedDay(e.Get("lastmodified", "last modified")),
				Publisher: reportedPublisher(e),
			}
			if strings.HasSuffix(e.Get("obtained_from", "obtained from"), "_app_store") || e.Get("obtained from") == "App Store" {
				s.Source = "mas"
			}
			if strings.HasPrefix(path, "/Library/Application Support/") {
				s.Kind = inventory.KindSystemComponent
			}
			if s.Name != "" {
				list = append(list, s)
			}
		}
	}
	return list
}

// reportedPublisher is who signed it: "Developer ID Application: Adobe Inc. (JQ525L2MZD)".
func reportedPublisher(e *profiler.Entry) string {
	signed := e.Get("signed_by", "signed by")
	if _, name, ok := strings.Cut(signed, "Developer ID Application: "); ok {
		name, _, _ = strings.Cut(name, " (")
		return withoutAddress(name)
	}
	if strings.HasPrefix(signed, "Software Signing") || strings.EqualFold(e.Get("obtained_from", "obtained from"), "apple") {
		return "Apple"
	}
	return macPublisher("", e.Get("info", "get info string"))
}

// reportedArch puts the report's words as a look at the file does.
func reportedArch(e *profiler.Entry) string {
	switch word := e.Get("arch_kind", "kind", "runtime_environment"); word {
	case "arch_arm_i64":
		return "x86_64,arm64"
	case "arch_arm", "Apple Silicon":
		return "arm64"
	case "arch_i64":
		return "x86_64"
	case "arch_x86", "Intel":
		if e.Get("64-bit (intel)") == "No" {
			return "i386"
		}
		return "x86_64"
	case "arch_i32", "32-bit (Unsupported)":
		return "i386"
	case "arch_ppc", "PowerPC":
		return "ppc"
	}
	return "" // "Universal" has meant three pairs of architectures so far
}

// reportedDay reads a date of XML. Those of text come in the order of the language, in
// which the fourth of May may be the fifth of April, and are left out where that can be.
func reportedDay(text string) string {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return macDay(t)
	}
	date, _, _ := strings.Cut(text, " ")
	date = strings.TrimSuffix(date, ",")
	month, rest, ok := strings.Cut(date, "/")
	day, year, ok2 := strings.Cut(rest, "/")
	a, b := profiler.Number(month), profiler.Number(day)
	if !ok || !ok2 || a < 1 || b < 1 || a <= 12 && b <= 12 && a != b {
		return ""
	}
	if a > 12 {
		a, b = b, a
	}
	y := profiler.Number(year)
	if y < 100 {
		y += 2000
	}
	if a > 12 || b > 31 || y > 9999 {
		return ""
	}
	return macDay(time.Date(int(y), time.Month(a), int(b), 0, 0, 0, 0, time.UTC))
}
