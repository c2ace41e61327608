package identity_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
)

func open(t *testing.T, dir string, now func() time.Time) *identity.Authority {
	t.Helper()
	a, err := identity.OpenAuthority(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthorityIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, time.Now)
	again := open(t, dir, time.Now)
	if first.Fingerprint() != again.Fingerprint() || len(again.Roots()) != 2 {
		t.Errorf("opened again: %s then %s, %d roots", first.Fingerprint(), again.Fingerprint(), len(again.Roots()))
	}
	text, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil || !bytes.Equal(text, first.PEM()) || bytes.Contains(text, []byte("PRIVATE")) {
		t.Errorf("ca.pem: %v\n%s", err, text)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("left in the directory: %v, %v", files, err)
	}
}

func TestAuthorityOfManyProcesses(t *testing.T) {
	dir := t.TempDir()
	got := make(chan string, 8)
	for range cap(got) {
		go func() {
			a, err := identity.OpenAuthority(dir, time.Now)
			if err != nil {
				got <- err.Error()
				return
			}
			got <- a.Fingerprint()
		}()
	}
	first := <-got
	for range cap(got) - 1 {
		if other := <-got; other != first {
			t.Errorf("%s and %s", first, other)
		}
	}
}

func TestAuthorityRefusesWhatIsNotItsOwn(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"readable for others": func(t *testing.T, path string) {
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
		},
		"damaged": func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("-----BEGIN NONSENSE-----\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(t *testing.T, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
		"another's keys": func(t *testing.T, path string) {
			other := t.TempDir()
			open(t, other, time.Now)
			a, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(other, "ca.key"))
			if err != nil {
				t.Fatal(err)
			}
			key := []byte("-----BEGIN EC")
			if err := os.WriteFile(path, append(a[:bytes.Index(a, key)], b[bytes.Index(b, key):]...), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir, time.Now)
			spoil(t, filepath.Join(dir, "ca.key"))
			if _, err := identity.OpenAuthority(dir, time.Now); err == nil || strings.Contains(err.Error(), "MIG") {
				t.Errorf("got %v, want an error without the key in it", err)
			}
		})
	}
}

func TestRollKeepsFourRoots(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, time.Now)
	next := a.Roots()[1]
	for range 5 {
		if err := a.Roll(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Roots()[0], next) {
			t.Error("the root in use is not the one that was next")
		}
		next = a.Roots()[1]
	}
	again := open(t, dir, time.Now)
	if diff := cmp.Diff(a.Roots(), again.Roots()); diff != "" || len(again.Roots()) != 4 {
		t.Errorf("%d roots, changed by opening: %s", len(again.Roots()), diff)
	}
}

