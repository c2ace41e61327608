package hardware

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// askSockets asks the kernel for the sockets of tcp, tcp6, udp or udp6 that wait for others
// (sock_diag(7)). To tell the same by /proc/net it walks its whole table of connections.
func askSockets(name string, chosen portRange) (list []socket, more bool, err error) {
	// struct inet_diag_req_v2: family, protocol, what else to tell, pad, states (4), which socket (48)
	const states = 4
	protocol := strings.TrimSuffix(name, "6")
	var request [56]byte
	request[0], request[1] = unix.AF_INET, unix.IPPROTO_TCP
	if name != protocol {
		request[0] = unix.AF_INET6
	}
	wanted := uint32(1) << unix.BPF_TCP_LISTEN
	if protocol == "udp" {
		request[1], wanted = unix.IPPROTO_UDP, 1<<unix.BPF_TCP_CLOSE // not connected
	}
	binary.NativeEndian.PutUint32(request[states:], wanted)
	answer, err := askNetlink(unix.NETLINK_SOCK_DIAG, unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP, request[:])
	if err != nil {
		return nil, false, err
	}
	return parseSockDiag(protocol, answer, chosen)
}

// parseSockDiag reads the answer, as parseSockets does /proc/net.
func parseSockDiag(protocol string, answer []byte, chosen portRange) (list []socket, more bool, err error) {
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil {
		return nil, false, fmt.Errorf("netlink: %w", err)
	}
	for _, m := range messages {
		// struct inet_diag_msg: family, state, timer, retransmissions, port (2, as on the wire), far port (2),
		// address (16), far address (16), interface (4), cookie (8), expiry, queues, user (4 each), inode (4)
		if b := m.Data; m.Header.Type == unix.SOCK_DIAG_BY_FAMILY && len(b) >= 72 {
			host := netip.AddrFrom16([16]byte(b[8:24])).Unmap()
			if b[0] == unix.AF_INET {
				host = netip.AddrFrom4([4]byte(b[8:12]))
			}
			address := netip.AddrPortFrom(host, binary.BigEndian.Uint16(b[4:]))
			if address.Port() == 0 || chosen.passing(protocol, address) {
				continue
			}
			if len(list) == maxListeners {
				return list, true, nil
			}
			list = append(list, newSocket(protocol, address, strconv.FormatUint(uint64(binary.NativeEndian.Uint32(b[68:])), 10)))
		}
	}
	return list, false, nil
}
