package software

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources of Debian packages.
const (
	sourceDeb = "deb"
	// sourceDebConfig marks a package of which only configuration files are left:
	// removed and not purged. dpkg-query -W lists it as well, yet it is not installed.
	sourceDebConfig = "deb-config"
)

// ParseDpkg reads dpkg's status file: paragraphs of "Field: value" (deb-control(5)).
// It returns the packages that "dpkg-query -W" lists, which are all but those in state
// not-installed (see dpkg(1), package states); removed ones with configuration left have
// the source deb-config. A paragraph without Status, as distroless images have in
// status.d, counts as installed. distro is the id in os-release; installed, if not nil,
// tells the day on which a package was installed by the name of its files in dpkg's info folder.
//
// Publisher is Origin, which some other vendors set, or else the maintainer's name.
func ParseDpkg(r io.Reader, distro string, installed func(name string) string) ([]inventory.Software, error) {
	p := dpkgParser{distro: distro, installed: installed, strings: map[string]string{}}
	return p.parse(r)
}

// ParseOpkg reads opkg's status file, which has dpkg's form; sizes are in bytes and the
// time of installation is in it. It returns what "opkg list-installed" does.
func ParseOpkg(r io.Reader) ([]inventory.Software, error) {
	p := dpkgParser{opkg: true, strings: map[string]string{}}
	p.installed = func(string) string { return day(p.time) }
	return p.parse(r)
}

func (p *dpkgParser) parse(r io.Reader) ([]inventory.Software, error) {
	if err := lines(r, p.line); err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return p.list, nil
}

type dpkgParser struct {
	opkg      bool
	distro    string
	installed func(name string) string
	strings   map[string]string // architectures, publishers: few, shared by many packages
	list      []inventory.Software

	name, version, arch, maintainer, origin, state string
	size, time                                     int64 // size in KiB, of opkg in bytes
	same                                           bool  // can be installed for several architectures at once
}

func (p *dpkgParser) line(line []byte) error {
	if len(line) == 0 {
		return p.end()
	}
	if line[0] == ' ' || line[0] == '\t' { // goes on with a field that is of no interest
		return nil
	}
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return nil
	}
	value = bytes.TrimSpace(value)
	switch string(key) {
	case "Package":
		p.name = string(value)
	case "Version":
		p.version = string(value)
	case "Architecture":
		p.arch = p.share(value)
	case "Maintainer":
		p.maintainer = p.share(value)
	case "Multi-Arch":
		p.same = string(value) == "same"
	case "Origin":
		p.origin = p.share(value)
	case "Status": // want, flag, state: "install ok installed"
		if words := bytes.Fields(value); len(words) == 3 {
			p.state = p.share(words[2])
		}
	case "Installed-Time": // opkg
		p.time, _ = strconv.ParseInt(string(value), 10, 36) // 0 is not known
	case "Installed-Size":
		if n, err := strconv.ParseInt(string(value), 10, 50); err == nil && n > 0 {
			p.size = n
		}
	}
	return nil
}

// share keeps one copy of a text that many packages have.
func (p *dpkgParser) share(b []byte) string {
	if s, ok := p.strings[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(p.strings) < 10_000 {
		p.strings[s] = s
	}
	return s
}

// listName is how dpkg names its files about a package: with the architecture where several may be
// installed side by side.
func (p *dpkgParser) listName() string {
	if p.same {
		return p.name + ":" + p.arch
	}
	return p.name
}

// end takes the paragraph that has been read, if it is a package that counts.
func (p *dpkgParser) end() error {
	s := inventory.Software{Source: sourceDeb, Name: source.Text(p.name)}
	skip := s.Name == "" || p.state == "not-installed" || p.opkg && p.state == "config-files"
	if !skip {
		s.Version, s.Arch = source.Text(p.version), source.Text(p.arch)
		if p.state == "config-files" {
			s.Source = sourceDebConfig
		} else {
			s.Publisher = source.Text(p.origin)
			if s.Publisher == "" {
				s.Publisher = withoutAddress(p.maintainer)
			}
			s.Bytes = p.size << 10
			s.PURL = source.Text(packageURL("deb", p.distro, strings.ToLower(s.Name), s.Version, "arch", s.Arch))
			if p.opkg {
				s.Source, s.Bytes, s.PURL = "opkg", p.size, ""
			}
			if p.installed != nil {
				s.Installed = p.installed(p.listName())
			}
		}
		if len(p.list) == inventory.MaxItems {
			return errTooMany
		}
		p.list = append(p.list, s)
	}
	p.name, p.version, p.arch, p.maintainer, p.origin, p.state, p.size, p.time = "", "", "", "", "", "", 0, 0
	p.same = false
	return nil
}
