package hardware

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/source"
)

// networkNames asks the kernel in which wireless network each interface is, by its index
// (NL80211_CMD_GET_INTERFACE of linux/nl80211.h).
func networkNames() (map[int]string, error) {
	family, err := netlinkFamily("nl80211")
	if err != nil {
		return nil, err
	}
	const getInterface = 5
	answer, err := askGeneric(family, unix.NLM_F_DUMP, getInterface, nil)
	if err != nil {
		return nil, err
	}
	return parseNetworkNames(answer)
}

// netlinkFamily is the number that the kernel has given a family of generic netlink
// (Documentation/userspace-api/netlink/intro.rst).
func netlinkFamily(name string) (uint16, error) {
	attribute := make([]byte, 4, 4+len(name)+4)
	binary.NativeEndian.PutUint16(attribute, uint16(4+len(name)+1))
	binary.NativeEndian.PutUint16(attribute[2:], unix.CTRL_ATTR_FAMILY_NAME)
	attribute = append(append(attribute, name...), 0)
	for len(attribute)%4 != 0 {
		attribute = append(attribute, 0)
	}
	answer, err := askGeneric(unix.GENL_ID_CTRL, 0, unix.CTRL_CMD_GETFAMILY, attribute)
	if err != nil {
		return 0, err
	}
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil {
		return 0, fmt.Errorf("netlink: %w", err)
	}
	family := uint16(0)
	for _, m := range messages {
		if len(m.Data) < unix.GENL_HDRLEN || m.Header.Type != unix.GENL_ID_CTRL {
			continue
		}
		attributes(m.Data[unix.GENL_HDRLEN:], func(kind uint16, v []byte) {
			if kind == unix.CTRL_ATTR_FAMILY_ID && len(v) == 2 {
				family = binary.NativeEndian.Uint16(v)
			}
		})
	}
	if family == 0 {
		return 0, fmt.Errorf("netlink: the kernel does not know %q", name)
	}
	return family, nil
}

// askGeneric sends one request and collects what comes back, of at most a mebibyte.
func askGeneric(family, flags uint16, command byte, payload []byte) ([]byte, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	defer func() { _ = unix.Close(fd) }() // only asked
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	request := make([]byte, unix.NLMSG_HDRLEN+unix.GENL_HDRLEN, unix.NLMSG_HDRLEN+unix.GENL_HDRLEN+len(payload))
	binary.NativeEndian.PutUint32(request, uint32(cap(request)))
	binary.NativeEndian.PutUint16(request[4:], family)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|flags)
	request[unix.NLMSG_HDRLEN], request[unix.NLMSG_HDRLEN+1] = command, 1
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

func parseNetworkNames(answer []byte) (map[int]string, error) {
	const ifIndex, ssid = 3, 52 // NL80211_ATTR_IFINDEX, NL80211_ATTR_SSID
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	out := map[int]string{}
	for _, m := range messages {
		if len(m.Data) < unix.GENL_HDRLEN || len(out) == maxList {
			continue
		}
		index, name := 0, ""
		attributes(m.Data[unix.GENL_HDRLEN:], func(kind uint16, v []byte) {
			switch {
			case kind == ifIndex && len(v) == 4:
				index = int(int32(binary.NativeEndian.Uint32(v)))
			case kind == ssid:
				name = source.Text(string(v))
			}
		})
		if name != "" {
			out[index] = name
		}
	}
	return out, nil
}
