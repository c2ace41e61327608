package collector_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector"
)

func TestConfig(t *testing.T) {
	c := collector.DefaultConfig()
	if err := c.Read(strings.NewReader("data_dir: /srv/muster\nnames: [a.example, 192.0.2.1]\nreport_interval: 4h\n")); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MUSTER_LISTEN": ":443", "MUSTER_NAMES": "b.example, c.example", "MUSTER_MAX_CONNECTIONS": "99", "MUSTER_URL": "not ours"}
	if err := c.Environ(func(k string) (string, bool) { v, ok := env[k]; return v, ok }); err != nil {
		t.Fatal(err)
	}
	want := collector.DefaultConfig()
	want.DataDir, want.Listen, want.Names = "/srv/muster", ":443", []string{"b.example", "c.example"}
	want.ReportInterval, want.MaxConnections = 4*time.Hour, 99
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(c.String(), "sqlite:/srv/muster/muster.db") {
		t.Errorf("shown as %s", c.String())
	}
	c.Store = "postgres://muster:hunter2@db/muster"
	if shown := c.String(); c.Validate() != nil || !strings.Contains(shown, "@db/muster") || strings.Contains(shown, "hunter2") {
		t.Errorf("shown as %s", shown)
	}
}

func TestConfigMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"lisen: x":                                "lisen",
		"listen: [a]":                             "line 1",
		"listen: a\nlisten: b":                    "already",
		"listen: a\n---\nlisten: b":               "one YAML document",
		"report_interval: often":                  "often",
		"listen: here":                            "HOST:PORT",
		"store: mysql://u:hunter2@h/db":           "sqlite:FILE",
		"metrics_listen: 0.0.0.0:9480":            "loopback",
		"metrics_listen: example.org:1":           "loopback",
		"log_format: xml":                         "text and json",
		"log_level: loud":                         "debug",
		"report_interval: 1s":                     "1m",
		"max_connections: 1":                      "8 to",
		"data_dir: ''":                            "data_dir",
		"stop_timeout: 1h":                        "stop_timeout",
		"listen: " + strings.Repeat("x", 2<<20):   "1 MiB",
		"a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b,*b]": "not known",
	} {
		c := collector.DefaultConfig()
		err := c.Read(strings.NewReader(text))
		if err == nil {
			err = c.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.60s: %v, want it to say %q", text, err, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\n")
	f.Add("a: &a [*a]")
	f.Fuzz(func(_ *testing.T, text string) {
		c := collector.DefaultConfig()
		if c.Read(strings.NewReader(text)) == nil {
			_ = c.Validate()
		}
	})
}
