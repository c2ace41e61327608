package service

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

// ntlmNegotiate is the first message of NTLM ([MS-NLMP] 2.2.1.1) without names: it asks for
// the challenge, in which the other side says who it is.
var ntlmNegotiate = append([]byte("NTLMSSP\x00\x01\x00\x00\x00"),
	0x05, 0x02, 0x08, 0xa2, // unicode, request target, NTLM, extended session security, version, 128 bit
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // no domain, no workstation
	10, 0, 0, 0, 0, 0, 0, 15) // version

// Names of what a challenge tells, by AvId ([MS-NLMP] 2.2.2.1).
var ntlmPairs = map[uint16]string{
	1: "ntlm.computer", 2: "ntlm.domain", 3: "ntlm.dns_computer", 4: "ntlm.dns_domain", 5: "ntlm.dns_forest",
}

// maxPairs is more than there are kinds.
const maxPairs = 32

// parseNTLM finds a challenge ([MS-NLMP] 2.2.1.2) anywhere in b.
func parseNTLM(b []byte) (Facts, bool) {
	i := bytes.Index(b, []byte("NTLMSSP\x00\x02\x00\x00\x00"))
	if i < 0 || len(b[i:]) < 48 {
		return nil, false
	}
	b = b[i:]
	f := Facts{}
	length, offset := int(binary.LittleEndian.Uint16(b[40:])), binary.LittleEndian.Uint32(b[44:])
	if uint64(offset)+uint64(length) <= uint64(len(b)) {
		info := b[offset : int(offset)+length]
		for n := 0; len(info) >= 4 && n < maxPairs; n++ {
			id, size := binary.LittleEndian.Uint16(info), int(binary.LittleEndian.Uint16(info[2:]))
			info = info[4:]
			if id == 0 || size > len(info) {
				break
			}
			if name := ntlmPairs[id]; name != "" {
				f.set(name, utf16LE(info[:size]))
			}
			info = info[size:]
		}
	}
	const versionFlag = 0x02000000
	if flags := binary.LittleEndian.Uint32(b[20:]); flags&versionFlag != 0 && len(b) >= 56 {
		if build := binary.LittleEndian.Uint16(b[50:]); build > 0 {
			f.set("ntlm.build", fmt.Sprintf("%d.%d.%d", b[48], b[49], build))
		}
	}
	return f, true
}

// ntlmName is what a challenge adds to a banner.
func (f Facts) ntlmName() (out string) {
	for _, text := range []string{cmp.Or(f["ntlm.dns_computer"], f["ntlm.computer"]), f["ntlm.build"]} {
		if text != "" {
			out += ", " + text
		}
	}
	return out
}

func utf16LE(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
