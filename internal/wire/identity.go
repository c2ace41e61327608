package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// What a state folder holds. The next key waits in a file of its own until its certificate
// is durable; the certificate says which of the two keys is the right one.
const (
	keyFile      = "key.pem"
	nextKeyFile  = "key.next.pem"
	certFile     = "cert.pem"
	caFile       = "ca.pem"
	identityFile = "identity.json"
	spoolDir     = "spool"
)

// Identity is who a source is to its collector.
type Identity struct {
	ID        string               `json:"id"`
	Kind      inventory.SourceKind `json:"kind"`
	Site      string               `json:"site,omitempty"`
	Collector string               `json:"collector"` // https://HOST:PORT
	// NotBefore and NotAfter are the certificate's.
	NotBefore time.Time `json:"-"`
	NotAfter  time.Time `json:"-"`
}

// LoadIdentity reads who the source of a state folder is, without its key. It is a
// not_found error when the folder is not enrolled.
func LoadIdentity(stateDir string) (Identity, error) {
	var id Identity
	text, err := os.ReadFile(filepath.Join(stateDir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return id, inventory.Errorf(inventory.CodeNotFound, "%s is not enrolled", stateDir)
	}
	if err != nil {
		return id, fmt.Errorf("read identity: %w", err)
	}
	if err := json.Unmarshal(text, &id); err != nil {
		return id, fmt.Errorf("read identity %s: %w", identityFile, err)
	}
	certs, err := readCertificates(filepath.Join(stateDir, certFile))
	if err != nil {
		return id, err
	}
	id.NotBefore, id.NotAfter = certs[0].NotBefore.UTC(), certs[0].NotAfter.UTC()
	return id, nil
}

// RenewAt is the time from which on the certificate is to be renewed: two thirds of its life.
func (id Identity) RenewAt() time.Time {
	return id.NotBefore.Add(id.NotAfter.Sub(id.NotBefore) / 3 * 2)
}

// loadKeyPair is the certificate with its key. After a crash between the two steps of a
// renewal the next key is the one that fits; the renewal is then finished here.
func loadKeyPair(stateDir string) (tls.Certificate, error) {
	certPEM, err := os.ReadFile(filepath.Join(stateDir, certFile))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read certificate: %w", err)
	}
	key, next := filepath.Join(stateDir, keyFile), filepath.Join(stateDir, nextKeyFile)
	keyPEM, err := os.ReadFile(key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read key: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err == nil {
		return pair, nil
	}
	nextPEM, nextErr := os.ReadFile(next)
	if nextErr != nil {
		return pair, fmt.Errorf("key and certificate in %s: %w", stateDir, err)
	}
	if pair, nextErr = tls.X509KeyPair(certPEM, nextPEM); nextErr != nil {
		return pair, fmt.Errorf("key and certificate in %s: %w", stateDir, err)
	}
	return pair, promoteKey(stateDir)
}

// promoteKey puts the next key in the place of the present one.
func promoteKey(stateDir string) error {
	if err := os.Rename(filepath.Join(stateDir, nextKeyFile), filepath.Join(stateDir, keyFile)); err != nil {
		return fmt.Errorf("replace key: %w", err)
	}
	return SyncDir(stateDir)
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read certificate %s: %w", path, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "no certificate in %s", path)
	}
	return certs, nil
}

func readPool(path string) (*x509.CertPool, error) {
	certs, err := readCertificates(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

// newKey makes a P-256 key and the request for its certificate. The collector decides on
// every name in the certificate, so the request carries none.
func newKey() (key *ecdsa.PrivateKey, keyPEM, csr []byte, err error) {
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("encode key: %w", err)
	}
	csr, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{}}, key)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make certificate request: %w", err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), csr, nil
}

// checkIssued checks what the collector answered to a request for key and gives both files' content.
func checkIssued(key *ecdsa.PrivateKey, certDER []byte, authorities [][]byte) (cert *x509.Certificate, certPEM, caPEM []byte, err error) {
	cert, err = x509.ParseCertificate(certDER)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the collector's certificate for us: %w", err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, nil, errors.New("the collector's certificate is for another key")
	}
	if n := len(authorities); n < 1 || n > 4 {
		return nil, nil, nil, fmt.Errorf("the collector gave %d authorities, want 1 to 4", n)
	}
	var ca bytes.Buffer
	for _, der := range authorities {
		a, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("the collector's authority: %w", err)
		}
		if !a.IsCA {
			return nil, nil, nil, errors.New("the collector gave an authority that is none")
		}
		if err := pem.Encode(&ca, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return nil, nil, nil, fmt.Errorf("encode authority: %w", err)
		}
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER}), ca.Bytes(), nil
}
