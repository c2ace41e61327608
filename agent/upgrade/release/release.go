// Package release has the words that the agent, the program that fetches its upgrades and
// the publisher share: a release, the order of versions, which release an agent takes, and
// what agent and fetching program say to each other.
//
// It refuses to read or fetch anything. It links nothing, so that the agent stays small.
package release

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// MaxBytes bounds the program of a release.
const MaxBytes = 64 << 20

// Release is one program in a repository: what it is stands in the signed metadata beside
// length and hashes (https://theupdateframework.github.io/specification/latest/#file-formats-targets, custom).
type Release struct {
	Version string `json:"version"`
	Channel string `json:"channel"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// Validate reports the first field that cannot be part of a path.
func (r Release) Validate() error {
	if v, err := ParseVersion(r.Version); err != nil {
		return err
	} else if v.String() != r.Version {
		return inventory.Errorf(inventory.CodeInvalid, "version %q: write %s", r.Version, v)
	}
	if err := ValidateChannel(r.Channel); err != nil {
		return err
	}
	for _, f := range []struct{ name, value string }{{"os", r.OS}, {"arch", r.Arch}} {
		if len(f.value) < 2 || len(f.value) > 16 || strings.Trim(f.value, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return inventory.Errorf(inventory.CodeInvalid, "%s %.20q: want a name as Go has them, such as linux or arm64", f.name, f.value)
		}
	}
	return nil
}

// ValidateChannel checks the name of a channel.
func ValidateChannel(channel string) error {
	if channel == "" || len(channel) > 32 || strings.Trim(channel, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return inventory.Errorf(inventory.CodeInvalid, "channel %.40q: want 1 to 32 small letters and digits, such as stable", channel)
	}
	return nil
}

// Path is the release's one place among the targets.
func (r Release) Path() string {
	return path.Join(r.Channel, r.Version, r.OS+"-"+r.Arch, Program(r.OS))
}

// Program is the agent's file name.
func Program(goos string) string {
	if goos == "windows" {
		return "muster-agent.exe"
	}
	return "muster-agent"
}

// FromCustom reads a release from a target's custom metadata. One that says something else
// than its path is refused: a signature over the one is none over the other.
func FromCustom(targetPath string, custom []byte) (r Release, err error) {
	if err := json.Unmarshal(custom, &r); err != nil {
		return r, fmt.Errorf("custom metadata of %.80q: %w", targetPath, err)
	}
	if err := r.Validate(); err != nil {
		return r, fmt.Errorf("custom metadata of %.80q: %w", targetPath, err)
	}
	if r.Path() != targetPath {
		return r, inventory.Errorf(inventory.CodeInvalid, "target %.80q says that it is %s", targetPath, r.Path())
	}
	return r, nil
}
