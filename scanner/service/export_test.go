package service

import (
	"context"
	"net/netip"
)

// What tests of the inner workings need.
var (
	Murmur3  = murmur3
	IconHash = iconHash
	Steady   = steady
)

const (
	MaxFact      = maxFact
	MaxBanner    = maxBanner
	ExchangeRoom = exchangeRoom
	MaxIcon      = maxIcon
)

// Ask asks at as if it were port.
func (p *Prober) Ask(ctx context.Context, port int, at netip.AddrPort) Answer {
	protocol := tcpProtocol(port)
	l := p.line(at, protocol.most)
	l.met.Ports = []Port{{Answer: Answer{Facts: Facts{"printer.languages": "PJL,PCL"}}}}
	return protocol.ask(ctx, l)
}

// AskUDP asks at as if it were port.
func (p *Prober) AskUDP(ctx context.Context, port int, at netip.AddrPort) Answer {
	protocol := udpProtocols[port]
	c, err := p.line(at, protocol.most).open(ctx, "udp")
	if err != nil {
		return Answer{}
	}
	defer c.close()
	c.hurry(connectTime)
	return protocol.ask(c)
}

// Asked are the TCP ports with a protocol of their own, and one that has none.
func Asked() []int {
	out := []int{7777}
	for port := range tcpProtocols {
		out = append(out, port)
	}
	return out
}

func facts(service string, f Facts, ok bool) Answer {
	if !ok {
		return Answer{}
	}
	return Answer{Service: service, Facts: f}
}

// Parsers by name.
var Parsers = map[string]func([]byte) Answer{
	"ssh": parseSSH, "smb": parseSMB, "ldap": parseLDAP, "pjl": parsePJL, "mysql": parseMySQL, "postgresql": parsePostgreSQL,
	"mssql": parsePreLogin, "mssql-browser": parseSQLBrowser, "redis": parseRedis, "mongodb": parseMongoDB, "ftp": parseFTP,
	"smtp": parseSMTP, "imap": parseIMAP, "pop3": parsePOP3, "telnet": parseTelnet, "rdp": parseRDP, "vnc": parseVNC, "ipmi": parseIPMI,
	"ntp": parseNTP, "sip": parseSIP, "rtsp": parseRTSP, "modbus": parseModbus, "greeting": parseGreeting,
	"ipp": func(b []byte) Answer {
		f, ok := parseIPP(b)
		return facts("ipp", f, ok)
	},
	"ntlm": func(b []byte) Answer {
		f, ok := parseNTLM(b)
		return facts("ntlm", f, ok)
	},
	"bacnet": func(b []byte) Answer {
		text, ok := parseBACnet(b)
		f := Facts{}
		f.set("bacnet", text)
		return facts("bacnet", f, ok)
	},
	"http": func(b []byte) Answer {
		p, ok := parsePage(b)
		if !ok {
			return Answer{}
		}
		w := web{line: &line{}}
		_ = wholePage()(b)
		_, _ = p.icon()
		if to := w.redirect(w.root(), p); to != nil {
			_ = to.RequestURI()
		}
		f := p.facts()
		return Answer{Service: "http", Banner: f.banner(), Facts: f}
	},
	"onvif": func(b []byte) Answer {
		f := Facts{}
		parseONVIF(b, f)
		return Answer{Service: "onvif", Facts: f}
	},
	"cast": func(b []byte) Answer {
		f, ok := parseCast(b)
		return facts("googlecast", f, ok)
	},
	"airplay": func(b []byte) Answer {
		f, ok := parseAirPlay(b)
		return facts("airplay", f, ok)
	},
	"sdp": func(b []byte) Answer { return Answer{Facts: parseDescription(b)} },
	"granted": func(b []byte) Answer {
		f := Facts{}
		if granted(b) {
			f.set("ldap.starttls", "yes")
		}
		return Answer{Facts: f}
	},
	"redfish": func(b []byte) Answer {
		f := Facts{}
		parseRedfish(b, f)
		return Answer{Service: "redfish", Facts: f}
	},
	"ecdh": func(b []byte) Answer {
		_, _ = agreed(b)
		if key, _, sig, ok := parseECDHReply(b); ok {
			_ = sshVerify(key, make([]byte, 32), sig)
			f := Facts{}
			f.set("type", sshKeyType(key))
			return facts("ssh", f, true)
		}
		return Answer{}
	},
}

// Most is how many packets a port is sent.
func Most(port int) int { return tcpProtocol(port).most }

// AskAfter asks at as if it were port, of a device with another port that answered before.
func (p *Prober) AskAfter(ctx context.Context, port int, at netip.AddrPort, met Port) Answer {
	protocol := tcpProtocol(port)
	l := p.line(at, protocol.most)
	l.met = &Device{Ports: []Port{met}}
	return protocol.ask(ctx, l)
}
