package hardware

import (
	"net"
	"net/netip"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// nic is what the kernel tells of one network interface.
type nic struct {
	name           string
	index, mtu     int
	up             bool
	mac, permanent net.HardwareAddr
	loopback       bool
	kind           string // rtnetlink's kind: veth, bridge, vlan ...; "" for hardware
	master         bool   // it is a port of another interface
	elsewhere      bool   // its other end is in another network namespace
	addresses      []netip.Prefix

	devicePath string // in sysfs, when a device is behind it
	devType    string // DEVTYPE in its uevent
	wireless   bool
	ppp        bool
	tunFlags   string // of tun and tap devices: IFF_TUN is 1, IFF_TAP is 2
}

// kind decides what an interface is made of.
func (n nic) ifType() inventory.InterfaceType {
	switch {
	case n.loopback:
		return inventory.IfLoopback
	case n.wireless || n.devType == "wlan":
		return inventory.IfWiFi
	case n.devType == "bluetooth":
		return inventory.IfBluetooth
	}
	switch n.kind {
	case "bridge", "openvswitch":
		return inventory.IfBridge
	case "bond", "team":
		return inventory.IfBond
	case "vlan":
		return inventory.IfVLAN
	case "tun":
		if n.tunFlags != "" && n.tunMode() == 2 {
			return inventory.IfVirtual
		}
		return inventory.IfVPN
	case "wireguard", "ppp", "xfrm", "vti", "vti6", "gre", "gretap", "ip6gre", "ipip", "sit", "ip6tnl", "ovpn":
		return inventory.IfVPN
	case "veth", "macvlan", "macvtap":
		if n.leadsOut() {
			return inventory.IfEthernet
		}
		return inventory.IfVirtual
	}
	switch {
	case n.ppp || n.tunMode() == 1:
		return inventory.IfVPN
	case n.devicePath == "":
		return inventory.IfVirtual
	case strings.Contains(n.devicePath, "/usb"):
		return inventory.IfUSB
	}
	return inventory.IfEthernet
}

func (n nic) tunMode() byte {
	if n.tunFlags == "" {
		return 0
	}
	switch n.tunFlags[len(n.tunFlags)-1] & 3 { // the last hexadecimal digit; '1' and '2' end in the same bits
	case 1:
		return 1
	case 2:
		return 2
	}
	return 0
}

// leadsOut says whether a virtual link is how this system is attached to the network,
// as seen from inside a container: its other end is elsewhere, nothing here uses it as a
// port, and it has a global address, or a MAC address that somebody gave it (those that
// the kernel makes up are locally administered, IEEE 802 bit 1).
func (n nic) leadsOut() bool {
	if !n.elsewhere || n.master {
		return false
	}
	for _, a := range n.addresses {
		if !a.Addr().IsLinkLocalUnicast() {
			return true
		}
	}
	return len(n.mac) == 6 && n.mac[0]&2 == 0
}

// passing says whether an interface is a container's, seen from the host: they come and
// go with containers, under random names, and say nothing about the machine.
func (n nic) passing() bool { return n.kind == "veth" && !n.leadsOut() }

// hardware says whether the interface has a MAC address that its maker burned in.
func (n nic) hardware() bool { return n.kind == "" && n.devicePath != "" }

// macText is a MAC address of six bytes in the usual form; "" for others, such as the
// 20 bytes of InfiniBand, and for the unset one.
func macText(a net.HardwareAddr) string {
	if len(a) != 6 || a[0]|a[1]|a[2]|a[3]|a[4]|a[5] == 0 {
		return ""
	}
	return a.String()
}
