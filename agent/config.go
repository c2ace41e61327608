// Package agent is the runtime of the agent: it runs the sources of this machine under
// deadlines, joins what they return into one observation, delivers it at intervals, keeps
// the certificate fresh and remembers how it went.
//
// It refuses to know what sources read (agent/hardware, agent/software: given to New) and
// how delivery works (internal/wire). It opens no port, takes no commands and runs no
// programs. cmd/muster-agent starts it, by way of agent/upgrade where upgrades are wanted.
package agent

import (
	"slices"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

const (
	defaultInterval = time.Hour
	// Bounds on the interval, whoever sets it.
	minInterval = 10 * time.Second
	maxInterval = 24 * time.Hour
	// defaultTimeout is that of a source that has none of its own.
	defaultTimeout = 30 * time.Second
)

// Config is what the host's administrator decides. The zero value reports what
// [PresetServer] allows, as often as the collector asks for.
type Config struct {
	// Interval between two reports. 0 leaves it to the collector, and is an hour until it speaks.
	Interval time.Duration
	// Skip names sections that are never read on this host, whatever the collector wants.
	Skip []inventory.SectionName
	// Privacy says what may be reported at all.
	Privacy Privacy
	// Budget bounds what the agent costs.
	Budget Budget
	// Thrift says what holds reports back.
	Thrift Thrift
	// Proxy is how the collector is reached; nil is the proxy of the environment.
	Proxy wire.ProxyFunc
}

// Validate reports the first field that is out of bounds, as an invalid error.
func (c Config) Validate() error {
	if c.Interval != 0 && (c.Interval < minInterval || c.Interval > maxInterval) {
		return inventory.Errorf(inventory.CodeInvalid, "interval %v: must be from %v to %v", c.Interval, minInterval, maxInterval)
	}
	for _, name := range c.Skip {
		if !slices.Contains(inventory.Sections(), name) {
			return inventory.Errorf(inventory.CodeInvalid, "skip %q: no such section; there are %q", name, inventory.Sections())
		}
	}
	if err := c.Privacy.validate(); err != nil {
		return err
	}
	if err := c.Thrift.validate(); err != nil {
		return err
	}
	return c.Budget.validate()
}
