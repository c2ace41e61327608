package identify_test

import (
	"fmt"
	"testing"

	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

// BenchmarkDevice names a switch that a rule knows, a Linux host and a device of a maker that
// no rule knows.
func BenchmarkDevice(b *testing.B) {
	rules, err := identify.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	unknown := snmp.Facts{System: snmp.System{Description: "Acme Industrial Gateway GW-210, SW version 3.1.7, S/N: GW00012345", ObjectID: "1.3.6.1.4.1.4294967.1", Enterprises: []int{4294967}}}
	for i := range 200 {
		unknown.Private = append(unknown.Private, snmp.Private{Name: fmt.Sprintf("1.3.6.1.4.1.4294967.1.%d.0", i), Enterprise: 4294967, Text: fmt.Sprintf("port %d is up", i)})
	}
	for name, f := range map[string]*snmp.Facts{
		"rule":    {System: snmp.System{Description: "Cisco IOS Software, C3750 Software (C3750-IPBASEK9-M), Version 12.2(55)SE5, RELEASE SOFTWARE (fc1)", ObjectID: "1.3.6.1.4.1.9.1.516"}},
		"linux":   {System: snmp.System{Description: debian, ObjectID: "1.3.6.1.4.1.8072.3.2.10"}},
		"unknown": &unknown,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				rules.Device(f)
			}
		})
	}
}

// BenchmarkIdentifyServices names a host by three ports.
func BenchmarkIdentifyServices(b *testing.B) {
	rules, err := identify.BuiltinServices()
	if err != nil {
		b.Fatal(err)
	}
	ports := []service.Port{
		{Number: 22, Answer: service.Answer{Facts: service.Facts{"ssh.software": "OpenSSH_9.2p1 Debian-2+deb12u3"}}},
		{Number: 80, Answer: service.Answer{Facts: service.Facts{"http.server": "nginx/1.22.1", "http.title": "Welcome to nginx!"}}},
		{Number: 443, Answer: service.Answer{Facts: service.Facts{"http.server": "nginx/1.22.1", "http.title": "Welcome to nginx!", "tls.subject": "CN=www.example.org"}}},
	}
	for b.Loop() {
		var id identify.Identity
		rules.Identify(&id, nil, ports)
	}
}
