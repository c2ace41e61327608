package service

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
)

// channelAuth is Get Channel Authentication Capabilities (IPMI 2.0, 22.13) in RMCP without
// a session: the one question that a management controller answers anybody.
var channelAuth = []byte{
	6, 0, 0xff, 7, // RMCP, class IPMI
	0, 0, 0, 0, 0, 0, 0, 0, 0, 9, // no authentication, no session
	0x20, 0x18, 0xc8, 0x81, 0, 0x38, 0x8e, 4, 0xb5, // command 38h: this channel, IPMI 2.0, administrator
}

func askIPMI(c *conn) Answer { return parseIPMI(c.datagram(channelAuth)) }

// parseIPMI reads the answer: versions and the maker's enterprise number.
func parseIPMI(b []byte) Answer {
	const data = 14 + 6 // behind the headers and the command
	if len(b) < data+1 || b[0] != 6 || b[3] != 7 || b[4] != 0 || b[19] != 0x38 {
		return Answer{}
	}
	a := Answer{Service: "ipmi", Banner: "IPMI", Facts: Facts{}}
	d := b[data:]
	if d[0] != 0 || len(d) < 9 {
		return a
	}
	version := "1.5"
	if d[2]&0x80 != 0 && d[4]&2 != 0 {
		version = "2.0"
	}
	a.Facts.set("ipmi.version", version)
	a.Banner = "IPMI " + version
	if oem := uint32(d[5]) | uint32(d[6])<<8 | uint32(d[7])<<16; oem != 0 {
		a.Facts.set("ipmi.enterprise", strconv.Itoa(int(oem)))
	}
	if d[3]&1 != 0 { // of every kind of access, the one without a name is the one to know of
		a.Facts.set("ipmi.anonymous", "yes")
		a.Banner += ", anonymous login enabled"
	}
	return a
}

// ntpAsk is a client's question of version 4 (RFC 5905, 7.3), without the time here.
var ntpAsk = append([]byte{0x23}, make([]byte, 47)...)

func askNTP(c *conn) Answer { return parseNTP(c.datagram(ntpAsk)) }

func parseNTP(b []byte) Answer {
	if len(b) < 48 || b[0]&7 != 4 {
		return Answer{}
	}
	version := int(b[0] >> 3 & 7)
	if version < 3 || version > 4 || binary.BigEndian.Uint64(b[40:]) == 0 && b[1] != 0 {
		return Answer{}
	}
	f := Facts{}
	f.set("ntp.version", strconv.Itoa(version))
	f.set("ntp.stratum", strconv.Itoa(int(b[1])))
	switch ref := b[12:16]; { // RFC 5905 §7.3
	case b[1] == 1:
		f.set("ntp.refid", string(bytes.TrimRight(ref, "\x00")))
	case b[1] > 1 && b[1] < 16:
		f.set("ntp.refid", netip.AddrFrom4([4]byte(ref)).String())
	}
	return Answer{Service: "ntp", Banner: fmt.Sprintf("NTP %d", version), Facts: f}
}
