// Package seal hands a secret to one holder of a key, for one purpose.
//
// It owns the form in which collectors give scanners credentials: HPKE (RFC 9180), base
// mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. It refuses to keep keys:
// a scanner makes one when it starts, tells it over its authenticated connection, and
// forgets it with its end, so that nothing that was recorded or backed up can be opened.
// collector/api and scanner are its callers.
package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// MaxText is the largest secret.
const MaxText = 64 << 10

const overhead = 32 + 16 // the encapsulated key and the tag

func suite() (hpke.KDF, hpke.AEAD) { return hpke.HKDFSHA256(), hpke.AES256GCM() }

// purpose binds a secret to what it is for: sealed for one it opens for no other.
func purpose(words []string) []byte {
	return []byte("muster scan credential 1\x00" + strings.Join(words, "\x00"))
}

// Key opens what was sealed to it.
type Key struct {
	private hpke.PrivateKey
	public  []byte
}

// NewKey makes a key that is nowhere but in memory.
func NewKey() (*Key, error) {
	pair, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make sealing key: %w", err)
	}
	private, err := hpke.NewDHKEMPrivateKey(pair)
	if err != nil {
		return nil, fmt.Errorf("make sealing key: %w", err)
	}
	return &Key{private: private, public: pair.PublicKey().Bytes()}, nil
}

// Public is what others seal to.
func (k *Key) Public() []byte { return k.public }

// Seal hides a secret from all but the holder of the key, for the purpose that words name.
func Seal(public []byte, secret inventory.Secret, words ...string) ([]byte, error) {
	if len(secret) > MaxText {
		return nil, inventory.Errorf(inventory.CodeTooLarge, "secret: %d bytes, at most %d allowed", len(secret), MaxText)
	}
	point, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "sealing key: not an X25519 key")
	}
	to, err := hpke.NewDHKEMPublicKey(point)
	if err != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "sealing key: not an X25519 key")
	}
	kdf, aead := suite()
	sealed, err := hpke.Seal(to, kdf, aead, purpose(words), []byte(secret.Reveal()))
	if err != nil { // a key of low order
		return nil, inventory.Errorf(inventory.CodeInvalid, "sealing key: cannot be sealed to")
	}
	return sealed, nil
}

// Open is the secret that was sealed to k for the purpose.
func (k *Key) Open(sealed []byte, words ...string) (inventory.Secret, error) {
	if len(sealed) < overhead || len(sealed) > MaxText+overhead {
		return "", inventory.Errorf(inventory.CodeInvalid, "sealed secret: %d bytes, %d to %d expected", len(sealed), overhead, MaxText+overhead)
	}
	kdf, aead := suite()
	text, err := hpke.Open(k.private, kdf, aead, purpose(words), sealed)
	if err != nil {
		return "", inventory.Errorf(inventory.CodeInvalid, "sealed secret: not for this key and purpose")
	}
	return inventory.Secret(text), nil
}
