package announce

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// Namespaces of WS-Discovery 1.0 (2005/04), which Windows, printers and ONVIF cameras speak.
const (
	soapNS      = "http://www.w3.org/2003/05/soap-envelope"
	addressNS   = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	discoveryNS = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
)

// maxWSD bounds a datagram: more is not sent over UDP by anybody.
const maxWSD = 32 << 10

// wsdProbe asks every device.
func wsdProbe() []byte {
	return []byte(`<?xml version="1.0" encoding="utf-8"?>` +
		`<s:Envelope xmlns:s="` + soapNS + `" xmlns:a="` + addressNS + `" xmlns:d="` + discoveryNS + `"><s:Header>` +
		`<a:Action>` + discoveryNS + `/Probe</a:Action>` +
		`<a:MessageID>urn:uuid:` + uuid.NewString() + `</a:MessageID>` +
		`<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>` +
		`</s:Header><s:Body><d:Probe/></s:Body></s:Envelope>`)
}

// onvifScopes are the scopes that ONVIF's Core Specification §7.3.2 defines.
var onvifScopes = map[string]string{
	"name": "onvif.name", "hardware": "onvif.hardware", "location": "onvif.location", "type": "onvif.type",
	"mfr": "onvif.manufacturer", "manufacturer": "onvif.manufacturer",
}

// parseWSD reads a ProbeMatches or Hello.
func parseWSD(b []byte) (s Speech, ok bool) {
	if len(b) > maxWSD || !bytes.Contains(b, []byte("Envelope")) {
		return s, false
	}
	err := walk(bytes.NewReader(b), func(path []string, text string) {
		if len(path) < 4 || path[0] != "Envelope" || path[1] != "Body" || path[2] != "Hello" && path[2] != "ProbeMatches" {
			return
		}
		ok = true
		switch path[len(path)-1] {
		case "Types":
			for _, t := range fields(text) {
				_, local, found := strings.Cut(t, ":") // prefixes are the sender's own
				if !found {
					local = t
				}
				s.fact("wsd.type", local)
			}
		case "Scopes":
			for _, scope := range fields(text) {
				s.scope(scope)
			}
		}
	})
	if err != nil || !ok {
		return Speech{}, false
	}
	s.Via = []string{ViaWSD}
	return s, true
}

// maxWords bounds types and scopes of one message.
const maxWords = 64

func fields(text string) []string {
	f := strings.Fields(text)
	return f[:min(len(f), maxWords)]
}

// scope takes onvif://www.onvif.org/hardware/P3245-LV apart.
func (s *Speech) scope(scope string) {
	rest, ok := strings.CutPrefix(scope, "onvif://www.onvif.org/")
	if !ok {
		return
	}
	word, value, ok := strings.Cut(rest, "/")
	key := onvifScopes[strings.ToLower(word)]
	if !ok || key == "" {
		return
	}
	if plain, err := url.PathUnescape(value); err == nil {
		value = plain
	}
	s.fact(key, value)
}
