package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/muster-itam/muster/internal/inventory"
)

const (
	// ClientLife is how long a source's certificate lasts; sources renew at two thirds of it.
	ClientLife = 30 * 24 * time.Hour
	// RenewGrace is how long after its end a certificate can still be renewed: laptops sleep long.
	RenewGrace = 180 * 24 * time.Hour

	maxRequest = 4096 // bytes of a PKCS#10 request; a P-256 one has about 200
)

// DefaultSite is the site of those who name none.
const DefaultSite = "default"

var siteName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CheckSite gives the site's name as kept: "" becomes DefaultSite.
func CheckSite(site string) (string, error) {
	if site == "" {
		return DefaultSite, nil
	}
	if !siteName.MatchString(site) {
		return "", inventory.Errorf(inventory.CodeInvalid, "site %q: a site is 1 to 63 letters, digits, dots, dashes and underscores, beginning with a letter or digit", site)
	}
	return site, nil
}

// ParseRequest takes the public key out of a PKCS#10 request (RFC 2986) that proves
// possession of it. Whatever else the request asks for, names or extensions, is ignored:
// the certificate is made to our own profile.
func ParseRequest(der []byte) (*ecdsa.PublicKey, error) {
	if len(der) > maxRequest {
		return nil, inventory.Errorf(inventory.CodeInvalid, "certificate request: %d bytes, at most %d allowed", len(der), maxRequest)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "certificate request: not a PKCS#10 request in DER")
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, inventory.Errorf(inventory.CodeInvalid, "certificate request: the key must be on the curve P-256")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "certificate request: it is not signed by the key in it")
	}
	return key, nil
}

// KeyHash names a public key: SHA-256 of its SubjectPublicKeyInfo.
func KeyHash(key *ecdsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	return sum[:], nil
}

// Certificate is what the collector remembers of a certificate it issued.
type Certificate struct {
	Serial   string // hex
	Key      []byte // KeyHash
	IssuedAt time.Time
	NotAfter time.Time
	UsedAt   time.Time // first request with it; zero until then
	EndedAt  time.Time // when its successor was first used; zero until then
	DER      []byte    // only at issue
}

// issueClient makes a source's certificate: the identity as URI name, client use only.
func (a *Authority) issueClient(src Source, key *ecdsa.PublicKey) (Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return Certificate{}, err
	}
	hash, err := KeyHash(key)
	if err != nil {
		return Certificate{}, err
	}
	now := a.now()
	until := now.Add(ClientLife)
	if end := a.roots[0].cert.NotAfter; until.After(end) {
		until = end
	}
	cert, err := sign(&x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: src.ID},
		URIs:                  []*url.URL{sourceURI(src)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              until,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}, a.roots[0].cert, key, a.roots[0].key)
	if err != nil {
		return Certificate{}, err
	}
	return Certificate{Serial: serialOf(cert), Key: hash, IssuedAt: now, NotAfter: cert.NotAfter, DER: cert.Raw}, nil
}

func serialOf(cert *x509.Certificate) string { return hex.EncodeToString(cert.SerialNumber.Bytes()) }

func sourceURI(src Source) *url.URL {
	return &url.URL{Scheme: "muster", Host: src.Site, Path: "/" + string(src.Kind) + "/" + src.ID}
}

// sourceOf reads the identity out of a certificate: muster://<site>/<kind>/<uuid>.
func sourceOf(cert *x509.Certificate) (Source, bool) {
	if len(cert.URIs) != 1 {
		return Source{}, false
	}
	u := cert.URIs[0]
	kind, id, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	src := Source{ID: id, Kind: inventory.SourceKind(kind), Site: u.Host}
	if !ok || u.Scheme != "muster" || !siteName.MatchString(src.Site) || !validKind(src.Kind) || uuid.Validate(id) != nil {
		return Source{}, false
	}
	return src, true
}

func validKind(kind inventory.SourceKind) bool {
	return kind == inventory.KindAgent || kind == inventory.KindScanner
}

// VerifyPeer checks a client's certificate during the TLS handshake: a chain to one of
// our roots, for client use. Time is left out: an expired certificate may still be renewed,
// which is for the request to decide (Authenticator).
func (a *Authority) VerifyPeer(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0]
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() || leaf.IsCA {
		return inventory.Errorf(inventory.CodeUnauthenticated, "client certificate: not one of this collector's")
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:       a.Pool(),
		CurrentTime: leaf.NotBefore.Add(backdate),
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err
}
