package hardware

import (
	"encoding/binary"
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

// askGeneric sends one request of a family of generic netlink.
func askGeneric(family, flags uint16, command byte, payload []byte) ([]byte, error) {
	return askNetlink(unix.NETLINK_GENERIC, family, flags, append([]byte{command, 1, 0, 0}, payload...)) // struct genlmsghdr
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
