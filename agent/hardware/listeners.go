package hardware

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// maxListeners bounds the sockets of one protocol that are kept.
const maxListeners = 4096

// socket is one that waits for others.
type socket struct {
	port  inventory.Port
	inode string // by which the process that holds it is found
}

func newSocket(protocol string, a netip.AddrPort, inode string) socket {
	return socket{inventory.Port{Protocol: protocol, Number: int(a.Port()), Address: a.Addr().String()}, inode}
}

// portRange are the ports that the kernel gives to who names none (ip_local_port_range,
// Documentation/networking/ip-sysctl.rst).
type portRange struct{ low, high int }

func parsePortRange(text string) portRange {
	r := portRange{32768, 60999} // the kernel's own
	if f := strings.Fields(text); len(f) == 2 {
		low, err := strconv.Atoi(f[0])
		high, err2 := strconv.Atoi(f[1])
		if err == nil && err2 == nil {
			r = portRange{low, high}
		}
	}
	return r
}

// passing says that a socket's port is one that the kernel chose, which come and go: of UDP,
// where clients look like servers, any of the range, of TCP those that only this machine can reach.
func (r portRange) passing(protocol string, a netip.AddrPort) bool {
	port := int(a.Port())
	return r.low <= port && port <= r.high && (protocol == "udp" || a.Addr().IsLoopback())
}

// parseSockets reads /proc/net/{tcp,tcp6,udp,udp6} (proc_net_tcp(5)) and keeps the sockets
// that wait for others. more says that there were too many.
func parseSockets(protocol string, r io.Reader, chosen portRange) (list []socket, more bool, err error) {
	const listening, connected = "0A", "01"
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 256), 4096) // a line or two: the kernel looks for as many as are asked for
	for scan.Scan() {
		f := bytes.Fields(scan.Bytes())
		if len(f) < 10 || f[0][len(f[0])-1] != ':' {
			continue
		}
		if state := string(f[3]); protocol == "tcp" && state != listening {
			break // those that listen come first; to find the others costs the kernel much time
		} else if state == connected {
			continue
		}
		address, ok := socketAddress(string(f[1]))
		if !ok || chosen.passing(protocol, address) {
			continue
		}
		if len(list) == maxListeners {
			return list, true, nil
		}
		list = append(list, newSocket(protocol, address, string(f[9])))
	}
	return list, false, scan.Err()
}

// socketAddress reads ADDRESS:PORT in hexadecimal digits: words of 32 bits in the byte order
// of the machine, which is little-endian wherever the agent is built for.
func socketAddress(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || number == 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a.Unmap(), uint16(number)), ok
}

// uniquePorts are the ports by protocol, number and address, one of each; with the first
// process that is known of those that share it.
func uniquePorts(list []socket, process func(inode string) string) inventory.Ports {
	out := make(inventory.Ports, 0, len(list))
	for _, s := range list {
		s.port.Process = process(s.inode)
		out = append(out, s.port)
	}
	slices.SortFunc(out, comparePorts)
	return slices.CompactFunc(out, func(a, b inventory.Port) bool {
		return a.Protocol == b.Protocol && a.Number == b.Number && a.Address == b.Address
	})
}

// comparePorts puts a port whose process is known before one whose process is not.
func comparePorts(a, b inventory.Port) int {
	known := func(p inventory.Port) int {
		if p.Process == "" {
			return 1
		}
		return 0
	}
	return cmp.Or(strings.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Number, b.Number), strings.Compare(a.Address, b.Address),
		known(a)-known(b), strings.Compare(a.Process, b.Process))
}
