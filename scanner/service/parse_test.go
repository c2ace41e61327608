package service_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/service"
)

// answer is what one parser makes of what a server sent: text as it is, or hex.
type answer struct {
	parser, text, hex string
	want              service.Answer
}

func (a answer) bytes(t testing.TB) []byte {
	if a.hex != "" {
		return unhex(t, a.hex)
	}
	return []byte(a.text)
}

type facts = service.Facts

var answers = []answer{
	{parser: "ssh", text: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", want: service.Answer{
		Service: "ssh", Banner: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", Facts: facts{"ssh.protocol": "2.0", "ssh.software": "OpenSSH_9.2p1 Debian-2+deb12u3"}}},
	{parser: "ssh", text: "Keep out\x1b[2J\r\nSSH-1.99-Cisco-1.25\n", want: service.Answer{
		Service: "ssh", Banner: "SSH-1.99-Cisco-1.25", Facts: facts{"ssh.protocol": "1.99", "ssh.software": "Cisco-1.25"}}},
	{parser: "ssh", text: "HTTP/1.1 400 Bad Request\r\n"},
	{parser: "ecdh", hex: "1f 0000000b 0000 0007 7373682d727361 00000000 00000000", want: service.Answer{Service: "ssh", Facts: facts{"type": "ssh-rsa"}}},
	{parser: "http", text: "HTTP/1.1 401 Unauthorized\r\nServer: lighttpd/1.4.39\r\nWWW-Authenticate: Basic realm=\"ZyXEL NAS\x1b[31m\"\r\n\r\n<TITLE>\r\n a &amp; \u202eb </TITLE>",
		want: service.Answer{Service: "http", Banner: "401, lighttpd/1.4.39, a & b, ZyXEL NAS", Facts: facts{
			"http.status": "401", "http.server": "lighttpd/1.4.39", "http.auth": "Basic", "http.realm": "ZyXEL NAS", "http.title": "a & b"}}},
	{parser: "http", text: "HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n7\r\n<title>\r\n4\r\nhere\r\n8\r\n</title>\r\n0\r\n\r\n",
		want: service.Answer{Service: "http", Banner: "200, here", Facts: facts{"http.status": "200", "http.title": "here"}}},
	{parser: "http", text: "HTTP/1.1 200 OK\r\n\r\n<TiTle lang=x>One</tITLE><title>Two</title>", want: service.Answer{
		Service: "http", Banner: "200, One", Facts: facts{"http.status": "200", "http.title": "One"}}},
	{parser: "http", text: "220 ftp"},
	{parser: "redfish", text: `{"RedfishVersion":"1.17.0","UUID":"4c4c4544-0051-3510-8052-b4c04f4a3332","Product":"Integrated Dell Remote Access Controller","Vendor":"Dell","Oem":{"Dell":{}}}`,
		want: service.Answer{Service: "redfish", Facts: facts{"redfish.version": "1.17.0", "redfish.uuid": "4c4c4544-0051-3510-8052-b4c04f4a3332",
			"redfish.product": "Integrated Dell Remote Access Controller", "redfish.vendor": "Dell", "redfish.oem": "Dell"}}},
	{parser: "pjl", text: "@PJL INFO ID\r\n\"HP LaserJet M404dn\"\r\n\f", want: service.Answer{
		Service: "jetdirect", Banner: "HP LaserJet M404dn", Facts: facts{"pjl.id": "HP LaserJet M404dn"}}},
	{parser: "pjl", text: "hello"},
	{parser: "mysql", hex: "4a000000 0a 382e302e333500 01000000", want: service.Answer{
		Service: "mysql", Banner: "8.0.35", Facts: facts{"mysql.version": "8.0.35"}}},
	{parser: "mysql", text: "\x45\x00\x00\x00\xff\x6a\x04Host '10.1.0.9' is not allowed to connect to this MariaDB server", want: service.Answer{
		Service: "mysql", Banner: "is not allowed to connect to this MariaDB server", Facts: facts{}}},
	{parser: "postgresql", text: "N", want: service.Answer{Service: "postgresql", Banner: "PostgreSQL", Facts: facts{}}},
	{parser: "postgresql", text: "S", want: service.Answer{Service: "postgresql", Banner: "PostgreSQL", Facts: facts{"postgresql.tls": "yes"}}},
	{parser: "postgresql", text: "E\x00\x00\x00\x2eSFATAL\x00C0A000\x00Munsupported frontend protocol\x00\x00", want: service.Answer{
		Service: "postgresql", Banner: "unsupported frontend protocol", Facts: facts{"postgresql.error": "unsupported frontend protocol"}}},
	{parser: "postgresql", text: "EHLO"},
	{parser: "mssql", hex: "0401001a00000100 00000b0006 0100110001 ff 0f0010be 0000 02", want: service.Answer{
		Service: "mssql", Banner: "SQL Server 15.0.4286", Facts: facts{"mssql.version": "15.0.4286"}}},
	{parser: "mssql-browser", text: "\x05\x70\x00ServerName;DB1;InstanceName;SQLEXPRESS;IsClustered;No;Version;15.0.2000.5;tcp;49712;;ServerName;DB1;InstanceName;OLD;IsClustered;No;Version;10.50.1600.1;;",
		want: service.Answer{Service: "mssql-browser", Banner: "SQLEXPRESS 15.0.2000.5 port 49712, OLD 10.50.1600.1", Facts: facts{
			"mssql.server": "DB1", "mssql.version": "15.0.2000.5", "mssql.instances": "SQLEXPRESS 15.0.2000.5 port 49712, OLD 10.50.1600.1"}}},
	{parser: "redis", text: "-NOAUTH Authentication required.\r\n", want: service.Answer{
		Service: "redis", Banner: "NOAUTH", Facts: facts{"redis.refused": "NOAUTH"}}},
	{parser: "redis", text: "$99\r\n# Server\r\nredis_version:7.0.15\r\nos:Linux 6.1.0 x86_64\r\nuptime_in_seconds:5\r\n", want: service.Answer{
		Service: "redis", Banner: "Redis 7.0.15 Linux 6.1.0 x86_64", Facts: facts{"redis.version": "7.0.15", "redis.os": "Linux 6.1.0 x86_64"}}},
	{parser: "mongodb", hex: "5f000000 01000000 01000000 dd070000 00000000 00 4a000000" +
		" 08 69735772697461626c655072696d61727900 01  02 7365744e616d6500 04000000 72733000  10 6d61785769726556657273696f6e00 15000000 01 6f6b00 000000000000f03f 00",
		want: service.Answer{Service: "mongodb", Banner: "MongoDB, replica set rs0", Facts: facts{"mongodb.set": "rs0", "mongodb.wire": "21"}}},
	{parser: "ldap", hex: "300c020101 6507 0a0100 0400 0400", want: service.Answer{Service: "ldap", Banner: "LDAP", Facts: facts{}}},
	{parser: "ldap", hex: "3040 020101 643b 0400 3037" +
		" 301f 0414 64656661756c744e616d696e67436f6e74657874 3107 0405 44433d7831" +
		" 3014 040b 646e73486f73744e616d65 3105 0403 642e78",
		want: service.Answer{Service: "ldap", Banner: "LDAP, d.x, DC=x1", Facts: facts{"ldap.dns_host": "d.x", "ldap.context": "DC=x1"}}},
	{parser: "ftp", text: "220 ProFTPD 1.3.5 Server (Debian) [::ffff:10.1.0.1]\r\n", want: service.Answer{
		Service: "ftp", Banner: "ProFTPD 1.3.5 Server (Debian) [::ffff:10.1.0.1]", Facts: facts{"ftp.banner": "ProFTPD 1.3.5 Server (Debian) [::ffff:10.1.0.1]"}}},
	{parser: "smtp", text: "220 mx1.example.org ESMTP Exim 4.96 Thu, 26 Nov 2026 23:10:00 +0000\r\n", want: service.Answer{
		Service: "smtp", Banner: "mx1.example.org ESMTP Exim 4.96", Facts: facts{"smtp.banner": "mx1.example.org ESMTP Exim 4.96", "smtp.host": "mx1.example.org"}}},
	{parser: "imap", text: "* OK [CAPABILITY IMAP4rev1 LITERAL+] Dovecot ready.\r\n", want: service.Answer{
		Service: "imap", Banner: "Dovecot ready.", Facts: facts{"imap.banner": "Dovecot ready."}}},
	{parser: "pop3", text: "+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n", want: service.Answer{
		Service: "pop3", Banner: "ready", Facts: facts{"pop3.banner": "ready"}}},
	{parser: "greeting", text: "220 mx1.example.org ESMTP Postfix\r\n", want: service.Answer{
		Service: "smtp", Banner: "mx1.example.org ESMTP Postfix", Facts: facts{"smtp.banner": "mx1.example.org ESMTP Postfix", "smtp.host": "mx1.example.org"}}},
	{parser: "greeting", text: "\x1b]0;owned\x07\x1b[2Jhi\u202e there", want: service.Answer{Banner: "hi there"}},
	{parser: "telnet", text: "\xff\xfb\x01\xff\xfd\x18\r\nUser Access Verification\r\n\r\nUsername: ", want: service.Answer{
		Service: "telnet", Banner: "User Access Verification Username:", Facts: facts{"telnet.banner": "User Access Verification Username:"}}},
	{parser: "telnet", text: "hello", want: service.Answer{Banner: "hello"}},
	{parser: "rdp", hex: "030000130ed000001234000209080002000000", want: service.Answer{
		Service: "rdp", Banner: "RDP, security credssp", Facts: facts{"rdp.security": "credssp"}}},
	{parser: "rdp", hex: "0300000b06d00000123400", want: service.Answer{Service: "rdp", Banner: "RDP, security rdp", Facts: facts{"rdp.security": "rdp"}}},
	{parser: "vnc", text: "RFB 003.008\n", want: service.Answer{Service: "vnc", Banner: "RFB 003.008", Facts: facts{"vnc.version": "003.008"}}},
	{parser: "ipmi", hex: "0600ff07 00 00000000 00000000 10 811c632000 38 00 01 80 04 02 a20200 00 77", want: service.Answer{
		Service: "ipmi", Banner: "IPMI 2.0", Facts: facts{"ipmi.version": "2.0", "ipmi.enterprise": "674"}}},
	{parser: "ntp", hex: "24020a ec" + "00000000 00000000 0a000001 e5a1b2c300000000 0000000000000000 e5a1b2c400000001 e5a1b2c400000002", want: service.Answer{
		Service: "ntp", Banner: "NTP 4", Facts: facts{"ntp.version": "4", "ntp.stratum": "2", "ntp.refid": "10.0.0.1"}}},
	{parser: "sip", text: "SIP/2.0 200 OK\r\nVia: x\r\nServer: Asterisk PBX 18.10.0\r\n\r\n", want: service.Answer{
		Service: "sip", Banner: "Asterisk PBX 18.10.0", Facts: facts{"sip.server": "Asterisk PBX 18.10.0"}}},
	{parser: "rtsp", text: "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: Hipcam RealServer/V1.0\r\nWWW-Authenticate: Digest realm=\"Hipcam\", nonce=\"5f\"\r\n\r\n", want: service.Answer{
		Service: "rtsp", Banner: "Hipcam RealServer/V1.0 Hipcam", Facts: facts{"rtsp.server": "Hipcam RealServer/V1.0", "rtsp.realm": "Hipcam"}}},
	{parser: "airplay", text: "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>model</key><string>QE55Q80</string><key>manufacturer</key><string>Samsung</string>" +
		"<key>firmwareRevision</key><string>1402</string><key>txtAirPlay</key><data>Cm9zdmVycz02Ljc=</data></dict></plist>", want: service.Answer{
		Service: "airplay", Facts: facts{"airplay.model": "QE55Q80", "airplay.maker": "Samsung", "airplay.firmware": "1402", "airplay.system": "QE55Q80 6.7"}}},
	{parser: "modbus", hex: "0001 0000 0003 ff ab 01", want: service.Answer{Service: "modbus", Banner: "Modbus", Facts: facts{}}},
	{parser: "modbus", hex: "0001 0000 0019 ff 2b0e01 01 00 00 02 00 09 5363686e6569646572 01 06 424d58503334", want: service.Answer{
		Service: "modbus", Banner: "Modbus Schneider BMXP34", Facts: facts{"modbus.vendor": "Schneider", "modbus.product": "BMXP34"}}},
	{parser: "bacnet", hex: "810a0019 0100 3001 0c 0c02000001 1979 3e 75 05 00 41434d45 3f", want: service.Answer{
		Service: "bacnet", Facts: facts{"bacnet": "ACME"}}},
	{parser: "ipp", hex: "0200 0000 00000001 01 47 0012 617474726962757465732d63686172736574 0005 7574662d38 04" +
		" 41 0016 7072696e7465722d6d616b652d616e642d6d6f64656c 000a 4163205072696e742039" +
		" 41 0011 7072696e7465722d6465766963652d6964 0019 4d46473a4143204d45 3b4d444c3a5031303b534e3a5835353b 20 03",
		want: service.Answer{Service: "ipp", Facts: facts{"ipp.model": "Ac Print 9", "ipp.device_id": "MFG:AC ME;MDL:P10;SN:X55;",
			"printer.maker": "AC ME", "printer.model": "P10", "printer.serial": "X55"}}},
}

func TestParse(t *testing.T) {
	for _, c := range answers {
		t.Run(c.parser, func(t *testing.T) {
			got := service.Parsers[c.parser](c.bytes(t))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%q: %s", c.bytes(t), d)
			}
			check(t, got)
		})
	}
}

