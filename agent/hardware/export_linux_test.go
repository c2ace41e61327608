package hardware

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unsafe"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

var (
	ParseLinks        = parseLinks
	ParseAddresses    = parseAddresses
	EthtoolPermanent  = ethtoolPermanent
	BootTime          = bootTime
	NetlinkFamily     = netlinkFamily
	ParseNetworkNames = parseNetworkNames
	NetlinkInterfaces = func() ([]inventory.Interface, error) {
		nics, err := netlinkNICs()
		var out []inventory.Interface
		for _, n := range nics {
			out = append(out, n.report())
		}
		return out, err
	}
)

// NIC is what the type of an interface is decided by.
type NIC struct {
	Kind, Device, DevType, Tun                      string
	MAC                                             string
	Loopback, Wireless, PPP, Master, Elsewhere, Lan bool
}

// TypeOf decides on it.
func TypeOf(n NIC) (kind inventory.InterfaceType, passing bool) {
	x := nic{
		kind: n.Kind, devicePath: n.Device, devType: n.DevType, tunFlags: n.Tun, loopback: n.Loopback,
		wireless: n.Wireless, ppp: n.PPP, master: n.Master, elsewhere: n.Elsewhere,
	}
	x.mac, _ = net.ParseMAC(n.MAC)
	x.addresses = []netip.Prefix{netip.MustParsePrefix("fe80::1/64")}
	if n.Lan {
		x.addresses = append(x.addresses, netip.MustParsePrefix("192.0.2.1/24"))
	}
	return x.ifType(), x.passing()
}

// ATACommands are those that are sent to disks.
func ATACommands() map[string][16]byte {
	return map[string][16]byte{"power": ataPower.cdb(), "status": ataStatus.cdb(), "statistics": ataStatistics.cdb(), "data": ataData.cdb()}
}

func IoctlSizes() (nvme, sg uintptr) { return unsafe.Sizeof(nvmeCommand{}), unsafe.Sizeof(sgHeader{}) }

// CloudMetadataReader reads as on the running machine, with the service somewhere else.
func CloudMetadataReader(base, root string) func(context.Context) (inventory.Body, error) {
	return in(root, newMetadata(base).read)
}

// CloudMetadata reads once.
func CloudMetadata(ctx context.Context, base, root string) (inventory.Body, error) {
	return CloudMetadataReader(base, root)(ctx)
}

// AskCloud is what is made of answers that come by transport; nil when it is nothing.
func AskCloud(ctx context.Context, transport http.RoundTripper, provider string) inventory.Body {
	m := newMetadata("http://192.0.2.1")
	m.client.Transport = transport
	i, err := m.ask(ctx, provider)
	if err != nil {
		return nil
	}
	return i.device(provider, nil)
}

// Listening are the ports in a file of /proc/net.
func Listening(protocol, text, chosen string) inventory.Ports {
	list, _, _ := parseSockets(protocol, strings.NewReader(text), parsePortRange(chosen)) // what came before an error
	return uniquePorts(list, func(inode string) string { return inode })
}

// ParseSockDiag are the ports in an answer of sock_diag.
func ParseSockDiag(protocol string, answer []byte) inventory.Ports {
	list, _, _ := parseSockDiag(protocol, answer, portRange{1, 0}) // none before an error
	return uniquePorts(list, func(inode string) string { return inode })
}

// Sockets are those of tcp, tcp6, udp or udp6 as the kernel tells them by netlink and by /proc/net, each with its inode.
func Sockets(name string) (asked, read inventory.Ports, err error) {
	tree, err := source.OpenTree("/")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = tree.Close() }()
	byInode := func(inode string) string { return inode }
	list, _, err := askSockets(name, portRange{1, 0})
	if err != nil {
		return nil, nil, err
	}
	asked = uniquePorts(list, byInode)
	list, _, err = readSockets(tree, name, portRange{1, 0})
	return asked, uniquePorts(list, byInode), err
}
