// Command muster-agent reports this machine to its collector.
//
// It reads flags, environment and the configuration file, shows what is asked for, and hands
// the rest to agent and internal/wire.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/proxy"
	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

var version = "dev" // set by the linker

func main() {
	modest()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p := &program{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv, hostname: os.Hostname, now: time.Now, proxies: proxy.System, poll: pendingPoll,
		sources: append(hardware.Sources("/"), software.Sources("/")...),
	}
	os.Exit(p.main(ctx, os.Args[1:]))
}

// modest makes the runtime a guest on the machine: one processor is enough for what mostly
// waits for disks and the network, and memory of some megabytes is not worth collecting often.
// The budget has a limit on it.
func modest() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// program is one run of the command with what it reads and writes.
type program struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
	hostname func() (string, error)
	now      func() time.Time
	proxies  func() proxy.Settings
	poll     time.Duration // between two looks for an enrolment
	sources  []source.Source
}

// Exit codes: scripts can tell a mistake in the call from trouble in the running, and a
// report that waits for the collector from one that it does not want.
const (
	exitFailed      = 1
	exitInvalid     = 2
	exitUnavailable = 3
	exitForbidden   = 4
)

const usage = `muster-agent reports this machine to its collector.

  muster-agent enroll --collector https://HOST:PORT --token TOKEN
        get an identity; the token may also be in --token-file FILE or in MUSTER_ENROLL_TOKEN
  muster-agent report --once   look and report once
  muster-agent run             report at intervals until stopped; waits until enrolled
  muster-agent status [-o json]
        identity, certificate, last report, what waits, and how each section went
  muster-agent show [--all] [-o json] [SECTION...]
        print exactly what would be sent, without sending it
  muster-agent doctor [-o json] [--collector https://HOST:PORT]
        find out why reports do not arrive or are not whole; exit code 1 when something fails
  muster-agent service install|uninstall|start|stop|status
        the agent as a service of Windows or macOS; on Linux the package brings it
  muster-agent version

Flags of all commands: --state-dir DIR (or MUSTER_AGENT_STATE_DIR) where identity and
spool are, --config FILE (or MUSTER_AGENT_CONFIG). "muster-agent COMMAND --help" has the rest.
`

// command is one of the commands. Args are what its flags left over.
type command struct {
	flags func(*flag.FlagSet)
	run   func(ctx context.Context, args []string) error
	args  bool // takes arguments
}

func (p *program) main(ctx context.Context, args []string) int {
	err := p.dispatch(ctx, args)
	var mistake *usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &mistake):
		fmt.Fprintf(p.err, "muster-agent: %s\nTry muster-agent --help.\n", plain(err.Error()))
		return exitInvalid
	}
	fmt.Fprintf(p.err, "muster-agent: %s\n", plain(err.Error()))
	return exitCode(inventory.CodeOf(err))
}

func exitCode(code inventory.Code) int {
	switch code {
	case inventory.CodeInvalid, inventory.CodeNotFound, inventory.CodeConflict, inventory.CodeTooLarge:
		return exitInvalid
	case inventory.CodeUnavailable:
		return exitUnavailable
	case inventory.CodeUnauthenticated, inventory.CodeForbidden:
		return exitForbidden
	case inventory.CodeInternal:
		return exitFailed
	}
	return exitFailed
}

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func mistakef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func (p *program) dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(p.err, usage)
		return mistakef("no command given")
	}
	var set settings
	var c command
	switch name := args[0]; name {
	case "enroll":
		c = p.enroll(&set)
	case "report":
		c = p.report(&set)
	case "run":
		c = p.run(&set)
	case "status":
		c = p.status(&set)
	case "show":
		c = p.show(&set)
	case "doctor":
		c = p.doctor(&set)
	case "service":
		c = p.service(&set)
	case "version", "--version":
		_, err := fmt.Fprintf(p.out, "muster-agent %s %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
		return err
	case "help", "--help", "-h":
		_, err := fmt.Fprint(p.out, usage)
		return err
	default:
		return mistakef("there is no command %q", name)
	}
	rest, err := p.parse(args[0], c.flags, &set, args[1:])
	if err != nil {
		return err
	}
	if len(rest) > 0 && !c.args {
		return mistakef("%s takes no argument, got %q", args[0], rest[0])
	}
	return c.run(ctx, rest)
}

// parse takes flags and arguments in any order.
func (p *program) parse(name string, define func(*flag.FlagSet), set *settings, args []string) (rest []string, err error) {
	fs := flag.NewFlagSet("muster-agent "+name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	set.define(fs)
	define(fs)
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				fmt.Fprintf(p.out, "Flags of muster-agent %s:\n", name)
				fs.SetOutput(p.out)
				fs.PrintDefaults()
				return nil, err
			}
			return nil, mistakef("%s: %v", name, err)
		}
		if args = fs.Args(); len(args) == 0 {
			return rest, set.complete(p, fs)
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

func (p *program) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: level}))
}

func (p *program) printJSON(v any) error {
	enc := json.NewEncoder(p.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
