package service_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"net"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/service"
)

// challenge is NTLM's second message with the names that a host has.
func challenge(build uint16, names map[uint16]string) []byte {
	var info []byte
	for id := uint16(1); id <= 5; id++ {
		if names[id] == "" {
			continue
		}
		text := utf16.Encode([]rune(names[id]))
		info = binary.LittleEndian.AppendUint16(info, id)
		info = binary.LittleEndian.AppendUint16(info, uint16(2*len(text)))
		for _, u := range text {
			info = binary.LittleEndian.AppendUint16(info, u)
		}
	}
	info = append(info, 0, 0, 0, 0)
	b := append([]byte("NTLMSSP\x00\x02\x00\x00\x00"), make([]byte, 44)...)
	binary.LittleEndian.PutUint32(b[20:], 0x02000000)
	binary.LittleEndian.PutUint16(b[40:], uint16(len(info)))
	binary.LittleEndian.PutUint32(b[44:], uint32(len(b)))
	b[48], b[55] = 10, 15
	binary.LittleEndian.PutUint16(b[50:], build)
	return append(b, info...)
}

func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// A server with CredSSP is asked as far as its challenge and is sent nothing after that.
func TestRDP(t *testing.T) {
	cert := certificate(t, "pc1.corp.example")
	after := make(chan int, 1)
	at := serve(t, func(c net.Conn) {
		request := make([]byte, 64)
		if n, err := c.Read(request); err != nil || n != 19 || request[5] != 0xe0 || request[15] != 3 {
			return
		}
		_, _ = c.Write(unhex(t, "030000130ed000001234000209080002000000"))
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
		n, err := s.Read(request)
		if err != nil || n == 0 || request[0] != 0x30 {
			return
		}
		// TSRequest{version 6, negoTokens}; lengths of two bytes.
		token := challenge(20348, map[uint16]string{1: "PC1", 2: "CORP", 3: "pc1.corp.example", 4: "corp.example"})
		wrap := func(tag byte, b []byte) []byte {
			return append([]byte{tag, 0x82, byte(len(b) >> 8), byte(len(b))}, b...)
		}
		tokens := wrap(0xa1, wrap(0x30, wrap(0x30, wrap(0xa0, wrap(0x04, token)))))
		_, _ = s.Write(wrap(0x30, append([]byte{0xa0, 3, 2, 1, 6}, tokens...)))
		n, _ = s.Read(request)
		after <- n
	})
	a := (&service.Prober{}).Ask(t.Context(), 3389, at)
	if n := <-after; n != 0 {
		t.Errorf("%d bytes after the challenge", n)
	}
	delete(a.Facts, "tls.sha256") // of a key that is new each time
	want := service.Answer{Service: "rdp", Banner: "RDP, security credssp, pc1.corp.example, 10.0.20348", Facts: facts{
		"rdp.security": "credssp", "ntlm.computer": "PC1", "ntlm.domain": "CORP", "ntlm.dns_computer": "pc1.corp.example",
		"ntlm.dns_domain": "corp.example", "ntlm.build": "10.0.20348", "tls.common_name": "pc1.corp.example", "tls.subject": "CN=pc1.corp.example",
		"tls.issuer": "CN=pc1.corp.example", "tls.self_signed": "yes", "tls.expires": "2030-01-02", "tls.key": "ECDSA P-256", "tls.version": "TLS 1.3",
	}}
	if d := cmp.Diff(want, a); d != "" {
		t.Error(d)
	}
}
