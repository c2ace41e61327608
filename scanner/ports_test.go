package scanner_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/service"
)

func TestProducts(t *testing.T) {
	for _, c := range []struct {
		facts            service.Facts
		banner           string
		product, version string
	}{
		{service.Facts{"ssh.software": "OpenSSH_9.2p1 Debian-2+deb12u3"}, "", "OpenSSH", "9.2p1"},
		{service.Facts{"ssh.software": "dropbear_2022.83"}, "", "dropbear", "2022.83"},
		{service.Facts{"ssh.software": "ROSSSH"}, "", "ROSSSH", ""},
		{service.Facts{"http.server": "nginx"}, "", "nginx", ""},
		{service.Facts{"http.server": "Apache/2.4.57 (Debian) mod_ssl/1"}, "", "Apache", "2.4.57"},
		{service.Facts{"http.server": "Microsoft-IIS/10.0"}, "", "Microsoft-IIS", "10.0"},
		{service.Facts{"http.server": "GoAhead-Webs"}, "", "GoAhead-Webs", ""},
		{service.Facts{"http.server": "\"};drop"}, "", "", ""},
		{service.Facts{"mysql.version": "5.5.5-10.11.6-MariaDB-0+deb12u1"}, "", "MariaDB", "10.11.6-MariaDB-0+deb12u1"},
		{service.Facts{"mssql.version": "16.0.1000"}, "", "SQL Server", "16.0.1000"},
		{service.Facts{"modbus.product": "PM5560", "modbus.revision": "V2.1"}, "", "PM5560", "V2.1"},
		{nil, "(vsFTPd 3.0.3)", "vsFTPd", "3.0.3"},
		{nil, "mx1.example.org ESMTP Exim 4.96", "Exim", "4.96"},
		{nil, "welcome", "", ""},
	} {
		got := scanner.PortBodies([]service.Port{{Protocol: "tcp", Number: 1, Answer: service.Answer{Facts: c.facts, Banner: c.banner}}})[0]
		if got.Product != c.product || got.Version != c.version {
			t.Errorf("%v %q: %q %q, want %q %q", c.facts, c.banner, got.Product, got.Version, c.product, c.version)
		}
	}
}

func TestCertificateOfPort(t *testing.T) {
	got := scanner.PortBodies([]service.Port{{Protocol: "tcp", Number: 443, Answer: service.Answer{Service: "https", Facts: service.Facts{
		"tls.sha256": "ab", "tls.names": "a.example b.example", "tls.common_name": "a.example", "tls.issuer": "CN=CA", "tls.expires": "2027-01-31",
	}}}})
	want := inventory.Ports{{Protocol: "tcp", Number: 443, Service: "https", Certificate: "ab", CertificateNames: []string{"a.example", "b.example"},
		CertificateIssuer: "CN=CA", CertificateUntil: "2027-01-31"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
