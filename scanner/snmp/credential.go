package snmp

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/gosnmp/gosnmp"
	"go.yaml.in/yaml/v3"

	"github.com/muster-itam/muster/internal/inventory"
)

// Credential is a community or user and the addresses that may ever see it.
type Credential struct {
	// Name tells it from others and is no secret; "" when nobody needs to.
	Name string
	// Targets is the scope; empty means wherever the scan is allowed to go. Within is a second
	// one, of the set that it came in.
	Targets, Within []netip.Prefix
	Version         gosnmp.SnmpVersion

	Community inventory.Secret // versions 1 and 2c

	// Version 3, the user-based security model of RFC 3414.
	User         string
	Auth         gosnmp.SnmpV3AuthProtocol
	AuthPassword inventory.Secret
	Priv         gosnmp.SnmpV3PrivProtocol
	PrivPassword inventory.Secret
	Context      string
}

// Allows tells whether the credential may be sent to a.
func (c *Credential) Allows(a netip.Addr) bool {
	for _, scope := range [][]netip.Prefix{c.Targets, c.Within} {
		if len(scope) > 0 && !slices.ContainsFunc(scope, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return false
		}
	}
	return true
}

// Order puts credentials in the order in which they are tried.
func Order(list []Credential) {
	slices.SortStableFunc(list, func(a, b Credential) int { return b.level() - a.level() })
}

// authenticates and encrypts tell what version 3 is to do; the zero values mean neither.
func (c *Credential) authenticates() bool { return c.Auth > gosnmp.NoAuth }
func (c *Credential) encrypts() bool      { return c.Priv > gosnmp.NoPriv }

// level orders credentials: what protects itself best is tried first.
func (c *Credential) level() int {
	switch {
	case c.Version == gosnmp.Version3 && c.encrypts():
		return 3
	case c.Version == gosnmp.Version3 && c.authenticates():
		return 2
	case c.Version == gosnmp.Version3:
		return 1
	case c.Version == gosnmp.Version1: // after 2c: it asks for one value at a time
		return -1
	}
	return 0
}

// String names the credential without giving it away.
func (c *Credential) String() string {
	if c.Version == gosnmp.Version3 {
		return "v3 user " + c.User
	}
	if c.Version == gosnmp.Version1 {
		return "v1"
	}
	return "v2c"
}

// maxConfig bounds a credentials file.
const maxConfig = 1 << 20

// credentialFile is the YAML form; unknown keys are an error.
type credentialFile struct {
	Credentials []struct {
		Targets      []string `yaml:"targets"`
		Version      string   `yaml:"version"`
		Community    string   `yaml:"community"`
		User         string   `yaml:"user"`
		Auth         string   `yaml:"auth"`
		AuthPassword string   `yaml:"auth_password"`
		Priv         string   `yaml:"priv"`
		PrivPassword string   `yaml:"priv_password"`
		Context      string   `yaml:"context"`
	} `yaml:"credentials"`
}

var authProtocols = map[string]gosnmp.SnmpV3AuthProtocol{
	"": gosnmp.NoAuth, "none": gosnmp.NoAuth, "md5": gosnmp.MD5, "sha": gosnmp.SHA, "sha1": gosnmp.SHA,
	"sha224": gosnmp.SHA224, "sha256": gosnmp.SHA256, "sha384": gosnmp.SHA384, "sha512": gosnmp.SHA512,
}

// The AES variants ending in c use Cisco's key extension (draft-reeder-snmpv3-usm-3desede),
// the others Blumenthal's.
var privProtocols = map[string]gosnmp.SnmpV3PrivProtocol{
	"": gosnmp.NoPriv, "none": gosnmp.NoPriv, "des": gosnmp.DES, "aes": gosnmp.AES, "aes128": gosnmp.AES,
	"aes192": gosnmp.AES192, "aes256": gosnmp.AES256, "aes192c": gosnmp.AES192C, "aes256c": gosnmp.AES256C,
}

