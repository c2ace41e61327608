package hardware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const netDir = "sys/class/net"

// nicReader lists network interfaces. Live it asks the kernel by netlink, which knows
// the interfaces of the agent's own network namespace; sysfs adds what is behind them.
type nicReader struct{ live bool }

func (r nicReader) read(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	var nics []nic
	var err error
	if r.live {
		nics, err = netlinkNICs()
	} else {
		nics, err = sysfsNICs(tree)
	}
	if err != nil {
		return nil, err
	}
	gateways, servers := readRoutes(tree), readResolvers(tree)
	var networks map[int]string
	list := inventory.Interfaces{}
	for _, n := range nics {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := netDir + "/" + n.name
		// sysfs shows the namespace in which it was mounted, so the numbers must agree.
		inSysfs := tree.Text(at+"/ifindex") == strconv.Itoa(n.index)
		if inSysfs {
			n.look(tree, at)
		}
		if n.passing() {
			continue
		}
		if r.live && n.hardware() && macText(n.permanent) == "" {
			n.permanent = ethtoolPermanent(n.name) // kernels before 5.6 have no IFLA_PERM_ADDRESS
		}
		out := n.report()
		if out.Gateways = gateways[n.name]; len(out.Gateways) > 0 {
			out.DNS = servers // the system has one list; what leads out is what it is used through
		}
		if r.live && out.Type == inventory.IfWiFi {
			if networks == nil {
				networks, _ = networkNames() // none where the driver is too old to tell
			}
			out.SSID = networks[n.index]
		}
		if inSysfs {
			out.Driver = linkName(tree, at+"/device/driver")
			out.Description = tree.Text(at + "/ifalias")
			if mbps, err := strconv.ParseInt(tree.Text(at+"/speed"), 10, 32); err == nil && mbps > 0 {
				out.SpeedMbps = mbps
			}
		}
		list = append(list, out)
	}
	return list, nil
}

func (n nic) report() inventory.Interface {
	return inventory.Interface{
		Name: n.name, MAC: macText(n.mac), PermanentMAC: macText(n.permanent), Type: n.ifType(),
		Index: n.index, MTU: n.mtu, Up: n.up, Addresses: n.addresses,
	}
}

// look adds what sysfs knows (Documentation/ABI/testing/sysfs-class-net).
func (n *nic) look(tree *source.Tree, at string) {
	if device, err := tree.Resolve(at + "/device"); err == nil {
		n.devicePath = "/" + device
	}
	n.wireless = tree.Exists(at+"/wireless") || tree.Exists(at+"/phy80211")
	n.tunFlags = tree.Text(at + "/tun_flags")
	for line := range strings.Lines(contents(tree, at+"/uevent")) {
		if kind, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVTYPE="); ok {
			n.devType = kind
		}
	}
	if n.kind == "" { // without netlink
		switch {
		case n.devType == "bridge" || n.devType == "bond" || n.devType == "vlan" || n.devType == "wireguard":
			n.kind = n.devType
		case tree.Exists(at + "/bridge"):
			n.kind = "bridge"
		case tree.Exists(at + "/bonding"):
			n.kind = "bond"
		}
	}
}

func netlinkNICs() ([]nic, error) {
	b, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for network interfaces: %w", err)
	}
	nics, err := parseLinks(b)
	if err != nil {
		return nil, err
	}
	if b, err = syscall.NetlinkRIB(unix.RTM_GETADDR, unix.AF_UNSPEC); err != nil {
		return nil, fmt.Errorf("ask the kernel for addresses: %w", err)
	}
	addresses, err := parseAddresses(b)
	if err != nil {
		return nil, err
	}
	for i := range nics {
		nics[i].addresses = addresses[nics[i].index]
	}
	return nics, nil
}

// sysfsNICs lists what a copy of a machine's files shows: no addresses.
func sysfsNICs(tree *source.Tree) ([]nic, error) {
	entries, err := tree.ReadDir(netDir, maxList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("no network interfaces in /%s", netDir)
	}
	if err != nil {
		return nil, err
	}
	out := make([]nic, 0, len(entries))
	for _, e := range entries {
		at := netDir + "/" + e.Name()
		n := nic{name: e.Name(), up: tree.Text(at+"/operstate") == "up"}
		kind := tree.Text(at + "/type") // ARPHRD numbers
		n.loopback, n.ppp = kind == strconv.Itoa(unix.ARPHRD_LOOPBACK), kind == strconv.Itoa(unix.ARPHRD_PPP)
		n.index, _ = strconv.Atoi(tree.Text(at + "/ifindex")) // 0 when it is not told
		n.mtu, _ = strconv.Atoi(tree.Text(at + "/mtu"))
		n.mac, _ = net.ParseMAC(tree.Text(at + "/address"))
		out = append(out, n)
	}
	return out, nil
}

func readRoutes(tree *source.Tree) map[string][]string {
	open := func(name string) io.Reader {
		f, err := tree.Open("proc/self/net/" + name)
		if err != nil {
			return nil // a kernel without the protocol
		}
		return f
	}
	v4, v6 := open("route"), open("ipv6_route")
	for _, r := range []io.Reader{v4, v6} {
		if f, ok := r.(*os.File); ok {
			defer func() { _ = f.Close() }() // only read
		}
	}
	return defaultRoutes(v4, v6)
}

// readResolvers are the name servers. Where programs ask one on this machine, the files in
// which systemd-resolved and NetworkManager keep those that it asks in turn tell more.
func readResolvers(tree *source.Tree) []string {
	servers, local := parseResolv(contents(tree, "etc/resolv.conf"))
	for _, name := range []string{"run/systemd/resolve/resolv.conf", "run/NetworkManager/no-stub-resolv.conf"} {
		if !local {
			break
		}
		if behind, nothing := parseResolv(contents(tree, name)); !nothing {
			return behind
		}
	}
	return servers
}

// ethtoolPermanent asks the driver for the burned-in address (ETHTOOL_GPERMADDR in
// linux/ethtool.h); nil when it does not know.
func ethtoolPermanent(name string) net.HardwareAddr {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	question := struct {
		command, size uint32
		data          [32]byte
	}{command: unix.ETHTOOL_GPERMADDR, size: 32}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte // struct ifreq has a union of up to 24 bytes here
	}{data: unsafe.Pointer(&question)}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); e != 0 {
		return nil
	}
	return append(net.HardwareAddr(nil), question.data[:min(question.size, 32)]...)
}
