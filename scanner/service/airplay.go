package service

import (
	"bytes"
	"context"
	"strings"

	"github.com/muster-itam/muster/internal/plist"
)

// askAirPlay asks a receiver of AirPlay what it tells everybody before they pair: GET of /info,
// as RTSP has it, which is answered by a property list. Apple publishes nothing about it; what
// senders and receivers of others do is the same (openairplay.github.io/airplay-spec). What does
// not know the question is asked as any web server.
func askAirPlay(ctx context.Context, l *line) Answer {
	c, err := l.dial(ctx)
	if err != nil {
		return Answer{}
	}
	c.hurry(patience)
	whole := wholePage()
	b := c.ask([]byte("GET /info RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: muster-scanner\r\n\r\n"), exchangeRoom,
		func(b []byte) bool { return whole(asHTTP(b)) })
	c.close()
	if f, ok := parseAirPlay(b); ok {
		return Answer{Service: "airplay", Banner: Clean(f["airplay.maker"]+" "+f["airplay.system"]+" "+f["airplay.name"], maxBanner), Facts: f}
	}
	return askHTTP(ctx, l)
}

// asHTTP is an answer of RTSP, which is made like one of HTTP (RFC 2326 §1.1), as one.
func asHTTP(b []byte) []byte {
	if rest, ok := bytes.CutPrefix(b, []byte("RTSP/")); ok {
		return append([]byte("HTTP/"), rest...)
	}
	return b
}

var airplayFacts = map[string]string{
	"name": "airplay.name", "model": "airplay.model", "manufacturer": "airplay.maker", "deviceID": "airplay.id", "macAddress": "airplay.mac",
	"sourceVersion": "airplay.version", "firmwareRevision": "airplay.firmware", "osBuildVersion": "airplay.build",
}

// parseAirPlay reads the answer to GET /info. Model and version of the system are one fact too,
// since the version says nothing without what it is of.
func parseAirPlay(b []byte) (Facts, bool) {
	p, ok := parsePage(asHTTP(b))
	if !ok || p.status != 200 {
		return nil, false
	}
	told, err := plist.ParseDict(p.body)
	if err != nil {
		return nil, false
	}
	f := Facts{}
	for key, name := range airplayFacts {
		f.set(name, told.Text(key))
	}
	if f["airplay.model"] == "" {
		return nil, false
	}
	// The record that goes with the announcement by DNS-SD (RFC 6763 §6.1): strings, each after its length.
	system := ""
	for c := (cursor{b: told.Data("txtAirPlay")}); len(c.b) > 0; {
		if key, value, _ := strings.Cut(string(c.take(int(c.byte()))), "="); key == "osvers" {
			system = value
		}
	}
	f.set("airplay.system", f["airplay.model"]+" "+system)
	return f, true
}
