package hardware

import (
	"bytes"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/plist"
)

// parseIfconfig reads what ifconfig(8) prints of all interfaces: a line that begins with
// the name, and lines that are indented below it. On IPv6 addresses there are flags:
// those of a day (RFC 8981) are left out.
func parseIfconfig(b []byte) (inventory.Interfaces, error) {
	list := inventory.Interfaces{}
	for raw := range bytes.Lines(b) {
		line := strings.TrimRight(string(raw), " \r\n")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		name, isHead := strings.CutSuffix(fields[0], ":")
		if isHead = isHead && line[0] != ' ' && line[0] != '\t' && strings.Contains(line, "flags="); isHead {
			if len(list) == maxList {
				return nil, fmt.Errorf("ifconfig: more than %d interfaces", maxList)
			}
			list = append(list, inventory.Interface{Name: name, Type: macNicType(name), Up: strings.Contains(line, "<UP,") && strings.Contains(line, "RUNNING")})
		}
		if len(list) == 0 {
			continue
		}
		n := &list[len(list)-1]
		if i := slices.Index(fields, "mtu"); i >= 0 && i+1 < len(fields) {
			n.MTU = macSmall(profiler.Number(fields[i+1]))
		}
		if !isHead && len(fields) > 1 {
			nicLine(n, fields, line)
		}
	}
	for i := range list {
		clean(&list[i])
	}
	return slices.DeleteFunc(list, passingNic), nil
}

// passingNic says whether an interface is the system's own: peer-to-peer links with
// addresses of a day, tunnels of its services, which come and go, and what was never used.
func passingNic(n inventory.Interface) bool {
	if n.Type != inventory.IfVirtual && n.Type != inventory.IfVPN && n.MAC != "" || n.Type == inventory.IfLoopback {
		return false
	}
	return !slices.ContainsFunc(n.Addresses, func(p netip.Prefix) bool { return !p.Addr().IsLinkLocalUnicast() })
}

func nicLine(n *inventory.Interface, fields []string, line string) {
	switch fields[0] {
	case "ether":
		n.MAC = inventory.CanonicalMAC(fields[1])
	case "inet", "inet6":
		if p, ok := nicAddress(fields); ok && len(n.Addresses) < 256 {
			n.Addresses = append(n.Addresses, p)
		}
	case "media:":
		n.SpeedMbps = mediaSpeed(line)
	case "status:":
		n.Up = n.Up && fields[1] == "active"
	}
}

func nicAddress(fields []string) (netip.Prefix, bool) {
	text, _, _ := strings.Cut(fields[1], "%")
	a, err := netip.ParseAddr(text)
	if err != nil || slices.Contains(fields, "temporary") || slices.Contains(fields, "deprecated") {
		return netip.Prefix{}, false
	}
	length := a.BitLen()
	for i := 2; i+1 < len(fields); i++ {
		switch fields[i] {
		case "prefixlen":
			length = int(profiler.Number(fields[i+1]))
		case "netmask":
			if mask, err := strconv.ParseUint(fields[i+1], 0, 32); err == nil {
				length = bits.LeadingZeros32(^uint32(mask))
			}
		}
	}
	p := netip.PrefixFrom(a, length)
	return p, p.IsValid()
}

// mediaSpeed finds the speed in "media: autoselect (1000baseT <full-duplex>)". That of a
// wireless network goes up and down and is not there.
func mediaSpeed(line string) int64 {
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '(' || r == ')' || r == '<' }) {
		number, _, ok := strings.Cut(strings.ToLower(word), "base")
		if !ok {
			continue
		}
		factor := int64(1)
		if number, ok = strings.CutSuffix(number, "g"); ok {
			factor = 1000
		}
		if f, err := strconv.ParseFloat(number, 64); err == nil && f > 0 && f < 1e6 {
			return int64(f * float64(factor))
		}
	}
	return 0
}

// macNicType goes by Apple's names; en0 can be of any kind.
func macNicType(name string) inventory.InterfaceType {
	switch strings.TrimRight(name, "0123456789") {
	case "lo":
		return inventory.IfLoopback
	case "utun", "ppp", "ipsec", "gif", "stf":
		return inventory.IfVPN
	case "bridge":
		return inventory.IfBridge
	case "bond":
		return inventory.IfBond
	case "vlan":
		return inventory.IfVLAN
	case "awdl", "llw", "ap", "anpi", "feth", "vmenet", "p2p", "vnic", "vmnet":
		return inventory.IfVirtual
	}
	return ""
}

// macPort is an interface as the system's settings know it: what it is called, and the
// address that is burned in, which a private Wi-Fi address hides from the interface.
type macPort struct{ name, label, mac, kind string }

// parsePorts reads "networksetup -listallhardwareports".
func parsePorts(b []byte) []macPort {
	var list []macPort
	for raw := range bytes.Lines(b) {
		key, value, _ := strings.Cut(string(raw), ":")
		value = strings.TrimSpace(value)
		switch {
		case key == "Hardware Port" && len(list) < maxList:
			list = append(list, macPort{label: value})
		case len(list) == 0:
		case key == "Device":
			list[len(list)-1].name = value
		case key == "Ethernet Address":
			list[len(list)-1].mac = inventory.CanonicalMAC(value)
		}
	}
	return list
}

