package service

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
)

// Commands of SMB 2 ([MS-SMB2] 2.2.1).
const (
	smbNegotiate    = 0
	smbSessionSetup = 1
)

// askSMB negotiates a version and begins a session, up to the challenge: nobody is named
// and nothing is opened.
func askSMB(c *conn) Answer {
	a := parseSMB(c.ask(smbMessage(smbNegotiate, 0, smbOffer()), maxSMB, wholeSMB))
	if a.Service == "" {
		return a
	}
	setup := c.ask(smbMessage(smbSessionSetup, 1, smbSetup()), maxSMB, wholeSMB)
	if f, ok := parseNTLM(setup); ok {
		maps.Copy(a.Facts, f)
		a.Banner = Clean(a.Banner+f.ntlmName(), maxBanner)
	}
	return a
}

const maxSMB = 16 << 10

// wholeSMB tells whether b has all of the message that its header announces ([MS-SMB2] 2.1).
func wholeSMB(b []byte) bool {
	return len(b) >= 4 && len(b) >= 4+int(binary.BigEndian.Uint32(b)&0xffffff)
}

func smbMessage(command uint16, id uint64, body []byte) []byte {
	h := append([]byte("\xfeSMB"), make([]byte, 60)...)
	binary.LittleEndian.PutUint16(h[4:], 64)
	binary.LittleEndian.PutUint16(h[12:], command)
	binary.LittleEndian.PutUint16(h[14:], 1) // credits
	binary.LittleEndian.PutUint64(h[24:], id)
	h = append(h, body...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(h))), h...) //nolint:gosec // short
}

var smbDialects = []uint16{0x0202, 0x0210, 0x0300, 0x0302}

// smbOffer is the body of NEGOTIATE ([MS-SMB2] 2.2.3). 3.1.1 is not offered: it needs
// contexts and tells no more.
func smbOffer() []byte {
	b := binary.LittleEndian.AppendUint16(nil, 36)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(smbDialects)))
	b = append(b, 1, 0, 0, 0) // signing possible
	b = append(b, make([]byte, 4)...)
	var guid [16]byte
	_, _ = rand.Read(guid[:]) // never fails
	b = append(b, guid[:]...)
	b = append(b, make([]byte, 8)...)
	for _, d := range smbDialects {
		b = binary.LittleEndian.AppendUint16(b, d)
	}
	return b
}

// smbSetup is the body of SESSION_SETUP ([MS-SMB2] 2.2.5) with the first message of NTLM
// in SPNEGO (RFC 4178).
func smbSetup() []byte {
	token := spnego(ntlmNegotiate)
	b := append(binary.LittleEndian.AppendUint16(nil, 25), 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, 64+24)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(token))) //nolint:gosec // short
	b = append(b, make([]byte, 8)...)
	return append(b, token...)
}

// spnego wraps a token as the mechanism NTLM, 1.3.6.1.4.1.311.2.2.10.
func spnego(token []byte) []byte {
	mechanism := []byte{0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a}
	inner := der(0x30, append(der(0xa0, der(0x30, mechanism)), der(0xa2, der(0x04, token))...))
	return der(0x60, append([]byte{0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02}, der(0xa0, inner)...))
}

// parseSMB reads the answer to NEGOTIATE ([MS-SMB2] 2.2.4). A server that speaks version 1
// only is known by its mark.
func parseSMB(b []byte) Answer {
	if len(b) < 8 {
		return Answer{}
	}
	b = b[4:]
	if bytes.HasPrefix(b, []byte("\xffSMB")) {
		return Answer{Service: "smb", Banner: "SMB 1", Facts: Facts{"smb.dialect": "1"}}
	}
	if !bytes.HasPrefix(b, []byte("\xfeSMB")) {
		return Answer{}
	}
	a := Answer{Service: "smb", Banner: "SMB", Facts: Facts{}}
	if len(b) < 64+24 || binary.LittleEndian.Uint16(b[12:]) != smbNegotiate || binary.LittleEndian.Uint32(b[8:]) != 0 {
		return a
	}
	body := b[64:]
	dialect := binary.LittleEndian.Uint16(body[4:])
	version := fmt.Sprintf("%d.%d.%d", dialect>>8, dialect>>4&15, dialect&15)
	a.Facts.set("smb.dialect", version)
	a.Facts.set("smb.guid", hex.EncodeToString(body[8:24]))
	a.Banner = "SMB " + version
	if body[2]&2 != 0 {
		a.Facts.set("smb.signing", "required")
		a.Banner += ", signing required"
	}
	return a
}
