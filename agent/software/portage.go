package software

import (
	"regexp"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// portageVersion is a version at the end of a package's directory name
// (https://projects.gentoo.org/pms/latest/pms.html, 3.2).
var portageVersion = regexp.MustCompile(`-([0-9]+(?:\.[0-9]+)*[a-z]?(?:_(?:alpha|beta|pre|rc|p)[0-9]*)*(?:-r[0-9]+)?)$`)

// PortagePackage names an installed package by its directories in /var/db/pkg: the
// category, and the name with the version.
func PortagePackage(category, directory string) inventory.Software {
	name, version := directory, ""
	if m := portageVersion.FindStringSubmatchIndex(directory); m != nil {
		name, version = directory[:m[0]], directory[m[2]:m[3]]
	}
	return inventory.Software{
		Source: "portage", Name: source.Text(category + "/" + name), Version: source.Text(version),
	}
}

// portageArch is the processor in a CHOST such as x86_64-pc-linux-gnu.
func portageArch(host string) string {
	arch, _, _ := strings.Cut(host, "-")
	return arch
}
