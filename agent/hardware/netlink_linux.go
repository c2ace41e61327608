package hardware

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/source"
)

// askNetlink sends one request and collects what comes back, of at most a mebibyte.
func askNetlink(protocol int, kind, flags uint16, payload []byte) ([]byte, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	defer func() { _ = unix.Close(fd) }() // only asked
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	request := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(payload))
	binary.NativeEndian.PutUint32(request, uint32(cap(request)))
	binary.NativeEndian.PutUint16(request[4:], kind)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|flags)
	if err := unix.Sendto(fd, append(request, payload...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	var out []byte
	buffer := make([]byte, 64<<10)
	for len(out) < 1<<20 {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil {
			return nil, fmt.Errorf("netlink: %w", err)
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return nil, fmt.Errorf("netlink: %w", err)
		}
		out = append(out, buffer[:n]...)
		for _, m := range messages {
			if m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4 {
				return nil, fmt.Errorf("netlink: %w", syscall.Errno(-int32(binary.NativeEndian.Uint32(m.Data))))
			}
			if m.Header.Type == unix.NLMSG_DONE || m.Header.Flags&unix.NLM_F_MULTI == 0 {
				return out, nil
			}
		}
	}
	return nil, errors.New("netlink: the answer does not end")
}

// parseLinks reads the answer to RTM_GETLINK (rtnetlink(7)).
func parseLinks(b []byte) ([]nic, error) {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	var out []nic
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return nil, fmt.Errorf("netlink: %w", err)
		}
		if len(out) == maxList {
			return out, fmt.Errorf("more than %d interfaces", maxList)
		}
		// struct ifinfomsg: family, pad, type (2), index (4), flags (4), change (4)
		flags := binary.NativeEndian.Uint32(m.Data[8:])
		n := nic{
			index:    int(int32(binary.NativeEndian.Uint32(m.Data[4:]))),
			up:       flags&unix.IFF_UP != 0 && flags&unix.IFF_RUNNING != 0,
			loopback: flags&unix.IFF_LOOPBACK != 0,
			ppp:      binary.NativeEndian.Uint16(m.Data[2:]) == unix.ARPHRD_PPP,
		}
		for _, a := range attributes {
			n.attribute(a.Attr.Type&^unix.NLA_F_NESTED, a.Value)
		}
		out = append(out, n)
	}
	return out, nil
}

func (n *nic) attribute(kind uint16, v []byte) {
	switch kind {
	case unix.IFLA_IFNAME:
		n.name = source.Text(unix.ByteSliceToString(v))
	case unix.IFLA_MTU:
		if len(v) == 4 {
			n.mtu = int(binary.NativeEndian.Uint32(v))
		}
	case unix.IFLA_ADDRESS:
		n.mac = v
	case unix.IFLA_PERM_ADDRESS:
		n.permanent = v
	case unix.IFLA_MASTER:
		n.master = true
	case unix.IFLA_LINK_NETNSID:
		n.elsewhere = true
	case unix.IFLA_LINKINFO:
		n.kind = linkKind(v)
	}
}

// linkKind finds IFLA_INFO_KIND in a nest of attributes.
func linkKind(b []byte) (out string) {
	attributes(b, func(kind uint16, v []byte) {
		if kind == unix.IFLA_INFO_KIND && out == "" {
			out = source.Text(unix.ByteSliceToString(v))
		}
	})
	return out
}

// attributes visits netlink attributes: length and type as two bytes each, value, filled
// up to four bytes (netlink(7)).
func attributes(b []byte, visit func(kind uint16, v []byte)) {
	for len(b) >= 4 {
		length, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if length < 4 || length > len(b) {
			return
		}
		visit(kind&^unix.NLA_F_NESTED, b[4:length])
		b = b[min((length+3)&^3, len(b)):]
	}
}

// parseAddresses reads the answer to RTM_GETADDR: prefixes by interface index. Those
// that IPv6 makes up for a day (RFC 8981) or has not yet checked are left out.
func parseAddresses(b []byte) (map[int][]netip.Prefix, error) {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	out := map[int][]netip.Prefix{}
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != unix.RTM_NEWADDR || len(m.Data) < unix.SizeofIfAddrmsg {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return nil, fmt.Errorf("netlink: %w", err)
		}
		// struct ifaddrmsg: family, prefix length, flags, scope, index (4)
		bits, flags := int(m.Data[1]), uint32(m.Data[2])
		index := int(int32(binary.NativeEndian.Uint32(m.Data[4:])))
		var local, remote netip.Addr // of point-to-point links IFA_ADDRESS is the far end
		for _, a := range attributes {
			switch a.Attr.Type {
			case unix.IFA_LOCAL:
				local, _ = netip.AddrFromSlice(a.Value)
			case unix.IFA_ADDRESS:
				remote, _ = netip.AddrFromSlice(a.Value)
			case unix.IFA_FLAGS:
				if len(a.Value) == 4 {
					flags = binary.NativeEndian.Uint32(a.Value)
				}
			}
		}
		if !local.IsValid() {
			local = remote
		}
		const passing = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_TEMPORARY
		// IFA_F_TEMPORARY is IFA_F_SECONDARY of IPv4, where it is no blemish.
		if local.Is6() && flags&passing != 0 || len(out[index]) == 1024 {
			continue
		}
		if p := netip.PrefixFrom(local, bits); p.IsValid() {
			out[index] = append(out[index], p)
		}
	}
	return out, nil
}
