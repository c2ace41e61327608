package inventory

import "strings"

// Why a scanner does not know what a thing is, as the reason of its device section has it.
// Several stand side by side, the first being what would help most.
const (
	UnknownNoCredentials = "no SNMP credentials given"
	UnknownNotMeant      = "no SNMP credential is meant for this address"
	UnknownRefused       = "SNMP agent accepts none of the credentials"
	UnknownNoSNMP        = "no answer to SNMP"
	UnknownUnusable      = "unusable SNMP answer" // and what was wrong with it
	UnknownListened      = "only listened to"
	UnknownOnlyARP       = "only seen by its hardware address"
	UnknownNoService     = "no service answered"
	UnknownObjectID      = "unknown sysObjectID" // and the object identifier
	UnknownNoObjectID    = "SNMP agent has no sysObjectID"
	UnknownNotTold       = "SNMP agent does not tell more"

	// SeenFromOutside begins the reason of a device that was not read.
	SeenFromOutside = "seen from outside only"
)

// UnknownReason is a scanner's reason without what all of them begin with.
func UnknownReason(reason string) string {
	return strings.TrimPrefix(strings.TrimPrefix(reason, SeenFromOutside), ": ")
}

// UnknownHelp is what would make a thing known that is not for a reason.
func UnknownHelp(reason string) string {
	for _, h := range []struct{ begins, help string }{
		{UnknownNoCredentials, "give the scan SNMP credentials"},
		{UnknownNotMeant, "give the scan a credential whose targets include the address"},
		{UnknownRefused, "set a credential that the device accepts"},
		{UnknownNoSNMP + "; " + UnknownOnlyARP, "look where its cable leads: the switch's port names it"},
		{UnknownNoSNMP + "; " + UnknownNoService, "switch SNMP on, let the scanner through, or put an agent on it"},
		{UnknownNoSNMP, "switch SNMP on, or let the scanner through"},
		{UnknownUnusable, "record it with muster-scanner walk: its SNMP agent, or the way to it, damages what it says"},
		{UnknownListened, "scan it"},
		{UnknownOnlyARP, "look where its cable leads: the switch's port names it"},
		{UnknownNoService, "let the scanner through, or put an agent on it"},
		{UnknownObjectID, "write a rule for it: docs/recipes/snmp-rule.md"},
		{UnknownNotTold, "write a rule for it: docs/recipes/snmp-rule.md"},
		{UnknownNoObjectID, "record it with muster-scanner walk and write a rule for it"},
	} {
		if strings.HasPrefix(reason, h.begins) {
			return h.help
		}
	}
	return ""
}
