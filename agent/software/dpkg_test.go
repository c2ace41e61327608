package software_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/internal/inventory"
)

const dpkgStatus = `Package: libc6
Status: install ok installed
Priority: optional
Installed-Size: 12986
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Multi-Arch: same
Version: 2.36-9+deb12u10
Description: GNU C Library: Shared libraries
 Package: not-a-package
 Version: 9

Package: gone
Status: purge ok not-installed
Version: 1

Package: left
Status: deinstall ok config-files
Installed-Size: 5
Maintainer: Somebody <s@example.org>
Architecture: all
Version: 1.0
Config-Version: 1.0

Package: held
Status: hold ok installed
Architecture: all
Maintainer: packager@example.org
Origin: Example GmbH
Version: 2:3.1~rc1

Package: broken
Status: install reinstreq half-installed
Architecture: amd64
Version: 4

Status: install ok installed
Version: 5

Package: static
Architecture: arm64
Installed-Size: -7
Version: 6`

func TestParseDpkg(t *testing.T) {
	day := func(name string) string {
		if name == "libc6:amd64" {
			return "2026-05-09"
		}
		return ""
	}
	want := []inventory.Software{
		{
			Source: "deb", Name: "libc6", Version: "2.36-9+deb12u10", Arch: "amd64", Publisher: "GNU Libc Maintainers",
			Installed: "2026-05-09", Bytes: 12986 * 1024, PURL: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64",
		},
		{Source: "deb-config", Name: "left", Version: "1.0", Arch: "all"},
		{
			Source: "deb", Name: "held", Version: "2:3.1~rc1", Arch: "all", Publisher: "Example GmbH",
			PURL: "pkg:deb/debian/held@2:3.1~rc1?arch=all",
		},
		{Source: "deb", Name: "broken", Version: "4", Arch: "amd64", PURL: "pkg:deb/debian/broken@4?arch=amd64"},
		{Source: "deb", Name: "static", Version: "6", Arch: "arm64", PURL: "pkg:deb/debian/static@6?arch=arm64"},
	}
	got, err := software.ParseDpkg(strings.NewReader(dpkgStatus), "debian", day)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseDpkgHostile(t *testing.T) {
	long := "Package: a\nDescription: " + strings.Repeat("x", 1<<20) + "\nVersion: 1\n\nPackage: b\x00\xff\nVersion: 2\n"
	got, err := software.ParseDpkg(strings.NewReader(long), "debian", nil)
	if err != nil || len(got) != 2 || got[0].Version != "1" || got[1].Name != "b\ufffd" {
		t.Errorf("got %+v, %v", got, err)
	}
	many := strings.Repeat("Package: a\n\n", inventory.MaxItems+1)
	if _, err := software.ParseDpkg(strings.NewReader(many), "debian", nil); err == nil {
		t.Error("more packages than a section may have: no error")
	}
}

// dpkg itself is the judge of which packages there are, on a database with a package in
// each state and on this machine's own.
func TestDpkgAgreesWithDpkgQuery(t *testing.T) {
	states := t.TempDir() + "/"
	write(t, states+"etc/os-release", "ID=debian\n")
	status := ""
	for _, s := range []string{
		"not-installed", "config-files", "half-installed", "unpacked", "half-configured", "triggers-awaited",
		"triggers-pending", "installed",
	} {
		status += "Package: " + s + "\nStatus: install ok " + s + "\nMaintainer: M <m@example.org>\n" +
			"Architecture: all\nVersion: 1\nDescription: none\n"
		switch s {
		case "triggers-pending":
			status += "Triggers-Pending: x\n"
		case "triggers-awaited":
			status += "Triggers-Awaited: installed\n"
		}
		status += "\n"
	}
	write(t, states+"var/lib/dpkg/status", status)
	write(t, states+"var/lib/dpkg/info/installed.list", "/.\n")
	for _, root := range []string{states, "/"} {
		t.Run(root, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "/usr/bin/dpkg-query", "--admindir="+root+"var/lib/dpkg",
				"-W", "-f", "${Package} ${Version} ${Architecture}\n")
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSpace(string(out)), "\n")
			var got []string
			for _, s := range collect(t, root, "dpkg") {
				if s.Source == "deb" || s.Source == "deb-config" {
					got = append(got, s.Name+" "+s.Version+" "+s.Arch)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-dpkg-query +got:\n%s", diff)
			}
		})
	}
}

func FuzzParseDpkg(f *testing.F) {
	f.Add(dpkgStatus)
	f.Add("Package:\x00\nStatus: a b\n\n\n :\n")
	f.Fuzz(func(t *testing.T, s string) {
		list, err := software.ParseDpkg(strings.NewReader(s), "debian", nil)
		valid(t, list, err)
	})
}
