package vault_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-itam/muster/collector/vault"
	"github.com/muster-itam/muster/internal/inventory"
)

func open(t *testing.T, path string) *vault.Vault {
	t.Helper()
	v, err := vault.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVault(t *testing.T) {
	path := filepath.Join(t.TempDir(), vault.DefaultFile)
	v := open(t, path)
	sealed, err := v.Encrypt("office", "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	again, err := v.Encrypt("office", "s3cret")
	if err != nil || bytes.Equal(sealed, again) || bytes.Contains(sealed, []byte("s3cret")) {
		t.Errorf("encrypted as %x and %x, %v", sealed, again, err)
	}
	decrypt := func(name string, sealed []byte, want inventory.Secret, code inventory.Code) {
		t.Helper()
		got, err := open(t, path).Decrypt(name, sealed)
		if got != want || err != nil && inventory.CodeOf(err) != code || (err == nil) != (code == "") {
			t.Errorf("decrypted as %q, %v", got.Reveal(), err)
		}
	}
	decrypt("office", sealed, "s3cret", "")
	decrypt("lab", sealed, "", inventory.CodeInvalid)
	decrypt("office", append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1), "", inventory.CodeInvalid)
	decrypt("office", nil, "", inventory.CodeInvalid)
	decrypt("office", sealed[:6], "", inventory.CodeInvalid)

	// A new key, and the former one until it is dropped.
	if err := v.AddKey(false); err != nil {
		t.Fatal(err)
	}
	decrypt("office", sealed, "s3cret", "")
	renewed, err := v.Encrypt("office", "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.DropFormer(); err != nil {
		t.Fatal(err)
	}
	decrypt("office", renewed, "s3cret", "")
	decrypt("office", sealed, "", inventory.CodeConflict)
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), vault.DefaultFile)
	open(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the keys' file is %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Open(path); err == nil {
		t.Error("keys that others can read are taken")
	}
	for name, text := range map[string]string{"empty": "", "comment": "# no key\n", "short": "AAAA\n", "no base64": "!\n"} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(path); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	v, err := vault.Open(filepath.Join(f.TempDir(), vault.DefaultFile))
	if err != nil {
		f.Fatal(err)
	}
	good, err := v.Encrypt("x", "s3cret")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:10])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := v.Decrypt("x", sealed); err == nil && !bytes.Equal(sealed, good) {
			t.Errorf("decrypted as %q", got.Reveal())
		}
	})
}
