package service

import (
	"strings"
	"time"
)

// Commands of telnet (RFC 854).
const (
	telnetIAC  = 255
	telnetDont = 254
	telnetDo   = 253
	telnetWont = 252
	telnetWill = 251
	telnetSB   = 250
	telnetSE   = 240
)

// quiet is how long telnet may pause before what it said is all that it says.
const quiet = 700 * time.Millisecond

// askTelnet refuses all options once, which makes most devices go on to their login prompt,
// and reads up to it.
func askTelnet(c *conn) Answer {
	got := collect(c, maxGreeting, func([]byte) bool { return true })
	if reply := refusal(got); len(reply) > 0 {
		if _, err := c.Write(reply); err != nil {
			return parseTelnet(got)
		}
	}
	for len(got) < maxGreeting {
		c.hurry(quiet)
		more := collect(c, maxGreeting-len(got), func([]byte) bool { return true })
		if len(more) == 0 || strings.HasSuffix(strings.TrimSpace(string(got)), "ogin:") {
			break
		}
		got = append(got, more...)
	}
	return parseTelnet(got)
}

// maxOptions is how many options are refused.
const maxOptions = 32

// refusal answers WILL with DONT and DO with WONT.
func refusal(b []byte) []byte {
	var out []byte
	for i := 0; i+2 < len(b) && len(out) < 3*maxOptions; i++ {
		if b[i] != telnetIAC {
			continue
		}
		switch b[i+1] {
		case telnetWill:
			out = append(out, telnetIAC, telnetDont, b[i+2])
		case telnetDo:
			out = append(out, telnetIAC, telnetWont, b[i+2])
		}
	}
	return out
}

// parseTelnet is what a person would see. Without any option and without a prompt it is not
// known to be telnet.
func parseTelnet(b []byte) Answer {
	var text []byte
	options := false
	for i := 0; i < len(b); i++ {
		if b[i] != telnetIAC || i+1 >= len(b) {
			text = append(text, b[i])
			continue
		}
		i++
		switch b[i] {
		case telnetWill, telnetWont, telnetDo, telnetDont:
			options = true
			i++
		case telnetSB:
			options = true
			for i < len(b) && b[i] != telnetSE {
				i++
			}
		case telnetIAC:
			text = append(text, telnetIAC)
		}
	}
	f := Facts{}
	f.set("telnet.banner", steady(string(text)))
	if !options && !containsFold(f["telnet.banner"], "login") && !containsFold(f["telnet.banner"], "user") && !containsFold(f["telnet.banner"], "password") {
		return Answer{Banner: f["telnet.banner"]}
	}
	return Answer{Service: "telnet", Banner: f["telnet.banner"], Facts: f}
}
