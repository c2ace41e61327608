package service

import "regexp"

var rfbVersion = regexp.MustCompile(`^RFB (\d{3}\.\d{3})\n`)

// parseVNC reads the version of RFB (RFC 6143, 7.1.1) that a server sends first.
func parseVNC(b []byte) Answer {
	m := rfbVersion.FindSubmatch(b)
	if m == nil {
		return Answer{}
	}
	f := Facts{}
	f.set("vnc.version", string(m[1]))
	return Answer{Service: "vnc", Banner: "RFB " + f["vnc.version"], Facts: f}
}
