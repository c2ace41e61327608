package reconcile

import "strings"

// macClass says how far a station address identifies.
type macClass int

const (
	macBurnedIn   macClass = iota // names one card anywhere
	macHypervisor                 // names one virtual card anywhere
	macLocal                      // locally administered: means something inside its site
	macRouter                     // belongs to a virtual address
	macSoftware                   // identifies nothing
)

// MAC is the address as colon-separated small letters. Colons, hyphens, Cisco's dots
// or nothing may separate the digits. False for anything but a 48-bit station address:
// group addresses (IEEE 802-2014 section 8.2.2), all zeros and one repeated octet are none.
func MAC(s string) (string, bool) {
	var hex [12]byte
	n := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'F':
			c += 'a' - 'A'
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		case c == ':' || c == '-' || c == '.' || c == ' ':
			continue
		default:
			return "", false
		}
		if n == len(hex) {
			return "", false
		}
		hex[n] = c
		n++
	}
	if n != len(hex) || strings.IndexByte("13579bdf", hex[1]) >= 0 {
		return "", false
	}
	text := []byte("00:00:00:00:00:00")
	same := true
	for i := 0; i < len(hex); i += 2 {
		copy(text[i/2*3:], hex[i:i+2])
		same = same && hex[i] == hex[0] && hex[i+1] == hex[1]
	}
	return string(text), !same
}

// classOf classes a normalised address.
func classOf(mac string) macClass {
	digits := strings.ReplaceAll(mac, ":", "")
	for n := len(digits); n >= 4; n-- {
		if c, ok := macRules[digits[:n]]; ok {
			return c
		}
	}
	switch {
	case strings.HasSuffix(digits, "000000"), strings.HasSuffix(digits, "ffffff"), digits[4:] == "22334455":
		return macSoftware // a card that nobody programmed
	case strings.IndexByte("2367abef", digits[1]) >= 0:
		return macLocal
	}
	return macBurnedIn
}

// softwareInterface tells by its name an interface that no card stands behind, whatever
// type the system reports: Windows calls its virtual switches and VPN clients Ethernet.
func softwareInterface(name string) bool {
	n := strings.ToLower(name)
	for _, p := range softwareNames {
		if strings.HasPrefix(n, p) {
			return true
		}
	}
	for _, p := range softwareWords {
		if strings.Contains(n, p) {
			return true
		}
	}
	return false
}

var (
	softwareNames = []string{
		"docker", "br-", "veth", "virbr", "vnet", "vmnet", "vboxnet", "tun", "tap", "utun", "ipsec", "ppp", "wg", "zt",
		"tailscale", "cali", "flannel", "cni", "cilium", "lxc", "lxd", "kube-", "nodelocaldns", "dummy", "ifb", "gre", "sit",
		"ip6tnl", "awdl", "llw", "anpi", "ap1", "bridge", "vxlan", "ovs", "lo", "podman", "nerdctl", "vif", "weave", "vethernet", "fwbr", "fwpr", "fwln",
	}
	softwareWords = []string{
		"vpn", "anyconnect", "globalprotect", "pangp", "loopback", "bluetooth", "npcap", "wan miniport", "tap-windows", "wintun", "wireguard",
		"fortinet", "forticlient", "zscaler", "cisco secure client", "juniper network", "pulse secure", "checkpoint", "check point virtual", "hyper-v virtual",
		"virtualbox", "vmware virtual", "default switch", "wi-fi direct", "teredo", "isatap", "6to4", "ndis", "kernel debug", "hosted network", "openvpn", "tailscale",
		"zerotier", "hamachi", "nordlynx", "softether", "sonicwall", "virtual adapter", "virtual ethernet",
	}
)