func TestServerCertificate(t *testing.T) {
	now := time.Now()
	a := open(t, t.TempDir(), func() time.Time { return now })
	s, err := a.NewServerCertificate([]string{"Collector.Example.", "192.0.2.7", "bad name!", "0.0.0.0", "2001:db8::1"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "collector.example", "192.0.2.7", "2001:db8::1"} {
		if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: bracket(name), CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(first.Certificate) != 2 || !bytes.Equal(first.Certificate[1], a.Roots()[0]) {
		t.Error("the root is not sent along")
	}
	now = now.Add(50 * 24 * time.Hour)
	if same, err := s.Get(nil); err != nil || same != first {
		t.Errorf("renewed too early (%v)", err)
	}
	now = now.Add(15 * 24 * time.Hour)
	second, err := s.Get(nil)
	if err != nil || second == first || !second.Leaf.NotAfter.After(first.Leaf.NotAfter) {
		t.Errorf("not renewed in time: %v", err)
	}
	// An address that the machine got later is taken in with the first connection to it.
	now = now.Add(2 * time.Minute)
	if third, err := s.Get(&tls.ClientHelloInfo{Conn: connTo("198.51.100.9:8443")}); err != nil || third == second {
		t.Errorf("a new local address changes nothing: %v", err)
	}
	if _, err := s.Get(&tls.ClientHelloInfo{Conn: connTo("127.0.0.1:8443")}); err != nil {
		t.Error(err)
	}
}

func bracket(name string) string {
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

type connTo string

func (c connTo) LocalAddr() net.Addr { a, _ := net.ResolveTCPAddr("tcp", string(c)); return a }

func (connTo) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (connTo) Write([]byte) (int, error)        { return 0, net.ErrClosed }
func (connTo) Close() error                     { return nil }
func (connTo) RemoteAddr() net.Addr             { return nil }
func (connTo) SetDeadline(time.Time) error      { return nil }
func (connTo) SetReadDeadline(time.Time) error  { return nil }
func (connTo) SetWriteDeadline(time.Time) error { return nil }

func TestNewToken(t *testing.T) {
	a := open(t, t.TempDir(), time.Now)
	text, token, err := a.NewToken("", "laptop", 3, time.Hour, "test")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(text.Reveal(), "_")
	if len(parts) != 4 || parts[0] != "mst" || parts[1] != token.ID || parts[3] != a.Fingerprint() {
		t.Errorf("token %q of %+v", parts, token)
	}
	if token.Site != "default" || strings.Contains(string(token.Hash), parts[2]) {
		t.Errorf("kept as %+v", token)
	}
	for name, c := range map[string]struct {
		site, class string
		uses        int
		ttl         time.Duration
	}{
		"site with a slash": {"a/b", "", 1, time.Hour},
		"site too long":     {strings.Repeat("a", 64), "", 1, time.Hour},
		"odd class":         {"", "Laptop\n", 1, time.Hour},
		"no uses":           {"", "", 0, time.Hour},
		"too many uses":     {"", "", 1 << 30, time.Hour},
		"no life":           {"", "", 1, 0},
		"for ever":          {"", "", 1, 10 * 366 * 24 * time.Hour},
	} {
		if _, _, err := a.NewToken(c.site, c.class, c.uses, c.ttl, "test"); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("%s: %v, want it invalid", name, err)
		}
	}
}

func TestAccessOfFile(t *testing.T) {
	now := time.Now()
	text, want, err := identity.NewAccess("admin", identity.Administrator, 0, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := identity.AccessOf(text+"\n", "admin", identity.Administrator, now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []inventory.Secret{"", "mta_", "mta_1_short", "mst_1_" + inventory.Secret(strings.Repeat("a", 60))} {
		if _, err := identity.AccessOf(bad, "admin", identity.Administrator, now); err == nil {
			t.Errorf("%q is taken for a token", bad.Reveal())
		}
	}
}

func TestChain(t *testing.T) {
	n := func(s string) []byte { return []byte(s) }
	for name, c := range map[string]struct {
		chain  identity.Chain
		in     identity.Contact
		want   identity.Chain
		copied bool
	}{
		"first":                    {identity.Chain{}, identity.Contact{Nonce: n("1")}, identity.Chain{Last: n("1")}, false},
		"next":                     {identity.Chain{Last: n("1")}, identity.Contact{Nonce: n("2"), Previous: n("1")}, identity.Chain{Last: n("2"), Before: n("1")}, false},
		"answer lost, same nonce":  {identity.Chain{Last: n("2"), Before: n("1")}, identity.Contact{Nonce: n("2"), Previous: n("1")}, identity.Chain{Last: n("2"), Before: n("1")}, false},
		"answer lost, other nonce": {identity.Chain{Last: n("2"), Before: n("1")}, identity.Contact{Nonce: n("3"), Previous: n("1")}, identity.Chain{Last: n("3"), Before: n("1")}, false},
		"another's":                {identity.Chain{Last: n("3"), Before: n("1")}, identity.Contact{Nonce: n("4"), Previous: n("2")}, identity.Chain{Last: n("4"), Before: n("2")}, true},
		"no chain kept":            {identity.Chain{Last: n("3"), Before: n("1")}, identity.Contact{}, identity.Chain{Last: n("3"), Before: n("1")}, false},
		"state was lost":           {identity.Chain{Last: n("3"), Before: n("1")}, identity.Contact{Nonce: n("9")}, identity.Chain{Last: n("9")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, copied := c.chain.Next(c.in)
			if diff := cmp.Diff(c.want, got); diff != "" || copied != c.copied {
				t.Errorf("copied %v, %s", copied, diff)
			}
		})
	}
}

func FuzzParseRequest(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"a"}}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, der []byte) {
		key, err := identity.ParseRequest(der)
		if err == nil && key.Curve != elliptic.P256() {
			t.Errorf("took a key on %s", key.Curve.Params().Name)
		}
		if err != nil && inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("error without its code: %v", err)
		}
	})
}
