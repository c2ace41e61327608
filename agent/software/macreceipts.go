package software

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/plist"
)

// ParseReceipt reads what the installer leaves of a package in /var/db/receipts (pkgutil(1)).
func ParseReceipt(b []byte) (inventory.Software, error) {
	d, err := plist.ParseDict(b)
	if err != nil {
		return inventory.Software{}, err
	}
	s := inventory.Software{
		Source: "pkg", Name: source.Text(d.Text("PackageIdentifier")), Version: source.Text(d.Text("PackageVersion")),
		Installed: macDay(d.Time("InstallDate")),
	}
	if strings.HasPrefix(s.Name, "com.apple.") {
		s.Publisher, s.Kind = "Apple", inventory.KindSystemComponent
	}
	if prefix := d.Text("InstallPrefixPath"); prefix != "" {
		s.Path = source.Text("/" + strings.Trim(prefix, "/"))
	}
	return s, nil
}

// macReceipts lists the packages that the installer has put in. It does not know whether
// what was in them is still there.
func macReceipts(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	const dir = "private/var/db/receipts"
	entries, err := tree.ReadDir(dir, maxNames)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("no installer receipts: /%s does not exist", dir)
	}
	if err != nil {
		return nil, err
	}
	list, bad := inventory.SoftwareList{}, 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !strings.HasSuffix(e.Name(), ".plist") {
			continue
		}
		b, err := tree.ReadFile(dir+"/"+e.Name(), maxInfo)
		if err != nil {
			bad++
			continue
		}
		s, err := ParseReceipt(b)
		if err != nil || s.Name == "" {
			bad++
			continue
		}
		list = append(list, s)
	}
	if bad > 0 {
		return list, source.Partial("%d of %d receipts in /%s could not be read", bad, bad+len(list), dir)
	}
	return list, nil
}

// ParseInstallHistory reads /Library/Receipts/InstallHistory.plist and keeps what the
// system's own updates brought; programs' packages have receipts. The system is updated
// over itself, so that of entries with one name the last counts.
func ParseInstallHistory(b []byte) (inventory.SoftwareList, error) {
	v, err := plist.Parse(b)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	list := inventory.SoftwareList{}
	for _, d := range plist.Dicts(v) {
		s := inventory.Software{
			Source: "update", Kind: inventory.KindUpdate, Publisher: "Apple", Name: source.Text(d.Text("displayName")),
			Version: source.Text(d.Text("displayVersion")), Installed: macDay(d.Time("date")),
		}
		if s.Name == "" || !systemUpdate(d.Text("processName")) {
			continue
		}
		i, known := at[s.Name]
		switch {
		case !known && len(list) > inventory.MaxItems:
			return nil, errTooMany
		case !known:
			at[s.Name] = len(list)
			list = append(list, s)
		case s.Installed >= list[i].Installed:
			list[i] = s
		}
	}
	return list, nil
}

// systemUpdate says whether a program that installed something updates the system.
func systemUpdate(process string) bool {
	return slices.Contains([]string{"softwareupdated", "softwareupdate", "Software Update", "SoftwareUpdateNotificationManager"}, process) ||
		strings.HasPrefix(process, "macOS Install") || strings.HasPrefix(process, "OS X Install") || strings.HasPrefix(process, "Mac OS X Install")
}

func macUpdates(_ context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	const name = "Library/Receipts/InstallHistory.plist"
	b, err := tree.ReadFile(name, 32<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("no history of installations: /%s does not exist", name)
	}
	if err != nil {
		return nil, err
	}
	list, err := ParseInstallHistory(b)
	if err != nil {
		return nil, fmt.Errorf("read /%s: %w", name, err)
	}
	return list, nil
}

// ParseSystemExtensions reads /Library/SystemExtensions/db.plist, the extensions that run
// outside the kernel. Those that wait to be removed at the next start are left out.
func ParseSystemExtensions(b []byte) (inventory.SoftwareList, error) {
	d, err := plist.ParseDict(b)
	if err != nil {
		return nil, err
	}
	list := inventory.SoftwareList{}
	for _, e := range d.Dicts("extensions") {
		version := e.Dict("bundleVersion")
		s := inventory.Software{
			Source: "system_extension", Kind: inventory.KindDriver, Name: source.Text(e.Text("identifier")),
			Version: source.Text(version.Text("CFBundleShortVersionString")), Path: source.Text(e.Text("originPath")),
		}
		if s.Version == "" {
			s.Version = source.Text(version.Text("CFBundleVersion"))
		}
		if s.Name == "" || strings.HasPrefix(e.Text("state"), "terminated") {
			continue
		}
		if list = append(list, s); len(list) > inventory.MaxItems {
			return nil, errTooMany
		}
	}
	return list, nil
}

// macExtensions lists extensions of the system and kernel that did not come with it.
func macExtensions(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	list := inventory.SoftwareList{}
	const name = "Library/SystemExtensions/db.plist"
	b, err := tree.ReadFile(name, 8<<20)
	if err == nil {
		if list, err = ParseSystemExtensions(b); err != nil {
			return nil, fmt.Errorf("read /%s: %w", name, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, file := range tree.Names("Library/Extensions", maxNames) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		path := "Library/Extensions/" + file
		info, err := tree.ReadFile(path+"/Contents/Info.plist", maxInfo)
		if err != nil || !strings.HasSuffix(file, ".kext") {
			continue
		}
		b, err := parseBundle(info)
		if err != nil {
			continue
		}
		list = append(list, inventory.Software{
			Source: "kext", Kind: inventory.KindDriver, Name: macName(path), Version: b.version, Publisher: b.publisher, Path: source.Text("/" + path),
		})
	}
	return list, nil
}
