package wire

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// EnrollConfig says who asks whom for an identity.
type EnrollConfig struct {
	StateDir  string
	Collector string           // https://HOST:PORT
	Token     inventory.Secret // mst_<id>_<secret>_<hex SHA-256 of the authority's certificate>
	Kind      inventory.SourceKind
	// Hostname is shown to administrators until the first report.
	Hostname string
	Version  string
	// Force replaces an identity that the folder has already; what waits in its spool is dropped.
	Force bool
	// Proxy is how the collector is reached; nil is the proxy of the environment.
	Proxy ProxyFunc
}

// Validate reports the first field that is missing or wrong, as an invalid error.
func (c EnrollConfig) Validate() error {
	switch {
	case c.StateDir == "":
		return invalid("no state folder given")
	case c.Kind != inventory.KindAgent && c.Kind != inventory.KindScanner:
		return invalid("kind %q cannot enrol", c.Kind)
	}
	if _, err := parseToken(c.Token); err != nil {
		return err
	}
	_, err := collectorURL(c.Collector)
	return err
}

// Enroll trades a token for an identity and writes it into the state folder. It talks only
// to a server whose certificate leads to the authority named in the token. The token itself
// is not kept.
func Enroll(ctx context.Context, cfg EnrollConfig) (Identity, error) {
	if err := cfg.Validate(); err != nil {
		return Identity{}, err
	}
	if err := privateDir(cfg.StateDir); err != nil {
		return Identity{}, err
	}
	if !cfg.Force {
		if err := refuseEnrolled(cfg.StateDir); err != nil {
			return Identity{}, err
		}
	}
	id, files, err := requestIdentity(ctx, cfg)
	if err != nil {
		return Identity{}, err
	}
	return id, storeIdentity(cfg.StateDir, id, files)
}

func refuseEnrolled(dir string) error {
	old, err := LoadIdentity(dir)
	switch {
	case err == nil:
		return inventory.Errorf(inventory.CodeConflict, "%s is already enrolled with %s as %s", dir, old.Collector, old.ID)
	case inventory.CodeOf(err) == inventory.CodeNotFound:
		return nil
	}
	return inventory.Errorf(inventory.CodeConflict, "%s has a damaged identity (%w)", dir, err)
}

// identityFiles is the content of an identity's files.
type identityFiles struct{ key, cert, ca []byte }

func requestIdentity(ctx context.Context, cfg EnrollConfig) (Identity, identityFiles, error) {
	base, err := collectorURL(cfg.Collector)
	if err != nil {
		return Identity{}, identityFiles{}, err
	}
	pin, err := parseToken(cfg.Token)
	if err != nil {
		return Identity{}, identityFiles{}, err
	}
	key, keyPEM, csr, err := newKey()
	if err != nil {
		return Identity{}, identityFiles{}, err
	}
	caller := newCaller(base.String(), pinnedTLS(base.Hostname(), pin), cfg.Proxy, new(atomic.Int64))
	defer caller.close()
	var res *musterv1.EnrollResponse
	err = caller.call(ctx, func(ctx context.Context) (err error) {
		res, err = musterv1connect.NewEnrolmentServiceClient(caller.rpc).Enroll(ctx, &musterv1.EnrollRequest{
			Token:    cfg.Token.Reveal(),
			Csr:      csr,
			Kind:     string(cfg.Kind),
			Hostname: cfg.Hostname,
			Version:  cfg.Version,
		})
		return err
	})
	if err != nil {
		return Identity{}, identityFiles{}, fmt.Errorf("enrol with %s: %w", base, err)
	}
	cert, certPEM, caPEM, err := checkIssued(key, res.GetCertificate(), res.GetAuthorities())
	if err != nil {
		return Identity{}, identityFiles{}, fmt.Errorf("enrol with %s: %w", base, err)
	}
	if res.GetId() == "" {
		return Identity{}, identityFiles{}, fmt.Errorf("enrol with %s: the collector gave no id", base)
	}
	return Identity{
		ID: res.GetId(), Kind: cfg.Kind, Site: res.GetSite(), Collector: base.String(),
		NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(),
	}, identityFiles{key: keyPEM, cert: certPEM, ca: caPEM}, nil
}

// storeIdentity writes identity.json last: only with it is a folder enrolled.
func storeIdentity(dir string, id Identity, files identityFiles) error {
	text, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	// An earlier identity ends here; an Outbox drops what waits in the spool of another one.
	for _, name := range []string{identityFile, nextKeyFile} {
		if err := removeFile(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		data []byte
		perm os.FileMode
	}{
		{keyFile, files.key, 0o600},
		{certFile, files.cert, 0o644},
		{caFile, files.ca, 0o644},
		{identityFile, append(text, '\n'), 0o644},
	} {
		if err := WriteFile(filepath.Join(dir, f.name), f.data, f.perm); err != nil {
			return err
		}
	}
	return nil
}

// parseToken takes the authority's fingerprint out of an enrolment token.
func parseToken(token inventory.Secret) (pin [sha256.Size]byte, err error) {
	text := token.Reveal()
	rest, prefixed := strings.CutPrefix(text, "mst_")
	cut := strings.LastIndexByte(rest, '_')
	if !prefixed || cut < 0 || strings.IndexByte(rest, '_') == cut || len(text) > 1024 {
		return pin, invalid("the token is not of the form mst_<id>_<secret>_<fingerprint>")
	}
	n, err := hex.Decode(pin[:], []byte(rest[cut+1:min(len(rest), cut+1+2*len(pin))]))
	if err != nil || n != len(pin) || len(rest) != cut+1+2*len(pin) {
		return pin, invalid("the token's last part is not a fingerprint: was it cut off?")
	}
	return pin, nil
}

// collectorURL checks the address of a collector: https and nothing but host and port.
func collectorURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil {
		return nil, invalid("collector address %q is not a URL", text)
	}
	if u.Scheme != "https" || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, invalid("collector address %q is not of the form https://HOST:PORT", text)
	}
	return u, nil
}

// pinnedTLS trusts a server only if its chain ends in the certificate with the fingerprint.
// The standard verification cannot express that before the authority is known, so it is
// replaced, not left out: VerifyConnection runs on every handshake.
func pinnedTLS(serverName string, pin [sha256.Size]byte) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         serverName,
		InsecureSkipVerify: true, // verifyPinned does all of it
		VerifyConnection: func(state tls.ConnectionState) error {
			return verifyPinned(state.PeerCertificates, serverName, pin)
		},
	}
}

func verifyPinned(chain []*x509.Certificate, serverName string, pin [sha256.Size]byte) error {
	if len(chain) == 0 {
		return errors.New("the server presented no certificate")
	}
	roots, intermediates, found := x509.NewCertPool(), x509.NewCertPool(), false
	for _, c := range chain {
		if c.IsCA && sha256.Sum256(c.Raw) == pin {
			roots.AddCert(c)
			found = true
			continue
		}
		intermediates.AddCert(c)
	}
	if !found {
		return errors.New("the server does not belong to the authority named in the token: wrong address, or somebody listens in")
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		DNSName:       serverName,
		Roots:         roots,
		Intermediates: intermediates,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}
