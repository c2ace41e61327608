package arp

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/scanner/ether"
)

// maxTable bounds the entries read from the kernel's table.
const maxTable = 1 << 17

// completeFlag is ATF_COM of linux/if_arp.h: the hardware address is known.
const completeFlag = 0x02

// ParseTable reads the format of Linux' /proc/net/arp: a header, then address, hardware
// type, flags, hardware address, mask and device, separated by blanks. Incomplete entries
// are left out.
func ParseTable(r io.Reader) ([]Sighting, error) {
	var out []Sighting
	sc := bufio.NewScanner(r)
	for sc.Scan() && len(out) < maxTable {
		f := strings.Fields(sc.Text())
		if len(f) < 6 {
			continue
		}
		addr, err := netip.ParseAddr(f[0])
		flags, ferr := strconv.ParseUint(strings.TrimPrefix(f[2], "0x"), 16, 16)
		mac, merr := net.ParseMAC(f[3])
		if err != nil || ferr != nil || merr != nil || len(mac) != 6 || flags&completeFlag == 0 {
			continue
		}
		if s := (Sighting{Addr: addr, MAC: ether.MAC(mac)}); s.MAC.Unicast() {
			out = append(out, s)
		}
	}
	if err := sc.Err(); err != nil {
		return out, fmt.Errorf("read ARP table: %w", err)
	}
	return out, nil
}
