package software

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const servicing = nativeRoot + `Microsoft\Windows\CurrentVersion\Component Based Servicing`

// updates lists Windows updates from the servicing stack's own list, in which each update
// has packages such as Package_for_KB5031539~31bf3856ad364e35~amd64~~19041.3570.1.0. A
// cumulative one is named Package_for_RollupFix and tells its number only by the file it
// came in.
func updates(ctx context.Context, r registry.Reader, _ string) (inventory.SoftwareList, error) {
	const path = servicing + `\Packages`
	names, err := r.Subkeys(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, source.Unsupported("no list of updates: registry key %s does not exist", path)
	case err != nil:
		return nil, err
	}
	found := map[string]inventory.Software{}
	for _, name := range names {
		id, version, ok := updatePackage(name)
		if !ok {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, err := r.Values(path + `\` + name)
		const installed = 0x70
		if err != nil || !v.Is("currentstate", installed) {
			continue // staged, superseded, or going away
		}
		s := component(cmp.Or(id, kbWithin(v.Text("installlocation")), kbWithin(v.Text("installname")), "Cumulative update"), version)
		s.Kind, s.Installed = inventory.KindUpdate, servicedDay(v)
		// An update has packages for parts of the system; the first day counts.
		if old, seen := found[s.Name]; seen && (s.Installed == "" || old.Installed != "" && old.Installed <= s.Installed) {
			s.Installed = old.Installed
		}
		found[s.Name] = s
	}
	list := make(inventory.SoftwareList, 0, len(found))
	for _, s := range found {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b inventory.Software) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// updatePackage takes a package's name apart: "Package_for_KB5031539~key~arch~language~version",
// also "Package_3_for_KB...". kb is "" for a cumulative update.
func updatePackage(name string) (kb, version string, ok bool) {
	parts := strings.Split(name, "~")
	if len(parts) != 5 || !strings.HasPrefix(parts[0], "Package_") {
		return "", "", false
	}
	_, what, ok := strings.Cut(parts[0], "for_")
	if !ok {
		return "", "", false
	}
	if kb = kbNumber(what); kb == "" && what != "RollupFix" {
		return "", "", false
	}
	return kb, source.Text(parts[4]), true
}

// kbWithin finds a number in a file's name, as in Windows10.0-KB5033372-x64.cab.
func kbWithin(s string) string {
	for s = strings.ToUpper(s); ; s = s[2:] {
		i := strings.Index(s, "KB")
		if i < 0 {
			return ""
		}
		s = s[i:]
		if kb := kbNumber(s); kb != "" {
			return kb
		}
	}
}

// servicedDay is the day of an installation, a FILETIME in two halves.
func servicedDay(v registry.Values) string {
	high, ok := v.Number("installtimehigh")
	low, ok2 := v.Number("installtimelow")
	if !ok || !ok2 {
		return ""
	}
	return filetimeDay(high<<32 | low&0xffffffff)
}

// features lists optional parts of Windows that are switched on: roles and features of a
// server, and what somebody chose on a client.
func features(ctx context.Context, r registry.Reader, _ string) (inventory.SoftwareList, error) {
	list := inventory.SoftwareList{}
	looked := false
	for _, place := range []struct{ path, value string }{
		{nativeRoot + `Microsoft\ServerManager\ServicingStorage\ServerComponentCache`, "installstate"},
		{servicing + `\Notifications\OptionalFeatures`, "selection"},
	} {
		names, err := r.Subkeys(place.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		looked = true
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			v, err := r.Values(place.path + `\` + name)
			if err != nil || !v.Is(place.value, 1) {
				continue
			}
			s := component(source.Text(name), "")
			s.Kind = inventory.KindFeature
			if !slices.ContainsFunc(list, func(have inventory.Software) bool { return strings.EqualFold(have.Name, s.Name) }) {
				list = append(list, s)
			}
		}
	}
	if !looked {
		return nil, source.Unsupported("the registry of this system does not tell its optional features")
	}
	if len(list) > inventory.MaxItems {
		return nil, fmt.Errorf("more than %d features", inventory.MaxItems)
	}
	return list, nil
}
