package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

// local is what the scanner's own host says about scanning, whoever asks for it.
type local struct {
	snmpConfig string
	recog      string
	allow      []string
	deny       []string
	fragile    []string
	noDNS      bool
	noSearch   bool
	dns        string
	services   bool
	ports      []string
	tcp        string
	verbose    bool
}

// flags are those of a scan.
func (l *local) flags(f *pflag.FlagSet) {
	l.readFlags(f)
	l.recogFlag(f)
	f.BoolVar(&l.noDNS, "no-dns", false, "do not look up host names")
	f.BoolVar(&l.noSearch, "no-search", false, "do not ask devices to announce themselves (mDNS, SSDP, WS-Discovery, NetBIOS, LLMNR)")
	f.StringVar(&l.dns, "dns", "", "name server to ask, ADDRESS or ADDRESS:PORT, in place of the system's")
	f.BoolVar(&l.services, "services", true, "ask the ports of what is found who they are, without logging in")
	f.StringSliceVar(&l.ports, "ports", []string{"default"}, "ports to ask: default, numbers, ranges, udp/NUMBER, modbus, bacnet")
	f.StringVar(&l.tcp, "tcp", string(scanner.TCPAuto), "how addresses that give no echo are tried: syn (needs root or CAP_NET_RAW, Linux), connect, or auto, which is syn where that may be")
}

func (l *local) recogFlag(f *pflag.FlagSet) {
	f.StringVar(&l.recog, "recog", "", "folder of fingerprints in recog's format (*.xml), for what no rule knows; $MUSTER_SCANNER_RECOG")
}

// readFlags are those of what reads devices by SNMP, be it a scan or not.
func (l *local) readFlags(f *pflag.FlagSet) {
	f.StringVar(&l.snmpConfig, "snmp-config", "", "file of SNMP credentials (YAML); $MUSTER_SNMP_CONFIG")
	f.StringSliceVar(&l.allow, "allow", nil, "scan nothing but these prefixes, whoever asks; $MUSTER_SCANNER_ALLOW")
	f.StringSliceVar(&l.deny, "deny", nil, "never scan these prefixes, whoever asks; $MUSTER_SCANNER_DENY")
	f.StringSliceVar(&l.fragile, "fragile", nil, "addresses, beginnings of hardware addresses (00:0e:8c) and type=TYPE that get only the gentlest probes, beside the built-in rules; $MUSTER_SCANNER_FRAGILE")
	f.BoolVar(&l.verbose, "verbose", false, "log what goes on")
}

// lists reads which addresses may be touched.
func (p *program) lists(l *local) (scanner.Config, error) {
	cfg := scanner.Config{TCP: scanner.TCPWay(l.tcp), NoNames: l.noDNS, NoSearch: l.noSearch, Now: p.now, Log: p.logger(l.verbose)}
	var err error
	if cfg.Fragile, err = scanner.ParseFragile(p.words(l.fragile, "MUSTER_SCANNER_FRAGILE")); err != nil {
		return cfg, inventory.Errorf(inventory.CodeInvalid, "--fragile: %w", err)
	}
	if cfg.Allow, err = p.addresses("--allow", l.allow, "MUSTER_SCANNER_ALLOW"); err != nil {
		return cfg, err
	}
	cfg.Deny, err = p.addresses("--deny", l.deny, "MUSTER_SCANNER_DENY")
	return cfg, err
}

// config reads the files and lists behind the flags.
func (p *program) config(l *local) (scanner.Config, error) {
	cfg, err := p.lists(l)
	if err != nil {
		return cfg, err
	}
	if cfg.Resolver, err = resolver(l.dns); err != nil {
		return cfg, err
	}
	if l.services {
		if cfg.Services, err = service.ParsePorts(l.ports); err != nil {
			return cfg, fmt.Errorf("--ports: %w", err)
		}
	}
	if cfg.Recog, err = p.fingerprints(l.recog, cfg.Log); err != nil {
		return cfg, err
	}
	name := l.snmpConfig
	if name == "" {
		name, _ = p.env("MUSTER_SNMP_CONFIG")
	}
	if name == "" {
		return cfg, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return cfg, fmt.Errorf("open SNMP credentials: %w", err)
	}
	defer func() { _ = f.Close() }()
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o004 != 0 {
		cfg.Log.Warn("SNMP credentials can be read by others", "file", name)
	}
	cfg.Credentials, err = snmp.ParseCredentials(f)
	return cfg, err
}

// fingerprints reads a folder of recog's format, and says what of it is of no use.
func (p *program) fingerprints(folder string, log *slog.Logger) (*identify.Recog, error) {
	if folder == "" {
		folder, _ = p.env("MUSTER_SCANNER_RECOG")
	}
	if folder == "" {
		return nil, nil
	}
	g, err := identify.LoadRecog(os.DirFS(folder))
	if err != nil {
		return nil, fmt.Errorf("--recog %s: %w", folder, err)
	}
	log.Info("fingerprints read", "folder", folder, "fingerprints", g.Fingerprints, "unused", g.Unused, "refused", len(g.Refused))
	for _, name := range g.Refused {
		log.Warn("fingerprint left out: its pattern is none of RE2's", "fingerprint", name)
	}
	return g, nil
}

