package publish

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

const pemType = "PRIVATE KEY" // PKCS #8, RFC 5958

// keyring is the keys that are at hand, by their id in the metadata.
type keyring map[string]signature.Signer

// readKeys takes every key file of some folders.
func readKeys(dirs ...string) (keyring, error) {
	ring := keyring{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
		if err != nil {
			return nil, fmt.Errorf("list keys in %s: %w", dir, err)
		}
		for _, file := range files {
			if err := ring.read(file); err != nil {
				return nil, fmt.Errorf("read key %s: %w", file, err)
			}
		}
	}
	return ring, nil
}

func (ring keyring) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return inventory.Errorf(inventory.CodeInvalid, "want PEM with one %q", pemType)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return inventory.Errorf(inventory.CodeInvalid, "want an Ed25519 key, got %T", key)
	}
	_, err = ring.add(private)
	return err
}

func (ring keyring) add(private ed25519.PrivateKey) (*metadata.Key, error) {
	key, err := metadata.KeyFromPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	id, err := key.ID()
	if err != nil {
		return nil, err
	}
	ring[id], err = signature.LoadSigner(private, crypto.Hash(0))
	return key, err
}

// generate makes a key for a role and puts it into a folder, readable by this user only.
func (ring keyring) generate(dir, role string) (*metadata.Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make %s key: %w", role, err)
	}
	key, err := ring.add(private)
	if err != nil {
		return nil, fmt.Errorf("make %s key: %w", role, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode %s key: %w", role, err)
	}
	id, err := key.ID()
	if err != nil {
		return nil, fmt.Errorf("make %s key: %w", role, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of keys: %w", err)
	}
	file := filepath.Join(dir, role+"-"+id[:12]+".pem")
	return key, wire.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), 0o600)
}

// sign signs anew for a role with all of its keys that are at hand; more are others that may
// sign too. It fails when they are too few.
func sign[T metadata.Roles](ring keyring, m *metadata.Metadata[T], name string, role *metadata.Role, more ...string) error {
	if err := ring.enough(role, name); err != nil {
		return err
	}
	m.ClearSignatures()
	for _, id := range append(slices.Clone(role.KeyIDs), more...) {
		if signer, ok := ring[id]; ok {
			if _, err := m.Sign(signer); err != nil {
				return fmt.Errorf("sign %s: %w", name, err)
			}
		}
	}
	return nil
}

// enough: as many keys of a role are at hand as have to sign.
func (ring keyring) enough(role *metadata.Role, name string) error {
	here := 0
	for _, id := range role.KeyIDs {
		if _, ok := ring[id]; ok {
			here++
		}
	}
	if here < role.Threshold {
		return inventory.Errorf(inventory.CodeInvalid, "sign %s: %d of its keys are here, it takes %d", name, here, role.Threshold)
	}
	return nil
}
