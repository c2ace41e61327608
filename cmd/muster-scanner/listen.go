package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/scanner"
)

// listenFlags are the flags of listening.
type listenFlags struct {
	local
	delivery
	job scanner.ListenJob
}

// maxListen bounds --for: the result is printed and sent at the end.
const maxListen = 24 * time.Hour

func (p *program) listen() *cobra.Command {
	var o listenFlags
	c := &cobra.Command{
		Use:   "listen",
		Short: "Hear who speaks on the links of this host, and send nothing",
		Long: `Listens to ARP, IPv6 neighbour discovery, DHCP, mDNS, LLMNR, SSDP, WS-Discovery, NetBIOS,
LLDP and CDP, and prints which devices were heard and what they said of themselves. Nothing
is sent on the network, not even a name is looked up; the cards are not made promiscuous.
Ctrl-C ends it before its time and prints what was heard. Needs root or CAP_NET_RAW, and Linux.

Exit status: 0 complete, 1 failed, 2 mistake in the call, 3 stopped or incomplete.`,
		Example: `  muster-scanner listen --for 30m
  muster-scanner listen --for 1h --interface eth1 -o jsonl --submit`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return p.runListen(c.Context(), &o) },
	}
	f := c.Flags()
	f.DurationVar(&o.job.For, "for", 10*time.Minute, "how long, at most 24h")
	f.StringSliceVar(&o.job.Interfaces, "interface", nil, "listen on these interfaces alone")
	f.StringSliceVar(&o.allow, "allow", nil, "report nothing but these prefixes; $MUSTER_SCANNER_ALLOW")
	f.StringSliceVar(&o.deny, "deny", nil, "never report these prefixes; $MUSTER_SCANNER_DENY")
	f.BoolVar(&o.verbose, "verbose", false, "log what goes on")
	o.delivery.flags(f)
	return c
}

func (p *program) runListen(ctx context.Context, o *listenFlags) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.job.For < time.Second || o.job.For > maxListen {
		return &usageError{fmt.Errorf("--for %s: must be between 1s and %s", o.job.For, maxListen)}
	}
	cfg, err := p.lists(&o.local)
	if err != nil {
		return err
	}
	show := newProgress(p.err, p.terminal, p.now)
	cfg.Progress = show.update
	s, err := scanner.New(cfg)
	if err != nil {
		return err
	}
	return p.deliver(ctx, &o.delivery, cfg.Log, func() (*scanner.Result, error) {
		defer show.done()
		fmt.Fprintf(p.err, "listening for %s, sending nothing\n", o.job.For)
		return s.Listen(ctx, o.job)
	})
}
