package service_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/scanner/service"
)

// secret is a certificate for names, made for the test.
func secret(t *testing.T, names ...string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2031, 2, 3, 0, 0, 0, 0, time.UTC),
	}
	raw, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

// dialogue greets, then answers lines that begin with a key; one whose answer ends in "\x00"
// is followed by TLS.
func dialogue(cfg *tls.Config, greeting string, answers map[string]string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, greeting)
		in := bufio.NewReader(c)
		for {
			text, err := in.ReadString('\n')
			if err != nil {
				return
			}
			said := "500 what?\r\n"
			for begin, answer := range answers {
				if strings.HasPrefix(text, begin) {
					said = answer
				}
			}
			plain, upgrade := strings.CutSuffix(said, "\x00")
			_, _ = io.WriteString(c, plain)
			if upgrade {
				t := tls.Server(c, cfg)
				_, _ = t.Read(make([]byte, 1)) // its end
				return
			}
		}
	}
}

func TestStartTLS(t *testing.T) {
	cfg := secret(t, "mx.example.org", "mail.example.org")
	for _, c := range []struct {
		port              int
		service, greeting string
		answers           map[string]string
		upgraded          bool
	}{
		{25, "smtp", "220-mx.example.org\r\n220 ESMTP Postfix\r\n", map[string]string{"EHLO ": "250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n", "STARTTLS": "220 go\r\n\x00"}, true},
		{25, "smtp", "220 mx.example.org ESMTP\r\n", map[string]string{"EHLO ": "250-mx\r\n250 SIZE 1\r\n"}, false},
		{587, "smtp", "220 mx.example.org ESMTP\r\n", map[string]string{"EHLO ": "250-STARTTLS\r\n250 HELP\r\n", "STARTTLS": "454 not now\r\n"}, false},
		{143, "imap", "* OK Dovecot ready.\r\n", map[string]string{"a1 STARTTLS": "* some\r\na1 OK begin\r\n\x00"}, true},
		{110, "pop3", "+OK Dovecot ready.\r\n", map[string]string{"STLS": "+OK begin\r\n\x00"}, true},
		{110, "pop3", "+OK ready.\r\n", map[string]string{"STLS": "-ERR no\r\n"}, false},
		{21, "ftp", "220 (vsFTPd 3.0.3)\r\n", map[string]string{"AUTH TLS": "234 Proceed\r\n\x00"}, true},
		{21, "ftp", "220 (vsFTPd 3.0.3)\r\n", map[string]string{"AUTH TLS": "234 Proceed\r\n"}, false}, // and then no TLS
	} {
		at := serve(t, dialogue(cfg, c.greeting, c.answers))
		p := &service.Prober{Exchange: 3 * time.Second}
		a := p.Ask(t.Context(), c.port, at)
		if a.Service != c.service || a.Facts[c.service+".banner"] == "" {
			t.Errorf("%d: %+v", c.port, a)
		}
		names, until := a.Facts["tls.names"], a.Facts["tls.expires"]
		if c.upgraded && (names != "mx.example.org mail.example.org" || until != "2031-02-03" || a.Facts["tls.sha256"] == "") || !c.upgraded && names != "" {
			t.Errorf("%d: certificate of %q until %q, want one: %v", c.port, names, until, c.upgraded)
		}
	}
}

// Services within TLS from the first byte on.
func TestImplicitTLS(t *testing.T) {
	cfg := secret(t, "mx.example.org")
	for port, c := range map[int]struct{ greeting, service, banner string }{
		465: {"220 mx.example.org ESMTP Postfix\r\n", "smtps", "mx.example.org ESMTP Postfix"},
		990: {"220 ProFTPD Server\r\n", "ftps", "ProFTPD Server"},
		993: {"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n", "imaps", "Dovecot ready."},
		995: {"+OK Dovecot ready.\r\n", "pop3s", "Dovecot ready."},
		636: {"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00", "ldaps", "LDAP"},
	} {
		at := serve(t, func(raw net.Conn) {
			s := tls.Server(raw, cfg)
			_, _ = io.WriteString(s, c.greeting)
			_, _ = io.Copy(io.Discard, s)
		})
		a := (&service.Prober{Exchange: 3 * time.Second}).Ask(t.Context(), port, at)
		if a.Service != c.service || a.Banner != c.banner || a.Facts["tls.names"] != "mx.example.org" {
			t.Errorf("%d: %+v", port, a)
		}
	}
	at := serve(t, func(raw net.Conn) { // TLS, and then nothing that is known
		s := tls.Server(raw, cfg)
		_, _ = io.WriteString(s, "hello\r\n")
		_, _ = io.Copy(io.Discard, s)
	})
	if a := (&service.Prober{Exchange: 3 * time.Second}).Ask(t.Context(), 993, at); a.Service != "tls" || a.Facts["tls.expires"] != "2031-02-03" {
		t.Errorf("not IMAP: %+v", a)
	}
}

// A directory server's answer to the request for TLS.
func TestStartLDAP(t *testing.T) {
	cfg := secret(t, "dc1.example.org")
	at := serve(t, func(c net.Conn) {
		b := make([]byte, 4096)
		_, _ = c.Read(b)
		_, _ = c.Write([]byte("\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00"))
		n, _ := c.Read(b)
		if !strings.Contains(string(b[:n]), "1.3.6.1.4.1.1466.20037") {
			t.Errorf("asked for TLS with %x", b[:n])
		}
		_, _ = c.Write([]byte("\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00"))
		_, _ = io.Copy(io.Discard, tls.Server(c, cfg))
	})
	a := (&service.Prober{Exchange: 3 * time.Second}).Ask(t.Context(), 389, at)
	if a.Service != "ldap" || a.Facts["tls.names"] != "dc1.example.org" || a.Facts["ldap.starttls"] != "yes" {
		t.Errorf("%+v", a)
	}
}