// No answer keeps the scanner busy: these are what patterns are slow with.
func BenchmarkWorst(b *testing.B) {
	for name, text := range map[string]string{
		"titles": "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("<title>", 9000), "links": "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("<link rel=", 6000),
		"realm": "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic " + strings.Repeat("realm=\"", 8000),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				service.Parsers["http"]([]byte(text))
			}
		})
	}
	b.Run("ssh", func(b *testing.B) {
		text := []byte(strings.Repeat("SSH-2.0-", 256))
		for b.Loop() {
			service.Parsers["ssh"](text)
		}
	})
}

func TestIconHash(t *testing.T) {
	// The first three are published test vectors of MurmurHash3_x86_32.
	for text, want := range map[string]uint32{"": 0, "hello": 0x248bfa47, "The quick brown fox jumps over the lazy dog": 0x2e4ff723} {
		if got := service.Murmur3([]byte(text)); got != want {
			t.Errorf("murmur3 of %q is %#x, not %#x", text, got, want)
		}
	}
	// Of "aGVsbG8=\n", the base64 of hello.
	if got, want := uint32(service.IconHash([]byte("hello"))), service.Murmur3([]byte("aGVsbG8=\n")); got != want {
		t.Errorf("icon: %#x, not %#x", got, want)
	}
}

