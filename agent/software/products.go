package software

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// microsoftProducts lists what the list of programs does not tell apart: instances of SQL
// Server with their editions, the .NET Framework and Internet Explorer.
func microsoftProducts(_ context.Context, r registry.Reader, _ string) (inventory.SoftwareList, error) {
	list := inventory.SoftwareList{}
	for _, root := range []string{nativeRoot, wowRoot} {
		found, err := sqlServer(r, root+`Microsoft\Microsoft SQL Server`)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	list = append(list, dotNet(r)...)
	if v, err := r.Values(nativeRoot + `Microsoft\Internet Explorer`); err == nil {
		if version := cmp.Or(v.Text("svcversion"), v.Text("version")); version != "" {
			list = append(list, component("Internet Explorer", version))
		}
	}
	return list, nil
}

func component(name, version string) inventory.Software {
	return inventory.Software{
		Source: "windows", Name: name, Version: version, Publisher: "Microsoft Corporation", Kind: inventory.KindSystemComponent,
	}
}

// sqlServer lists instances. Each has a key such as MSSQL15.SQLEXPRESS or, before 2008,
// MSSQL.1, and in it what its set-up installed
// (https://learn.microsoft.com/sql/sql-server/install/file-locations-for-default-and-named-instances-of-sql-server).
func sqlServer(r registry.Reader, path string) (inventory.SoftwareList, error) {
	names, err := r.Subkeys(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list inventory.SoftwareList
	for _, id := range names {
		kind, instance, ok := strings.Cut(id, ".")
		service, known := sqlServices[strings.TrimRight(strings.ToUpper(kind), "0123456789_")]
		if !ok || !known {
			continue
		}
		if strings.Trim(instance, "0123456789") == "" { // 2005 numbered them
			instance = cmp.Or(numberedInstance(r, path+`\Instance Names\`+service.list, id), instance)
		}
		v, err := r.Values(path + `\` + id + `\Setup`)
		if err != nil {
			continue // left over
		}
		version := cmp.Or(v.Text("patchlevel"), v.Text("version"))
		if version == "" {
			continue
		}
		name := strings.Join(strings.Fields("Microsoft SQL Server "+sqlYear(version)+" "+service.name), " ")
		list = append(list, inventory.Software{
			Source: "sqlserver", Name: source.Text(name + " (" + instance + ")"), Version: version,
			Edition: v.Text("edition"), Publisher: "Microsoft Corporation", Path: v.Text("sqlpath"),
		})
	}
	return list, nil
}

// sqlServices are the services that have instances, by the beginning of the id, with the
// list of their instances.
var sqlServices = map[string]struct{ name, list string }{
	"MSSQL": {"Database Engine", "SQL"}, "MSAS": {"Analysis Services", "OLAP"}, "MSRS": {"Reporting Services", "RS"},
}

// numberedInstance finds an instance's name by its id.
func numberedInstance(r registry.Reader, path, id string) string {
	v, err := r.Values(path)
	if err != nil {
		return ""
	}
	for name := range v {
		if strings.EqualFold(v.Text(name), id) {
			return source.Text(strings.ToUpper(name))
		}
	}
	return ""
}

// sqlYear is the name of a version (https://learn.microsoft.com/troubleshoot/sql/releases/download-and-install-latest-updates).
func sqlYear(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	switch major {
	case "8":
		return "2000"
	case "9":
		return "2005"
	case "10":
		if strings.HasPrefix(rest, "5") {
			return "2008 R2"
		}
		return "2008"
	case "11":
		return "2012"
	case "12":
		return "2014"
	case "13":
		return "2016"
	case "14":
		return "2017"
	case "15":
		return "2019"
	case "16":
		return "2022"
	case "17":
		return "2025"
	}
	return ""
}

// dotNetReleases are the least release numbers of versions of the .NET Framework
// (https://learn.microsoft.com/dotnet/framework/install/how-to-determine-which-versions-are-installed).
var dotNetReleases = []struct {
	release uint64
	version string
}{
	{533320, "4.8.1"}, {528040, "4.8"}, {461808, "4.7.2"}, {461308, "4.7.1"}, {460798, "4.7"}, {394802, "4.6.2"},
	{394254, "4.6.1"}, {393295, "4.6"}, {379893, "4.5.2"}, {378675, "4.5.1"}, {378389, "4.5"},
}

func dotNet(r registry.Reader) inventory.SoftwareList {
	const ndp, name = nativeRoot + `Microsoft\NET Framework Setup\NDP\`, "Microsoft .NET Framework"
	var list inventory.SoftwareList
	for _, old := range []string{"v2.0.50727", "v3.0", "v3.5"} {
		if v, err := r.Values(ndp + old); err == nil && v.Is("install", 1) && v.Text("version") != "" {
			list = append(list, component(name, v.Text("version")))
		}
	}
	v, err := r.Values(ndp + `v4\Full`)
	if err != nil || !v.Is("install", 1) {
		return list
	}
	release, _ := v.Number("release")
	for _, known := range dotNetReleases {
		if release >= known.release {
			return append(list, component(name, known.version))
		}
	}
	if version := v.Text("version"); version != "" {
		list = append(list, component(name, version))
	}
	return list
}
