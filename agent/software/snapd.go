package software

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

// SnapState is what snapd remembers of an installed snap.
type SnapState struct {
	Revision string // that is active
	ID       string // in the store; "" for snaps from files
	Type     string // app, base, snapd, kernel, gadget
}

// ParseSnapState reads the snaps in /var/lib/snapd/state.json (snapd,
// overlord/snapstate: SnapState), by name. Only root can write the file.
func ParseSnapState(b []byte) (map[string]SnapState, error) {
	var state struct {
		Data struct {
			Snaps map[string]struct {
				Type     string `json:"type"`
				Current  string `json:"current"`
				Sequence []struct {
					ID       string `json:"snap-id"`
					Revision string `json:"revision"`
				} `json:"sequence"`
			} `json:"snaps"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b, &state); err != nil {
		return nil, fmt.Errorf("snapd's state: %w", err)
	}
	snaps := make(map[string]SnapState, len(state.Data.Snaps))
	for name, s := range state.Data.Snaps {
		snap := SnapState{Revision: s.Current, Type: s.Type}
		for _, r := range s.Sequence {
			if r.Revision == s.Current {
				snap.ID = r.ID
			}
		}
		snaps[name] = snap
	}
	return snaps, nil
}

// AssertionHeader is a field of a signed statement of the store's
// (https://documentation.ubuntu.com/core/reference/assertions/), "" if it has none.
func AssertionHeader(b []byte, field string) string {
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			break
		}
		if value, ok := strings.CutPrefix(line, field+": "); ok {
			return source.Text(value)
		}
	}
	return ""
}
