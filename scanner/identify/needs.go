package identify

import (
	"net/netip"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Needs tells whether a section can still change what Device says, from what was read before
// it: most devices are known by what their first answers say.
func (r *Rules) Needs(f *snmp.Facts, s snmp.Section) bool {
	switch s {
	case snmp.SectionInterfaces: // tell switches from routers, and both from hosts
		bridge, router := *f, *f
		bridge.Bridge.Ports = l3SwitchPorts
		router.System.Forwarding = true
		router.Interfaces = []snmp.Interface{{Type: typeEthernet, Addresses: []netip.Prefix{
			netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("198.51.100.1/24"),
		}}}
		enterprise := r.enterprise(f)
		bridges, _ := r.sortOf(&bridge, enterprise)
		routes, _ := r.sortOf(&router, enterprise)
		if bridges == routes {
			return false
		}
		switching, _ := r.Device(&bridge)
		routing, _ := r.Device(&router)
		return switching.Type == inventory.ClassSwitch && routing.Type != inventory.ClassSwitch
	case snmp.SectionBridge: // for the same reason
		_, wanted := f.Sections[snmp.SectionInterfaces]
		return wanted
	case snmp.SectionComponents:
		return true
	case snmp.SectionPrivate: // comes last, fills in what is missing and can deny a guess
		if len(f.System.Enterprises) == 0 {
			return false
		}
		id, evidence := r.Device(f)
		return id.Model == "" || id.Serial == "" || id.OS.Version == "" || id.sure("model", evidence) <= sureOfPhrase
	default: // other devices
		return false
	}
}
