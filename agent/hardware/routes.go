package hardware

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

// maxRoutes is how much of the tables of routes is read, in bytes. Default routes come
// first in them; routers have hundreds of thousands behind.
const maxRoutes = 1 << 20

// defaultRoutes reads /proc/net/route and /proc/net/ipv6_route: the gateways of default
// routes by interface. Of several gateways in one IPv4 route the kernel shows the first.
func defaultRoutes(v4, v6 io.Reader) map[string][]string {
	const up, reject = 0x1, 0x200 // RTF_UP, RTF_REJECT of linux/route.h
	out := map[string][]string{}
	add := func(name, flags string, gateway netip.Addr) {
		f, err := strconv.ParseUint(flags, 16, 32)
		name = source.Text(name)
		if err != nil || f&up == 0 || f&reject != 0 || !gateway.IsValid() || gateway.IsUnspecified() {
			return
		}
		if text := gateway.String(); len(out[name]) < 16 && !slices.Contains(out[name], text) {
			out[name] = append(out[name], text)
		}
	}
	// Iface Destination Gateway Flags RefCnt Use Metric Mask ..., addresses as the machine's own numbers
	for f := range fields(v4) {
		if len(f) >= 8 && f[1] == "00000000" && f[7] == "00000000" {
			if n, err := strconv.ParseUint(f[2], 16, 32); err == nil {
				var b [4]byte
				binary.NativeEndian.PutUint32(b[:], uint32(n))
				add(f[0], f[3], netip.AddrFrom4(b))
			}
		}
	}
	// destination length source length gateway metric references uses flags interface
	for f := range fields(v6) {
		if len(f) >= 10 && f[1] == "00" && strings.Trim(f[0], "0") == "" {
			if b, err := hex.DecodeString(f[4]); err == nil && len(b) == 16 {
				add(f[9], f[8], netip.AddrFrom16([16]byte(b)))
			}
		}
	}
	for _, gateways := range out {
		slices.Sort(gateways)
	}
	return out
}

// fields are the words of each line.
func fields(r io.Reader) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		if r == nil {
			return
		}
		lines := bufio.NewScanner(io.LimitReader(r, maxRoutes))
		for lines.Scan() && yield(strings.Fields(lines.Text())) {
		}
	}
}

// parseResolv reads the name servers of resolv.conf(5). local says that all of them are
// on this machine, where something passes the questions on.
func parseResolv(text string) (servers []string, local bool) {
	local = true
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" || len(servers) == 16 {
			continue
		}
		a, err := netip.ParseAddr(f[1])
		if err != nil || slices.Contains(servers, a.String()) {
			continue
		}
		servers, local = append(servers, source.Text(a.String())), local && a.IsLoopback()
	}
	return servers, local
}
