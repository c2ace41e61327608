package software

import (
	"bytes"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// javaRuntime reads the release file of one Java installation (a JAVA_HOME) and the
// beginning of its licence.
func javaRuntime(f *finder, dir string) []inventory.Software {
	if resolved, err := f.tree.Resolve(dir); err == nil {
		dir = resolved // several names for one installation
	}
	if info, err := f.tree.Lstat(dir + "/release"); err != nil || info.IsDir() {
		return nil // something else
	}
	s := ParseJavaRelease(f.read(dir+"/release", 64<<10), f.head(dir+"/legal/java.base/LICENSE", 1<<10))
	s.Path = f.at(dir)
	return []inventory.Software{s}
}

// ParseJavaRelease reads the file release of a Java installation, lines of KEY="value"
// (JEP 223, https://openjdk.org/jeps/223; https://adoptium.net/docs/release-file).
//
// Publisher is who built it and Edition what it is a build of, on which depends whether it
// has to be paid for. Oracle publishes builds of both sorts under its name. Its own JDK
// says so in BUILD_TYPE, from the versions that name no builder at all, or is told by its
// licence: Java SE OTN (11, and 17 since its free years) or NFTC. Where neither tells,
// Edition is empty.
func ParseJavaRelease(release, licence []byte) inventory.Software {
	m := properties(release, "=")
	get := func(key string) string { return source.Text(strings.Trim(m[key], `"`)) }
	s := inventory.Software{
		Source: "jvm", Name: strings.TrimSpace("Java " + get("IMAGE_TYPE")), Version: get("JAVA_VERSION"), Arch: get("OS_ARCH"),
		Publisher: get("IMPLEMENTOR"),
	}
	if s.Version == "" {
		return inventory.Software{}
	}
	commercial := get("BUILD_TYPE") == "commercial"
	if s.Publisher == "N/A" || s.Publisher == "" && commercial {
		s.Publisher = ""
		if commercial {
			s.Publisher = "Oracle Corporation"
		}
	}
	build, _, _ := strings.Cut(get("IMPLEMENTOR_VERSION"), "-") // Temurin-21.0.2+13, Zulu21.32+17-CA, Corretto-21.0.2.13.1
	switch build = strings.TrimRight(build, "0123456789.+"); {
	case get("GRAALVM_VERSION") != "":
		s.Edition = "GraalVM"
	case bytes.Contains(licence, []byte("No-Fee Terms and Conditions")):
		s.Edition = "Oracle JDK, NFTC"
	case bytes.Contains(licence, []byte("Oracle Technology Network License")):
		s.Edition = "Oracle JDK, OTN"
	case commercial:
		s.Edition = "Oracle JDK"
	case build != "":
		s.Edition = build
	case s.Publisher != "" && !strings.HasPrefix(s.Publisher, "Oracle"), bytes.Contains(licence, []byte("GNU General Public License")):
		s.Edition = "OpenJDK"
	}
	return s
}

// dotnetNames are the names under which Microsoft delivers what is in these folders
// (https://learn.microsoft.com/dotnet/core/distribution-packaging).
var dotnetNames = map[string]string{
	"Microsoft.NETCore.App":        ".NET Runtime",
	"Microsoft.AspNetCore.App":     "ASP.NET Core Runtime",
	"Microsoft.WindowsDesktop.App": ".NET Windows Desktop Runtime",
}

// dotnet lists shared/<framework>/<version> and sdk/<version> in a folder of .NET.
func dotnet(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	for _, place := range append(f.glob(dir+"/shared/*/*"), f.glob(dir+"/sdk/*")...) {
		folder, version := path.Split(place)
		name := path.Base(folder)
		if version == "" || version[0] < '0' || version[0] > '9' {
			continue // NuGetFallbackFolder
		}
		if known, ok := dotnetNames[name]; ok {
			name = known
		} else if name == "sdk" {
			name = ".NET SDK"
		}
		list = append(list, inventory.Software{
			Source: "dotnet", Name: source.Text(name), Version: source.Text(version), Publisher: "Microsoft", Path: f.at(place),
		})
	}
	return list
}
