// Package proxy finds the way to the collector: by the agent's own configuration, by the
// environment, or by the settings of the system, in that order.
//
// It owns how each of these is read and what it means. It refuses to run a proxy
// auto-configuration script, which would be code from the network; it says that there is one.
// cmd/muster-agent calls it.
package proxy

import (
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/muster-itam/muster/internal/inventory"
)

// Direct as an address means that no proxy is used, whatever the system says.
const Direct = "direct"

// maxCredentials bounds the file with them.
const maxCredentials = 4096

// Config is what the host's owner says.
type Config struct {
	// Address is a URL (http, https or socks5) without user and password, Direct, or "".
	Address string
	// Credentials is a file with USER:PASSWORD, which others on the machine cannot read.
	Credentials string
}

// Settings are what a system has to say.
type Settings struct {
	From     string // where it stands
	Address  string // of the proxy for https; "" for none
	Except   []string
	ExceptBy func(host string) bool // what Except cannot express; nil for nothing
	Script   string                 // of auto-configuration, which is not run
}

// Choice is the way to the collector.
type Choice struct {
	from   string
	script string
	proxy  *url.URL
	except []string
	by     func(host string) bool
}

// Find makes the choice. system reads the system's own settings, and is only asked when
// nobody else has spoken.
func Find(cfg Config, env func(string) (string, bool), system func() Settings) (*Choice, error) {
	except := splitExcept(first(env, "NO_PROXY", "no_proxy"))
	settings := Settings{From: "configuration", Address: cfg.Address, Except: except}
	if settings.Address == "" {
		settings = Settings{From: "environment", Address: first(env, "HTTPS_PROXY", "https_proxy"), Except: except}
	}
	if settings.Address == "" {
		settings = system()
		settings.Except = append(settings.Except, except...)
	}
	c := &Choice{from: settings.From, script: settings.Script, except: settings.Except, by: settings.ExceptBy}
	if settings.Address == "" || settings.Address == Direct {
		return c, nil
	}
	var err error
	if c.proxy, err = parse(settings.Address); err != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "proxy of the %s: %w", settings.From, err)
	}
	if settings.From == "configuration" && c.proxy.User != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "proxy: user and password belong into a file that proxy_credentials names")
	}
	if cfg.Credentials != "" {
		c.proxy.User, err = readCredentials(cfg.Credentials)
	}
	return c, err
}

func first(env func(string) (string, bool), names ...string) string {
	for _, name := range names {
		if value, ok := env(name); ok && value != "" {
			return value
		}
	}
	return ""
}

// parse takes HOST:PORT for a URL too. Its errors do not repeat the text, which may hold a password.
func parse(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, inventory.Errorf(inventory.CodeInvalid, "the address is not of the form http://HOST:PORT")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		u.Path = ""
		return u, nil
	}
	return nil, inventory.Errorf(inventory.CodeInvalid, "the scheme %q is not http, https or socks5", u.Scheme)
}

func readCredentials(path string) (*url.Userinfo, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, inventory.Errorf(inventory.CodeInvalid, "proxy_credentials: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxCredentials:
		return nil, inventory.Errorf(inventory.CodeInvalid, "proxy_credentials %s: not a file of at most %d bytes", path, maxCredentials)
	case openToOthers(info):
		return nil, inventory.Errorf(inventory.CodeForbidden, "proxy_credentials %s is open to other users (%s): chmod o= it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "proxy_credentials: %w", err)
	}
	user, password, ok := strings.Cut(strings.TrimSpace(string(text)), ":")
	if !ok || user == "" {
		return nil, inventory.Errorf(inventory.CodeInvalid, "proxy_credentials %s: not of the form USER:PASSWORD", path)
	}
	return url.UserPassword(user, password), nil
}

// Func is the choice for an [http.Transport]. Loopback addresses are reached directly.
func (c *Choice) Func() func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) { return c.of(r.URL) }
}

func (c *Choice) of(target *url.URL) (*url.URL, error) {
	if c.proxy == nil || (c.by != nil && c.by(target.Hostname())) {
		return nil, nil
	}
	conf := httpproxy.Config{HTTPSProxy: c.proxy.String(), NoProxy: strings.Join(c.except, ",")}
	return conf.ProxyFunc()(target)
}

// Describe says for people which way leads to the collector and who says so, without secrets.
func (c *Choice) Describe(collector string) string {
	target, err := url.Parse(collector)
	if err != nil {
		return "none"
	}
	proxy, err := c.of(target)
	switch {
	case err == nil && proxy != nil:
		return proxy.Redacted() + " (" + c.from + ")"
	case c.proxy != nil:
		return "none for this address (" + c.from + " has " + c.proxy.Redacted() + ")"
	}
	return "none"
}

// Script is the address of an auto-configuration script that is the system's only word.
func (c *Choice) Script() string {
	if c.proxy != nil {
		return ""
	}
	return c.script
}

// splitExcept reads NO_PROXY's list.
func splitExcept(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
}

// exceptions makes of the lists that Windows and macOS have what NO_PROXY can say: *.local
// becomes .local, 10.* becomes 10.0.0.0/8. <local> are names without a dot.
func exceptions(list []string) (except []string, simple bool) {
	for _, entry := range list {
		switch entry = strings.TrimSpace(entry); {
		case entry == "":
		case entry == "<local>":
			simple = true
		case strings.HasPrefix(entry, "*."):
			except = append(except, entry[1:])
		case strings.HasSuffix(entry, ".*"):
			if network, ok := wildcard(entry); ok {
				except = append(except, network)
			}
		default:
			except = append(except, entry)
		}
	}
	return except, simple
}

// wildcard reads 10.* and 192.168.*.
func wildcard(entry string) (network string, ok bool) {
	parts := strings.Split(strings.TrimRight(entry, ".*"), ".")
	if len(parts) < 1 || len(parts) > 3 {
		return "", false
	}
	bits := 8 * len(parts)
	for len(parts) < 4 {
		parts = append(parts, "0")
	}
	a, err := netip.ParseAddr(strings.Join(parts, "."))
	if err != nil {
		return "", false
	}
	return netip.PrefixFrom(a, bits).String(), true
}

func bySimpleName(simple bool) func(string) bool {
	if !simple {
		return nil
	}
	return func(host string) bool { return !strings.ContainsAny(host, ".:") }
}
