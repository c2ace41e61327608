package service

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
)

// shakeHands makes c a TLS connection whatever the other side's certificate: it is read,
// never trusted, and nothing secret goes over it. Old versions and ciphers are offered, as
// old devices speak nothing else.
func shakeHands(ctx context.Context, c net.Conn) (*tls.Conn, error) {
	t := tls.Client(c, &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, CipherSuites: allCiphers(), //nolint:gosec // see above
		SessionTicketsDisabled: true,
	})
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

func allCiphers() []uint16 {
	var out []uint16
	for _, c := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		out = append(out, c.ID)
	}
	return out
}

// maxNames is how many names of a certificate are kept; those of a shared one go on.
const maxNames = 16

// certificateFacts are what a certificate says; nobody vouches for any of it.
func certificateFacts(cert *x509.Certificate) Facts {
	f := Facts{}
	f.set("tls.common_name", cert.Subject.CommonName)
	f.set("tls.organization", strings.Join(cert.Subject.Organization[:min(len(cert.Subject.Organization), 2)], ", "))
	f.set("tls.issuer", cert.Issuer.String())
	if cert.Subject.String() == cert.Issuer.String() {
		f.set("tls.self_signed", "yes")
	}
	f.set("tls.subject", cert.Subject.String())
	f.set("tls.names", strings.Join(cert.DNSNames[:min(len(cert.DNSNames), maxNames)], " "))
	f.set("tls.expires", cert.NotAfter.UTC().Format("2006-01-02"))
	f.set("tls.key", keyKind(cert))
	sum := sha256.Sum256(cert.Raw)
	f.set("tls.sha256", hex.EncodeToString(sum[:]))
	return f
}

func keyKind(cert *x509.Certificate) string {
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return cert.PublicKeyAlgorithm.String()
}

// tlsFacts are what the handshake of t told.
func tlsFacts(t *tls.Conn) Facts {
	st := t.ConnectionState()
	if len(st.PeerCertificates) == 0 {
		return Facts{}
	}
	f := certificateFacts(st.PeerCertificates[0])
	f.set("tls.version", tls.VersionName(st.Version))
	return f
}
