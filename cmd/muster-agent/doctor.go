package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"text/tabwriter"

	"github.com/muster-itam/muster/agent"
)

// errSick ends the doctor with the exit code of a failure, after all has been said.
var errSick = errors.New("at least one check failed")

func (p *program) doctor(set *settings) command {
	var collector string
	return command{
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&collector, "collector", "", "the collector's `address` on a machine that is not enrolled (or MUSTER_COLLECTOR)")
		},
		run: func(ctx context.Context, _ []string) error {
			if collector == "" {
				collector, _ = p.env("MUSTER_COLLECTOR")
			}
			d := agent.Doctor{
				StateDir: set.stateDir, Collector: collector, Sources: p.sources, Now: p.now,
				Log: slog.New(slog.DiscardHandler), // what goes wrong is in the checks
			}
			var checks []agent.Check
			route, err := p.findRoute(set)
			if err != nil {
				checks = append(checks, agent.Check{Name: "proxy", Verdict: agent.VerdictFail, Detail: err.Error(), Fix: "correct it in the configuration or the environment"})
				d.Route = func(string) string { return "none" }
			} else {
				d.Route, d.Script = route.Describe, route.Script()
			}
			d.Config = set.config
			checks = append(checks, d.Examine(ctx)...)
			if set.output == "json" {
				err = p.printJSON(checks)
			} else {
				err = p.printChecks(checks)
			}
			for _, c := range checks {
				if c.Verdict == agent.VerdictFail {
					return errors.Join(err, errSick)
				}
			}
			return err
		},
	}
}

func (p *program) printChecks(checks []agent.Check) error {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range checks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Verdict, plain(c.Name), plain(c.Detail))
		if c.Fix != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", plain(c.Fix))
		}
	}
	_ = w.Flush() // into memory
	_, err := p.out.Write(b.Bytes())
	return err
}
