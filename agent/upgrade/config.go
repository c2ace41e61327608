// Package upgrade decides which version of the agent runs, starts it, and goes back when a
// new one does not report.
//
// The program that the service starts supervises: it runs the chosen version as its child,
// itself included, and now and then lets another program look for a newer one (package
// repository). A new version is on trial until the collector has accepted a report of it.
// Whatever goes wrong with an upgrade, something that reported before runs. Off unless the
// host's administrator configured it; cmd/muster-agent calls it.
package upgrade

import (
	"path/filepath"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	defaultChannel = "stable"
	defaultWindow  = 24 * time.Hour
	defaultTrial   = 6 * time.Hour
	minTime        = 10 * time.Second
	maxTime        = 30 * 24 * time.Hour
)

// Config is what the host's administrator decides. The zero value takes no upgrades.
type Config struct {
	Enabled    bool
	Repository string        // https URL or absolute folder
	Root       string        // file with the root of trust: comes with the package or the administrator, never from the repository
	Channel    string        // stable if ""
	Pin        string        // the one version that is wanted, also if it is older; "" for the newest
	Window     time.Duration // there is one check in it, each host at its own time; a day if 0
	Trial      time.Duration // how long a new version may run without an accepted report; 6 h if 0
}

// Validate fills in what is not set and reports the first field that is wrong, as an invalid error.
func (c *Config) Validate() error {
	if !c.Enabled {
		return nil
	}
	if _, err := release.ParseLocation(c.Repository); err != nil {
		return inventory.Errorf(inventory.CodeInvalid, "upgrade: %w", err)
	}
	if !filepath.IsAbs(c.Root) {
		return inventory.Errorf(inventory.CodeInvalid, "upgrade: root %q: want the absolute path of the repository's root.json, got from its publisher", c.Root)
	}
	if c.Channel == "" {
		c.Channel = defaultChannel
	}
	if err := release.ValidateChannel(c.Channel); err != nil {
		return inventory.Errorf(inventory.CodeInvalid, "upgrade: %w", err)
	}
	if c.Pin != "" {
		v, err := release.ParseVersion(c.Pin)
		if err != nil {
			return inventory.Errorf(inventory.CodeInvalid, "upgrade: pin: %w", err)
		}
		c.Pin = v.String()
	}
	for _, f := range []struct {
		name    string
		value   *time.Duration
		builtIn time.Duration
	}{{"window", &c.Window, defaultWindow}, {"trial", &c.Trial, defaultTrial}} {
		if *f.value == 0 {
			*f.value = f.builtIn
		}
		if *f.value < minTime || *f.value > maxTime {
			return inventory.Errorf(inventory.CodeInvalid, "upgrade: %s %v: must be from %v to %v", f.name, *f.value, minTime, maxTime)
		}
	}
	return nil
}
