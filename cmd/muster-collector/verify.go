package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/collector/store"
)

// shown is how many differences are printed one by one.
const shown = 50

func (p *program) reconcile() *cobra.Command {
	c := &cobra.Command{Use: "reconcile", Short: "The decision which records are one asset", Args: noArgs}
	var repair bool
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Decide anew over all records and compare with what is stored; while the collector runs, too",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.with(c, func(ctx context.Context, b *collector.Base) error { return p.verify(ctx, b, repair) })
		},
	}
	verify.Flags().BoolVar(&repair, "repair", false, "put right what differs")
	c.AddCommand(verify)
	return c
}

func (p *program) verify(ctx context.Context, b *collector.Base, repair bool) (err error) {
	var v store.Verification
	if repair {
		v, err = b.Store.RepairDecision(ctx, actor(), p.now())
	} else {
		v, err = b.Store.VerifyDecision(ctx)
	}
	if err != nil {
		return err
	}
	for i, m := range v.Misplaced {
		if i == shown {
			fmt.Fprintf(p.out, "... and %d more\n", len(v.Misplaced)-shown)
			break
		}
		fmt.Fprintf(p.out, "record r%d is in %s, a rebuild puts it into %s\n", m.Record, m.Stored, m.Want)
	}
	for i, id := range v.Lines {
		if i == shown {
			break
		}
		fmt.Fprintf(p.out, "asset %s is not listed as it should be\n", id)
	}
	for i, id := range v.History {
		if i == shown {
			break
		}
		fmt.Fprintf(p.out, "the history of record r%d does not end in its asset\n", id)
	}
	fmt.Fprintf(p.out, "%d records, %d assets: %d records misplaced, %d assets not listed right, %d histories broken\n",
		v.Records, v.Assets, len(v.Misplaced), len(v.Lines), len(v.History))
	switch {
	case v.Good():
		return nil
	case !repair:
		return fmt.Errorf("the inventory is not what its records say: run it again with --repair")
	}
	if v, err = b.Store.VerifyDecision(ctx); err != nil {
		return err
	}
	if !v.Good() {
		return fmt.Errorf("not all could be put right (reports that came in meanwhile can be why): run it again")
	}
	_, err = fmt.Fprintln(p.out, "all put right")
	return err
}

func (p *program) retention() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:   "retention",
		Short: "Remove what is past its time now; serve does so by itself, in small steps",
		Long: "Remove what is past its time (retention in the configuration) now, and say how much it was. A running\n" +
			"collector does so by itself every few hours. What holds now is never touched.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(c)
			if err != nil {
				return err
			}
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				rows := map[string]int64{}
				if err := b.Store.Retain(ctx, cfg.Retention.Store(), p.now(), time.Millisecond, dry, func(k store.Kept) { rows[k.Kind] += k.Rows }); err != nil {
					return err
				}
				if !dry {
					if err := b.Store.Audit(ctx, p.now(), actor(), "retention run", "inventory", fmt.Sprint(rows)); err != nil {
						return err
					}
				}
				word := map[bool]string{true: "would be removed", false: "removed"}[dry]
				for _, kind := range []string{"observations", "history", "sightings", "quarantine", "audit", "scans"} {
					fmt.Fprintf(p.out, "%-13s %d %s\n", kind, rows[kind], word)
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "count only, and change nothing")
	return c
}
