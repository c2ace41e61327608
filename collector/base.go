package collector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/vault"
	"github.com/muster-itam/muster/internal/inventory"
)

// AdminTokenFile is where the first start leaves the administrator's token, in the data directory.
const AdminTokenFile = "admin.token"

// Base is a collector's data directory and inventory, open: what serve and the
// administrator's commands share. Several processes may have it open.
type Base struct {
	Store     *store.Store
	Authority *identity.Authority
	Vault     *vault.Vault
	Now       func() time.Time
}

// Open opens the data directory and inventory, and makes what is missing.
func Open(ctx context.Context, c Config, now func() time.Time) (*Base, error) {
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	authority, err := identity.OpenAuthority(c.DataDir, now)
	if err != nil {
		return nil, err
	}
	keys, err := vault.Open(c.KeyFile())
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, c.DSN())
	if err != nil {
		return nil, err
	}
	return &Base{Store: st, Authority: authority, Vault: keys, Now: now}, nil
}

// Close closes the inventory.
func (b *Base) Close() error { return b.Store.Close() }

// firstAdministrator makes the administrator's token at the first start and leaves it in
// a file: it is shown nowhere else. The file comes first: when the store does not know
// its token, as after a crash in between, it is taken from there.
func (b *Base) firstAdministrator(ctx context.Context, dir string) error {
	people, err := b.Store.People(ctx)
	if err != nil || len(people) > 0 {
		return err
	}
	path := filepath.Join(dir, AdminTokenFile)
	text, err := identity.ReadPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		var secret inventory.Secret
		if secret, _, err = identity.NewAccess("admin", identity.Administrator, 0, b.Now()); err != nil {
			return err
		}
		text = []byte(secret.Reveal() + "\n")
		err = identity.WritePrivate(path, text, false)
	}
	if err != nil {
		return fmt.Errorf("administrator token: %w", err)
	}
	access, err := identity.AccessOf(inventory.Secret(strings.TrimSpace(string(text))), "admin", identity.Administrator, b.Now())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = b.Store.AddFirstAccess(ctx, access)
	return err
}

// Rekey encrypts all credentials by a new key, all or none. The former keys stay in the file for
// backups and for collectors that have not got the new file yet, unless they are to be dropped.
func (b *Base) Rekey(ctx context.Context, by string, drop bool) (n int, err error) {
	// A credential that no key opens must not cost a key with every try.
	list, err := b.Store.SealedCredentials(ctx)
	if err != nil {
		return 0, err
	}
	for _, x := range list {
		if _, err := b.Vault.Decrypt(x.Name, x.Sealed); err != nil {
			return 0, err
		}
	}
	// The key is on disk before anything is encrypted by it: whenever this ends, each credential's key is there.
	if err := b.Vault.AddKey(drop); err != nil {
		return 0, err
	}
	n, err = b.Store.Reseal(ctx, by, b.Now(), func(name string, sealed []byte) ([]byte, error) {
		secret, err := b.Vault.Decrypt(name, sealed)
		if err != nil {
			return nil, err
		}
		return b.Vault.Encrypt(name, secret)
	})
	if err == nil && drop {
		err = b.Vault.DropFormer()
	}
	return n, err
}
