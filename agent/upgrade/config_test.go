package upgrade_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/upgrade"
)

func TestConfig(t *testing.T) {
	good := upgrade.Config{Enabled: true, Repository: "https://updates.example.org/muster/", Root: "/etc/muster/upgrade-root.json"}
	got := good
	if err := got.Validate(); err != nil {
		t.Fatal(err)
	}
	want := good
	want.Channel, want.Window, want.Trial = "stable", 24*time.Hour, 6*time.Hour
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := (&upgrade.Config{Repository: "nonsense"}).Validate(); err != nil {
		t.Errorf("what is off is not checked: %v", err)
	}
	for want, change := range map[string]func(*upgrade.Config){
		"repository \"\"": func(c *upgrade.Config) { c.Repository = "" },
		"want https":      func(c *upgrade.Config) { c.Repository = "http://updates.example.org/muster" },
		"want https://":   func(c *upgrade.Config) { c.Repository = "ftp://updates.example.org" },
		"repository \"u":  func(c *upgrade.Config) { c.Repository = "updates" },
		"a user":          func(c *upgrade.Config) { c.Repository = "https://u:p@updates.example.org" },
		"a query":         func(c *upgrade.Config) { c.Repository = "https://updates.example.org/?x" },
		"https://HOST":    func(c *upgrade.Config) { c.Repository = "https:///x" },
		"an absolute":     func(c *upgrade.Config) { c.Repository = "file://server/share" },
		"root \"\"":       func(c *upgrade.Config) { c.Root = "" },
		"root \"root":     func(c *upgrade.Config) { c.Root = "root.json" },
		"channel":         func(c *upgrade.Config) { c.Channel = "../x" },
		"pin: version":    func(c *upgrade.Config) { c.Pin = "latest" },
		"window 1s":       func(c *upgrade.Config) { c.Window = time.Second },
		"trial 1000h":     func(c *upgrade.Config) { c.Trial = 1000 * time.Hour },
		"window -1h":      func(c *upgrade.Config) { c.Window = -time.Hour },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for _, where := range []string{"http://127.0.0.1:80/x", "http://[::1]:80", "http://localhost/x", "file:///srv/muster", "/srv/muster"} {
		c := good
		if c.Repository = where; c.Validate() != nil {
			t.Errorf("%s is refused: %v", where, c.Validate())
		}
	}
}
