package service

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"strings"
)

// askSIP sends OPTIONS (RFC 3261, 11), which asks what the other side can do and rings
// nowhere.
func askSIP(c *conn) Answer {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return Answer{}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	id := rand.Text()
	return parseSIP(c.datagram(fmt.Appendf(nil, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\n"+
		"Max-Forwards: 0\r\nTo: <sip:%s>\r\nFrom: <sip:muster-scanner@invalid>;tag=%s\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\n"+
		"Accept: application/sdp\r\nContent-Length: 0\r\n\r\n", host, c.LocalAddr(), id, host, id[:8], id)))
}

func parseSIP(b []byte) Answer {
	head, ok := headers(b, "SIP/2.0 ")
	if !ok {
		return Answer{}
	}
	f := Facts{}
	f.set("sip.server", head["server"])
	f.set("sip.user_agent", head["user-agent"])
	return Answer{Service: "sip", Banner: Clean(f["sip.server"]+" "+f["sip.user_agent"], maxBanner), Facts: f}
}

// askRTSP sends OPTIONS (RFC 2326, 10.1).
func askRTSP(c *conn) Answer {
	return parseRTSP(c.ask([]byte("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: muster-scanner\r\n\r\n"), maxGreeting,
		func(b []byte) bool { return bytes.Contains(b, []byte("\r\n\r\n")) }))
}

func parseRTSP(b []byte) Answer {
	head, ok := headers(b, "RTSP/1.0 ")
	if !ok {
		return Answer{}
	}
	f := Facts{}
	f.set("rtsp.server", head["server"])
	if m := realmOf.FindStringSubmatch(head["www-authenticate"]); m != nil {
		f.set("rtsp.realm", m[1])
	}
	return Answer{Service: "rtsp", Banner: Clean(f["rtsp.server"]+" "+f["rtsp.realm"], maxBanner), Facts: f}
}

// headers of an answer that is made like one of HTTP.
func headers(b []byte, protocol string) (map[string]string, bool) {
	rest, ok := bytes.CutPrefix(b, []byte(protocol))
	if !ok {
		return nil, false
	}
	p, ok := parsePage(append([]byte("HTTP/1.0 "), rest...))
	return p.head, ok
}
