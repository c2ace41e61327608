package wire

import (
	"context"
	"fmt"
	"path/filepath"

	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// Renew gets a new certificate with a new key; the present certificate, which may have
// expired, is the proof. The old key stays in use until the new certificate is on disk.
// Authorities that the collector added or dropped count at once.
func (c *Client) Renew(ctx context.Context) error {
	key, keyPEM, csr, err := newKey()
	if err != nil {
		return err
	}
	if err := WriteFile(filepath.Join(c.dir, nextKeyFile), keyPEM, 0o600); err != nil {
		return err
	}
	var res *musterv1.EnrollResponse
	s := c.session.Load()
	err = s.call(ctx, func(ctx context.Context) (err error) {
		res, err = musterv1connect.NewEnrolmentServiceClient(s.rpc).Renew(ctx, &musterv1.RenewRequest{Csr: csr})
		return err
	})
	if err != nil {
		return fmt.Errorf("renew certificate: %w", err)
	}
	_, certPEM, caPEM, err := checkIssued(key, res.GetCertificate(), res.GetAuthorities())
	if err != nil {
		return fmt.Errorf("renew certificate: %w", err)
	}
	if err := WriteFile(filepath.Join(c.dir, caFile), caPEM, 0o644); err != nil {
		return err
	}
	// From this write on the next key is the one that counts, see loadKeyPair.
	if err := WriteFile(filepath.Join(c.dir, certFile), certPEM, 0o644); err != nil {
		return err
	}
	return c.load()
}
