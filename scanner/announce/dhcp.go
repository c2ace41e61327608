package announce

import (
	"fmt"
	"strings"

	"github.com/google/gopacket/layers"

	"github.com/muster-itam/muster/scanner/ether"
)

// Options of RFC 2132 that a client describes itself with, and that of RFC 4702.
const (
	optHostName    = 12
	optParameters  = 55
	optVendorClass = 60
	optClientID    = 61
	optFQDN        = 81
	fqdnFlags      = 3
	maxParameters  = 64
)

// client reads what a DHCP client says of itself. Relayed messages are not its own frames.
func client(d *layers.DHCPv4, from ether.MAC) (s Speech, ok bool) {
	if d.Operation != layers.DHCPOpRequest || len(d.ClientHWAddr) != 6 || ether.MAC(d.ClientHWAddr) != from || !d.RelayAgentIP.IsUnspecified() {
		return s, false
	}
	for _, o := range d.Options {
		switch byte(o.Type) {
		case optHostName:
			name, _, _ := strings.Cut(string(o.Data), ".")
			s.name(strings.TrimRight(name, "\x00"))
		case optFQDN:
			// Names in DNS format or, by older clients, in text: only the latter is read.
			if len(o.Data) > fqdnFlags && o.Data[0]&4 == 0 {
				name, _, _ := strings.Cut(string(o.Data[fqdnFlags:]), ".")
				s.name(name)
			}
		case optVendorClass:
			s.fact("dhcp.vendor_class", string(o.Data))
		case optParameters:
			s.fact("dhcp.parameters", numbers(o.Data))
		case optClientID:
			s.fact("dhcp.client_id", fmt.Sprintf("%x", o.Data[:min(len(o.Data), maxParameters)]))
		}
	}
	s.Via = []string{ViaDHCP}
	return s, true
}

// numbers is a parameter list as fingerprints are written: 1,3,6,15.
func numbers(b []byte) string {
	var sb strings.Builder
	for i, n := range b[:min(len(b), maxParameters)] {
		if i > 0 {
			sb.WriteByte(',')
		}
		fmt.Fprint(&sb, n)
	}
	return sb.String()
}
