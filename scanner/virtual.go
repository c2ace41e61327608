package scanner

import (
	"fmt"

	"github.com/muster-itam/muster/scanner/ether"
)

// virtualMAC names the redundancy protocol that a hardware address belongs to, "" for an
// ordinary one. Such an address moves between machines and is none of them.
func virtualMAC(m ether.MAC) string {
	switch {
	case m[0] == 0x00 && m[1] == 0x00 && m[2] == 0x5e && m[3] == 0x00 && (m[4] == 1 || m[4] == 2):
		return fmt.Sprintf("VRRP %d", m[5]) // RFC 5798 §7.3: 1 for IPv4, 2 for IPv6
	case m[0] == 0x00 && m[1] == 0x00 && m[2] == 0x0c && m[3] == 0x07 && m[4] == 0xac:
		return fmt.Sprintf("HSRP %d", m[5]) // RFC 2281 §5.3
	case m[0] == 0x00 && m[1] == 0x00 && m[2] == 0x0c && m[3] == 0x9f && m[4]&0xf0 == 0xf0:
		return fmt.Sprintf("HSRP %d", int(m[4]&0x0f)<<8|int(m[5])) // version 2
	case m[0] == 0x00 && m[1] == 0x05 && m[2] == 0x73 && m[3] == 0xa0 && m[4]&0xf0 == 0:
		return fmt.Sprintf("HSRP %d", int(m[4]&0x0f)<<8|int(m[5])) // version 2 for IPv6
	case m[0] == 0x00 && m[1] == 0x07 && m[2] == 0xb4 && m[3] <= 0x03:
		return fmt.Sprintf("GLBP %d", int(m[3]&3)<<8|int(m[4]))
	}
	return ""
}
