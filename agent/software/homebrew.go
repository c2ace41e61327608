package software

import (
	"context"
	"encoding/json"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// brewPrefixes are where Homebrew is installed: Apple processors, Intel and older
// installations, Linux (https://docs.brew.sh/Installation).
var brewPrefixes = []string{"opt/homebrew", "usr/local", "home/linuxbrew/.linuxbrew"}

// ParseBrewReceipt adds to s what the receipt says that Homebrew leaves in a keg or beside
// a cask, INSTALL_RECEIPT.json (https://docs.brew.sh/rubydoc/AbstractTab.html). One that
// cannot be read, or is about another version of a cask, adds nothing.
func ParseBrewReceipt(b []byte, s inventory.Software) inventory.Software {
	var r struct {
		Time   float64 `json:"time"` // seconds since 1970
		Arch   string  `json:"arch"`
		Source struct {
			Version string `json:"version"` // of a cask
		} `json:"source"`
	}
	if err := json.Unmarshal(b, &r); err != nil || r.Source.Version != "" && r.Source.Version != s.Version {
		return s
	}
	s.Arch = source.Text(r.Arch)
	if r.Time > 0 && r.Time < 1<<36 {
		s.Installed = day(int64(r.Time))
	}
	return s
}

// brew lists the kegs in the Cellar and the casks in the Caskroom of each prefix, all
// versions, as "brew list --versions" does.
func brew(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	var list inventory.SoftwareList
	for _, prefix := range brewPrefixes {
		for _, room := range []string{"Cellar", "Caskroom"} {
			dir := prefix + "/" + room
			if !tree.Exists(dir) {
				continue
			}
			if list == nil {
				list = inventory.SoftwareList{}
			}
			for _, version := range glob(tree, dir+"/*/*") {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				if info, err := tree.Lstat(version); err != nil || !info.IsDir() || strings.HasPrefix(path.Base(version), ".") {
					continue
				}
				if len(list) == inventory.MaxItems {
					return nil, errTooMany
				}
				if s := brewed(tree, version, room == "Caskroom"); s.Name != "" {
					list = append(list, s)
				}
			}
		}
	}
	if list == nil {
		return nil, source.Unsupported("no Homebrew in /%s", strings.Join(brewPrefixes, ", /"))
	}
	return list, nil
}

// brewed is what is in <prefix>/Cellar/<name>/<version> or in a Caskroom.
func brewed(tree *source.Tree, dir string, cask bool) inventory.Software {
	s := inventory.Software{
		Source: "homebrew", Name: source.Text(path.Base(path.Dir(dir))), Version: source.Text(path.Base(dir)), Path: source.Text("/" + dir),
	}
	receipt := dir
	if cask {
		s.Source, receipt = "homebrew-cask", path.Dir(dir)+"/.metadata"
	}
	b, err := tree.ReadFile(receipt+"/INSTALL_RECEIPT.json", 4<<20)
	if err != nil {
		return s // older casks have none
	}
	return ParseBrewReceipt(b, s)
}
