package upgrade

import (
	"github.com/muster-itam/muster/agent/upgrade/release"
)

// Status is how upgrades stand.
type Status struct {
	Running string `json:"running"` // the version that is chosen to run
	Stage   Stage  `json:"stage"`
	Channel string `json:"channel"`
	Pin     string `json:"pin,omitempty"`
	Check   *Check `json:"check,omitempty"`
	Bad     []Bad  `json:"bad,omitempty"`
	Problem string `json:"problem,omitempty"` // why no upgrade is looked for at all
}

// Stage is how far the running version is trusted.
type Stage string

// The stages.
const (
	StagePackaged Stage = "packaged" // the installed program itself
	StageTrial    Stage = "trial"    // has not reported yet
	StageSettled  Stage = "settled"  // fetched, and has reported
)

// ReadStatus is the status in a folder of upgrades, nil when they are off; it needs no running agent.
func ReadStatus(dir string, cfg Config, baseVersion string) (*Status, error) {
	if !cfg.Enabled {
		return nil, nil
	}
	s := &Status{Running: baseVersion, Stage: StagePackaged, Channel: cfg.Channel, Pin: cfg.Pin}
	base, wrong := release.ParseVersion(baseVersion)
	if wrong != nil {
		s.Problem = wrong.Error()
		return s, nil //nolint:nilerr // a build without a version has no upgrades, and a status
	}
	s.Running = base.String()
	st, err := loadState(dir)
	if err != nil {
		return s, err
	}
	s.Check, s.Bad = st.Check, st.Bad
	if in, onTrial := st.choose(base, cfg.Pin); in != nil {
		if s.Running, s.Stage = in.Version, StageSettled; onTrial {
			s.Stage = StageTrial
		}
	}
	return s, nil
}
