// Command muster-scanner sweeps networks, by itself or for a collector.
//
// It reads flags and files, shows progress and results, and hands the rest to scanner and
// internal/wire.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/inventory"
)

var version = "dev" // set by the linker

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	p := &program{out: os.Stdout, err: os.Stderr, terminal: isTerminal(os.Stderr), now: time.Now, env: os.LookupEnv, in: os.Stdin}
	os.Exit(p.main(ctx, os.Args[1:]))
}

// program is one run of the command with what it reads and writes.
type program struct {
	in       io.Reader
	out, err io.Writer
	terminal bool // err is a terminal
	now      func() time.Time
	env      func(string) (string, bool)
}

// Exit codes: scripts can tell a mistake in the call, and a scan that was cut short, from
// trouble in the running.
const (
	exitFailed     = 1
	exitInvalid    = 2
	exitIncomplete = 3
)

// errIncomplete ends a scan whose result is printed but not whole.
var errIncomplete = errors.New("the scan is incomplete")

func (p *program) main(ctx context.Context, args []string) int {
	root := p.command()
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(p.err, "muster-scanner: %s\n", plain(err.Error()))
	var usage *usageError
	switch code := inventory.CodeOf(err); {
	case errors.Is(err, errIncomplete):
		return exitIncomplete
	case errors.As(err, &usage), code == inventory.CodeInvalid, code == inventory.CodeTooLarge, code == inventory.CodeForbidden:
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
		Use:           "muster-scanner",
		Short:         "Finds the devices of a network and reads what they are",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(p.scan(), p.listen(), p.identify(), p.walk(), p.rule(), p.enroll(), p.run(), &cobra.Command{
		Use: "version", Short: "The version of this program", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.out, "muster-scanner", version)
			return err
		},
	})
	return root
}

func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
