package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Limits of a file of targets and of reading at once.
const (
	maxTargets     = 65_536
	maxConcurrency = 1024
)

// How fast devices are read when nobody says otherwise. Each is asked one question at a time,
// so this bounds what this host and its links carry: 5,000 questions are half a MiB.
const (
	identifyRate        = 5000
	identifyConcurrency = 256
)

// named is what a device is, as identify prints it.
type named struct {
	Address   string `json:"address,omitempty"`
	Name      string `json:"name"`
	Vendor    string `json:"vendor"`
	Type      string `json:"type"`
	Model     string `json:"model"`
	Serial    string `json:"serial"`
	OS        string `json:"os"`
	OSVersion string `json:"os_version"`
	Error     string `json:"error,omitempty"`
	// Evidence says where each value comes from and how sure it is.
	Evidence []identify.Evidence `json:"evidence,omitempty"`
	// SNMP is what was read in all, where all was asked for.
	SNMP *snmpLine `json:"snmp,omitempty"`
}

func newNamed(name string, id *identify.Identity, evidence []identify.Evidence) named {
	return named{Name: name, Vendor: id.Vendor, Type: string(id.Type), Model: id.Model, Serial: id.Serial, OS: id.OS.Name, OSVersion: id.OS.Version,
		Evidence: evidence}
}

// target is a line of the file of targets.
type target struct {
	addr netip.Addr
	name string
}

type identifyFlags struct {
	local
	targets, output string
	port            uint16
	concurrency     int
	rate            int
	full            bool
}

func (p *program) identify() *cobra.Command {
	var o identifyFlags
	c := &cobra.Command{
		Use:   "identify --targets FILE",
		Short: "Read devices by SNMP and say what they are, without a scan",
		Long: `Reads the devices of a file by SNMP and prints one JSON object each: name, vendor, type,
model, serial, os, os_version, empty where it is not known, and evidence: where each value
comes from and how sure it is in per cent. A line of the file is an address and, if wanted, a
name after it; - stands for standard input.

Reads no more than it takes to say what a device is; with --full all that a scan reads, and adds
what it was.

Exit status: 0 every device answered, 1 failed, 2 mistake in the call, 3 some did not answer.`,
		Example: `  muster-scanner identify --targets devices.txt --snmp-config snmp.yml -o jsonl`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return p.runIdentify(c.Context(), &o) },
	}
	f := c.Flags()
	o.readFlags(f)
	o.recogFlag(f)
	f.StringVar(&o.targets, "targets", "", "file of addresses, one a line")
	f.StringVarP(&o.output, "output", "o", "jsonl", "jsonl")
	f.Uint16Var(&o.port, "port", snmp.DefaultPort, "port of the agents")
	f.IntVar(&o.concurrency, "concurrency", identifyConcurrency, fmt.Sprintf("devices read at once, at most %d", maxConcurrency))
	f.IntVar(&o.rate, "rate", identifyRate, "packets a second, to all devices together")
	f.BoolVar(&o.full, "full", false, "read all tables of each device, as a scan does")
	return c
}

