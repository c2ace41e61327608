package software

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Where Windows keeps the list that "Apps & features" shows
// (https://learn.microsoft.com/windows/win32/msi/uninstall-registry-key): once for programs of the
// machine's own architecture, once for 32-bit ones, once for each user.
const (
	uninstallPath = `Microsoft\Windows\CurrentVersion\Uninstall`
	nativeRoot    = `HKLM\SOFTWARE\`
	wowRoot       = `HKLM\SOFTWARE\WOW6432Node\`
)

// machinePrograms lists what is installed for everybody. Programs that register in both views
// count once, as native ones.
func machinePrograms(ctx context.Context, r registry.Reader, arch string) (inventory.SoftwareList, error) {
	list := inventory.SoftwareList{}
	seen := map[string]bool{}
	var problem error
	for _, view := range []struct{ root, arch string }{{nativeRoot, arch}, {wowRoot, "x86"}} {
		found, err := uninstall(ctx, r, view.root+uninstallPath)
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist) && view.root == wowRoot: // no 32-bit program was ever installed
		case len(found) == 0 && view.root == nativeRoot, ctx.Err() != nil:
			return nil, err
		default:
			problem = source.Partial("%v", err)
		}
		for _, e := range found {
			id := strings.ToLower(e.key + "|" + e.Name + "|" + e.Version)
			if seen[id] {
				continue
			}
			seen[id] = true
			e.Arch = view.arch
			list = append(list, e.Software)
		}
		if len(list) > inventory.MaxItems {
			return nil, errTooMany
		}
	}
	return office(r, list), problem
}

// entry is a key beneath Uninstall.
type entry struct {
	key string
	inventory.Software
}

// uninstall reads the keys beneath one Uninstall key.
func uninstall(ctx context.Context, r registry.Reader, path string) ([]entry, error) {
	names, err := r.Subkeys(path)
	if err != nil {
		return nil, err
	}
	var list []entry
	var problem error
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, err := r.Values(path + `\` + name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // uninstalled meanwhile
			continue
		case err != nil:
			problem = err
			continue
		}
		e := entry{name, program(name, v)}
		if e.Name == "" {
			e.Software = unnamed(r, name, e.Software, v)
		}
		if e.Name != "" {
			list = append(list, e)
		}
	}
	return list, problem
}

// program reads the values of one key.
func program(key string, v registry.Values) inventory.Software {
	s := inventory.Software{
		Source: "registry", Name: plainText(v.Text("displayname")), Version: v.Text("displayversion"), Publisher: plainText(v.Text("publisher")),
		Installed: installDate(v.Text("installdate")), Path: unquote(v.Text("installlocation")),
	}
	if s.Installed == "" { // some write seconds since 1970 as a number
		if n, ok := v.Number("installdate"); ok {
			s.Installed = installDate(strconv.FormatUint(n, 10))
		}
	}
	if s.Version == "" {
		s.Version = numericVersion(v)
	}
	const maxKiB = 1 << 32 // 4 TiB
	if kib, ok := v.Number("estimatedsize"); ok && kib < maxKiB {
		s.Bytes = int64(kib) << 10
	}
	s.Kind = kindOf(key, s.Name, v)
	return s
}

// kindOf tells programs from what the system itself hides or lists elsewhere: updates
// name what they belong to or how they were released, components say so.
func kindOf(key, name string, v registry.Values) inventory.SoftwareKind {
	component := v.Is("systemcomponent", 1)
	switch {
	case v.Text("releasetype") != "", isKB(key), updateName(name):
		return inventory.KindUpdate
	case strings.HasPrefix(name, "Windows Driver Package - "):
		return inventory.KindDriver
	case component:
		return inventory.KindSystemComponent
	case v.Text("parentkeyname") != "":
		return inventory.KindUpdate
	}
	return ""
}

// kbNumber is the article's number at the beginning of s, as in KB5044384, without what follows.
func kbNumber(s string) string {
	if len(s) < 2 || !strings.EqualFold(s[:2], "kb") {
		return ""
	}
	n := 2
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n < 2+5 || n > 2+9 {
		return ""
	}
	return "KB" + s[2:n]
}

func isKB(key string) bool { return kbNumber(key) != "" }

// updateName knows "Security Update for Windows (KB5044384)", in any language by the number in brackets.
func updateName(name string) bool {
	_, after, ok := strings.Cut(name, "(KB")
	return ok && isKB("KB"+after)
}

// numericVersion is the version as Windows Installer stores it: eight bits, eight bits, sixteen bits.
func numericVersion(v registry.Values) string {
	if n, ok := v.Number("version"); ok && n > 0 && n < 1<<32 {
		return fmt.Sprintf("%d.%d.%d", n>>24, n>>16&0xff, n&0xffff)
	}
	major, ok := v.Number("versionmajor")
	if !ok || major > 1<<16 {
		return ""
	}
	minor, _ := v.Number("versionminor")
	return fmt.Sprintf("%d.%d", major, minor&0xffff)
}

// unnamed finds a name for a key without DisplayName: Windows Installer's own list has
// the product's. What has neither, but can be uninstalled, is some installer's component;
// the rest are left-overs of nothing.
func unnamed(r registry.Reader, key string, s inventory.Software, v registry.Values) inventory.Software {
	if code := packedGUID(key); code != "" {
		product, err := r.Values(`HKLM\SOFTWARE\Classes\Installer\Products\` + code)
		if err == nil {
			s.Name, s.Version = plainText(product.Text("productname")), cmp.Or(s.Version, numericVersion(product))
		}
	}
	if s.Name == "" && (v.Text("uninstallstring") != "" || s.Version != "") {
		s.Name = source.Text(key)
		s.Kind = cmp.Or(s.Kind, inventory.KindSystemComponent)
	}
	return s
}

// packedGUID is a product code as Windows Installer names its keys: the digits of the
// first three groups backwards, of the rest in pairs.
func packedGUID(code string) string {
	if len(code) != 38 || code[0] != '{' || code[37] != '}' {
		return ""
	}
	groups := strings.Split(code[1:37], "-")
	if len(groups) != 5 || len(groups[0]) != 8 || len(groups[1]) != 4 || len(groups[2]) != 4 || len(groups[3]) != 4 {
		return ""
	}
	var b strings.Builder
	for _, g := range groups[:3] {
		for i := len(g) - 1; i >= 0; i-- {
			b.WriteByte(g[i])
		}
	}
	for rest := range slices.Chunk([]byte(groups[3]+groups[4]), 2) {
		b.WriteByte(rest[1])
		b.WriteByte(rest[0])
	}
	return b.String()
}

// plainText leaves out references to texts in a program's resources, which only it can resolve.
func plainText(s string) string {
	if strings.HasPrefix(s, "@") || strings.HasPrefix(s, "ms-resource:") {
		return ""
	}
	return s
}

func unquote(s string) string { return source.Text(strings.Trim(s, `"`)) }
