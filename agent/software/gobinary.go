package software

import (
	"io"
	"os"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// goPrograms lists the programs in a folder that the Go compiler made. It reads only
// headers and what they point to.
func goPrograms(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	f.within(dir, func(f *finder) {
		for _, e := range f.list(".") {
			if !e.Type().IsRegular() { // a link leads to what is elsewhere
				continue
			}
			if file := f.open(e.Name()); file != nil {
				s := goProgram(file)
				_ = file.Close() // only read
				s.Path = f.at(e.Name())
				list = append(list, s)
			}
		}
	})
	return list
}

func goProgram(file *os.File) inventory.Software {
	s := ParseGoProgram(file)
	if info, err := file.Stat(); err == nil && s.Name != "" {
		s.Bytes = info.Size()
	}
	return s
}

// ParseGoProgram reads the build information in a program (https://pkg.go.dev/debug/buildinfo).
// It has no name when there is none.
//
// Name is the path of the main package, which tells apart several programs of one module.
func ParseGoProgram(r io.ReaderAt) inventory.Software {
	info, ok := readBuildInfo(r)
	if !ok || info.Main.Path == "" {
		return inventory.Software{}
	}
	s := inventory.Software{Source: "go", Name: source.Text(info.Path), Version: source.Text(info.Main.Version)}
	if s.Name == "" || s.Name == "command-line-arguments" {
		s.Name = source.Text(info.Main.Path)
	}
	if s.Version == "(devel)" {
		s.Version = ""
	}
	for _, setting := range info.Settings {
		if setting.Key == "GOARCH" {
			s.Arch = source.Text(setting.Value)
		}
	}
	namespace, name := path.Split(strings.ToLower(info.Main.Path))
	s.PURL = source.Text(packageURL("golang", strings.Trim(namespace, "/"), name, s.Version))
	return s
}
