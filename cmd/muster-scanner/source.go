package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/scanner"
)

const (
	defaultStateDir = "/var/lib/muster-scanner"
	// workedFile says by which credential each device was read; it has no secret in it.
	workedFile = "snmp-worked.json"
)

func (p *program) enroll() *cobra.Command {
	var cfg wire.EnrollConfig
	var token, tokenFile string
	c := &cobra.Command{
		Use:   "enroll",
		Short: "Get an identity from a collector, once",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if cfg.Token, err = p.token(token, tokenFile); err != nil {
				return err
			}
			if cfg.Collector == "" {
				cfg.Collector, _ = p.env("MUSTER_COLLECTOR")
			}
			cfg.Kind, cfg.Version = inventory.KindScanner, version
			if cfg.Hostname, err = os.Hostname(); err != nil {
				cfg.Hostname = "" // only shown to people
			}
			id, err := wire.Enroll(c.Context(), cfg)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.out, "enrolled as scanner %s of site %q, certificate until %s\n", id.ID, id.Site, id.NotAfter.Format("2006-01-02"))
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.StateDir, "state-dir", defaultStateDir, "folder of this scanner's identity")
	f.StringVar(&cfg.Collector, "collector", "", "the collector's address, https://HOST:PORT; $MUSTER_COLLECTOR")
	f.StringVar(&token, "token", "", "enrolment token; other users can see it in the list of processes, the other ways hide it")
	f.StringVar(&tokenFile, "token-file", "", "file with the enrolment token, - for standard input")
	f.BoolVar(&cfg.Force, "force", false, "replace an identity that the folder has already")
	return c
}

// maxToken bounds a file with a token.
const maxToken = 4096

// token finds the enrolment token without it having to be on the command line.
func (p *program) token(token, file string) (inventory.Secret, error) {
	switch {
	case token != "" && file != "":
		return "", &usageError{errors.New("--token and --token-file exclude each other")}
	case file != "":
		from := p.in
		if file != "-" {
			f, err := os.Open(file)
			if err != nil {
				return "", fmt.Errorf("open token: %w", err)
			}
			defer func() { _ = f.Close() }()
			from = f
		}
		text, err := io.ReadAll(io.LimitReader(from, maxToken))
		if err != nil {
			return "", fmt.Errorf("read token: %w", err)
		}
		token = string(text)
	case token == "":
		token, _ = p.env("MUSTER_ENROLL_TOKEN")
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", &usageError{errors.New("no token given: --token, --token-file or MUSTER_ENROLL_TOKEN")}
	}
	return inventory.Secret(token), nil
}

// outlet is the way to the collector.
type outlet struct {
	client *wire.Client
	box    *wire.Outbox
}

func (p *program) openOutlet(stateDir string, log *slog.Logger) (*outlet, error) {
	client, err := wire.Open(stateDir, version)
	if err != nil {
		return nil, err
	}
	box, err := wire.OpenOutbox(wire.OutboxConfig{StateDir: stateDir, Source: client.Identity().ID, Now: p.now, Log: log})
	if err != nil {
		client.Close()
		return nil, err
	}
	return &outlet{client: client, box: box}, nil
}

func (o *outlet) close() {
	_ = o.box.Close() // what waits is on disk already
	o.client.Close()
}

// site is the scanner's site; "" for a scan that is not submitted.
func (o *outlet) site() string {
	if o == nil {
		return ""
	}
	return o.client.Identity().Site
}

// lastWords is how long a scan that was stopped may take to be sent.
const lastWords = time.Second

// submit sends a result. What cannot be sent now waits in the state folder.
func (p *program) submit(ctx context.Context, o *outlet, res *scanner.Result) error {
	observations := scanner.Observations(res)
	addErr := o.box.Add(observations...)
	if ctx.Err() != nil { // stopped: what was found is still sent, if that is quickly done
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
	}
	sent, err := o.box.Flush(ctx, o.client)
	if err != nil {
		return fmt.Errorf("send to the collector: %w; %d observations wait in the state folder", err, o.box.Pending())
	}
	fmt.Fprintf(p.err, "sent %d observations to %s\n", sent.Sent, o.client.Identity().Collector)
	if sent.Lost > 0 {
		return fmt.Errorf("the collector did not take %d observations: %s", sent.Lost, sent.Problem)
	}
	return errors.Join(addErr)
}

func (p *program) run() *cobra.Command {
	var o local
	var stateDir string
	c := &cobra.Command{
		Use:   "run",
		Short: "Scan what the collector asks for, until stopped",
		Long: `Takes scan jobs from the collector that this scanner is enrolled with. --allow and --deny,
and the targets of the SNMP credentials, hold whatever a job says; so do --no-dns, --no-search
and --services=false. Stopped, it gives the job it has back, and the next scanner goes on with it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(&o)
			if err != nil {
				return err
			}
			cfg.Log = slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: p.level(&o)}))
			out, err := p.openOutlet(stateDir, cfg.Log)
			if err != nil {
				return err
			}
			defer out.close()
			if cfg.Worked, err = scanner.OpenWorked(filepath.Join(stateDir, workedFile)); err != nil {
				return err
			}
			id := out.client.Identity()
			cfg.Log.Info("ready", "scanner", id.ID, "site", id.Site, "collector", id.Collector, "version", version)
			w := scanner.Worker{Config: cfg, Collector: out.client, Outbox: out.box}
			return w.Run(c.Context())
		},
	}
	o.flags(c.Flags())
	c.Flags().StringVar(&stateDir, "state-dir", defaultStateDir, "folder of this scanner's identity")
	return c
}

// level of the log of a service: what it does, and with --verbose how.
func (p *program) level(o *local) slog.Level {
	if o.verbose {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
