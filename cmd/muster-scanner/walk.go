package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/snmp"
)

func (p *program) walk() *cobra.Command {
	var o local
	var port uint16
	var file string
	c := &cobra.Command{
		Use:   "walk ADDRESS",
		Short: "Record what a device says by SNMP, to try rules on",
		Long: `Reads everything a device has, up to 50,000 values, 16 MiB and a minute, and writes it a
line a value: OID|TYPE|VALUE. The file has no credentials; it has what the device says, such as
its name, addresses and neighbours: look through it before you give it away.

Exit status: 0 complete, 1 failed, 2 mistake in the call, 3 cut off by a limit.`,
		Example: `  muster-scanner walk 192.0.2.7 --snmp-config snmp.yml --file switch.walk`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{errors.New("walk: name one address")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return p.runWalk(c.Context(), &o, args[0], port, file) },
	}
	o.readFlags(c.Flags())
	c.Flags().Uint16Var(&port, "port", snmp.DefaultPort, "port of the agent")
	c.Flags().StringVarP(&file, "file", "f", "-", "file to write, - for standard output; must not exist")
	return c
}

func (p *program) runWalk(ctx context.Context, o *local, host string, port uint16, file string) error {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return &usageError{fmt.Errorf("walk %.60q: must be an address", host)}
	}
	cfg, err := p.config(o)
	if err != nil {
		return err
	}
	if len(cfg.Allow) > 0 && !cfg.Allow.Contains(addr) || cfg.Deny.Contains(addr) {
		return inventory.Errorf(inventory.CodeForbidden, "walk %s: not allowed to this scanner by --allow or --deny", addr)
	}
	prober := &snmp.Prober{Credentials: cfg.Credentials, Port: port}
	if why := cfg.Fragile.Unasked()(addr); why != "" {
		fmt.Fprintf(p.err, "%s is fragile (%s): asked slowly\n", addr, plain(why))
		prober = scanner.Gently(prober, scanner.SystemClock())
	}
	rec, err := prober.Record(ctx, addr)
	if rec == nil {
		return err
	}
	var text bytes.Buffer
	if werr := rec.Write(&text); werr != nil {
		return werr
	}
	if werr := p.save(file, text.Bytes()); werr != nil {
		return werr
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	return nil
}

func (p *program) save(name string, text []byte) error {
	if name == "-" {
		_, err := p.out.Write(text)
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create walk: %w", err)
	}
	if _, err := f.Write(text); err != nil {
		_ = f.Close()
		return fmt.Errorf("write walk: %w", err)
	}
	return f.Close()
}

func (p *program) rule() *cobra.Command {
	c := &cobra.Command{Use: "rule", Short: "Work on rules that say what devices are", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(&cobra.Command{
		Use:   "try WALK [RULES]",
		Short: "Say what a recorded device is, by a file of rules before the built-in ones",
		Long: `Reads a recording (muster-scanner walk, or a .snmprec file) as the device would be read and
prints what it is. Rules of the file are tried before the built-in ones.`,
		Example: `  muster-scanner rule try switch.walk my-rules.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return &usageError{errors.New("rule try: name a walk and a file of rules")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return p.tryRule(c.Context(), args) },
	})
	return c
}

// rulesAfter are the built-in rules, and before them those of a file where one is named.
func rulesAfter(name string) (*identify.Rules, error) {
	if name == "" {
		return identify.Builtin()
	}
	own, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open rules: %w", err)
	}
	defer func() { _ = own.Close() }()
	return identify.BuiltinAfter(filepath.Base(name), own)
}

func (p *program) tryRule(ctx context.Context, args []string) error {
	own := ""
	if len(args) == 2 {
		own = args[1]
	}
	rules, err := rulesAfter(own)
	if err != nil {
		return err
	}
	f, err := os.Open(args[0])
	if err != nil {
		return fmt.Errorf("open walk: %w", err)
	}
	defer func() { _ = f.Close() }()
	rec, err := snmp.ReadRecording(f)
	if err != nil {
		return err
	}
	if rec.Skipped > 0 {
		fmt.Fprintf(p.err, "%d lines of the walk are left out: %s\n", rec.Skipped, plain(rec.Problem))
	}
	facts, err := rec.Facts(ctx, rules.Wanted)
	if err != nil {
		return err
	}
	id, evidence := rules.Device(facts)
	for _, name := range rules.Matching(facts.System) {
		fmt.Fprintln(p.err, "rule:", plain(name))
	}
	return json.NewEncoder(p.out).Encode(newNamed(filepath.Base(args[0]), &id, evidence))
}
