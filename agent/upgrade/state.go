package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/agent/upgrade/versions"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

const (
	stateFile = "state.json"
	maxState  = 256 << 10
	maxBad    = 32
	maxReason = 1000 // bytes
	// maxStarts is how often a version on trial may end by itself.
	maxStarts = 3
)

// state is all that is remembered. One file, so that every decision is one replacement.
type state struct {
	Settled *versions.Installed `json:"settled,omitempty"` // reported once; nil for the installed program itself
	Trial   *trial              `json:"trial,omitempty"`
	Bad     []Bad               `json:"bad,omitempty"` // oldest first
	Check   *Check              `json:"check,omitempty"`
}

type trial struct {
	versions.Installed
	Starts int `json:"starts"`
}

// Bad is a version that was tried and not kept.
type Bad struct {
	Version string    `json:"version"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

// Check is the last look for an upgrade.
type Check struct {
	At      time.Time       `json:"at"`
	Outcome release.Outcome `json:"outcome"`
	Reason  string          `json:"reason,omitempty"`
}

// choose is the version to start, nil for the installed program: the pinned one if it is
// here, else a newer one than the installed program, on trial before settled.
func (s *state) choose(base release.Version, pin string) (in *versions.Installed, onTrial bool) {
	wanted := func(version string) bool {
		v, err := release.ParseVersion(version)
		return err == nil && (version == pin || v.Compare(base) > 0)
	}
	switch {
	case pin == base.String():
		return nil, false
	case s.Trial != nil && wanted(s.Trial.Version) && (pin == "" || pin == s.Trial.Version):
		return &s.Trial.Installed, true
	case s.Settled != nil && wanted(s.Settled.Version):
		return s.Settled, false
	}
	return nil, false
}

// settle keeps the version on trial.
func (s *state) settle() {
	s.Settled, s.Trial = &s.Trial.Installed, nil
}

// fail ends the trial and remembers the version, so that it is not taken again.
func (s *state) fail(reason string, now time.Time) {
	bad := Bad{Version: s.Trial.Version, Reason: short(reason), At: now.UTC().Truncate(time.Second)}
	s.Bad = append(slices.DeleteFunc(s.Bad, func(b Bad) bool { return b.Version == bad.Version }), bad)
	s.Bad = s.Bad[max(0, len(s.Bad)-maxBad):]
	s.Trial = nil
}

func short(text string) string { return text[:min(len(text), maxReason)] }

// parseState reads what save wrote.
func parseState(text []byte) (s state, err error) {
	if err := json.Unmarshal(text, &s); err != nil {
		return state{}, err
	}
	for _, in := range []*versions.Installed{s.Settled, s.trialled()} {
		if in == nil {
			continue
		}
		if v, err := release.ParseVersion(in.Version); err != nil {
			return state{}, err
		} else if v.String() != in.Version {
			return state{}, inventory.Errorf(inventory.CodeInvalid, "version %q: want %s", in.Version, v)
		}
	}
	return s, nil
}

func (s *state) trialled() *versions.Installed {
	if s.Trial == nil {
		return nil
	}
	return &s.Trial.Installed
}

// loadState reads the state of a folder; there is none at first.
func loadState(dir string) (state, error) {
	f, err := os.Open(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("read upgrade state: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err = errors.Join(err, f.Close()); err == nil && len(text) > maxState {
		err = inventory.Errorf(inventory.CodeTooLarge, "larger than %d bytes", maxState)
	}
	if err != nil {
		return state{}, fmt.Errorf("read upgrade state: %w", err)
	}
	s, err := parseState(text)
	if err != nil {
		return state{}, fmt.Errorf("upgrade state %s is damaged: %w", stateFile, err)
	}
	return s, nil
}

func (s *state) save(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode upgrade state: %w", err)
	}
	return wire.WriteFile(filepath.Join(dir, stateFile), append(text, '\n'), 0o600)
}
