package release

import (
	"fmt"
	"slices"
)

// Request is what the agent asks the fetching program on its standard input.
type Request struct {
	Repository string   `json:"repository"` // https URL or a folder
	Root       string   `json:"root"`       // file of the trusted root
	Dir        string   `json:"dir"`        // folder of the upgrades
	Channel    string   `json:"channel"`
	Pin        string   `json:"pin,omitempty"`
	Running    string   `json:"running"`
	Bad        []string `json:"bad,omitempty"` // versions that were tried and did not report
}

// Outcome is what became of a check.
type Outcome string

// The outcomes.
const (
	OutcomeCurrent   Outcome = "current"   // nothing newer is there
	OutcomeInstalled Outcome = "installed" // fetched, verified, on disk
	OutcomeRefused   Outcome = "refused"   // something is there and is not to be trusted
	OutcomeFailed    Outcome = "failed"    // could not look
)

// Result is the fetching program's answer on its standard output.
type Result struct {
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	// Of an installed version:
	Version string `json:"version,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
}

// Choose picks the release that the request asks for among those for this machine; without
// one the reason says why. An older version than the running one is taken only if the host's
// administrator pinned it.
func (q Request) Choose(all []Release, goos, goarch string) (found *Release, reason string, err error) {
	running, err := ParseVersion(q.Running)
	if err != nil {
		return nil, "", fmt.Errorf("this program has no release's number to compare with: %w", err)
	}
	var best Version
	here, bad := 0, 0
	for _, r := range all {
		v, err := ParseVersion(r.Version)
		if err != nil || r.Channel != q.Channel || r.OS != goos || r.Arch != goarch {
			continue
		}
		here++
		wanted := v.String() == q.Pin
		if q.Pin == "" {
			wanted = v.Compare(running) > 0 && (found == nil || v.Compare(best) > 0)
		}
		switch {
		case !wanted || v == running:
		case slices.Contains(q.Bad, v.String()):
			bad++
		default:
			found, best = &r, v
		}
	}
	switch {
	case found != nil:
	case here == 0:
		reason = fmt.Sprintf("channel %s has nothing for %s/%s", q.Channel, goos, goarch)
	case bad > 0:
		reason = "what is newer was tried here and did not report"
	case q.Pin != "" && q.Pin != running.String():
		reason = fmt.Sprintf("the pinned version %s is not in channel %s", q.Pin, q.Channel)
	}
	return found, reason, nil
}
