package ndp

import (
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/muster-itam/muster/scanner/ether"
)

// decoder reads ICMPv6 frames without allocating for those that are of no interest.
type decoder struct {
	parser *gopacket.DecodingLayerParser
	eth    layers.Ethernet
	tag    layers.Dot1Q
	ip     layers.IPv6
	icmp   layers.ICMPv6
	na     layers.ICMPv6NeighborAdvertisement
	ns     layers.ICMPv6NeighborSolicitation
	found  []gopacket.LayerType
}

func newDecoder() *decoder {
	d := &decoder{}
	d.parser = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet,
		&d.eth, &d.tag, &d.ip, &d.icmp, &d.na, &d.ns)
	return d
}

// Decode reads which station spoke, and from which address, off an Ethernet frame with
// ICMPv6 inside. ok is false for frames that prove nothing.
func Decode(frame []byte) (s Sighting, ok bool) { return newDecoder().decode(frame) }

// maxHops is the hop limit that neighbour discovery demands: a packet that has it was not
// forwarded by any router (RFC 4861 §7.1).
const maxHops = 255

func (d *decoder) decode(frame []byte) (Sighting, bool) {
	_ = d.parser.DecodeLayers(frame, &d.found) // what was decoded before an error is in found
	icmp := false
	for _, l := range d.found {
		icmp = icmp || l == layers.LayerTypeICMPv6
	}
	if !icmp || len(d.eth.SrcMAC) != 6 || len(d.ip.SrcIP) != 16 {
		return Sighting{}, false
	}
	last := d.found[len(d.found)-1]
	src := netip.AddrFrom16([16]byte(d.ip.SrcIP))
	s := Sighting{Addr: src, MAC: ether.MAC(d.eth.SrcMAC)}
	switch d.icmp.TypeCode.Type() {
	case layers.ICMPv6TypeEchoReply, layers.ICMPv6TypeParameterProblem:
		// Asked for by a link-local multicast with hop limit 1, so it comes from the link.
	case layers.ICMPv6TypeNeighborAdvertisement:
		if last != layers.LayerTypeICMPv6NeighborAdvertisement || d.ip.HopLimit != maxHops || len(d.na.TargetAddress) != 16 {
			return Sighting{}, false
		}
		s.Addr = netip.AddrFrom16([16]byte(d.na.TargetAddress))
		s.Router = d.na.Router()
		s.MAC = option(d.na.Options, layers.ICMPv6OptTargetAddress, s.MAC)
	case layers.ICMPv6TypeNeighborSolicitation:
		if last != layers.LayerTypeICMPv6NeighborSolicitation || d.ip.HopLimit != maxHops {
			return Sighting{}, false
		}
		s.MAC = option(d.ns.Options, layers.ICMPv6OptSourceAddress, s.MAC)
	case layers.ICMPv6TypeRouterAdvertisement:
		if d.ip.HopLimit != maxHops {
			return Sighting{}, false
		}
		s.Router = true
	default:
		return Sighting{}, false
	}
	if !s.MAC.Unicast() || s.Addr.IsUnspecified() || s.Addr.IsMulticast() || s.Addr.IsLoopback() || s.Addr.Is4In6() {
		return Sighting{}, false
	}
	return s, true
}

// option is the link-layer address in options, or otherwise when there is none.
func option(options layers.ICMPv6Options, kind layers.ICMPv6Opt, otherwise ether.MAC) ether.MAC {
	for _, o := range options {
		if o.Type == kind && len(o.Data) == 6 {
			return ether.MAC(o.Data)
		}
	}
	return otherwise
}
