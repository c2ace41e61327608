package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/vault"
	"github.com/muster-itam/muster/internal/inventory"
)

// safe is a data directory with credentials in it.
type safe struct {
	t   *testing.T
	dir string
}

func (s safe) open() *collector.Base {
	s.t.Helper()
	cfg := collector.DefaultConfig()
	cfg.DataDir = s.dir
	b, err := collector.Open(s.t.Context(), cfg, time.Now)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// fill sets n credentials.
func (s safe) fill(n int) {
	s.t.Helper()
	b := s.open()
	defer func() { _ = b.Close() }()
	for i := range n {
		name := fmt.Sprintf("set%03d", i)
		sealed, err := b.Vault.Encrypt(name, inventory.Secret("secret of "+name))
		if err != nil {
			s.t.Fatal(err)
		}
		x := store.SealedCredential{Credential: store.Credential{Name: name, Kind: store.CredentialSNMP}, Sealed: sealed}
		if _, err := b.Store.PutCredential(s.t.Context(), x, "ann", time.Now()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// ids are the keys that encrypt the credentials, all of which must be readable.
func (s safe) ids() string {
	s.t.Helper()
	b := s.open()
	defer func() { _ = b.Close() }()
	list, err := b.Store.SealedCredentials(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	seen := map[string]bool{}
	var out []string
	for _, x := range list {
		if got, err := b.Vault.Decrypt(x.Name, x.Sealed); err != nil || got.Reveal() != "secret of "+x.Name {
			s.t.Fatalf("%s: %v", x.Name, err)
		}
		if id := fmt.Sprintf("%x", x.Sealed[1:5]); !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return strings.Join(out, " ")
}

func (s safe) keyFile() string { return filepath.Join(s.dir, vault.DefaultFile) }

func (s safe) keys() int {
	s.t.Helper()
	text, err := os.ReadFile(s.keyFile())
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Count(string(text), "=\n")
}

// rekey runs the command.
func (s safe) rekey(args ...string) (code int, text string) {
	var out bytes.Buffer
	p := &program{out: &out, err: &out, env: func(string) (string, bool) { return "", false }, now: time.Now}
	code = p.main(s.t.Context(), append([]string{"credentials", "rekey", "--data-dir", s.dir}, args...))
	return code, out.String()
}

func TestRekey(t *testing.T) {
	s := safe{t, t.TempDir()}
	s.fill(3)
	first := s.ids()
	old, err := os.ReadFile(s.keyFile())
	if err != nil {
		t.Fatal(err)
	}
	for keys := 2; keys <= 8; keys++ {
		before := s.ids()
		if code, text := s.rekey(); code != 0 || text != "3 credentials are encrypted by a new key\n" || s.ids() == before || s.keys() != keys {
			t.Fatalf("%d, %s: %d keys", code, text, s.keys())
		}
	}
	full := s.ids()
	if code, text := s.rekey(); code == 0 || !strings.Contains(text, "drop the former ones") || s.ids() != full {
		t.Errorf("a ninth key: %d, %s", code, text)
	}
	if code, text := s.rekey("--drop-former"); code != 0 || s.keys() != 1 || s.ids() == full {
		t.Errorf("%d, %s: %d keys", code, text, s.keys())
	}

	// By the key of before nothing opens: it is said, and neither file nor inventory change.
	now, err := os.ReadFile(s.keyFile())
	if err != nil {
		t.Fatal(err)
	}
	last := s.ids()
	if err := os.WriteFile(s.keyFile(), old, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if code, text := s.rekey("--drop-former"); code == 0 || !strings.Contains(text, `"set000": its key `+last) || strings.Contains(text, "secret") {
			t.Errorf("with the key %s alone: %d, %s", first, code, text)
		}
	}
	if got, err := os.ReadFile(s.keyFile()); err != nil || !bytes.Equal(got, old) {
		t.Errorf("the file of keys was changed: %v", err)
	}
	if err := os.WriteFile(s.keyFile(), now, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.ids(); got != last {
		t.Errorf("encrypted by %s, not %s", got, last)
	}
}

// Killed at whatever point, once the new key is on disk: all credentials are by one key, and can be read.
func TestRekeyKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := safe{t, t.TempDir()}
	s.fill(900)
	anew := 0
	for i := range 6 {
		before, keys := s.ids(), s.keys()
		cmd := exec.CommandContext(t.Context(), self, "credentials", "rekey", "--data-dir", s.dir)
		cmd.Args[0] = "muster-collector" // TestMain looks at it
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		end := time.Now().Add(time.Minute)
		for s.keys() == keys && time.Now().Before(end) {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(i) * 20 * time.Millisecond) // a different point each time; none is needed
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		after := s.ids()
		if strings.Contains(after, " ") || s.keys() != keys+1 {
			t.Fatalf("encrypted by %s, %d keys", after, s.keys())
		}
		if after != before {
			anew++
		}
	}
	t.Logf("killed six times: %d times all credentials were by the new key, %d times none", anew, 6-anew)
	if code, text := s.rekey("--drop-former"); code != 0 || !strings.HasPrefix(text, "900 ") || s.keys() != 1 {
		t.Errorf("afterwards: %d, %s", code, text)
	}
	_ = s.ids()
}
