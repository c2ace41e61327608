package collector

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/muster-itam/muster/collector/server"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/vault"
	"github.com/muster-itam/muster/internal/inventory"
)

// Config is how a collector is run. docs/operate.md describes each key.
type Config struct {
	DataDir string `yaml:"data_dir"`
	Listen  string `yaml:"listen"`
	// Store is sqlite:FILE or postgres://...; empty means muster.db in DataDir.
	Store string `yaml:"store"`
	// CredentialKeys is the file of keys that credentials in the inventory are encrypted by;
	// empty means credentials.key in DataDir. Collectors on one inventory need the same keys.
	CredentialKeys string `yaml:"credential_keys"`
	// Names are host names and addresses under which sources reach the collector, beside the machine's own.
	Names []string `yaml:"names"`
	// MetricsListen is a loopback address, or "off".
	MetricsListen  string        `yaml:"metrics_listen"`
	LogFormat      string        `yaml:"log_format"` // text, json
	LogLevel       string        `yaml:"log_level"`  // debug, info, warn, error
	ReportInterval time.Duration `yaml:"report_interval"`
	MaxConnections int           `yaml:"max_connections"`
	// StopTimeout is how long running requests may take once the collector is to stop.
	StopTimeout time.Duration `yaml:"stop_timeout"`
	// Retention is how long what is no longer true is kept.
	Retention Retention `yaml:"retention"`
}

// DefaultMetricsListen may be taken by another collector on this machine: that is no error.
const DefaultMetricsListen = "127.0.0.1:9480"

// DefaultConfig is what holds where nothing else is said.
func DefaultConfig() Config {
	return Config{
		DataDir:        "muster-data",
		Listen:         "127.0.0.1:8443",
		MetricsListen:  DefaultMetricsListen,
		LogFormat:      "text",
		LogLevel:       "info",
		ReportInterval: time.Hour,
		MaxConnections: 8192,
		StopTimeout:    20 * time.Second,
		Retention:      defaultRetention(),
	}
}

// maxConfig bounds a configuration file.
const maxConfig = 1 << 20

// Read takes the YAML of a configuration file over the present values. Unknown keys,
// keys given twice and a second document are errors.
func (c *Config) Read(text io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(text, maxConfig+1))
	if err != nil {
		return err
	}
	if len(b) > maxConfig {
		return inventory.Errorf(inventory.CodeInvalid, "the configuration is larger than 1 MiB")
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return inventory.Errorf(inventory.CodeInvalid, "%s", yamlMistake(err))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return inventory.Errorf(inventory.CodeInvalid, "one YAML document is wanted")
	}
	return nil
}

// yamlMistake is the library's error in the words of who wrote the file.
func yamlMistake(err error) string {
	return strings.NewReplacer("yaml: ", "", "unmarshal errors:\n  ", "", "\n  ", "; ", "field ", "key ",
		"not found in type collector.Config", "is not known", "not found in type collector.Retention", "is not known in retention").Replace(err.Error())
}

// Environ takes the variables MUSTER_<KEY> over the present values; lookup is os.LookupEnv.
func (c *Config) Environ(lookup func(string) (string, bool)) error {
	for key, set := range map[string]func(string) error{
		"DATA_DIR":        text(&c.DataDir),
		"LISTEN":          text(&c.Listen),
		"STORE":           text(&c.Store),
		"CREDENTIAL_KEYS": text(&c.CredentialKeys),
		"NAMES":           func(v string) error { c.Names = strings.FieldsFunc(v, isSeparator); return nil },
		"METRICS_LISTEN":  text(&c.MetricsListen),
		"LOG_FORMAT":      text(&c.LogFormat),
		"LOG_LEVEL":       text(&c.LogLevel),
		"REPORT_INTERVAL": duration(&c.ReportInterval),
		"MAX_CONNECTIONS": func(v string) (err error) { c.MaxConnections, err = strconv.Atoi(v); return err },
		"STOP_TIMEOUT":    duration(&c.StopTimeout),
	} {
		if v, ok := lookup("MUSTER_" + key); ok {
			if err := set(v); err != nil {
				return inventory.Errorf(inventory.CodeInvalid, "environment variable MUSTER_%s: %v", key, err)
			}
		}
	}
	return nil
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' }

func text(to *string) func(string) error {
	return func(v string) error { *to = v; return nil }
}

func duration(to *time.Duration) func(string) error {
	return func(v string) (err error) { *to, err = time.ParseDuration(v); return err }
}

// Validate reports the first value that cannot be.
func (c *Config) Validate() error {
	bad := func(format string, args ...any) error {
		return inventory.Errorf(inventory.CodeInvalid, format, args...)
	}
	if c.DataDir == "" {
		return bad("data_dir: a directory is needed")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return bad("listen %q: it must be HOST:PORT", c.Listen)
	}
	switch scheme, _, _ := strings.Cut(c.DSN(), ":"); scheme {
	case "sqlite", "postgres", "postgresql":
	default:
		return bad("store: it must be sqlite:FILE or postgres://USER@HOST/DATABASE")
	}
	if c.MetricsListen != "off" {
		if err := server.Loopback(c.MetricsListen); err != nil {
			return bad("metrics_listen: %v", err)
		}
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return bad("log_format %q: text and json are the formats", c.LogFormat)
	}
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		return bad("log_level %q: debug, info, warn and error are the levels", c.LogLevel)
	}
	if c.ReportInterval < time.Minute || c.ReportInterval > 7*24*time.Hour {
		return bad("report_interval %v: 1m to 168h are allowed", c.ReportInterval)
	}
	if c.MaxConnections < 8 || c.MaxConnections > 1_000_000 {
		return bad("max_connections %d: 8 to 1000000 are allowed", c.MaxConnections)
	}
	if c.StopTimeout < time.Second || c.StopTimeout > 10*time.Minute {
		return bad("stop_timeout %v: 1s to 10m are allowed", c.StopTimeout)
	}
	return c.Retention.validate()
}

// DSN is the store's data source name.
func (c *Config) DSN() string {
	if c.Store == "" {
		return "sqlite:" + filepath.Join(c.DataDir, "muster.db")
	}
	return c.Store
}

// KeyFile is the file of keys of credentials.
func (c *Config) KeyFile() string {
	if c.CredentialKeys == "" {
		return filepath.Join(c.DataDir, vault.DefaultFile)
	}
	return c.CredentialKeys
}

// String is for config check: what will hold, without secrets.
func (c *Config) String() string {
	return fmt.Sprintf("data_dir %s\nlisten %s\nstore %s\ncredential_keys %s\nnames %s\nmetrics_listen %s\nlog_format %s\nlog_level %s\nreport_interval %v\nmax_connections %d\nstop_timeout %v\n",
		c.DataDir, c.Listen, store.Redacted(c.DSN()), c.KeyFile(), strings.Join(c.Names, " "), c.MetricsListen, c.LogFormat, c.LogLevel, c.ReportInterval, c.MaxConnections, c.StopTimeout) + c.Retention.String()
}
