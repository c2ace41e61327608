package software

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// conda lists the packages of one environment by conda-meta/*.json
// (https://docs.conda.io/projects/conda/en/stable/dev-guide/deep-dives/install.html).
func conda(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	f.within(dir, func(f *finder) {
		for _, e := range f.list(".") {
			if strings.HasSuffix(e.Name(), ".json") {
				s := ParseConda(e.Name(), f.head(e.Name(), 2<<10))
				s.Path = f.at("..")
				list = append(list, s)
			}
		}
	})
	return list
}

// ParseConda tells a package by its file's name, which is name-version-build.json, and by
// the beginning of the file, where the keys are sorted and the channel is among the first.
// The channel is reported as the publisher, because what may be used without a licence
// depends on it. The rest of the file, a long list of files, is not needed.
func ParseConda(file string, beginning []byte) inventory.Software {
	s := inventory.Software{Source: "conda", Kind: inventory.KindLibrary}
	name := strings.TrimSuffix(file, ".json")
	if i := strings.LastIndexByte(name, '-'); i > 0 { // build
		name = name[:i]
	}
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return inventory.Software{}
	}
	s.Name, s.Version = source.Text(name[:i]), source.Text(name[i+1:])
	s.PURL = source.Text(packageURL("conda", "", strings.ToLower(s.Name), s.Version))
	dec := json.NewDecoder(bytes.NewReader(beginning))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return s
	}
	if found, err := seek(dec, "channel"); err != nil || !found {
		return s
	}
	if channel, err := dec.Token(); err == nil {
		text, _ := channel.(string)
		s.Publisher = condaChannel(text)
	}
	return s
}

// condaChannel is host and path of a channel's address, without the platform and without
// what opens it: a user and password, or a token, which stands behind /t/ in the path.
func condaChannel(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) > 1 && parts[0] == "t" {
		parts = parts[2:]
	}
	if n := len(parts); n > 0 && (parts[n-1] == "noarch" || strings.ContainsRune(parts[n-1], '-') && n > 1) {
		parts = parts[:n-1]
	}
	return source.Text(u.Host + "/" + strings.Join(parts, "/"))
}
