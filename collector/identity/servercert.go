package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	serverLife  = 90 * 24 * time.Hour
	serverRenew = serverLife / 3 // time left at which it is renewed
	maxNames    = 256
)

// ServerCertificate gives the listener its certificate, makes it anew in time, and again
// when the machine has got an address that is not in it.
type ServerCertificate struct {
	authority *Authority
	names     []string

	mu   sync.Mutex
	cert *tls.Certificate
	leaf *x509.Certificate
	made time.Time
}

// NewServerCertificate makes a certificate for this machine's names and addresses and for
// names, which are host names and addresses.
func (a *Authority) NewServerCertificate(names []string) (*ServerCertificate, error) {
	s := &ServerCertificate{authority: a, names: names}
	return s, s.renew()
}

// Get is tls.Config's GetCertificate.
func (s *ServerCertificate) Get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.authority.now()
	due := s.leaf.NotAfter.Sub(now) < serverRenew || now.Before(s.leaf.NotBefore)
	if !due && hello != nil && hello.Conn != nil && now.Sub(s.made) > time.Minute {
		due = !s.covers(hello.Conn.LocalAddr())
	}
	if due {
		if err := s.renew(); err != nil && now.After(s.leaf.NotAfter) {
			return nil, err
		}
	}
	return s.cert, nil
}

// covers says whether the certificate names the address a connection came in on.
func (s *ServerCertificate) covers(addr net.Addr) bool {
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return true
	}
	return s.leaf.VerifyHostname(ap.Addr().Unmap().WithZone("").String()) == nil
}

// renew is called with the lock held, or before the certificate is shared.
func (s *ServerCertificate) renew() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make server key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	now, issuer := s.authority.now(), s.authority.roots[0]
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "muster collector"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(serverLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if end := issuer.cert.NotAfter; template.NotAfter.After(end) {
		template.NotAfter = end
	}
	template.DNSNames, template.IPAddresses = hostNames(s.names)
	leaf, err := sign(template, issuer.cert, &key.PublicKey, issuer.key)
	if err != nil {
		return fmt.Errorf("make server certificate: %w", err)
	}
	// The root goes along, so that a source that enrols can find it by the fingerprint in its token.
	s.cert = &tls.Certificate{Certificate: [][]byte{leaf.Raw, issuer.cert.Raw}, PrivateKey: key, Leaf: leaf}
	s.leaf, s.made = leaf, now
	return nil
}

// hostNames are localhost, the machine's name and addresses and the names given, each once.
func hostNames(given []string) ([]string, []net.IP) {
	all := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil {
		all = append(all, name)
	}
	all = append(all, given...)
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, prefix.Addr().WithZone("").String())
			}
		}
	}
	var names []string
	var addrs []net.IP
	for _, n := range all {
		if len(names)+len(addrs) >= maxNames {
			break
		}
		if addr, err := netip.ParseAddr(n); err == nil {
			if ip := net.IP(addr.Unmap().AsSlice()); !addr.IsUnspecified() && !slices.ContainsFunc(addrs, ip.Equal) {
				addrs = append(addrs, ip)
			}
			continue
		}
		n = strings.ToLower(strings.TrimSuffix(n, "."))
		if validHost(n) && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names, addrs
}

// validHost keeps out what x509 refuses to encode, so that an odd host name never stops the collector.
func validHost(n string) bool {
	return n != "" && len(n) <= 253 && !strings.ContainsFunc(n, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

// TLS is the listener's configuration. Sources show certificates, people do not: so one is
// asked for and never demanded here.
func (a *Authority) TLS(server *ServerCertificate) *tls.Config {
	return &tls.Config{
		MinVersion:       tls.VersionTLS12,
		GetCertificate:   server.Get,
		ClientAuth:       tls.RequestClientCert,
		ClientCAs:        a.Pool(),
		VerifyConnection: a.VerifyPeer,
	}
}
