package identify

import (
	"net/netip"

	"github.com/muster-itam/muster/scanner/snmp"
)

// Needs tells whether a section can still change what Device says, from what was read before
// it: most devices are known by what their first answers say.
func (r *Rules) Needs(f *snmp.Facts, s snmp.Section) bool {
	switch s {
	case snmp.SectionInterfaces, snmp.SectionBridge: // tell switches from routers, and both from hosts
		bridge, router := *f, *f
		bridge.Bridge.Ports = l3SwitchPorts
		router.System.Forwarding = true
		router.Interfaces = []snmp.Interface{{Type: typeEthernet, Addresses: []netip.Prefix{
			netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("198.51.100.1/24"),
		}}}
		return r.Device(&bridge).Type != r.Device(&router).Type
	case snmp.SectionComponents:
		return true
	case snmp.SectionPrivate: // comes last, and fills in what is missing
		id := r.Device(f)
		return id.Model == "" || id.Serial == "" || id.OS.Version == ""
	default: // other devices
		return false
	}
}
