package announce

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"

	"github.com/muster-itam/muster/scanner/arp"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/ndp"
)

// Ports of what is listened to.
const (
	portDHCPServer = 67
	portDHCPClient = 68
	portNBNS       = 137
	portSSDP       = 1900
	portWSD        = 3702
	portMDNS       = 5353
	portLLMNR      = 5355
)

// cdpGroup is where CDP goes: an IEEE 802.3 frame with a length, no type.
var cdpGroup = ether.MAC{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc}

// Groups are the hardware addresses that a card must let through to hear announcements.
// Broadcasts it lets through anyway.
func Groups() []ether.MAC {
	return []ether.MAC{
		cdpGroup,
		{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e}, // LLDP to the nearest bridge
		{0x01, 0x80, 0xc2, 0x00, 0x00, 0x03}, // and to those beyond simple ones
		{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00},
		{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}, // 224.0.0.251
		{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfc}, // 224.0.0.252
		{0x01, 0x00, 0x5e, 0x7f, 0xff, 0xfa}, // 239.255.255.250
		{0x33, 0x33, 0x00, 0x00, 0x00, 0xfb}, // ff02::fb
		{0x33, 0x33, 0x00, 0x01, 0x00, 0x03}, // ff02::1:3
		{0x33, 0x33, 0x00, 0x00, 0x00, 0x0c}, // ff02::c
		{0x33, 0x33, 0x00, 0x00, 0x00, 0x01}, // all nodes: router and neighbour advertisements
	}
}

// Filter lets the frames through that Ear.Hear can make something of. It is coarse: UDP by
// port, ICMPv6, ARP, LLDP, and everything to CDP's group.
func Filter() []bpf.Instruction {
	const ipv4, ipv6, toUDP, toICMP = 0x0800, 0x86dd, 17, 58
	ports := []uint32{portDHCPServer, portDHCPClient, portNBNS, portSSDP, portWSD, portMDNS, portLLMNR}
	n := uint8(len(ports))
	p := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 2, Size: 4}, // the end of the destination
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(cdpGroup[2:]), SkipTrue: 15 + 2*n},
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(ether.TypeARP), SkipTrue: 13 + 2*n},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(layers.EthernetTypeLinkLayerDiscovery), SkipTrue: 12 + 2*n},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: ipv4, SkipTrue: 5},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: ipv6, SkipTrue: 9 + 2*n},
		bpf.LoadAbsolute{Off: 14 + 6, Size: 1}, // IPv6: next header
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: toICMP, SkipTrue: 8 + 2*n},
		bpf.LoadConstant{Dst: bpf.RegX, Val: 40},
		bpf.Jump{Skip: 2},
		bpf.LoadAbsolute{Off: 14 + 9, Size: 1}, // IPv4: protocol
		bpf.LoadMemShift{Off: 14},              // X is the length of the header
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: toUDP, SkipTrue: 2 + 2*n},
	}
	p = append(p, bpf.LoadIndirect{Off: 14 + 2, Size: 2}) // destination port
	for i, port := range ports {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: port, SkipTrue: 1 + 2*n - uint8(i)})
		if i == len(ports)-1 {
			p = append(p, bpf.LoadIndirect{Off: 14, Size: 2}) // source port
		}
	}
	for i, port := range ports {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: port, SkipTrue: n - uint8(i)})
	}
	return append(p, bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: 1 << 16})
}

// Ear makes sightings and speeches of frames. One goroutine uses it.
type Ear struct {
	Own  []ether.MAC // frames from here are not listened to
	Book *Notebook
	// OnLink tells whether an address can be on the link: what a router forwards carries the
	// router's hardware address.
	OnLink func(netip.Addr) bool
	// Unnumbered believes every address that ARP shows: this host has none on the link that
	// would tell which can be there, and ARP is not forwarded.
	Unnumbered bool
	// Seen is called with each address that a frame shows in use.
	Seen func(addr netip.Addr, mac ether.MAC, via string)

	parser *gopacket.DecodingLayerParser
	eth    layers.Ethernet
	tag    layers.Dot1Q
	ip4    layers.IPv4
	ip6    layers.IPv6
	udp    layers.UDP
	dhcp   layers.DHCPv4
	found  []gopacket.LayerType
}

