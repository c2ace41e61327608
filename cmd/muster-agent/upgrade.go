package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/upgrade"
	"github.com/muster-itam/muster/internal/wire"
)

func upgradeDir(set *settings) string { return filepath.Join(set.stateDir, "upgrade") }

// supervise runs the version of the agent that is to run, as a child of this one.
func (p *program) supervise(ctx context.Context, set *settings) error {
	own, err := os.Executable()
	if err == nil {
		own, err = filepath.EvalSymlinks(own)
	}
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	fetcher := "muster-agent-upgrade"
	if runtime.GOOS == "windows" {
		fetcher += ".exe"
	}
	s := &upgrade.Supervisor{
		Config: set.upgrade, Dir: upgradeDir(set), Program: own, Version: version, ID: p.own(set),
		Args:  set.again("run", "--supervised"),
		Fetch: upgrade.FetchWith(filepath.Join(filepath.Dir(own), fetcher)),
		Reported: func() (upgrade.Reported, error) {
			s, err := agent.ReadStatus(set.stateDir, version, p.now())
			if err != nil || s.Last == nil {
				return upgrade.Reported{}, err
			}
			return upgrade.Reported{Accepted: s.Last.Outcome == agent.OutcomeAccepted, By: s.Last.AcceptedVersion}, nil
		},
		Out: p.out, Err: p.err, Now: p.now, Log: p.logger(slog.LevelInfo),
	}
	return s.Run(ctx)
}

// own is what tells this machine's turn from that of others: its id, its name until it has one.
func (p *program) own(set *settings) string {
	if id, err := wire.LoadIdentity(set.stateDir); err == nil {
		return id.ID
	}
	name, err := p.hostname()
	if err != nil {
		return ""
	}
	return name
}

// again is a command line with these settings. Only what every version understands is in it.
func (s *settings) again(words ...string) []string {
	words = append(words, "--state-dir", s.stateDir)
	if s.file != "" {
		words = append(words, "--config", s.file)
	}
	if s.interval > 0 {
		words = append(words, "--interval", s.interval.String())
	}
	if s.skip != "" {
		words = append(words, "--skip", s.skip)
	}
	return words
}

// whileInput is a context that ends with standard input: the way to end a program in order
// that every system has, and that also works when whoever started it is killed.
func (p *program) whileInput(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, p.in) // an error is an end too
		cancel()
	}()
	return ctx, cancel
}

func printUpgrade(row func(name, format string, args ...any), s upgrade.Status) {
	if s.Problem != "" {
		row("upgrades", "none: %s", s.Problem)
		return
	}
	stage := map[upgrade.Stage]string{
		upgrade.StagePackaged: "as installed", upgrade.StageTrial: "on trial until it has reported", upgrade.StageSettled: "upgraded",
	}[s.Stage]
	row("running", "%s, %s", s.Running, stage)
	wanted := "channel " + s.Channel
	if s.Pin != "" {
		wanted += ", pinned to " + s.Pin
	}
	row("upgrades", "%s", wanted)
	if s.Check == nil {
		row("last check", "never")
	} else {
		text := fmt.Sprintf("%s, %s", s.Check.At.Format(time.RFC3339), s.Check.Outcome)
		row("last check", "%s", strings.TrimSuffix(text+": "+s.Check.Reason, ": "))
	}
	for _, b := range s.Bad {
		row("not kept", "%s at %s: %s", b.Version, b.At.Format(time.RFC3339), b.Reason)
	}
}
