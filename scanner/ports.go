package scanner

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/service"
)

func portBodies(ports []service.Port) inventory.Ports {
	out := make(inventory.Ports, 0, len(ports))
	for _, p := range ports {
		b := inventory.Port{
			Protocol: p.Protocol, Number: p.Number, Service: p.Service, Banner: p.Banner,
			Certificate: p.Facts["tls.sha256"], CertificateIssuer: p.Facts["tls.issuer"], CertificateUntil: p.Facts["tls.expires"],
		}
		if names := cmp.Or(p.Facts["tls.names"], p.Facts["tls.common_name"]); names != "" {
			b.CertificateNames = strings.Fields(names)
		}
		b.Product, b.Version = product(p.Facts, p.Banner)
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b inventory.Port) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Number, b.Number))
	})
	return out
}

// numbered are protocols that tell a number alone: the product goes with the protocol.
var numbered = []struct{ fact, product string }{
	{"mysql.version", "MySQL"}, {"mssql.version", "SQL Server"}, {"redis.valkey", "Valkey"}, {"redis.version", "Redis"},
}

// named are protocols that tell both, each by itself.
var named = []struct{ product, version string }{
	{"ldap.vendor", "ldap.version"}, {"ipp.model", "ipp.firmware"}, {"redfish.product", ""},
	{"modbus.product", "modbus.revision"}, {"bacnet.model", "bacnet.firmware"}, {"onvif.model", "onvif.firmware"}, {"cast.model", "cast.version"},
	{"airplay.model", "airplay.version"},
}

// written are facts in which a product writes its name and, mostly, its version.
var written = []string{"ssh.software", "http.server", "sip.server", "sip.user_agent", "rtsp.server"}

var (
	// nameAndVersion is NAME/VERSION (RFC 9110 §10.2.4) and how others than web servers join them.
	nameAndVersion = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9 .+-]*?)(?:[/_ -]+[vV]?(\d[\w.+~-]*))?(?:[ ,;(/_]|$)`)
	// greeter are the names that servers of files and mail greet with.
	greeter = regexp.MustCompile(`(?i)\b(vsFTPd|ProFTPD|Pure-FTPd|FileZilla Server|Microsoft FTP Service|Postfix|Exim|Sendmail|Dovecot|Cyrus IMAP|Courier-IMAP|` +
		`OpenSMTPD|Microsoft ESMTP MAIL Service|Microsoft Exchange|Zimbra)\b(?:[ /]+(?:version:? |v)?(\d[\w.+~-]*))?`)
)

// product is what answers at a port, as it says itself.
func product(f service.Facts, banner string) (name, version string) {
	for _, n := range numbered {
		if v := f[n.fact]; v != "" {
			if strings.Contains(strings.ToLower(v), "mariadb") {
				return "MariaDB", strings.TrimPrefix(v, "5.5.5-") // which is there for replication's sake
			}
			return n.product, v
		}
	}
	for _, n := range named {
		if f[n.product] != "" {
			return f[n.product], f[n.version]
		}
	}
	for _, fact := range written {
		if m := nameAndVersion.FindStringSubmatch(f[fact]); m != nil {
			return m[1], m[2]
		}
	}
	if m := greeter.FindStringSubmatch(banner); m != nil {
		return m[1], m[2]
	}
	return "", ""
}
