package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/upgrade"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

func (p *program) enroll(set *settings) command {
	var collector, token, tokenFile string
	var force, unattended bool
	return command{
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&collector, "collector", "", "the collector's `address`, https://HOST:PORT (or MUSTER_COLLECTOR)")
			fs.StringVar(&token, "token", "", "enrolment `token`; other users can see it in the list of processes, the other ways hide it")
			fs.StringVar(&tokenFile, "token-file", "", "`file` with the enrolment token, - for standard input")
			fs.BoolVar(&force, "force", false, "replace the identity that this machine has")
			fs.BoolVar(&unattended, "unattended", false, "for installers: an identity that is there is kept, and where the collector cannot be reached the service goes on trying")
		},
		run: func(ctx context.Context, _ []string) error {
			secret, err := p.token(token, tokenFile)
			if err != nil {
				return err
			}
			if collector == "" {
				collector, _ = p.env("MUSTER_COLLECTOR")
			}
			if collector == "" {
				return mistakef("no collector given: --collector https://HOST:PORT")
			}
			if _, err := p.findRoute(set); err != nil {
				return err
			}
			c := pending{collector: collector, token: secret}
			if err := prepareState(set.stateDir); err != nil {
				return err
			}
			if unattended && !force {
				return p.enrollUnattended(ctx, set, c)
			}
			cfg := p.enrollConfig(set, c)
			cfg.Force = force
			id, err := wire.Enroll(ctx, cfg)
			if err != nil {
				return err
			}
			return p.printEnrolled(set, "Enrolled", id)
		},
	}
}

// enrollUnattended is enrolment where nobody looks: by a package or a management system that
// runs again and again.
func (p *program) enrollUnattended(ctx context.Context, set *settings, c pending) error {
	if id, err := wire.LoadIdentity(set.stateDir); err == nil {
		return p.printEnrolled(set, "Enrolled before", id)
	}
	id, err := wire.Enroll(ctx, p.enrollConfig(set, c))
	if inventory.CodeOf(err) == inventory.CodeUnavailable {
		if err := keepPending(set.stateDir, c); err != nil {
			return err
		}
		fmt.Fprintf(p.err, "muster-agent: %s\nThe service goes on trying.\n", plain(err.Error()))
		return nil
	}
	if err != nil {
		return err
	}
	return p.printEnrolled(set, "Enrolled", id)
}

func (p *program) printEnrolled(set *settings, word string, id wire.Identity) error {
	if set.output == "json" {
		return p.printJSON(id)
	}
	_, err := fmt.Fprintf(p.out, "%s as %s, site %s, certificate until %s.\n",
		word, plain(id.ID), orDash(id.Site), id.NotAfter.Format(time.DateOnly))
	return err
}

// token finds the enrolment token without it having to be on the command line.
func (p *program) token(token, file string) (inventory.Secret, error) {
	switch {
	case token != "" && file != "":
		return "", mistakef("--token and --token-file exclude each other")
	case file == "-":
		text, err := io.ReadAll(io.LimitReader(p.in, maxConfig))
		if err != nil {
			return "", fmt.Errorf("read token: %w", err)
		}
		token = string(text)
	case file != "":
		text, err := readFile(file)
		if err != nil {
			return "", fmt.Errorf("read token: %w", err)
		}
		token = string(text)
	case token == "":
		var ok bool
		if token, ok = p.env("MUSTER_ENROLL_TOKEN"); !ok {
			token, _ = p.env("MUSTER_TOKEN")
		}
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", mistakef("no token given: --token, --token-file or MUSTER_ENROLL_TOKEN")
	}
	return inventory.Secret(token), nil
}

func (p *program) report(set *settings) command {
	return command{
		flags: func(fs *flag.FlagSet) { fs.Bool("once", true, "report once and end; \"run\" goes on") },
		run: func(ctx context.Context, _ []string) (err error) {
			a, err := p.open(set, slog.LevelWarn)
			if err != nil {
				return p.orEnroll(err)
			}
			defer func() { err = errors.Join(err, a.Close()) }()
			last, err := a.Report(ctx)
			if set.output == "json" && last.Outcome != "" {
				return errors.Join(p.printJSON(last), err)
			}
			if err != nil {
				if last.Outcome == agent.OutcomeWaiting {
					fmt.Fprintln(p.err, "The report waits in the spool and goes out with the next one.")
				}
				return err
			}
			return p.printReport(last)
		},
	}
}