// resolver asks the name server at addr; nil stands for the system's.
func resolver(addr string) (*net.Resolver, error) {
	if addr == "" {
		return nil, nil
	}
	server, err := netip.ParseAddrPort(addr)
	if ip, ipErr := netip.ParseAddr(addr); ipErr == nil {
		server, err = netip.AddrPortFrom(ip, 53), nil
	}
	if err != nil {
		return nil, &usageError{fmt.Errorf("--dns %s: must be ADDRESS or ADDRESS:PORT", addr)}
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server.String())
	}}, nil
}

// words are those that were given and those of an environment variable.
func (p *program) words(given []string, env string) []string {
	text, _ := p.env(env)
	return append(given, strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })...)
}

func (p *program) addresses(flag string, given []string, env string) (scanner.Set, error) {
	set, err := scanner.ParseExclusions(p.words(given, env))
	if err != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "%s: %w", flag, err)
	}
	return set, nil
}

func (p *program) logger(verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: level}))
}

// delivery is where what was found goes.
type delivery struct {
	output   string
	submit   bool
	stateDir string
}

func (d *delivery) flags(f *pflag.FlagSet) {
	f.StringVarP(&d.output, "output", "o", "table", "table or jsonl")
	f.BoolVar(&d.submit, "submit", false, "send the result to the collector that --state-dir is enrolled with")
	f.StringVar(&d.stateDir, "state-dir", defaultStateDir, "folder of this scanner's identity")
}

func (d *delivery) check() error {
	if writers[d.output] == nil {
		return &usageError{fmt.Errorf("-o %s: must be table or jsonl", d.output)}
	}
	return nil
}

// scanFlags are the flags of one scan.
type scanFlags struct {
	local
	delivery
	job    scanner.Job
	dryRun bool
}

func (p *program) scan() *cobra.Command {
	var o scanFlags
	c := &cobra.Command{
		Use:   "scan TARGET...",
		Short: "Scan now and print what is there",
		Long: `Scans addresses (10.0.0.7), ranges (10.0.0.1-50), prefixes (10.0.0.0/24, fd00::/64 on a
link of this host) and host names, and prints what is there.

Exit status: 0 complete, 1 failed, 2 mistake in the call, 3 stopped or incomplete.`,
		Example: `  muster-scanner scan 192.0.2.0/24
  muster-scanner scan 192.0.2.0/24 198.51.100.1-50 --exclude 192.0.2.9 --snmp-config snmp.yml -o jsonl
  muster-scanner scan 192.0.2.0/24 --dry-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{errors.New("scan: name at least one target: an address, a range, a prefix or a host")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.job.Targets = args
			return p.runScan(c.Context(), &o)
		},
	}
	f := c.Flags()
	o.local.flags(f)
	o.delivery.flags(f)
	f.StringSliceVar(&o.job.Exclude, "exclude", nil, "addresses, ranges and prefixes to leave out")
	f.IntVar(&o.job.Rate, "rate", scanner.DefaultRate, "packets a second, all probes together")
	f.BoolVar(&o.job.Large, "large", false, "allow more than 65,536 addresses")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be sent, and send nothing")
	return c
}

func (p *program) runScan(ctx context.Context, o *scanFlags) error {
	if err := o.check(); err != nil {
		return err
	}
	cfg, err := p.config(&o.local)
	if err != nil {
		return err
	}
	show := newProgress(p.err, p.terminal, p.now)
	cfg.Progress = show.update
	s, err := scanner.New(cfg)
	if err != nil {
		return err
	}
	plan, err := s.Plan(ctx, o.job)
	if err != nil {
		return err
	}
	if o.dryRun {
		return printPlan(p.out, plan, &cfg)
	}
	return p.deliver(ctx, &o.delivery, cfg.Log, func() (*scanner.Result, error) {
		defer show.done()
		fmt.Fprintf(p.err, "scanning %d addresses at up to %d packets a second\n", plan.Addresses(), plan.Rate)
		return s.Run(ctx, plan)
	})
}

// deliver lets run find what is there, prints it and sends it where that is wanted.
func (p *program) deliver(ctx context.Context, to *delivery, log *slog.Logger, run func() (*scanner.Result, error)) error {
	var out *outlet
	if to.submit {
		var err error
		if out, err = p.openOutlet(to.stateDir, log); err != nil {
			return err
		}
		defer out.close()
	}
	res, err := run()
	if err != nil {
		return err
	}
	if err := writers[to.output](p.out, res, out.site()); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	p.summary(res)
	if out != nil {
		if err := p.submit(ctx, out, res); err != nil {
			return err
		}
	}
	if !res.Complete {
		return errIncomplete
	}
	return nil
}

func (p *program) summary(res *scanner.Result) {
	word := "found"
	if !res.Complete {
		word = "incomplete: found"
	}
	read := 0
	for _, d := range res.Devices {
		if d.Facts != nil {
			read++
		}
	}
	fmt.Fprintf(p.err, "%s %d devices with %d addresses in %s, %d read by SNMP\n", word,
		len(res.Devices), res.Addresses(), res.Finished.Sub(res.Started).Round(100*time.Millisecond), read)
	for _, n := range res.Notes {
		fmt.Fprintln(p.err, "note:", plain(n))
	}
}
