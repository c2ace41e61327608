package reconcile

import (
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Release: a machine that is terminated, retired or sold gives up its name and address
// from that day, so that its successor has them. What it bore before stays its own.

// gone says that a state, in whatever words a provider or an inventory has, is the end.
func gone(state string) bool {
	if at := strings.LastIndexByte(state, '/'); at >= 0 {
		state = state[at+1:] // PowerState/deleted
	}
	return finalStates[strings.Map(func(r rune) rune {
		if r < 'a' || r > 'z' {
			return -1
		}
		return r
	}, strings.ToLower(state))]
}

// releasedOn is the day since which a component is said to be gone; zero while it is not.
// Its own agent knows better.
func (c *component) releasedOn() Day {
	day := Day(0)
	for _, n := range c.nodes {
		if n.released != 0 && (day == 0 || n.released < day) {
			day = n.released
		}
	}
	for _, n := range c.nodes {
		if day != 0 && n.Kind == inventory.KindAgent && n.last > day {
			return 0
		}
	}
	return day
}
