package software

import (
	"context"
	"encoding/binary"
	"encoding/xml"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Evidence of when programs were last used: which program and which day, never by whom, how
// often or with what. It is read only where the host's owner allows it (category usage).

// UsageSources lists what a Windows registry tells of use.
func UsageSources(r registry.Reader) []source.Source {
	return []source.Source{{
		Section: inventory.SectionUsage, Name: "userassist", Category: source.CategoryUsage, Timeout: 60 * time.Second,
		Read: func(ctx context.Context) (inventory.Body, error) {
			list, err := eachUser(ctx, r, userAssist)
			if list == nil {
				return nil, err // a nil list in the interface would look like a body
			}
			return lastUses(list), err
		},
	}}
}

// knownFolders are what names in UserAssist begin with (KNOWNFOLDERID, knownfolders.h), in lower case.
var knownFolders = map[string]string{
	"{6d809377-6af0-444b-8957-a3773f02200e}": `c:\program files`,
	"{905e63b6-c1bf-494e-b29c-65b732d3d21a}": `c:\program files`,
	"{7c5a40ef-a0fb-4bfc-874a-c0f2e0b9fa8e}": `c:\program files (x86)`,
	"{1ac14e77-02e7-4e5d-b744-2eb1ae5198b7}": `c:\windows\system32`,
	"{d65231b0-b2f1-4857-a4ce-a8e7c6ea7d27}": `c:\windows\syswow64`,
	"{f38bf404-1d43-42f2-9305-67de0b28fc23}": `c:\windows`,
}

// userAssist reads when Explorer last started programs for one person: values beneath Count are
// named by the program in ROT13 and hold the time as a FILETIME, at byte 60 of 72 since Windows 7.
func userAssist(_ context.Context, own registry.Reader, root, _ string) (inventory.Usages, error) {
	key := root + `Software\Microsoft\Windows\CurrentVersion\Explorer\UserAssist`
	groups, err := own.Subkeys(key)
	if err != nil {
		return nil, err
	}
	var list inventory.Usages
	for _, group := range groups {
		values, err := own.Values(key + `\` + group + `\Count`)
		if err != nil {
			continue
		}
		for name, v := range values {
			if u, ok := assisted(rot13(name), v.Data); ok {
				list = append(list, u)
			}
		}
	}
	return list, nil
}

// assisted is the use that a value tells of. Only programs count: names of documents and
// shortcuts are nobody's business.
func assisted(name string, data []byte) (u inventory.Usage, ok bool) {
	if len(data) < 72 {
		return u, false
	}
	day := filetimeDay(binary.LittleEndian.Uint64(data[60:]))
	if day == "" {
		return u, false
	}
	u = inventory.Usage{Source: "userassist", LastUsed: day}
	folder, rest, found := strings.Cut(name, `\`)
	if known := knownFolders[folder]; found && known != "" {
		name = known + `\` + rest
	}
	switch base := name[strings.LastIndexByte(name, '\\')+1:]; {
	case strings.HasSuffix(base, ".exe") && len(base) > len(".exe"):
		u.Name, u.Path = source.Text(strings.TrimSuffix(base, ".exe")), source.Text(name)
	case strings.Contains(base, "!") && base == name: // a Store package and its application
		u.Name, _, _ = strings.Cut(base, "_")
		u.Name = source.Text(u.Name)
	}
	return u, u.Name != "" && !strings.Contains(u.Path, `\users\`)
}

func rot13(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}

// ParseApplicationState reads which applications GNOME's shell saw in use, and when last.
func ParseApplicationState(r io.Reader) (inventory.Usages, error) {
	list := inventory.Usages{}
	err := visitXML(r, func(at []string, attributes []xml.Attr) error {
		if at[len(at)-1] != "application" {
			return nil
		}
		u := inventory.Usage{Source: "gnome"}
		for _, a := range attributes {
			switch a.Name.Local {
			case "id":
				u.Name = source.Text(strings.TrimSuffix(path.Base(a.Value), ".desktop"))
			case "last-seen":
				if n, err := strconv.ParseInt(a.Value, 10, 40); err == nil && n > 0 {
					u.LastUsed = time.Unix(n, 0).UTC().Format(time.DateOnly)
				}
			}
		}
		if u.Name != "" && u.Name != "." && u.LastUsed != "" {
			list = append(list, u)
		}
		return nil
	}, func([]string, string) error { return nil })
	return lastUses(list), err
}

// lastUses keeps the last use of each program.
func lastUses(list inventory.Usages) inventory.Usages {
	last := map[inventory.Usage]string{}
	for _, u := range list {
		day := u.LastUsed
		u.LastUsed = ""
		last[u] = max(last[u], day)
	}
	out := make(inventory.Usages, 0, len(last))
	for u, day := range last {
		u.LastUsed = day
		out = append(out, u)
	}
	return out
}
