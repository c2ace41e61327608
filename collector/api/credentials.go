package api

import (
	"context"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/seal"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

func credentialToProto(x *store.Credential) *musterv1.Credential {
	return &musterv1.Credential{Name: x.Name, Kind: x.Kind, Sites: x.Sites, Targets: x.Targets,
		ChangedAt: stamp(x.ChangedAt), ChangedBy: x.ChangedBy, LastUsed: stamp(x.LastUsed)}
}

// SetCredential encrypts what scanners log in with and keeps it. It does not come back.
func (s *Inventory) SetCredential(ctx context.Context, req *musterv1.SetCredentialRequest) (*musterv1.SetCredentialResponse, error) {
	x, err := s.setCredential(ctx, req)
	if err != nil {
		return nil, s.personError(ctx, "set credential", err)
	}
	s.log.InfoContext(ctx, "credential set", "credential", x.Name, "caller", identity.CallerOf(ctx).String())
	return &musterv1.SetCredentialResponse{Credential: credentialToProto(&x)}, nil
}

func (s *Inventory) setCredential(ctx context.Context, req *musterv1.SetCredentialRequest) (store.Credential, error) {
	x := store.SealedCredential{Credential: store.Credential{Name: req.GetName(), Kind: req.GetKind(), Sites: req.GetSites(), Targets: req.GetTargets()}}
	if err := x.Validate(); err != nil {
		return x.Credential, err
	}
	if n := len(req.GetSecret()); n == 0 || n > wire.MaxCredential {
		return x.Credential, inventory.Errorf(inventory.CodeInvalid, "secret: %d bytes, 1 to %d allowed", n, wire.MaxCredential)
	}
	var err error
	if x.Sealed, err = s.vault.Encrypt(x.Name, inventory.Secret(req.GetSecret())); err != nil {
		return x.Credential, err
	}
	return s.store.PutCredential(ctx, x, identity.CallerOf(ctx).ID, s.now())
}

// ListCredentials lists names and scopes.
func (s *Inventory) ListCredentials(ctx context.Context, _ *musterv1.ListCredentialsRequest) (*musterv1.ListCredentialsResponse, error) {
	list, err := s.store.Credentials(ctx)
	if err != nil {
		return nil, s.personError(ctx, "list credentials", err)
	}
	res := &musterv1.ListCredentialsResponse{}
	for i := range list {
		res.Credentials = append(res.Credentials, credentialToProto(&list[i]))
	}
	return res, nil
}

// DeleteCredential forgets a set.
func (s *Inventory) DeleteCredential(ctx context.Context, req *musterv1.DeleteCredentialRequest) (*musterv1.DeleteCredentialResponse, error) {
	if err := s.store.DeleteCredential(ctx, req.GetName(), identity.CallerOf(ctx).ID, s.now()); err != nil {
		return nil, s.personError(ctx, "delete credential", err)
	}
	return &musterv1.DeleteCredentialResponse{}, nil
}

// seal gives a job's credentials to its scanner, and to nobody else. One that cannot be
// decrypted is left out: the scanner says which it did not get.
func (s *ScanJobs) seal(ctx context.Context, scanner inventory.Source, j *store.ScanJob, key []byte) ([]*musterv1.SealedCredential, error) {
	if len(key) == 0 {
		return nil, nil
	}
	list, err := s.store.CredentialsFor(ctx, scanner, j, s.now())
	if err != nil {
		return nil, err
	}
	var out []*musterv1.SealedCredential
	for i := range list {
		x := &list[i]
		secret, err := s.vault.Decrypt(x.Name, x.Sealed)
		if err != nil {
			s.log.ErrorContext(ctx, "credential cannot be used", "credential", x.Name, "scan", j.ID, "error", err)
			continue
		}
		text, err := wire.PackCredential(wire.Credential{Targets: x.Targets, Secret: secret})
		if err != nil {
			return nil, err
		}
		sealed, err := seal.Seal(key, text, j.ID, scanner.ID, x.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, &musterv1.SealedCredential{Name: x.Name, Sealed: sealed})
	}
	return out, nil
}
