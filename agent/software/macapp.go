package software

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/plist"
)

// macBundle is what a bundle says of itself in its Info.plist
// (https://developer.apple.com/documentation/bundleresources/information-property-list).
type macBundle struct {
	identifier, version, publisher, executable string
}

func parseBundle(b []byte) (macBundle, error) {
	d, err := plist.ParseDict(b)
	if err != nil {
		return macBundle{}, err
	}
	m := macBundle{identifier: source.Text(d.Text("CFBundleIdentifier")), executable: d.Text("CFBundleExecutable")}
	m.version = source.Text(d.Text("CFBundleShortVersionString"))
	if m.version == "" {
		m.version = source.Text(d.Text("CFBundleVersion"))
	}
	m.publisher = macPublisher(m.identifier, d.Text("NSHumanReadableCopyright"), d.Text("CFBundleGetInfoString"))
	return m, nil
}

var (
	copyright = regexp.MustCompile(`(?i)(?:©|\(c\)|copyright)[\s©,]*(?:\(c\)|copyright)?\s*(?:[\d\s,–-]|\(c\))*(?:by\s+)?([^\d©|]+)`)
	reserved  = regexp.MustCompile(`(?i)[\s,;]*\b(all rights|some rights|rights reserved|released under|licensed|and (?:its|others|contributors|others?)).*$`)
	// Ends of companies' names that have a full stop of their own.
	abbreviation = regexp.MustCompile(`\b(Inc|Ltd|Co|Corp|L\.P|S\.A|S\.L|Pty|e\.V|B\.V)\.$`)
	trailing     = regexp.MustCompile(`[\s,;:–-]+$`)
)

// macPublisher takes who is named behind a copyright sign, when it looks like a name.
// Who signed a program would be surer, and takes a look at each of its files.
func macPublisher(identifier string, texts ...string) string {
	if strings.HasPrefix(identifier, "com.apple.") {
		return "Apple"
	}
	for _, text := range texts {
		m := copyright.FindStringSubmatch(source.Text(text))
		if m == nil {
			continue
		}
		name := trailing.ReplaceAllString(reserved.ReplaceAllString(strings.TrimSpace(m[1]), ""), "")
		if !abbreviation.MatchString(name) {
			name = strings.TrimRight(name, ".")
		}
		switch strings.Trim(name, ".") {
		case "Apple Inc", "Apple, Inc", "Apple Computer, Inc", "Apple Computer", "Apple Computer Inc":
			return "Apple"
		}
		letters := len(strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) {
				return 'x'
			}
			return -1
		}, name))
		if letters >= 2 && len(name) <= 80 && !strings.ContainsAny(name, "@<>{}\\") && !strings.Contains(name, "://") {
			return withoutAddress(name)
		}
	}
	return ""
}

// macPlace is where an application is, and what follows from it.
type macPlace struct {
	kind  inventory.SoftwareKind
	user  string
	known bool
}

// placeOf judges a path. What is below the system's folders is the system's; what people
// have in their homes is theirs, but not the folders with ".app" in their names that
// programs keep data in. Parts of an application, and helpers of others, are no programs.
func placeOf(path string) macPlace {
	inside := strings.Contains(path, ".app/") || strings.Contains(path, ".framework/") || strings.Contains(path, ".bundle/") ||
		strings.Contains(path, ".plugin/")
	switch {
	case strings.HasPrefix(path, "/System/Applications/"), strings.HasPrefix(path, "/System/Cryptexes/App/"):
	case strings.HasPrefix(path, "/System/"), strings.HasPrefix(path, "/usr/libexec/"), strings.HasPrefix(path, "/Library/Apple/"),
		strings.HasPrefix(path, "/Library/CoreServices/"), strings.HasPrefix(path, "/Library/Developer/"):
		return macPlace{kind: inventory.KindSystemComponent, known: true}
	case strings.HasPrefix(path, "/Library/Printers/"), strings.HasPrefix(path, "/Library/Image Capture/"):
		return macPlace{kind: inventory.KindDriver, known: true}
	case strings.HasPrefix(path, "/Users/"):
		user, rest, _ := strings.Cut(path[len("/Users/"):], "/")
		if user == "Shared" {
			user = ""
		}
		return macPlace{user: user, known: strings.HasPrefix(rest, "Applications/") && !inside}
	}
	if inside {
		return macPlace{kind: inventory.KindSystemComponent, known: true}
	}
	return macPlace{known: true}
}

// macName is the file's name without its ending, which is what people see.
func macName(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	return source.Text(name)
}

func macDay(t time.Time) string {
	if t.Year() < 1984 || t.Year() > 9999 {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
