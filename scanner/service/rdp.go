package service

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"maps"
)

// rdpRequest is a connection request of X.224 with an offer of TLS and CredSSP
// ([MS-RDPBCGR] 2.2.1.1).
var rdpRequest = []byte{3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0}

// askRDP goes up to the certificate and the challenge of NTLM; no session begins.
func askRDP(ctx context.Context, l *line) Answer {
	c, err := l.dial(ctx)
	if err != nil {
		return Answer{}
	}
	defer c.close()
	a := parseRDP(c.ask(rdpRequest, 1024, func(b []byte) bool {
		return len(b) >= 4 && len(b) >= int(binary.BigEndian.Uint16(b[2:]))
	}))
	security := a.Facts["rdp.security"]
	if security == "" || security == "rdp" {
		return a
	}
	t, err := shakeHands(ctx, c)
	if err != nil {
		return a
	}
	maps.Copy(a.Facts, tlsFacts(t))
	if security == "credssp" {
		a.challenge(t)
	}
	return a
}

// challenge begins CredSSP ([MS-CSSP] 2.2.1).
func (a *Answer) challenge(t *tls.Conn) {
	token := der(0x30, der(0xa0, der(0x04, ntlmNegotiate)))
	request := der(0x30, append(der(0xa0, []byte{0x02, 1, 2}), der(0xa1, der(0x30, token))...))
	if _, err := t.Write(request); err != nil {
		return
	}
	answer := collect(t, 8192, func(b []byte) bool {
		c := &cursor{b: b}
		c.element()
		return !c.bad
	})
	if f, ok := parseNTLM(answer); ok {
		maps.Copy(a.Facts, f)
		a.Banner = Clean(a.Banner+f.ntlmName(), maxBanner)
	}
}

// parseRDP reads the connection confirm ([MS-RDPBCGR] 2.2.1.2).
func parseRDP(b []byte) Answer {
	if len(b) < 11 || b[0] != 3 || b[5] != 0xd0 {
		return Answer{}
	}
	a := Answer{Service: "rdp", Banner: "RDP", Facts: Facts{"rdp.security": "rdp"}}
	if len(b) >= 19 && b[11] == 2 {
		switch n := binary.LittleEndian.Uint32(b[15:]); {
		case n&2 != 0:
			a.Facts["rdp.security"] = "credssp"
		case n&1 != 0:
			a.Facts["rdp.security"] = "tls"
		}
	}
	a.Banner += ", security " + a.Facts["rdp.security"]
	return a
}