func (p *program) run(set *settings) command {
	supervised := false
	return command{
		flags: func(fs *flag.FlagSet) {
			fs.BoolVar(&supervised, "supervised", false, "end when standard input does, and leave upgrades to whoever started this")
		},
		run: func(ctx context.Context, _ []string) error {
			return p.asService(ctx, set, func(ctx context.Context) error {
				switch {
				case supervised:
					var cancel context.CancelFunc
					ctx, cancel = p.whileInput(ctx)
					defer cancel()
				case set.upgrade.Enabled:
					return p.supervise(ctx, set)
				}
				return p.work(ctx, set)
			})
		},
	}
}

func (p *program) open(set *settings, level slog.Level) (*agent.Agent, error) {
	if _, err := p.findRoute(set); err != nil {
		return nil, err
	}
	return agent.Open(set.config, set.stateDir, version, p.sources, p.now, p.logger(level))
}

// work waits until the machine is enrolled, then reports until ctx ends.
func (p *program) work(ctx context.Context, set *settings) (err error) {
	log := p.logger(slog.LevelInfo)
	if enrolled, err := p.awaitIdentity(ctx, set, log); !enrolled {
		return err
	}
	a, err := p.open(set, slog.LevelInfo)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return a.Run(ctx)
}

// orEnroll tells who is not enrolled what to do.
func (p *program) orEnroll(err error) error {
	if inventory.CodeOf(err) == inventory.CodeNotFound {
		return fmt.Errorf("%w: run muster-agent enroll first", err)
	}
	return err
}

func (p *program) status(set *settings) command {
	return command{
		flags: func(*flag.FlagSet) {},
		run: func(context.Context, []string) error {
			s, err := agent.ReadStatus(set.stateDir, version, p.now())
			if err != nil {
				return err
			}
			if s.Upgrade, err = upgrade.ReadStatus(upgradeDir(set), set.upgrade, version); err != nil {
				fmt.Fprintf(p.err, "muster-agent: %s\n", plain(err.Error()))
			}
			var w *waiting
			if !s.Enrolled {
				w = readWaiting(set.stateDir)
			}
			if set.output == "json" {
				return p.printJSON(struct {
					agent.Status
					Enrolling *waiting `json:"enrolling,omitempty"`
				}{s, w})
			}
			return p.printStatus(s, w)
		},
	}
}

func (p *program) show(set *settings) command {
	var all bool
	return command{
		flags: func(fs *flag.FlagSet) { fs.BoolVar(&all, "all", false, "every item of long lists") },
		args:  true,
		run: func(ctx context.Context, sections []string) error {
			id, err := wire.LoadIdentity(set.stateDir)
			if err != nil && inventory.CodeOf(err) != inventory.CodeNotFound {
				// What is read does not depend on it, and this command is for looking into trouble.
				fmt.Fprintf(p.err, "muster-agent: %s\n", plain(err.Error()))
			}
			o, _, err := agent.NewEyes(set.config, set.stateDir, p.sources, p.now, p.logger(slog.LevelWarn)).Look(ctx, id.ID)
			if err != nil {
				return err
			}
			for _, name := range sections {
				if !slices.ContainsFunc(o.Sections, func(s inventory.Section) bool { return string(s.Name) == name }) {
					return mistakef("there is no section %q in a report of this machine", name)
				}
			}
			if len(sections) > 0 {
				o.Sections = slices.DeleteFunc(o.Sections, func(s inventory.Section) bool { return !slices.Contains(sections, string(s.Name)) })
			}
			if set.output == "json" {
				return p.printJSON(agent.NewDocument(o))
			}
			return p.printObservation(o, all || len(sections) > 0)
		},
	}
}