// settingsPorts reads NetworkInterfaces.plist in /Library/Preferences/SystemConfiguration,
// which also remembers adapters that are not plugged in.
func settingsPorts(b []byte) ([]macPort, error) {
	d, err := plist.ParseDict(b)
	if err != nil {
		return nil, fmt.Errorf("NetworkInterfaces.plist: %w", err)
	}
	var list []macPort
	for _, i := range d.Dicts("Interfaces") {
		p := macPort{
			name: i.Text("BSD Name"), label: i.Dict("SCNetworkInterfaceInfo").Text("UserDefinedName"), kind: i.Text("SCNetworkInterfaceType"),
			mac: inventory.CanonicalMAC(fmt.Sprintf("%x", i.Data("IOMACAddress"))),
		}
		if p.name != "" && i.Bool("Active") && len(list) < maxList {
			list = append(list, p)
		}
	}
	return list, nil
}

func (p macPort) nicType() inventory.InterfaceType {
	label := strings.ToLower(p.label)
	switch {
	case p.kind == "IEEE80211" || strings.Contains(label, "wi-fi") || strings.Contains(label, "airport"):
		return inventory.IfWiFi
	case strings.Contains(label, "bluetooth"):
		return inventory.IfBluetooth
	case strings.Contains(label, "bridge"):
		return inventory.IfBridge
	case strings.HasPrefix(label, "thunderbolt ") && !strings.Contains(label, "ethernet"):
		return inventory.IfVirtual // a port that speaks IP to another computer; the address is made up
	case strings.Contains(label, "usb"):
		return inventory.IfUSB
	case p.kind == "Ethernet" || strings.Contains(label, "ethernet"):
		return inventory.IfEthernet
	}
	return ""
}

// joinPorts tells interfaces what the settings say of them.
func joinPorts(list inventory.Interfaces, ports []macPort) {
	for i := range list {
		n := &list[i]
		for _, p := range ports {
			if p.name != n.Name {
				continue
			}
			if t := p.nicType(); t != "" {
				n.Type = t
			}
			n.Description = first(n.Description, p.label)
			if n.Type != inventory.IfVirtual && n.Type != inventory.IfBridge {
				n.PermanentMAC = first(n.PermanentMAC, p.mac)
			}
		}
		clean(n)
	}
}

// joinServices tells interfaces their routers and resolvers by the report's list of
// network services, and makes interfaces of services whose interface is not in the list.
func joinServices(list inventory.Interfaces, r profiler.Report) inventory.Interfaces {
	for _, e := range r.Type("SPNetworkDataType").Entries {
		name := e.Get("interface", "bsd device name")
		if name == "" || name == "Bluetooth-Modem" || name == "modem" {
			continue
		}
		i := slices.IndexFunc(list, func(n inventory.Interface) bool { return n.Name == name })
		if i < 0 {
			list = append(list, serviceInterface(e, name))
			i = len(list) - 1
		}
		n := &list[i]
		for _, ip := range []string{"IPv4", "IPv6"} {
			router, err := netip.ParseAddr(e.Sub(ip).Get("router"))
			if text := router.String(); err == nil && !slices.Contains(n.Gateways, text) {
				n.Gateways = append(n.Gateways, text)
			}
		}
		for server := range strings.SplitSeq(e.Sub("DNS").Get("serveraddresses", "server addresses"), ", ") {
			if server != "" && !slices.Contains(n.DNS, server) && len(n.DNS) < 16 {
				n.DNS = append(n.DNS, server)
			}
		}
		clean(n)
	}
	return list
}

// serviceInterface is an interface of which only the report tells.
func serviceInterface(e *profiler.Entry, name string) inventory.Interface {
	p := macPort{label: first(e.Get("hardware"), e.Name), kind: e.Get("hardware")}
	n := inventory.Interface{Name: name, Type: first2(p.nicType(), macNicType(name)), Description: e.Name}
	ethernet := e.Sub("Ethernet")
	n.MAC = inventory.CanonicalMAC(ethernet.Get("mac address"))
	n.SpeedMbps = mediaSpeed(ethernet.Get("mediasubtype", "media subtype"))
	for _, ip := range []string{"IPv4", "IPv6"} {
		part := e.Sub(ip)
		masks := strings.Split(part.Get("subnetmasks", "subnet masks", "prefixlength", "prefix length"), ", ")
		for i, text := range strings.Split(part.Get("addresses"), ", ") {
			a, err := netip.ParseAddr(text)
			if err != nil || i >= len(masks) {
				continue
			}
			length := int(profiler.Number(masks[i]))
			if mask, err := netip.ParseAddr(masks[i]); err == nil && mask.Is4() {
				length = maskLength(mask)
			}
			if p := netip.PrefixFrom(a, length); p.IsValid() {
				n.Addresses = append(n.Addresses, p)
			}
		}
	}
	n.Up = len(n.Addresses) > 0
	return n
}

func maskLength(mask netip.Addr) int {
	ones := 0
	for _, b := range mask.As4() {
		ones += bits.OnesCount8(b)
	}
	return ones
}

func first2(a, b inventory.InterfaceType) inventory.InterfaceType {
	if a != "" {
		return a
	}
	return b
}

// parseSSID finds the network's name in "ipconfig getsummary en0". Since macOS 14.4 the
// system shows it to programs with a right to the place only, and has "<redacted>" for others.
func parseSSID(b []byte) string {
	for raw := range bytes.Lines(b) {
		key, value, _ := strings.Cut(string(raw), ":")
		if value = strings.TrimSpace(value); strings.TrimSpace(key) == "SSID" && value != "<redacted>" {
			return value
		}
	}
	return ""
}
