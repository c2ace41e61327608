package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// app is one run of the program.
type app struct {
	in        io.Reader
	out, errs io.Writer
	getenv    func(string) string
	now       func() time.Time

	url, ca, tokenFile string
	format             string
	timeout            time.Duration
}

const about = `muster asks a collector about the inventory and gives it orders.

It is told where the collector is, and who is asking, by the environment:

  MUSTER_URL     the collector, like https://inventory.example:8443
  MUSTER_TOKEN   an administrator's or reader's token; or --token-file
  MUSTER_CA      the file with the collector's authority (ca.pem); without
                 it, the authorities of this system are trusted

TIME is a date or time (2026-05-01, 2026-05-01T14:30, RFC 3339; UTC when no zone
is given) or an age before now: 90s, 15m, 2h, 7d, 2w, 1y.

Exit status: 0 done, 1 something unexpected, 2 the question was not understood,
3 not found, 4 not signed in or not allowed, 5 in conflict with the present
state, 6 the collector cannot be reached or is busy, 7 too large.`

// exitCode is the program's exit status for an error.
func exitCode(err error) int {
	switch inventory.CodeOf(err) {
	case inventory.CodeInvalid:
		return 2
	case inventory.CodeNotFound:
		return 3
	case inventory.CodeUnauthenticated, inventory.CodeForbidden:
		return 4
	case inventory.CodeConflict:
		return 5
	case inventory.CodeUnavailable:
		return 6
	case inventory.CodeTooLarge:
		return 7
	case inventory.CodeInternal:
	}
	return 1
}

// run executes one command line and returns the exit status.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.commands()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // whoever read our output has enough
		return 0
	case ctx.Err() != nil:
		_, _ = fmt.Fprintln(a.errs, "muster: interrupted")
		return 130
	}
	_, _ = fmt.Fprintln(a.errs, "muster:", output.Clean(explain(err)))
	return exitCode(err)
}

// explain is the one line a person gets.
func explain(err error) string {
	var domain *inventory.Error
	if errors.As(err, &domain) && domain.Code == inventory.CodeUnauthenticated && !strings.Contains(domain.Message, "MUSTER_TOKEN") {
		return domain.Message + " (is MUSTER_TOKEN right, and of this collector?)"
	}
	return err.Error()
}

func (a *app) commands() *cobra.Command {
	root := &cobra.Command{
		Use: "muster", Short: "Ask a collector about the inventory", Long: about, Version: version,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return a.checkFormat(c) },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return inventory.Errorf(inventory.CodeInvalid, "%v (see %s --help)", err, c.CommandPath())
	})
	f := root.PersistentFlags()
	f.StringVar(&a.url, "url", "", "collector's address (MUSTER_URL)")
	f.StringVar(&a.ca, "ca", "", "file with the collector's authority (MUSTER_CA)")
	f.StringVar(&a.tokenFile, "token-file", "", "file with the token, instead of MUSTER_TOKEN")
	f.StringVarP(&a.format, "output", "o", "table", "table, json or csv")
	f.DurationVar(&a.timeout, "timeout", 2*time.Minute, "how long to wait for each answer")
	return group(root, a.assets(), a.asset(), a.why(), a.software(), a.changes(), a.sources(), a.source(), a.scan(), a.credential(), a.unidentified(),
		a.pin(), a.unpin(), a.pins(), a.undo(), a.review(), a.rehearse(), a.rules(),
		a.where(), a.path(), a.topology())
}

// group is a command that only has others below it.
func group(c *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return inventory.Errorf(inventory.CodeInvalid, "unknown command %.40q for %s", args[0], c.CommandPath())
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	c.AddCommand(subs...)
	return c
}

// args checks the number of arguments; what says what they are.
func args(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, list []string) error {
		if len(list) < least || most >= 0 && len(list) > most {
			return inventory.Errorf(inventory.CodeInvalid, "%s takes %s, %d given", c.CommandPath(), what, len(list))
		}
		return nil
	}
}

func (a *app) checkFormat(c *cobra.Command) error {
	switch output.Format(a.format) {
	case output.FormatTable, output.FormatJSON, output.FormatCSV:
		return nil
	}
	if c.Annotations[a.format] != "" { // a format of that command alone
		return nil
	}
	return inventory.Errorf(inventory.CodeInvalid, "output %.40q: table, json and csv are the formats", a.format)
}

// call asks the collector with a time limit; what it answers becomes a domain error.
func (a *app) call(ctx context.Context, ask func(context.Context, musterv1connect.InventoryServiceClient) error) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return wire.FromConnect(ask(ctx, client))
}

func (a *app) client() (musterv1connect.InventoryServiceClient, error) {
	url, ca := a.url, a.ca
	if url == "" {
		url = a.getenv("MUSTER_URL")
	}
	if url == "" {
		return nil, inventory.Errorf(inventory.CodeInvalid, "no collector given: set MUSTER_URL or --url, like https://inventory.example:8443")
	}
	if ca == "" {
		ca = a.getenv("MUSTER_CA")
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	return wire.AdminClient(url, token, ca)
}

// maxToken bounds a token file: a token has less than 100 bytes.
const maxToken = 4096

// token is never a flag: other users of a machine can read command lines.
func (a *app) token() (inventory.Secret, error) {
	text := a.getenv("MUSTER_TOKEN")
	if a.tokenFile != "" {
		f, err := os.Open(a.tokenFile)
		if err != nil {
			return "", inventory.Errorf(inventory.CodeInvalid, "token file: %s", plain(err))
		}
		defer func() { _ = f.Close() }()
		b, err := io.ReadAll(io.LimitReader(f, maxToken))
		if err != nil {
			return "", inventory.Errorf(inventory.CodeInvalid, "token file: %s", plain(err))
		}
		text = string(b)
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return "", inventory.Errorf(inventory.CodeUnauthenticated, "no token given: set MUSTER_TOKEN or --token-file (the first start of the collector leaves one in admin.token)")
	}
	return inventory.Secret(text), nil
}

// plain is a file error without the name of the system call.
func plain(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
}

// timeFlag reads a TIME; nil when text is empty.
func (a *app) timeFlag(name, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	t, err := inventory.ParseTime(text, a.now())
	if err != nil {
		return nil, inventory.Errorf(inventory.CodeInvalid, "--%s: %v", name, err)
	}
	return timestamppb.New(t), nil
}

// times are the flags that say from when to look.
type times struct{ asOf, knownOn string }

func (t *times) flags(c *cobra.Command, asOf string) {
	c.Flags().StringVar(&t.asOf, "as-of", "", asOf)
	c.Flags().StringVar(&t.knownOn, "known-on", "", "what was known at this TIME; alone, what was held to be true then")
}

// when is a time to look from; now when it is zero.
type when struct{ asOf, knownOn *timestamppb.Timestamp }

func (a *app) when(t *times) (w when, err error) {
	if w.asOf, err = a.timeFlag("as-of", t.asOf); err != nil {
		return w, err
	}
	w.knownOn, err = a.timeFlag("known-on", t.knownOn)
	return w, err
}