func (p *program) runIdentify(ctx context.Context, o *identifyFlags) error {
	switch {
	case o.output != "jsonl":
		return &usageError{fmt.Errorf("-o %s: must be jsonl", o.output)}
	case o.targets == "":
		return &usageError{errors.New("identify: --targets names no file")}
	case o.concurrency < 1 || o.concurrency > maxConcurrency:
		return &usageError{fmt.Errorf("--concurrency %d: must be from 1 to %d", o.concurrency, maxConcurrency)}
	case o.rate < 1:
		return &usageError{fmt.Errorf("--rate %d: must be at least 1", o.rate)}
	}
	cfg, err := p.config(&o.local)
	if err != nil {
		return err
	}
	if len(cfg.Credentials) == 0 {
		return &usageError{errors.New("identify: --snmp-config names no credentials")}
	}
	targets, err := p.readTargets(o.targets, &cfg)
	if err != nil {
		return err
	}
	rules, err := identify.Builtin()
	if err != nil {
		return err
	}
	site := identify.ServiceRules{Recog: cfg.Recog}
	limit := scanner.NewLimiter(o.rate, scanner.SystemClock())
	prober := &snmp.Prober{
		Credentials: cfg.Credentials, Port: o.port, Extra: rules.Wanted, Now: p.now,
		Wait: func(ctx context.Context, _ netip.Addr) error { return limit.Wait(ctx) },
	}
	if !o.full {
		prober.Needs = rules.Needs
	} else if prober.Tables, err = snmp.BuiltinTables(); err != nil {
		return err
	}
	gentle, fragile := scanner.Gently(prober, scanner.SystemClock()), cfg.Fragile.Unasked()
	return p.identifyAll(ctx, targets, o.concurrency, func(ctx context.Context, t target) named {
		read := prober.Read
		if fragile(t.addr) != "" {
			read = gentle.Read
		}
		facts, err := read(ctx, t.addr)
		if err != nil {
			return named{Address: t.addr.String(), Name: t.name, Error: err.Error()}
		}
		id, evidence := rules.Device(facts)
		evidence = append(evidence, site.Identify(&id, evidence, identify.Told(facts.System))...)
		n := newNamed(t.name, &id, evidence)
		n.Address = t.addr.String()
		if o.full {
			n.SNMP = newSNMPLine(facts)
		}
		return n
	})
}

// identifyAll runs read for every target, several at once, and prints the answers in the
// order of the targets as they come.
func (p *program) identifyAll(ctx context.Context, targets []target, concurrency int, read func(context.Context, target) named) error {
	answers := make([]chan named, len(targets))
	for i := range answers {
		answers[i] = make(chan named, 1)
	}
	next := make(chan int)
	var wg sync.WaitGroup
	defer wg.Wait()
	for range min(concurrency, len(targets)) {
		wg.Go(func() {
			for i := range next {
				answers[i] <- read(ctx, targets[i])
			}
		})
	}
	go func() {
		defer close(next)
		for i := range targets {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	silent := 0
	enc := json.NewEncoder(p.out)
	for i := range targets {
		select {
		case n := <-answers[i]:
			if n.Error != "" {
				silent++
			}
			if err := enc.Encode(n); err != nil {
				return fmt.Errorf("print result: %w", err)
			}
		case <-ctx.Done():
			return fmt.Errorf("%w: stopped after %d of %d devices", errIncomplete, i, len(targets))
		}
	}
	if silent > 0 {
		return fmt.Errorf("%w: %d of %d devices did not let themselves be read", errIncomplete, silent, len(targets))
	}
	return nil
}

// readTargets reads a file of targets; --allow and --deny hold for it as for a scan.
func (p *program) readTargets(name string, cfg *scanner.Config) ([]target, error) {
	in := p.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open targets: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	targets, err := parseTargets(in)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		if len(cfg.Allow) > 0 && !cfg.Allow.Contains(t.addr) || cfg.Deny.Contains(t.addr) {
			return nil, inventory.Errorf(inventory.CodeForbidden, "targets: %s: not allowed to this scanner by --allow or --deny", t.addr)
		}
	}
	return targets, nil
}

func parseTargets(r io.Reader) ([]target, error) {
	var out []target
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if len(out) == maxTargets {
			return nil, inventory.Errorf(inventory.CodeTooLarge, "targets: more than %d addresses", maxTargets)
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			return nil, inventory.Errorf(inventory.CodeInvalid, "targets: line %d: %.60q is no address", n, fields[0])
		}
		t := target{addr: addr, name: addr.String()}
		if len(fields) > 1 {
			t.name = fields[1]
		}
		out = append(out, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read targets: %w", err)
	}
	if len(out) == 0 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "targets: no address in the file")
	}
	return out, nil
}
