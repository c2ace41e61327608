package inventory

import (
	"encoding/hex"
	"net"
	"strings"
)

// CanonicalMAC is a 48-bit MAC address as lower-case pairs with colons, from any usual
// notation; "" for anything else and for the addresses of nobody (all zero, broadcast,
// multicast).
func CanonicalMAC(text string) string {
	text = strings.TrimSpace(text)
	mac, err := net.ParseMAC(text)
	if err != nil {
		if mac, err = hex.DecodeString(text); err != nil {
			return ""
		}
	}
	if len(mac) != 6 || mac[0]&1 != 0 || [6]byte(mac) == [6]byte{} {
		return ""
	}
	return mac.String()
}
