// Command muster-collector is the server of muster, and the tool of those who run it.
//
// It reads flags, environment and the configuration file, and hands the rest to collector.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/internal/inventory"
)

var version = "dev" // set by the linker

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p := &program{out: os.Stdout, err: os.Stderr, env: os.LookupEnv, now: time.Now}
	os.Exit(p.main(ctx, os.Args[1:]))
}

// program is one run of the command with what it reads and writes.
type program struct {
	out, err io.Writer
	env      func(string) (string, bool)
	now      func() time.Time

	flags struct {
		collector.Config
		file string
	}
}

// Exit codes: scripts can tell a mistake in the call from trouble in the running.
const (
	exitFailed  = 1
	exitInvalid = 2
)

func (p *program) main(ctx context.Context, args []string) int {
	root := p.command()
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(p.err, "muster-collector: %v\n", err)
	var usage *usageError
	if errors.As(err, &usage) || inventory.CodeOf(err) == inventory.CodeInvalid {
		return exitInvalid
	}
	return exitFailed
}

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "muster-collector",
		Short:         "The server of muster: takes reports, keeps the inventory, answers questions",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	d := collector.DefaultConfig()
	f := root.PersistentFlags()
	f.StringVar(&p.flags.file, "config", "", "configuration file (YAML); $MUSTER_CONFIG")
	f.StringVar(&p.flags.DataDir, "data-dir", d.DataDir, "directory of keys and of the embedded inventory")
	f.StringVar(&p.flags.Store, "store", "", "the inventory: sqlite:FILE or postgres://USER@HOST/DATABASE (default muster.db in the data directory)")
	root.AddCommand(p.serve(d), p.configCommand(), p.tokens(), p.sources(), p.persons(), p.ca(), p.restored(), p.reconcile(), p.retention(), p.credentials())
	root.AddCommand(p.inventory()...)
	return root
}

// config is the configuration in force: flags before environment before file before defaults.
func (p *program) config(c *cobra.Command) (collector.Config, error) {
	cfg := collector.DefaultConfig()
	file := p.flags.file
	if file == "" {
		file, _ = p.env("MUSTER_CONFIG")
	}
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return cfg, fmt.Errorf("open configuration: %w", err)
		}
		defer func() { _ = f.Close() }()
		if err := cfg.Read(f); err != nil {
			return cfg, fmt.Errorf("%s: %w", file, err)
		}
	}
	if err := cfg.Environ(p.env); err != nil {
		return cfg, err
	}
	given := &p.flags.Config
	for name, take := range map[string]func(){
		"data-dir":        func() { cfg.DataDir = given.DataDir },
		"store":           func() { cfg.Store = given.Store },
		"listen":          func() { cfg.Listen = given.Listen },
		"name":            func() { cfg.Names = given.Names },
		"metrics-listen":  func() { cfg.MetricsListen = given.MetricsListen },
		"log-format":      func() { cfg.LogFormat = given.LogFormat },
		"log-level":       func() { cfg.LogLevel = given.LogLevel },
		"report-interval": func() { cfg.ReportInterval = given.ReportInterval },
	} {
		if f := c.Flags().Lookup(name); f != nil && f.Changed {
			take()
		}
	}
	return cfg, cfg.Validate()
}

func (p *program) serve(d collector.Config) *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the collector until it is told to stop (SIGTERM, SIGINT)",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(c)
			if err != nil {
				return err
			}
			collector.TuneMemory(p.env)
			return collector.Run(c.Context(), cfg, collector.Deps{Log: p.logger(cfg), Now: p.now})
		},
	}
	f, cfg := c.Flags(), &p.flags.Config
	f.StringVar(&cfg.Listen, "listen", d.Listen, "address of the one listener, HOST:PORT")
	f.StringSliceVar(&cfg.Names, "name", nil, "host name or address to add to the server certificate (repeatable)")
	f.StringVar(&cfg.MetricsListen, "metrics-listen", d.MetricsListen, "loopback address of metrics and profiles, or off")
	f.StringVar(&cfg.LogFormat, "log-format", d.LogFormat, "text or json")
	f.StringVar(&cfg.LogLevel, "log-level", d.LogLevel, "debug, info, warn or error")
	f.DurationVar(&cfg.ReportInterval, "report-interval", d.ReportInterval, "how often sources are asked to report")
	return c
}

// noArgs is cobra.NoArgs as a mistake in the command line.
func noArgs(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return &usageError{err}
	}
	return nil
}

func oneArg(c *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(c, args); err != nil {
		return &usageError{err}
	}
	return nil
}

func (p *program) logger(cfg collector.Config) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // validated
	opts := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.err, opts))
	}
	return slog.New(slog.NewTextHandler(p.err, opts))
}

func (p *program) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Look at the configuration", Args: noArgs}
	c.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Check the configuration and print what would hold",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(c)
			if err != nil {
				return err
			}
			_, err = io.WriteString(p.out, cfg.String())
			return err
		},
	})
	return c
}
