package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/proxy"
	"github.com/muster-itam/muster/agent/upgrade"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// maxConfig bounds the configuration file.
const maxConfig = 1 << 20

// settings are what all commands share. A flag counts before the environment, that before
// the configuration file, that before what is built in.
type settings struct {
	stateDir         string
	file             string
	interval         time.Duration
	skip             string
	privacy          string
	allow, deny      string
	proxy            string
	proxyCredentials string
	output           string
	config           agent.Config
	upgrade          upgrade.Config
}

// configFile is the content of the configuration file; unknown keys are refused.
type configFile struct {
	StateDir         string        `yaml:"state_dir"`
	Interval         time.Duration `yaml:"interval"`
	Skip             []string      `yaml:"skip"`
	Privacy          string        `yaml:"privacy"`
	Allow            []string      `yaml:"allow"`
	Deny             []string      `yaml:"deny"`
	Proxy            string        `yaml:"proxy"`
	ProxyCredentials string        `yaml:"proxy_credentials"`
	OnBattery        string        `yaml:"on_battery"`
	OnMetered        string        `yaml:"on_metered"`
	Budget           struct {
		CPU        time.Duration `yaml:"cpu"`
		MemoryMiB  int64         `yaml:"memory_mib"`
		TrafficMiB int64         `yaml:"traffic_mib"`
	} `yaml:"budget"`
	Upgrade upgradeFile `yaml:"upgrade"`
}

// upgradeFile is set in the file only: who may write it may choose the agent's program.
type upgradeFile struct {
	Enabled    bool          `yaml:"enabled"`
	Repository string        `yaml:"repository"`
	Root       string        `yaml:"root"`
	Channel    string        `yaml:"channel"`
	Pin        string        `yaml:"pin"`
	Window     time.Duration `yaml:"window"`
	Trial      time.Duration `yaml:"trial"`
}

func (s *settings) define(fs *flag.FlagSet) {
	fs.StringVar(&s.stateDir, "state-dir", "", "`folder` of identity and spool")
	fs.StringVar(&s.file, "config", "", "configuration `file`")
	fs.DurationVar(&s.interval, "interval", 0, "`time` between two reports (default: as the collector asks)")
	fs.StringVar(&s.privacy, "privacy", "", "`preset` of what may be reported: server, staff, private (default server)")
	fs.StringVar(&s.allow, "allow", "", "`categories` that may be reported beyond the preset, separated by commas")
	fs.StringVar(&s.deny, "deny", "", "`categories and sections` that are never reported from this host; wins over all else")
	fs.StringVar(&s.skip, "skip", "", "`sections` that are never read on this host, the same as -deny")
	fs.StringVar(&s.proxy, "proxy", "", "`address` of the proxy to the collector, http://HOST:PORT, or direct (default: the system's)")
	fs.StringVar(&s.proxyCredentials, "proxy-credentials", "", "`file` with USER:PASSWORD for the proxy")
	fs.StringVar(&s.output, "o", "", "output `format`: json, or text for people")
	fs.Var(jsonFlag{&s.output}, "json", "the same as -o json")
}

// jsonFlag is -json as a way to say -o json.
type jsonFlag struct{ output *string }

func (jsonFlag) String() string   { return "" }
func (jsonFlag) IsBoolFlag() bool { return true }
func (f jsonFlag) Set(value string) error {
	if value != "true" {
		return errors.New("takes no value")
	}
	*f.output = "json"
	return nil
}

// complete fills in what no flag gave.
func (s *settings) complete(p *program, flags *flag.FlagSet) error {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	file, err := s.read(p, given["config"])
	if err != nil {
		return err
	}
	for _, setting := range []struct{ flag, env, file, builtIn string }{
		{"state-dir", "MUSTER_AGENT_STATE_DIR", file.StateDir, p.defaultStateDir()},
		{"interval", "MUSTER_AGENT_INTERVAL", file.Interval.String(), ""},
		{"skip", "MUSTER_AGENT_SKIP", strings.Join(file.Skip, ","), ""},
		{"privacy", "MUSTER_AGENT_PRIVACY", file.Privacy, ""},
		{"allow", "MUSTER_AGENT_ALLOW", strings.Join(file.Allow, ","), ""},
		{"deny", "MUSTER_AGENT_DENY", strings.Join(file.Deny, ","), ""},
		{"proxy", "MUSTER_AGENT_PROXY", file.Proxy, ""},
		{"proxy-credentials", "MUSTER_AGENT_PROXY_CREDENTIALS", file.ProxyCredentials, ""},
	} {
		if given[setting.flag] {
			continue
		}
		value, ok := p.env(setting.env)
		if !ok {
			value = setting.file
		}
		if value == "" {
			value = setting.builtIn
		}
		if value == "" {
			continue
		}
		if err := flags.Set(setting.flag, value); err != nil {
			return mistakef("%s: %v", setting.env, err)
		}
	}
	if s.output != "" && s.output != "json" && s.output != "text" {
		return mistakef("-o %s: there are json and text", s.output)
	}
	s.config = agent.Config{
		Interval: s.interval,
		Privacy:  agent.Privacy{Preset: agent.Preset(s.privacy), Allow: names(s.allow), Deny: names(s.deny)},
		Budget:   agent.Budget{CPU: file.Budget.CPU, Memory: file.Budget.MemoryMiB << 20, Traffic: file.Budget.TrafficMiB << 20},
		Thrift:   agent.Thrift{OnBattery: file.OnBattery, OnMetered: file.OnMetered},
	}
	for _, name := range names(s.skip) {
		s.config.Skip = append(s.config.Skip, inventory.SectionName(name))
	}
	s.upgrade = upgrade.Config(file.Upgrade)
	return errors.Join(s.config.Validate(), s.upgrade.Validate())
}

// findRoute finds the way to the collector, for the commands that connect.
func (p *program) findRoute(set *settings) (*proxy.Choice, error) {
	route, err := proxy.Find(proxy.Config{Address: set.proxy, Credentials: set.proxyCredentials}, p.env, p.proxies)
	if err != nil {
		return nil, err
	}
	set.config.Proxy = route.Func()
	return route, nil
}

func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// read is the configuration file's content; only a file that was asked for must be there.
func (s *settings) read(p *program, asked bool) (c configFile, err error) {
	path := s.file
	if value, ok := p.env("MUSTER_AGENT_CONFIG"); ok && path == "" {
		path, asked = value, true
	}
	if path == "" {
		path = p.defaultConfig()
	}
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	if info, err := os.Stat(path); err == nil && wire.WritableByOthers(info) {
		return c, inventory.Errorf(inventory.CodeForbidden, "configuration %s can be changed by other users (%s): chmod go-w it", path, info.Mode().Perm())
	}
	return parseConfig(path, text)
}

func parseConfig(path string, text []byte) (c configFile, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, inventory.Errorf(inventory.CodeInvalid, "configuration %s: %w", path, err)
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(text) > maxConfig {
		return nil, inventory.Errorf(inventory.CodeTooLarge, "%s is larger than %d bytes", path, maxConfig)
	}
	return text, nil
}