// ParseCredentials reads a credentials file. Errors name the entry and never its secrets.
// The result is in the order in which credentials are tried.
func ParseCredentials(r io.Reader) ([]Credential, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("read SNMP credentials: %w", err)
	}
	if len(data) > maxConfig {
		return nil, inventory.Errorf(inventory.CodeTooLarge, "SNMP credentials: more than %d bytes", maxConfig)
	}
	var f credentialFile
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, inventory.Errorf(inventory.CodeInvalid, "SNMP credentials: %s", yamlProblem(err))
	}
	out := make([]Credential, 0, len(f.Credentials))
	for i, e := range f.Credentials {
		c := Credential{
			Community: inventory.Secret(e.Community), User: e.User, Context: e.Context,
			AuthPassword: inventory.Secret(e.AuthPassword), PrivPassword: inventory.Secret(e.PrivPassword),
		}
		if err := c.fill(e.Version, e.Auth, e.Priv, e.Targets); err != nil {
			return nil, inventory.Errorf(inventory.CodeInvalid, "SNMP credentials: entry %d: %w", i+1, err)
		}
		c.Name = fmt.Sprintf("#%d %s", i+1, c.String())
		out = append(out, c)
	}
	Order(out)
	return out, nil
}

// yamlProblem is what is wrong with a file, without quoting values from it: the values
// next to a mistake may be secrets.
func yamlProblem(err error) string {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return "not valid YAML"
	}
	var out []string
	for _, e := range te.Errors {
		if field, _, ok := strings.Cut(e, " not found in type"); ok {
			out = append(out, field+" is not known")
			continue
		}
		line, _, _ := strings.Cut(e, ":")
		out = append(out, line+": wrong kind of value")
	}
	return strings.Join(out, "; ")
}

func (c *Credential) fill(version, auth, priv string, targets []string) error {
	for _, t := range targets {
		p, err := parseScope(t)
		if err != nil {
			return err
		}
		c.Targets = append(c.Targets, p)
	}
	var known bool
	if c.Auth, known = authProtocols[normal(auth)]; !known {
		return fmt.Errorf("auth must be md5, sha, sha224, sha256, sha384, sha512 or none")
	}
	if c.Priv, known = privProtocols[normal(priv)]; !known {
		return fmt.Errorf("priv must be des, aes, aes192, aes256, aes192c, aes256c or none")
	}
	switch normal(version) {
	case "1", "v1", "2c", "2", "v2c", "":
		c.Version = gosnmp.Version2c
		if n := normal(version); n == "1" || n == "v1" {
			c.Version = gosnmp.Version1
		}
		if c.User != "" {
			return fmt.Errorf("a user needs version: 3")
		}
		if c.Community == "" {
			return fmt.Errorf("versions 1 and 2c need a community")
		}
		if c.authenticates() || c.encrypts() || c.AuthPassword != "" || c.PrivPassword != "" || c.Context != "" {
			return fmt.Errorf("auth, priv, their passwords and context need version: 3")
		}
	case "3", "v3":
		c.Version = gosnmp.Version3
		return c.checkV3()
	default:
		return fmt.Errorf("version must be 1, 2c or 3")
	}
	return nil
}

// minPassword is the shortest password that RFC 3414 §11.2 allows.
const minPassword = 8

func (c *Credential) checkV3() error {
	switch {
	case c.User == "":
		return fmt.Errorf("version 3 needs a user")
	case len(c.User) > 32:
		return fmt.Errorf("user is longer than 32 bytes")
	case c.Community != "":
		return fmt.Errorf("version 3 has no community")
	}
	if c.AuthPassword != "" && !c.authenticates() {
		return fmt.Errorf("auth_password needs auth")
	}
	if c.PrivPassword != "" && !c.encrypts() {
		return fmt.Errorf("priv_password needs priv")
	}
	if c.encrypts() && !c.authenticates() {
		return fmt.Errorf("priv needs auth")
	}
	if c.authenticates() && len(c.AuthPassword) < minPassword {
		return fmt.Errorf("auth_password must have at least %d characters", minPassword)
	}
	if c.encrypts() && len(c.PrivPassword) < minPassword {
		return fmt.Errorf("priv_password must have at least %d characters", minPassword)
	}
	return nil
}

// normal forgives the ways in which people write protocol names: SHA-256, AES_128.
func normal(s string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(strings.TrimSpace(s)))
}

func parseScope(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), nil
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.Prefix{}, fmt.Errorf("target %q is no address or prefix", text)
}
