package software

import (
	"bytes"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Headers of a Python package's description are at its beginning, before a long text.
const maxMetadata = 4 << 10

// pip lists the packages in a site-packages folder: *.dist-info/METADATA
// (https://packaging.python.org/en/latest/specifications/recording-installed-packages/),
// *.egg-info, a folder with PKG-INFO or such a file itself, and *.egg.
//
// What another source lists already is left out. A package's INSTALLER file names its
// package manager: rpm, dpkg or debian, conda. In the folders of the distribution's own
// Python, beneath /usr/lib, only what names pip or one of its kind is not the package
// manager's: Debian's, Alpine's and openSUSE's packages have no INSTALLER there. In homes
// only Conda puts packages of its own.
func pip(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	conda := f.tree.Exists(dir + "/../../../conda-meta")
	f.within(dir, func(f *finder) {
		systems := strings.HasPrefix(f.dir, "usr/lib")
		asks := systems || !f.own || conda
		for _, e := range f.list(".") {
			name, description := e.Name(), ""
			switch path.Ext(name) {
			case ".dist-info":
				description = name + "/METADATA"
				if asks && managed(string(bytes.TrimSpace(f.head(name+"/INSTALLER", 64))), systems) {
					continue
				}
			case ".egg-info":
				if description = name; e.IsDir() {
					description += "/PKG-INFO"
				}
			case ".egg":
				if e.IsDir() {
					description = name + "/EGG-INFO/PKG-INFO"
				}
			}
			if description == "" || systems && path.Ext(name) != ".dist-info" {
				continue
			}
			if s := ParsePython(f.head(description, maxMetadata)); s.Name != "" {
				s.Path = f.at(".")
				list = append(list, s)
			}
		}
	})
	return list
}

// managed says whether a package belongs to a package manager that has a source of its own.
func managed(installer string, systems bool) bool {
	switch installer {
	case "pip", "uv", "poetry", "pdm", "pipx":
		return false
	case "rpm", "dpkg", "debian", "apk", "conda":
		return true
	}
	return systems
}

// ParsePython reads the headers of a Python package's METADATA or PKG-INFO
// (https://packaging.python.org/en/latest/specifications/core-metadata/).
func ParsePython(b []byte) inventory.Software {
	s := inventory.Software{Source: "pip", Kind: inventory.KindLibrary}
	if len(b) == maxMetadata { // the last line may be cut
		b = b[:bytes.LastIndexByte(b, '\n')+1]
	}
	for line := range bytes.Lines(b) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break // what follows describes the package in words
		}
		key, value, _ := strings.Cut(string(line), ":")
		switch key {
		case "Name":
			s.Name = source.Text(value)
		case "Version":
			s.Version = source.Text(value)
		case "Author":
			s.Publisher = withoutAddress(value)
		}
	}
	s.PURL = source.Text(packageURL("pypi", "", strings.ReplaceAll(strings.ToLower(s.Name), "_", "-"), s.Version))
	return s
}
