package hardware

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/internal/inventory"
)

// adapter is what GetAdaptersAddresses and GetIfEntry2 say of one (iptypes.h, netioapi.h).
type adapter struct {
	guid, name, description string
	mac, permanent          net.HardwareAddr
	ifType, medium          uint32
	index, mtu              int
	up, hardware            bool
	bitsPerSecond           uint64
	addresses               []adapterAddress
	gateways, dns           []netip.Addr
}

type adapterAddress struct {
	netip.Prefix
	// random says that the suffix was made up for a day (RFC 8981).
	random bool
}

// Types of interfaces (IANA ifType) and of what carries the bits (NDIS_PHYSICAL_MEDIUM).
const (
	typePPP, typeLoopback, typeTunnel, typeWiFi = 23, 24, 131, 71
	mediumWiFi, mediumBluetooth                 = 9, 10
)

const networkClass = `{4D36E972-E325-11CE-BFC1-08002BE10318}`

// networkInterface puts together what the network stack and Plug and Play know.
func (a adapter) networkInterface(r registry.Reader) inventory.Interface {
	const network = `HKLM\SYSTEM\CurrentControlSet\Control\Network\` + networkClass + `\`
	instance := registry.Text(r, network+a.guid+`\Connection`, "PnpInstanceID")
	device, err := r.Values(enumKey + instance)
	if err != nil || instance == "" {
		device = registry.Values{}
	}
	bus, _, _ := strings.Cut(strings.ToUpper(instance), `\`)
	out := inventory.Interface{
		Name: a.name, MAC: macText(a.mac), Type: a.kind(bus, instance), Index: a.index, MTU: a.mtu, Up: a.up,
		Description: a.description, Driver: device.Text("service"),
	}
	if out.Type == inventory.IfEthernet || out.Type == inventory.IfWiFi || out.Type == inventory.IfUSB || out.Type == inventory.IfBluetooth {
		out.PermanentMAC = macText(a.permanent)
	}
	// Wireless speed differs from moment to moment, and what is not connected has none.
	if a.up && a.bitsPerSecond < 1<<50 && out.Type != inventory.IfWiFi && out.Type != inventory.IfLoopback {
		out.SpeedMbps = int64(a.bitsPerSecond / 1e6)
	}
	for _, p := range a.addresses {
		if !p.random {
			out.Addresses = append(out.Addresses, p.Prefix)
		}
	}
	for _, g := range a.gateways {
		out.Gateways = append(out.Gateways, g.String())
	}
	for _, s := range a.dns {
		// Addresses that Windows fills in where there are none.
		if text := s.String(); !strings.HasPrefix(text, "fec0:0:0:ffff::") && !slices.Contains(out.DNS, text) {
			out.DNS = append(out.DNS, text)
		}
	}
	return *clean(&out)
}

// kind decides by the medium, then by the bus on which the adapter was found; ROOT and SWD
// are those that software makes up.
func (a adapter) kind(bus, instance string) inventory.InterfaceType {
	switch {
	case a.ifType == typeLoopback:
		return inventory.IfLoopback
	case a.medium == mediumBluetooth || bus == "BTH":
		return inventory.IfBluetooth
	case a.ifType == typePPP, a.ifType == typeTunnel:
		return inventory.IfVPN
	case isVPNName(a.description):
		return inventory.IfVPN
	case bus == "ROOT" && strings.Contains(strings.ToUpper(instance), "MS_NDISWAN"), bus == "SWD" && strings.Contains(strings.ToUpper(instance), "WFP"):
		return inventory.IfVirtual
	case a.medium == mediumWiFi || a.ifType == typeWiFi:
		if strings.Contains(a.description, "Virtual") { // Wi-Fi Direct and the hosted network
			return inventory.IfVirtual
		}
		return inventory.IfWiFi
	case bus == "USB":
		return inventory.IfUSB
	case bus == "ROOT" || bus == "SWD" || strings.HasPrefix(bus, "{"): // {...}: a driver's own bus
		return inventory.IfVirtual
	case bus == "COMPOSITEBUS", strings.Contains(a.description, "Network Adapter Multiplexor"):
		return inventory.IfBond
	case bus == "" && !a.hardware:
		return ""
	}
	return inventory.IfEthernet
}

// isVPNName knows adapters of VPN clients, which look like Ethernet to the system.
func isVPNName(description string) bool {
	for _, part := range []string{
		"TAP-Windows", "TAP-Win32", "WireGuard", "Wintun", "Cisco AnyConnect", "Fortinet", "PANGP Virtual", "Juniper Networks Virtual",
		"Check Point Virtual", "OpenVPN", "SonicWall", "Zscaler", "Tailscale", "F5 Networks VPN",
	} {
		if strings.Contains(description, part) {
			return true
		}
	}
	return false
}
