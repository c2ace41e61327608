package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

const (
	rootLife = 10 * 365 * 24 * time.Hour
	// backdate lets a certificate be used by machines whose clocks are a little behind.
	backdate = 5 * time.Minute
	// maxRoots bounds what a source has to trust: the root in use, the next one and two former ones.
	maxRoots = 4

	keyFile  = "ca.key"
	rootFile = "ca.pem"
)

// root is one certificate authority; key is nil for a former one.
type root struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Authority is the collector's own certificate authority. It always has two trusted
// roots with keys, the one in use and its successor, so that every source trusts the
// successor long before it is used. It is read-only once open.
type Authority struct {
	dir   string
	now   func() time.Time
	roots []root // [0] in use, [1] next, then former ones
}

// OpenAuthority opens the authority in dir or makes a new one there. DIR/ca.key (0600)
// holds the certificates and keys, DIR/ca.pem the certificates alone.
func OpenAuthority(dir string, now func() time.Time) (*Authority, error) {
	a := &Authority{dir: dir, now: now}
	path := filepath.Join(dir, keyFile)
	text, err := ReadPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		if a.roots, err = newRoots(now(), 2); err != nil {
			return nil, err
		}
		if err = a.write(false); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		text, err = ReadPrivate(path) // another process may have been first: its roots count
	}
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	if a.roots, err = parseRoots(text); err != nil {
		return nil, fmt.Errorf("certificate authority %s: %w", path, err)
	}
	if err := a.publish(); err != nil {
		return nil, err
	}
	return a, nil
}

// Roll puts the next root into use, keeps the present one trusted and makes a new next one.
// Enrolment tokens made before name the former root and stop working.
func (a *Authority) Roll() error {
	fresh, err := newRoots(a.now(), 1)
	if err != nil {
		return err
	}
	roots := append([]root{a.roots[1], fresh[0], {cert: a.roots[0].cert}}, a.roots[2:]...)
	for len(roots) > maxRoots {
		roots = roots[:len(roots)-1]
	}
	rolled := &Authority{dir: a.dir, now: a.now, roots: roots}
	if err := rolled.write(true); err != nil {
		return err
	}
	if err := rolled.publish(); err != nil {
		return err
	}
	a.roots = roots
	return nil
}

func newRoots(now time.Time, n int) ([]root, error) {
	var out []root
	for range n {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make root key: %w", err)
		}
		serial, err := newSerial()
		if err != nil {
			return nil, err
		}
		cert, err := sign(&x509.Certificate{
			SerialNumber:          serial,
			Subject:               pkix.Name{Organization: []string{"muster"}, CommonName: fmt.Sprintf("muster root %x", serial.Bytes()[:4])},
			NotBefore:             now.Add(-time.Hour),
			NotAfter:              now.Add(rootLife),
			IsCA:                  true,
			BasicConstraintsValid: true,
			MaxPathLenZero:        true,
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}, nil, &key.PublicKey, key)
		if err != nil {
			return nil, fmt.Errorf("make root certificate: %w", err)
		}
		out = append(out, root{cert: cert, key: key})
	}
	return out, nil
}

// sign issues a certificate; a nil parent means self-signed.
func sign(template, parent *x509.Certificate, pub *ecdsa.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// newSerial is 128 random bits: unique without a counter (RFC 5280 §4.1.2.2 allows 20 bytes).
func newSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("make serial: %w", err)
	}
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b), nil
}

func parseRoots(text []byte) ([]root, error) {
	var roots []root
	for len(text) > 0 {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, err
			}
			roots = append(roots, root{cert: cert})
		case "EC PRIVATE KEY":
			key, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return nil, errors.New("a key in it cannot be read")
			}
			if len(roots) == 0 || !key.PublicKey.Equal(roots[len(roots)-1].cert.PublicKey) {
				return nil, errors.New("a key in it does not belong to the certificate before it")
			}
			roots[len(roots)-1].key = key
		default:
			return nil, fmt.Errorf("unexpected %q in it", block.Type)
		}
	}
	if len(roots) < 2 || roots[0].key == nil || roots[1].key == nil {
		return nil, errors.New("it does not hold two roots with their keys")
	}
	return roots, nil
}

// write puts ca.key in place whole or not at all; without replace an existing file stays and is an error.
func (a *Authority) write(replace bool) error {
	var text bytes.Buffer
	for _, r := range a.roots {
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: r.cert.Raw})
		if r.key == nil {
			continue
		}
		der, err := x509.MarshalECPrivateKey(r.key)
		if err != nil {
			return fmt.Errorf("encode root key: %w", err)
		}
		_ = pem.Encode(&text, &pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	}
	if err := WritePrivate(filepath.Join(a.dir, keyFile), text.Bytes(), replace); err != nil {
		return fmt.Errorf("write certificate authority: %w", err)
	}
	return nil
}

// publish brings ca.pem up to date; the file is for people and for clients on this machine.
func (a *Authority) publish() error {
	path := filepath.Join(a.dir, rootFile)
	want := a.PEM()
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) {
		return nil
	}
	if err := writeFile(path, want, 0o644, true); err != nil {
		return fmt.Errorf("write trusted roots: %w", err)
	}
	return nil
}

// PEM is the trusted roots as text, the one in use first.
func (a *Authority) PEM() []byte {
	var text bytes.Buffer
	for _, r := range a.roots {
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: r.cert.Raw})
	}
	return text.Bytes()
}

// Roots are the trusted roots, DER, the one in use first.
func (a *Authority) Roots() [][]byte {
	var out [][]byte
	for _, r := range a.roots {
		out = append(out, r.cert.Raw)
	}
	return out
}

// Pool is the trusted roots as a pool.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, r := range a.roots {
		pool.AddCert(r.cert)
	}
	return pool
}

// Fingerprint names the root in use: hex of the SHA-256 of its DER form. Tokens carry it.
func (a *Authority) Fingerprint() string {
	sum := sha256.Sum256(a.roots[0].cert.Raw)
	return hex.EncodeToString(sum[:])
}

// Until is when the root in use ends.
func (a *Authority) Until() time.Time { return a.roots[0].cert.NotAfter }
