// Command muster-agent-upgrade fetches an upgrade for muster-agent, which runs it now and
// then where the host's administrator wants upgrades. What it takes to verify signed
// metadata and to talk to a repository is here and not in the agent.
//
// It reads a request as JSON, does what agent/upgrade/repository says, and prints the result.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/agent/upgrade/repository"
)

var version = "dev" // set by the linker

const (
	usage = `muster-agent-upgrade fetches upgrades for muster-agent, which runs it.

  muster-agent-upgrade check     read a request as JSON from standard input, print the result
  muster-agent-upgrade version
`
	maxRequest = 64 << 10
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	command := ""
	if len(args) == 1 {
		command = args[0]
	}
	switch command {
	case "check":
		if err := check(ctx, in, out); err != nil {
			fmt.Fprintf(errs, "muster-agent-upgrade: %v\n", err)
			return 1
		}
	case "version", "--version":
		fmt.Fprintf(out, "muster-agent-upgrade %s %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
	case "help", "--help", "-h":
		fmt.Fprint(out, usage)
	default:
		fmt.Fprint(errs, usage)
		return 2
	}
	return 0
}

func check(ctx context.Context, in io.Reader, out io.Writer) error {
	var q release.Request
	if err := json.NewDecoder(io.LimitReader(in, maxRequest)).Decode(&q); err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	return json.NewEncoder(out).Encode(repository.Check(ctx, q, runtime.GOOS, runtime.GOARCH, time.Now()))
}
