package software

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/software/rpmdb"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// rpmKey is the name of the pseudo-packages that hold imported public keys. "rpm -qa"
// lists them among the packages.
const rpmKey = "gpg-pubkey"

// rpmSoftware is an installed package as "rpm -qa" names it: version and release, behind
// the epoch if it is not 0.
func rpmSoftware(p rpmdb.Package, distro string) inventory.Software {
	version := p.Version
	if p.Release != "" {
		version += "-" + p.Release
	}
	epoch := ""
	if p.Epoch > 0 {
		epoch = strconv.FormatInt(p.Epoch, 10)
	}
	s := inventory.Software{
		Source: "rpm", Name: source.Text(p.Name), Version: source.Text(version), Arch: source.Text(p.Arch),
		Publisher: source.Text(p.Vendor), Bytes: max(p.Bytes, 0), Installed: day(p.Installed),
	}
	if s.Publisher == "" {
		s.Publisher = withoutAddress(p.Packager)
	}
	if s.Name == rpmKey {
		s.Kind, s.Bytes = inventory.KindKey, 0
		return s
	}
	s.PURL = source.Text(packageURL("rpm", strings.ToLower(distro), s.Name, s.Version, "arch", s.Arch, "epoch", epoch))
	if epoch != "" {
		s.Version = source.Text(epoch + ":" + version)
	}
	return s
}

// rpmQuery is the format that ParseRPMQuery reads; rpm prints "(none)" for what is not set.
const rpmQuery = `%{NAME}\t%{VERSION}\t%{RELEASE}\t%{EPOCH}\t%{ARCH}\t%{VENDOR}\t%{PACKAGER}\t%{INSTALLTIME}\t%{SIZE}\t%{LONGSIZE}\n`

// ParseRPMQuery reads what "rpm -qa --qf" prints for a database that only rpm itself can
// read: one package a line, its fields between tabs.
func ParseRPMQuery(r io.Reader, distro string) ([]inventory.Software, error) {
	list := []inventory.Software{}
	err := lines(r, func(line []byte) error {
		f := strings.Split(string(line), "\t")
		if len(f) != strings.Count(rpmQuery, "%") || source.Text(f[0]) == "" {
			return errors.New("unexpected output of rpm")
		}
		if len(list) == inventory.MaxItems {
			return errTooMany
		}
		for i := range f {
			if f[i] == "(none)" {
				f[i] = ""
			}
		}
		number := func(text string) int64 {
			n, _ := strconv.ParseInt(text, 10, 62) // 0 is not known
			return n
		}
		list = append(list, rpmSoftware(rpmdb.Package{
			Name: f[0], Version: f[1], Release: f[2], Epoch: number(f[3]), Arch: f[4], Vendor: f[5], Packager: f[6],
			Installed: number(f[7]), Bytes: max(number(f[8]), number(f[9])),
		}, distro))
		return nil
	})
	return list, err
}
