package announce_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/miekg/dns"

	"github.com/muster-itam/muster/scanner/announce"
)

var (
	addr    = netip.MustParseAddr
	printer = addr("10.0.0.9")
)

// response packs records as a responder does; lines are in zone file format.
func response(t testing.TB, lines ...string) []byte {
	t.Helper()
	m := dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true}
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		rr.Header().Class |= 1 << 15 // cache flush
		m.Answer = append(m.Answer, rr)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frame wraps a payload in UDP, IP and Ethernet.
func frame(t testing.TB, src, dst string, sport, dport int, payload []byte) []byte {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{0x00, 0x14, 0x22, 0, 0, 9}, DstMAC: net.HardwareAddr{1, 0, 0x5e, 0, 0, 0xfb}, EthernetType: layers.EthernetTypeIPv4}
	udp := &layers.UDP{SrcPort: layers.UDPPort(sport), DstPort: layers.UDPPort(dport)}
	list := []gopacket.SerializableLayer{eth}
	if s := net.ParseIP(src); s.To4() != nil {
		ip := &layers.IPv4{Version: 4, TTL: 255, Protocol: layers.IPProtocolUDP, SrcIP: s.To4(), DstIP: net.ParseIP(dst).To4()}
		_ = udp.SetNetworkLayerForChecksum(ip)
		list = append(list, ip)
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolUDP, SrcIP: s, DstIP: net.ParseIP(dst)}
		_ = udp.SetNetworkLayerForChecksum(ip)
		list = append(list, ip)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, append(list, udp, gopacket.Payload(payload))...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// ethernet is a frame from the printer's card.
func ethernet(dst string, kind uint16, payload []byte) []byte {
	mac, _ := net.ParseMAC(dst)
	b := append([]byte(mac), 0x00, 0x14, 0x22, 0, 0, 9)
	b = binary.BigEndian.AppendUint16(b, kind)
	return append(b, payload...)
}

// said is a speech, a line each, for comparing.
func said(s announce.Speech) []string {
	var out []string
	for _, n := range s.Names {
		out = append(out, "name "+n)
	}
	for _, f := range s.Facts {
		out = append(out, f.Key+" = "+f.Value)
	}
	for _, v := range s.Services {
		out = append(out, strings.TrimSpace(v.Protocol+" "+v.Name))
	}
	return out
}
