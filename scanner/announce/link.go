package announce

import (
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/muster-itam/muster/scanner/ether"
)

// whole decodes a frame to its end; gopacket turns a panic of a decoder into an error layer.
func whole(frame []byte) gopacket.Packet {
	return gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
}

// lldp reads a frame of IEEE 802.1AB. The station is the chassis where that has a hardware
// address, and the port that sent otherwise.
func lldp(frame []byte, from ether.MAC) (who Speaker, s Speech, ok bool) {
	p := whole(frame)
	head, ok := p.Layer(layers.LayerTypeLinkLayerDiscovery).(*layers.LinkLayerDiscovery)
	if !ok {
		return who, s, false
	}
	who.MAC = from
	n := &Neighbour{Protocol: ViaLLDP, ChassisID: chassisText(head.ChassisID), Port: portText(head.PortID)}
	if id := head.ChassisID; id.Subtype == layers.LLDPChassisIDSubTypeMACAddr && len(id.ID) == 6 && ether.MAC(id.ID).Unicast() {
		who.MAC = ether.MAC(id.ID)
	}
	if info, ok := p.Layer(layers.LayerTypeLinkLayerDiscoveryInfo).(*layers.LinkLayerDiscoveryInfo); ok {
		n.Name = text([]byte(info.SysName))
		s.name(host(info.SysName))
		s.fact("lldp.description", info.SysDescription)
		// A port that is known by its own hardware address alone is told apart by its description.
		if d := text([]byte(info.PortDescription)); d != "" && head.PortID.Subtype != layers.LLDPPortIDSubtypeIfaceName {
			n.Port = d
		}
		n.Address, _ = netip.AddrFromSlice(info.MgmtAddress.Address)
		for word, has := range map[string]bool{
			"bridge": info.SysCapabilities.EnabledCap.Bridge, "router": info.SysCapabilities.EnabledCap.Router,
			"access point": info.SysCapabilities.EnabledCap.WLANAP, "phone": info.SysCapabilities.EnabledCap.Phone,
			"station": info.SysCapabilities.EnabledCap.StationOnly,
		} {
			if has {
				s.fact("lldp.capability", word)
			}
		}
	}
	s.Via, s.Neighbour = []string{ViaLLDP}, n
	return who, s, true
}

// cdp reads a frame of Cisco's Discovery Protocol, version 1 or 2.
func cdp(frame []byte, from ether.MAC) (who Speaker, s Speech, ok bool) {
	info, ok := whole(frame).Layer(layers.LayerTypeCiscoDiscoveryInfo).(*layers.CiscoDiscoveryInfo)
	if !ok || info.DeviceID == "" {
		return who, s, false
	}
	n := &Neighbour{Protocol: ViaCDP, ChassisID: text([]byte(info.DeviceID)), Port: text([]byte(info.PortID)), Name: text([]byte(info.DeviceID))}
	for _, list := range [][]net.IP{info.MgmtAddresses, info.Addresses} {
		for _, ip := range list {
			if a, ok := netip.AddrFromSlice(ip); ok && !n.Address.IsValid() {
				n.Address = a.Unmap()
			}
		}
	}
	s.name(host(info.DeviceID))
	s.fact("cdp.platform", info.Platform)
	s.fact("cdp.version", info.Version)
	c := info.Capabilities
	for word, has := range map[string]bool{"router": c.L3Router, "bridge": c.L2Switch, "phone": c.IsPhone, "station": c.IsHost} {
		if has {
			s.fact("cdp.capability", word)
		}
	}
	s.Via, s.Neighbour = []string{ViaCDP}, n
	return Speaker{MAC: from}, s, true
}

// host is the first label of a name that is a host's; others stay whole.
func host(name string) string {
	if strings.ContainsAny(name, " /:(") {
		return name
	}
	label, _, _ := strings.Cut(name, ".")
	return label
}

func chassisText(id layers.LLDPChassisID) string {
	return idText(id.ID, id.Subtype == layers.LLDPChassisIDSubTypeMACAddr, id.Subtype == layers.LLDPChassisIDSubTypeNetworkAddr)
}

func portText(id layers.LLDPPortID) string {
	return idText(id.ID, id.Subtype == layers.LLDPPortIDSubtypeMACAddr, id.Subtype == layers.LLDPPortIDSubtypeNetworkAddr)
}

// idText is an identifier as a person would write it.
func idText(raw []byte, mac, address bool) string {
	if mac && len(raw) == 6 {
		return ether.MAC(raw).String()
	}
	if address && len(raw) > 1 { // after a byte with the family
		if a, ok := netip.AddrFromSlice(raw[1:]); ok {
			return a.String()
		}
	}
	if t := text(raw); t != "" && utf8.Valid(raw) {
		return t
	}
	return hex.EncodeToString(raw[:min(len(raw), 64)])
}
