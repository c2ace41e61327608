package identify

import "github.com/muster-itam/muster/scanner/snmp"

// All rules in order.
func (r *Rules) All() []Rule { return r.rules }

// Matches tells whether the rule applies to a device.
func (r *Rule) Matches(s snmp.System) bool { _, ok := r.groups(s); return ok }
