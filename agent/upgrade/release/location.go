package release

import (
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Location is where a repository is: a URL, or else a folder.
type Location struct {
	URL *url.URL
	Dir string
}

// ParseLocation reads https://HOST/PATH, an absolute folder, or file:///FOLDER. Plain http is
// for this machine only: not for trust, which is in the signatures, but so that nobody on the way
// can keep upgrades from the machine unnoticed, or learn what it runs.
func ParseLocation(text string) (l Location, err error) {
	wrong := func(why string) (Location, error) {
		return Location{}, inventory.Errorf(inventory.CodeInvalid, "repository %.200q: %s", text, why)
	}
	if filepath.IsAbs(text) {
		return Location{Dir: filepath.Clean(text)}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return wrong("want https://HOST/PATH or an absolute folder")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return wrong("a user, a query or a fragment has no place in it")
	}
	switch {
	case u.Scheme == "file" && u.Host == "":
		dir := filepath.FromSlash(u.Path)
		if !filepath.IsAbs(dir) { // file:///C:/folder
			dir = strings.TrimPrefix(dir, string(filepath.Separator))
		}
		if !filepath.IsAbs(dir) {
			return wrong("want an absolute folder")
		}
		return Location{Dir: filepath.Clean(dir)}, nil
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && loopback(u.Hostname()):
		u.Path = strings.TrimSuffix(u.Path, "/")
		return Location{URL: u}, nil
	case u.Scheme == "http":
		return wrong("http only on this machine itself: want https")
	}
	return wrong("want https://HOST/PATH or an absolute folder")
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}