const ethernetHeader = 14

// Hear takes one frame.
func (e *Ear) Hear(frame []byte) {
	if len(frame) < ethernetHeader || len(frame) > 1<<16 {
		return
	}
	from := ether.MAC(frame[6:12])
	if slices.Contains(e.Own, from) || !from.Unicast() {
		return
	}
	switch kind := binary.BigEndian.Uint16(frame[12:]); {
	case kind == uint16(layers.EthernetTypeLinkLayerDiscovery):
		if who, s, ok := lldp(frame, from); ok {
			e.Book.Add(who, s)
		}
		return
	case kind <= 1500 && bytes.Equal(frame[:6], cdpGroup[:]):
		if who, s, ok := cdp(frame, from); ok {
			e.Book.Add(who, s)
		}
		return
	}
	if s, ok := arp.Decode(frame); ok {
		e.see(s.Addr, s.MAC, ViaARP)
		return
	}
	if s, ok := ndp.Decode(frame); ok {
		if e.see(s.Addr, s.MAC, ViaNDP) && s.Router {
			e.Book.Add(Speaker{Addr: s.Addr}, Speech{Facts: []Fact{{"ndp.router", "yes"}}})
		}
		return
	}
	e.datagram(frame, from)
}

// Sightings without a word about the device.
const (
	ViaARP = "arp"
	ViaNDP = "ndp"
)

func (e *Ear) see(a netip.Addr, mac ether.MAC, via string) bool {
	if !e.OnLink(a) && (!e.Unnumbered || via != ViaARP) {
		return false
	}
	e.Seen(a, mac, via)
	return true
}

// datagram takes a frame with UDP inside.
func (e *Ear) datagram(frame []byte, from ether.MAC) {
	if e.parser == nil {
		e.parser = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &e.eth, &e.tag, &e.ip4, &e.ip6, &e.udp, &e.dhcp)
	}
	_ = e.parser.DecodeLayers(frame, &e.found) // what was decoded before an error is in found
	var source netip.Addr
	udp, dhcp := false, false
	for _, l := range e.found {
		switch l {
		case layers.LayerTypeIPv4:
			source, _ = netip.AddrFromSlice(e.ip4.SrcIP)
		case layers.LayerTypeIPv6:
			source, _ = netip.AddrFromSlice(e.ip6.SrcIP)
		case layers.LayerTypeUDP:
			udp = true
		case layers.LayerTypeDHCPv4:
			dhcp = true
		}
	}
	if dhcp {
		if s, ok := client(&e.dhcp, from); ok {
			e.Book.Add(Speaker{MAC: from}, s)
		}
	}
	if !udp || !source.IsValid() || source.IsUnspecified() || source.IsMulticast() || source.IsLoopback() || !e.OnLink(source) {
		return
	}
	to, by := int(e.udp.DstPort), int(e.udp.SrcPort)
	if via, ok := e.Book.hear(source, by, to, e.udp.Payload); ok {
		e.Seen(source, from, via)
	}
}

// hear takes a datagram apart by its ports.
func (b *Notebook) hear(source netip.Addr, by, to int, payload []byte) (via string, ok bool) {
	who := Speaker{Addr: source}
	var s Speech
	switch {
	case by == portMDNS || by == portLLMNR:
		via = ViaMDNS
		if by == portLLMNR {
			via = ViaLLMNR
		}
		records, ok := parseRecords(payload)
		if ok {
			b.addRecords(who, via, records)
		}
		return via, ok
	case to == portSSDP || by == portSSDP:
		via = ViaSSDP
		s, ok = parseSSDP(payload, source)
	case to == portWSD || by == portWSD:
		via = ViaWSD
		s, ok = parseWSD(payload)
	case by == portNBNS:
		via = ViaNBNS
		if s, ok = parseRegistration(payload); !ok {
			s, ok = parseNodeStatus(payload)
		}
	}
	if ok {
		b.Add(who, s)
	}
	return via, ok
}