// What changes by itself is not part of a greeting.
func TestSteady(t *testing.T) {
	for text, want := range map[string]string{
		"mx ESMTP Sendmail 8.15.2/8.15.2; Thu, 26 Nov 2026 23:10:00 GMT":                   "mx ESMTP Sendmail 8.15.2/8.15.2; GMT",
		"FTP ready, local time is now 10:22.":                                              "FTP ready, local time is now .",
		"mx.example Microsoft ESMTP MAIL Service ready at Thu, 26 Nov 2026 12:00:01 +0100": "mx.example Microsoft ESMTP MAIL Service ready at",
		"POP3 2026.11 server 1.2.3 <12.34@h>":                                              "POP3 2026.11 server 1.2.3",
		"Release 12.2(55)SE7, 2 May":                                                       "Release 12.2(55)SE7, 2 May",
	} {
		if got := service.Steady(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}

func TestParsePorts(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"22", "80-82", "80"}, "TCP 22, 80, 81, 82"},
		{[]string{"udp/123", "tcp/8080", "modbus", "bacnet"}, "TCP 8080, 502; UDP 123, 47808"},
		{[]string{"default"}, service.Default().String()},
		{nil, "none"},
		{[]string{"502"}, `port "502": 502 (Modbus) is not asked by number: what listens there may take a question for an order`},
		{[]string{"udp/47808"}, `port "udp/47808": no question is known for this UDP port`},
		{[]string{"0"}, `port "0": must be a number from 1 to 65535, a range, udp/NUMBER, default, modbus or bacnet`},
		{[]string{"9-8"}, `port "9-8": ends before it begins`},
		{[]string{"1000-2000"}, `port "1000-2000": has more than 256 ports`},
		{[]string{"3000-3200", "6000-6200"}, `more than 256 ports to ask of each device`},
	} {
		p, err := service.ParsePorts(c.words)
		got := p.String()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v: %s, not %s", c.words, got, c.want)
		}
	}
}
