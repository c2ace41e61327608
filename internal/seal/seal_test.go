package seal_test

import (
	"bytes"
	"testing"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/seal"
)

func TestSeal(t *testing.T) {
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal.Seal(key.Public(), "s3cret", "job", "name")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("s3cret")) {
		t.Error("the secret can be read")
	}
	if got, err := key.Open(sealed, "job", "name"); err != nil || got.Reveal() != "s3cret" {
		t.Errorf("opened as %q: %v", got.Reveal(), err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, try := range map[string]func() (inventory.Secret, error){
		"another key":         func() (inventory.Secret, error) { return other.Open(sealed, "job", "name") },
		"another job":         func() (inventory.Secret, error) { return key.Open(sealed, "job2", "name") },
		"words run together":  func() (inventory.Secret, error) { return key.Open(sealed, "jobname") },
		"a changed byte":      func() (inventory.Secret, error) { return key.Open(changed, "job", "name") },
		"nothing":             func() (inventory.Secret, error) { return key.Open(nil, "job", "name") },
		"more than there may": func() (inventory.Secret, error) { return key.Open(make([]byte, seal.MaxText*2), "job", "name") },
	} {
		if got, err := try(); inventory.CodeOf(err) != inventory.CodeInvalid || got != "" {
			t.Errorf("%s: opened as %q, %v", name, got.Reveal(), err)
		}
	}
	for name, public := range map[string][]byte{"none": nil, "short": make([]byte, 31), "of low order": make([]byte, 32)} {
		if _, err := seal.Seal(public, "s3cret"); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("key that is %s: %v", name, err)
		}
	}
	if _, err := seal.Seal(key.Public(), inventory.Secret(make([]byte, seal.MaxText+1))); inventory.CodeOf(err) != inventory.CodeTooLarge {
		t.Errorf("too much: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	key, err := seal.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	good, err := seal.Seal(key.Public(), "s3cret", "job")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		got, err := key.Open(sealed, "job")
		if err == nil && !bytes.Equal(sealed, good) {
			// Anybody can seal to a public key; the fuzzer cannot by chance.
			t.Errorf("opened as %q", got.Reveal())
		}
	})
}
