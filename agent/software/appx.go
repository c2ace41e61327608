package software

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// appModel is where Windows keeps packaged apps: of all users beneath HKLM's classes, of one
// beneath those of the user.
const (
	appModel    = `Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\`
	allPackages = nativeRoot + `Classes\` + appModel + `PackageRepository\Packages`
)

// storeApps lists the packaged apps that are on the machine, whoever installed them.
func storeApps(ctx context.Context, r registry.Reader, _ string) (inventory.SoftwareList, error) {
	names, err := r.Subkeys(allPackages)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, source.Unsupported("no packaged apps: registry key %s does not exist", allPackages)
	case err != nil:
		return nil, err
	}
	list := inventory.SoftwareList{}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, ok := parsePackageName(name)
		if !ok {
			continue
		}
		if v, err := r.Values(allPackages + `\` + name); err == nil {
			s.Path = v.Text("path")
		}
		if strings.Contains(strings.ToLower(s.Path), `\systemapps\`) && s.Kind == "" {
			s.Kind = inventory.KindSystemComponent
		}
		if list = append(list, s); len(list) > inventory.MaxItems {
			return nil, errTooMany
		}
	}
	return list, nil
}

// parsePackageName takes a package's full name apart: name, version, architecture, resource id
// and publisher id with an underscore between
// (https://learn.microsoft.com/windows/apps/desktop/modernize/package-identity-overview). No part has one in it.
func parsePackageName(full string) (s inventory.Software, ok bool) {
	part := strings.Split(full, "_")
	if len(part) != 5 || part[0] == "" || len(part[4]) != 13 || len(full) > 255 {
		return s, false
	}
	for number := range strings.SplitSeq(part[1], ".") {
		if number == "" || strings.Trim(number, "0123456789") != "" {
			return s, false
		}
	}
	s = inventory.Software{Source: "appx", Name: source.Text(part[0]), Version: part[1], Arch: source.Text(appArch(part[2])), Publisher: appPublishers[part[4]]}
	switch {
	case part[3] != "" && !strings.EqualFold(part[3], "neutral"): // pictures and languages of another package
		s.Name += "_" + source.Text(part[3])
		s.Kind = inventory.KindSystemComponent
	case isFramework(s.Name):
		s.Kind = inventory.KindLibrary
	}
	return s, s.Name != ""
}

func appArch(arch string) string {
	switch strings.ToLower(arch) {
	case "x64":
		return "amd64"
	case "neutral":
		return ""
	}
	return strings.ToLower(arch)
}

// appPublishers are hashes of publishers' certificate names that are well known.
var appPublishers = map[string]string{"8wekyb3d8bbwe": "Microsoft Corporation", "cw5n1h2txyewy": "Microsoft Corporation"}

func isFramework(name string) bool {
	for _, prefix := range []string{
		"Microsoft.VCLibs.", "Microsoft.NET.Native.", "Microsoft.UI.Xaml.", "Microsoft.WindowsAppRuntime.", "Microsoft.DirectXRuntime",
		"Microsoft.Services.Store.Engagement", "Microsoft.Advertising.Xaml", "Microsoft.WinAppRuntime.",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
