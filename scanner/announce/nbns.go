package announce

import (
	"encoding/binary"
	"strings"

	"github.com/muster-itam/muster/scanner/ether"
)

// Types and sizes of RFC 1002 §4.2.
const (
	nbStat      = 0x21
	nbName      = 0x20
	nameSize    = 18 // a row of a node status: name, suffix, flags
	groupFlag   = 1 << 15
	encodedName = 34 // length byte, 32 letters, end
	nbHeader    = 12
	opRegister  = 5
	opRefresh   = 8
)

// nodeStatus asks a station for its names (RFC 1002 §4.2.17).
func nodeStatus(id uint16) []byte {
	b := make([]byte, nbHeader, nbHeader+encodedName+4)
	binary.BigEndian.PutUint16(b, id)
	binary.BigEndian.PutUint16(b[4:], 1)
	b = append(b, 32)
	b = append(b, "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"...) // "*" and 15 zeros
	b = append(b, 0)
	return append(b, 0, nbStat, 0, 1)
}

// parseNodeStatus reads the answer to nodeStatus.
func parseNodeStatus(b []byte) (s Speech, ok bool) {
	if len(b) < nbHeader+encodedName+11 || b[2]&0x80 == 0 || b[3]&0xf != 0 || binary.BigEndian.Uint16(b[6:]) == 0 {
		return s, false
	}
	b = b[nbHeader:]
	if b[0] != 32 || b[33] != 0 || binary.BigEndian.Uint16(b[encodedName:]) != nbStat {
		return s, false
	}
	b = b[encodedName+10:] // type, class, TTL, length
	count := int(b[0])
	if b = b[1:]; len(b) < count*nameSize {
		return s, false
	}
	for i := range count {
		row := b[i*nameSize : (i+1)*nameSize]
		s.netbios(row[:15], row[15], binary.BigEndian.Uint16(row[16:])&groupFlag != 0)
	}
	if rest := b[count*nameSize:]; len(rest) >= 6 && ether.MAC(rest[:6]).Unicast() {
		s.fact("nbns.mac", ether.MAC(rest[:6]).String())
	}
	s.Via = []string{ViaNBNS}
	return s, true
}

// netbios takes one name: suffixes are Microsoft's (workstation 00, server 20, domain
// controllers 1C, domain master 1B).
func (s *Speech) netbios(raw []byte, suffix byte, group bool) {
	name := strings.TrimRight(string(raw), " \x00")
	if name == "" || raw[0] < ' ' { // __MSBROWSE__ begins with 01 02
		return
	}
	switch {
	case group && suffix == 0x00:
		s.fact("nbns.workgroup", name)
	case group && suffix == 0x1c:
		s.fact("nbns.domain_controller", name)
	case !group && (suffix == 0x00 || suffix == 0x20):
		s.name(strings.ToLower(name))
		s.fact("nbns.suffix", map[byte]string{0x00: "workstation", 0x20: "file server"}[suffix])
	}
}

// parseRegistration reads the name that a station broadcasts as its own.
func parseRegistration(b []byte) (s Speech, ok bool) {
	const record = encodedName + 4 + 2 + 10 // question, pointer to its name, type to length
	if len(b) < nbHeader+record+2 || b[2]&0x80 != 0 {
		return s, false
	}
	if op := b[2] >> 3 & 0xf; op != opRegister && op != opRefresh {
		return s, false
	}
	q := b[nbHeader:]
	if q[0] != 32 || q[33] != 0 || binary.BigEndian.Uint16(q[encodedName:]) != nbName {
		return s, false
	}
	name := make([]byte, 16)
	for i := range name { // first-level encoding: half a byte in each letter
		hi, lo := q[1+2*i]-'A', q[2+2*i]-'A'
		if hi > 15 || lo > 15 {
			return s, false
		}
		name[i] = hi<<4 | lo
	}
	s.netbios(name[:15], name[15], binary.BigEndian.Uint16(q[record:])&groupFlag != 0)
	s.Via = []string{ViaNBNS}
	return s, true
}
