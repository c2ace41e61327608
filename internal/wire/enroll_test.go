package wire_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/internal/wire/wiretest"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

func enrollConfig(t *testing.T, c *wiretest.Collector) wire.EnrollConfig {
	t.Helper()
	return wire.EnrollConfig{
		StateDir: filepath.Join(t.TempDir(), "state"), Collector: c.URL + "/", Token: c.Token(),
		Kind: inventory.KindAgent, Hostname: "web1", Version: "1.2.3",
	}
}

func enrolled(t *testing.T, c *wiretest.Collector) (stateDir string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if _, err := wire.Enroll(t.Context(), wire.EnrollConfig{
		StateDir: dir, Collector: c.URL, Token: c.Token(), Kind: inventory.KindAgent, Hostname: "host", Version: "test",
	}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// section is what the collector has of a section; its body is nil when it has none.
func section(t *testing.T, c *wiretest.Collector, nativeKey string, name inventory.SectionName) inventory.Section {
	t.Helper()
	p := c.Section(nativeKey, string(name))
	if p == nil {
		return inventory.Section{}
	}
	o, err := wire.FromProto(&musterv1.Observation{Sections: []*musterv1.Section{p}})
	if err != nil {
		t.Fatal(err)
	}
	return o.Sections[0]
}

func TestEnroll(t *testing.T) {
	c := wiretest.New(t)
	cfg := enrollConfig(t, c)
	id, err := wire.Enroll(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if id.ID != "4b1d" || id.Site != "hq" || id.Kind != inventory.KindAgent || id.Collector != c.URL {
		t.Errorf("identity %+v", id)
	}
	if loaded, err := wire.LoadIdentity(cfg.StateDir); err != nil || loaded != id {
		t.Errorf("loaded %+v, %v, want %+v", loaded, err, id)
	}
	if h := c.Hellos[0]; h.GetHostname() != "web1" || h.GetVersion() != "1.2.3" || h.GetKind() != "agent" {
		t.Errorf("asked as %v", h)
	}
	wantPerm := map[string]fs.FileMode{".": 0o700, "key.pem": 0o600, "cert.pem": 0o644, "ca.pem": 0o644, "identity.json": 0o644}
	for name, perm := range wantPerm {
		info, err := os.Stat(filepath.Join(cfg.StateDir, name))
		if err != nil || info.Mode().Perm() != perm {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, perm)
		}
	}
	entries, err := os.ReadDir(cfg.StateDir)
	if err != nil || len(entries) != 4 {
		t.Errorf("folder has %v, %v", entries, err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(cfg.StateDir, e.Name()))
		if err != nil || strings.Contains(string(text), "sesame") {
			t.Errorf("%s holds the token (%v)", e.Name(), err)
		}
	}
}

func TestEnrollTwice(t *testing.T) {
	c := wiretest.New(t)
	cfg := enrollConfig(t, c)
	if _, err := wire.Enroll(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	key := readKey(t, cfg.StateDir)
	if _, err := wire.Enroll(t.Context(), cfg); inventory.CodeOf(err) != inventory.CodeConflict {
		t.Errorf("second enrolment: %v, want a conflict", err)
	}
	if readKey(t, cfg.StateDir) != key || len(c.Hellos) != 1 {
		t.Error("a refused enrolment changed something")
	}
	cfg.Force = true
	if _, err := wire.Enroll(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if readKey(t, cfg.StateDir) == key {
		t.Error("forced enrolment kept the key")
	}
	if err := os.WriteFile(filepath.Join(cfg.StateDir, "identity.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Force = false
	if _, err := wire.Enroll(t.Context(), cfg); inventory.CodeOf(err) != inventory.CodeConflict || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("enrolment over a damaged identity: %v", err)
	}
}

func readKey(t *testing.T, dir string) string {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return string(key)
}

func TestEnrollRefuses(t *testing.T) {
	c, other := wiretest.New(t), wiretest.New(t)
	tests := []struct {
		name   string
		change func(*wire.EnrollConfig)
		code   inventory.Code
		want   string
	}{
		{"a token the collector does not know", func(c *wire.EnrollConfig) {
			c.Token = inventory.Secret(strings.Replace(c.Token.Reveal(), "sesame", "simsim", 1))
		}, inventory.CodeUnauthenticated, "token not accepted"},
		{"another authority", func(c *wire.EnrollConfig) { c.Token = other.Token() }, inventory.CodeUnavailable, "does not belong to the authority"},
		{"another server name", func(c *wire.EnrollConfig) {
			c.Collector = strings.Replace(c.Collector, "127.0.0.1", "localhost", 1)
		}, inventory.CodeUnavailable, "match localhost"},
		{"no TLS", func(c *wire.EnrollConfig) { c.Collector = strings.Replace(c.Collector, "https", "http", 1) }, inventory.CodeInvalid, "https://HOST:PORT"},
		{"an address with a path", func(c *wire.EnrollConfig) { c.Collector += "x/y" }, inventory.CodeInvalid, "https://HOST:PORT"},
		{"half a token", func(c *wire.EnrollConfig) { c.Token = c.Token[:len(c.Token)-1] }, inventory.CodeInvalid, "cut off"},
		{"a longer token", func(c *wire.EnrollConfig) { c.Token += "0" }, inventory.CodeInvalid, "cut off"},
		{"no token", func(c *wire.EnrollConfig) { c.Token = "" }, inventory.CodeInvalid, "mst_"},
		{"something else", func(c *wire.EnrollConfig) { c.Token = "hunter2_x" }, inventory.CodeInvalid, "mst_"},
		{"a kind that does not enrol", func(c *wire.EnrollConfig) { c.Kind = inventory.KindAWS }, inventory.CodeInvalid, "kind"},
		{"no folder", func(c *wire.EnrollConfig) { c.StateDir = "" }, inventory.CodeInvalid, "folder"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := enrollConfig(t, c)
			tt.change(&cfg)
			_, err := wire.Enroll(t.Context(), cfg)
			if inventory.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v (%s), want %s with %q", err, inventory.CodeOf(err), tt.code, tt.want)
			}
			if cfg.Token != "" && strings.Contains(err.Error(), cfg.Token.Reveal()) {
				t.Errorf("the error tells the token: %v", err)
			}
			if _, err := wire.LoadIdentity(cfg.StateDir); err == nil {
				t.Error("the folder counts as enrolled")
			}
		})
	}
}

// What another local user could read or change is not believed.
func TestA35_StateFolderOpenToOthers(t *testing.T) {
	chmod := func(name string, perm os.FileMode) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, name), perm); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tt := range map[string]struct {
		change func(t *testing.T, dir string)
		ok     bool
	}{
		"as enrolled":              {func(*testing.T, string) {}, true},
		"folder readable":          {chmod(".", 0o755), false},
		"folder for a group":       {chmod(".", 0o750), false},
		"key readable":             {chmod("key.pem", 0o644), false},
		"key readable for a group": {chmod("key.pem", 0o640), false},
		"spool readable":           {chmod("spool", 0o755), false},
		"authorities writable":     {chmod("ca.pem", 0o666), false},
		"identity writable":        {chmod("identity.json", 0o602), false},
		"folder above writable":    {chmod("..", 0o777), false},
		"folder above is sticky":   {chmod("..", 0o777|os.ModeSticky), true},
		"key is a link": {func(t *testing.T, dir string) {
			key := filepath.Join(dir, "key.pem")
			elsewhere := filepath.Join(t.TempDir(), "key.pem")
			if err := errors.Join(os.Rename(key, elsewhere), os.Symlink(elsewhere, key)); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := enrolled(t, wiretest.New(t))
			if err := os.Mkdir(filepath.Join(dir, "spool"), 0o700); err != nil {
				t.Fatal(err)
			}
			tt.change(t, dir)
			client, err := wire.Open(dir, "test")
			if tt.ok {
				if err != nil {
					t.Fatal(err)
				}
				client.Close()
			} else if inventory.CodeOf(err) != inventory.CodeForbidden {
				t.Errorf("open: %v, want forbidden", err)
			}
		})
	}
}

func TestEnrollIntoAnOpenFolder(t *testing.T) {
	c := wiretest.New(t)
	cfg := enrollConfig(t, c)
	if err := os.Mkdir(cfg.StateDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Enroll(t.Context(), cfg); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	if info, err := os.Stat(cfg.StateDir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder is %v, %v", info.Mode(), err)
	}
	full := enrollConfig(t, c)
	if err := os.MkdirAll(filepath.Join(full.StateDir, "planted"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(full.StateDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Enroll(t.Context(), full); inventory.CodeOf(err) != inventory.CodeForbidden {
		t.Errorf("a folder that others could read: %v", err)
	}
}

func TestRenew(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	client := open(t, dir)
	before, key := client.Identity(), readKey(t, dir)
	c.Life = 60 * 24 * time.Hour
	if err := client.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !client.Identity().NotAfter.After(before.NotAfter) || readKey(t, dir) == key {
		t.Error("certificate or key are the old ones")
	}
	if _, err := os.Stat(filepath.Join(dir, "key.next.pem")); err == nil {
		t.Error("the next key was left behind")
	}
	for _, cl := range []*wire.Client{client, open(t, dir)} {
		if _, err := cl.Report(t.Context(), wire.Report{}); err != nil {
			t.Errorf("report with the new certificate: %v", err)
		}
	}
	if at := client.Identity().RenewAt(); !at.Before(client.Identity().NotAfter) || !at.After(client.Identity().NotBefore) {
		t.Errorf("renew at %v", at)
	}
}

func TestF23_RenewWithAnExpiredCertificate(t *testing.T) {
	c := wiretest.New(t)
	c.Life = -time.Hour
	client := open(t, enrolled(t, c))
	if _, err := client.Report(t.Context(), wire.Report{}); inventory.CodeOf(err) != inventory.CodeUnauthenticated {
		t.Fatalf("report with an expired certificate: %v", err)
	}
	c.Life = time.Hour
	if err := client.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Report(t.Context(), wire.Report{}); err != nil {
		t.Error(err)
	}
}

// The moments at which a renewal can be cut off: next key written, certificate written.
func TestRenewCutOff(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	old := map[string][]byte{}
	for _, name := range []string{"key.pem", "cert.pem"} {
		old[name] = []byte(readFile(t, filepath.Join(dir, name)))
	}
	if err := open(t, dir).Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	newKey := []byte(readKey(t, dir))
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("key.pem", old["key.pem"])
	write("key.next.pem", newKey)
	if _, err := open(t, dir).Report(t.Context(), wire.Report{}); err != nil {
		t.Errorf("certificate written, key not yet in place: %v", err)
	}
	if readKey(t, dir) != string(newKey) {
		t.Error("the renewal was not finished")
	}
	write("key.next.pem", newKey)
	write("key.pem", old["key.pem"])
	write("cert.pem", old["cert.pem"])
	if _, err := open(t, dir).Report(t.Context(), wire.Report{}); err != nil {
		t.Errorf("next key written, no certificate yet: %v", err)
	}
	write("key.pem", []byte("damaged"))
	if err := os.Remove(filepath.Join(dir, "key.next.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Open(dir, "test"); err == nil {
		t.Error("opened without a key")
	}
}

func TestRenewRefused(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	client := open(t, dir)
	key := readKey(t, dir)
	c.Lock()
	c.Wrap = func(http.Handler) http.Handler { return http.NotFoundHandler() }
	c.Unlock()
	if err := client.Renew(t.Context()); err == nil {
		t.Fatal("renewed")
	}
	c.Lock()
	c.Wrap = nil
	c.Unlock()
	if readKey(t, dir) != key {
		t.Error("a failed renewal changed the key")
	}
	if _, err := open(t, dir).Report(t.Context(), wire.Report{}); err != nil {
		t.Error(err)
	}
}

func open(t *testing.T, dir string) *wire.Client {
	t.Helper()
	client, err := wire.Open(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAuthoritiesFileIsPEM(t *testing.T) {
	c := wiretest.New(t)
	block, rest := pem.Decode([]byte(readFile(t, filepath.Join(enrolled(t, c), "ca.pem"))))
	if block == nil || len(rest) != 0 {
		t.Fatal("not one PEM block")
	}
	if cert, err := x509.ParseCertificate(block.Bytes); err != nil || !cert.IsCA {
		t.Errorf("%v, %v", cert, err)
	}
}
