package identify

import (
	"github.com/muster-itam/muster/scanner/announce"
	"github.com/muster-itam/muster/scanner/snmp"
)

// All rules in order.
func (r *Rules) All() []Rule { return r.rules }

// AllAnnounced rules in order.
func (r *Rules) AllAnnounced() []AnnouncedRule { return r.announced }

// Applies tells whether the rule applies to a device with the facts.
func (r *AnnouncedRule) Applies(facts []announce.Fact) bool { _, _, ok := r.groups(facts); return ok }

// Matches tells whether the rule applies to a device.
func (r *Rule) Matches(s snmp.System) bool { _, ok := r.groups(s); return ok }

// All are the rules.
func (r *ServiceRules) All() (all []ServiceRule) {
	for _, fact := range r.facts {
		all = append(all, r.rules[fact]...)
	}
	return all
}

// Tell is what the rule makes of a text.
func (r *ServiceRule) Tell(text string) map[string]string { return r.tell(text) }

// Registry is IANA's list, a line each, and RegisteredName looks one up.
var (
	Registry       = registered
	RegisteredName = registeredName
)
