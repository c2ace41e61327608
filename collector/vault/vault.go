// Package vault keeps secrets in the inventory so that a copy of it does not give them away.
//
// It owns the file of keys and the form of what is encrypted: AES-256-GCM, bound to the
// secret's name, with the key's id before it. It refuses to hold a key longer than one call:
// the file is small, secrets are needed seldom, and so a change of keys holds at once in
// every process. collector opens it, collector/api uses it.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
)

// DefaultFile is the file of keys in the data directory.
const DefaultFile = "credentials.key"

const (
	version  = 1
	keySize  = 32
	idSize   = 4
	head     = 1 + idSize
	maxKeys  = 8 // and one more while the former ones are about to be dropped
	comment  = "# Keys of the credentials in the inventory: the first encrypts, the others still decrypt.\n"
	maxPlain = 64 << 10
)

// Vault encrypts by the keys of one file.
type Vault struct{ path string }

type key []byte

// id names a key without telling it.
func (k key) id() []byte {
	sum := sha256.Sum256(append([]byte("muster vault key "), k...))
	return sum[:idSize]
}

// Open uses the file of keys at path and makes it when it is missing.
func Open(path string) (*Vault, error) {
	v := &Vault{path: path}
	_, err := v.keys()
	if errors.Is(err, fs.ErrNotExist) {
		var fresh key
		if fresh, err = newKey(); err != nil {
			return nil, err
		}
		if err = v.write([]key{fresh}, false); errors.Is(err, fs.ErrExist) {
			_, err = v.keys() // another process was first
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keys of credentials: %w", err)
	}
	return v, nil
}

func newKey() (key, error) {
	k := make(key, keySize)
	if _, err := rand.Read(k); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return k, nil
}

func (v *Vault) keys() ([]key, error) {
	text, err := identity.ReadPrivate(v.path)
	if err != nil {
		return nil, err
	}
	var out []key
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		k, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(k) != keySize || len(out) > maxKeys {
			return nil, inventory.Errorf(inventory.CodeInvalid, "%s: 1 to %d keys of %d bytes in base64 are wanted, one a line", v.path, maxKeys, keySize)
		}
		out = append(out, k)
	}
	if len(out) == 0 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "%s: no key in it", v.path)
	}
	return out, nil
}

func (v *Vault) write(keys []key, replace bool) error {
	var b strings.Builder
	b.WriteString(comment)
	for _, k := range keys {
		b.WriteString(base64.StdEncoding.EncodeToString(k) + "\n")
	}
	return identity.WritePrivate(v.path, []byte(b.String()), replace)
}

func seal(k key) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func bound(name string) []byte { return []byte("muster credential\x00" + name) }

// Encrypt hides the secret of that name.
func (v *Vault) Encrypt(name string, secret inventory.Secret) ([]byte, error) {
	if len(secret) > maxPlain {
		return nil, inventory.Errorf(inventory.CodeTooLarge, "secret: %d bytes, at most %d allowed", len(secret), maxPlain)
	}
	keys, err := v.keys()
	if err != nil {
		return nil, fmt.Errorf("keys of credentials: %w", err)
	}
	aead, err := seal(keys[0])
	if err != nil {
		return nil, fmt.Errorf("encrypt credential: %w", err)
	}
	return aead.Seal(append([]byte{version}, keys[0].id()...), nil, []byte(secret.Reveal()), bound(name)), nil
}

// Decrypt is the secret of that name.
func (v *Vault) Decrypt(name string, sealed []byte) (inventory.Secret, error) {
	if len(sealed) < head || sealed[0] != version {
		return "", inventory.Errorf(inventory.CodeInvalid, "credential %.80q: not in a form that this program knows", name)
	}
	keys, err := v.keys()
	if err != nil {
		return "", fmt.Errorf("keys of credentials: %w", err)
	}
	for _, k := range keys {
		if string(k.id()) != string(sealed[1:head]) {
			continue
		}
		aead, err := seal(k)
		if err != nil {
			return "", fmt.Errorf("decrypt credential: %w", err)
		}
		text, err := aead.Open(nil, nil, sealed[head:], bound(name))
		if err != nil {
			return "", inventory.Errorf(inventory.CodeInvalid, "credential %.80q: changed, or of another name", name)
		}
		return inventory.Secret(text), nil
	}
	return "", inventory.Errorf(inventory.CodeConflict, "credential %.80q: its key %s is not in %s", name, hex.EncodeToString(sealed[1:head]), v.path)
}

// AddKey puts a new key first: what is encrypted from now on is by it. There is room for one
// more where DropFormer follows.
func (v *Vault) AddKey(drop bool) error {
	keys, err := v.keys()
	if err != nil {
		return fmt.Errorf("keys of credentials: %w", err)
	}
	if len(keys) > maxKeys || len(keys) == maxKeys && !drop {
		return inventory.Errorf(inventory.CodeConflict, "%s has %d keys already: drop the former ones", v.path, len(keys))
	}
	fresh, err := newKey()
	if err != nil {
		return err
	}
	return v.write(append([]key{fresh}, keys...), true)
}

// DropFormer leaves only the first key: what the others encrypted is lost.
func (v *Vault) DropFormer() error {
	keys, err := v.keys()
	if err != nil {
		return fmt.Errorf("keys of credentials: %w", err)
	}
	return v.write(keys[:1], true)
}
