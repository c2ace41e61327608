package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/collector/identity"
)

// actor is who the audit names for what is done on the command line.
func actor() string {
	if u, err := user.Current(); err == nil {
		return "local:" + u.Username
	}
	return "local:" + strconv.Itoa(os.Getuid())
}

// with runs fn on the open data directory, which may be in use by a running collector.
func (p *program) with(c *cobra.Command, fn func(context.Context, *collector.Base) error) (err error) {
	cfg, err := p.config(c)
	if err != nil {
		return err
	}
	if _, err := os.Stat(cfg.DataDir); err != nil {
		return fmt.Errorf("data directory %s: %w (the collector's first start makes it)", cfg.DataDir, err)
	}
	base, err := collector.Open(c.Context(), cfg, p.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	return fn(c.Context(), base)
}

// parseTTL reads a life: Go's durations and days, as in 7d.
func parseTTL(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, &usageError{fmt.Errorf("life %q: a number of days is wanted before d", text)}
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, &usageError{fmt.Errorf("life %q: something like 7d, 12h or 30m is wanted", text)}
	}
	return d, nil
}

func (p *program) tokens() *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Enrolment tokens, which admit agents and scanners", Args: noArgs}
	var site, class, ttl string
	var uses int
	create := &cobra.Command{
		Use:   "create",
		Short: "Make an enrolment token and print it alone; it is shown once",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			life, err := parseTTL(ttl)
			if err != nil {
				return err
			}
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				text, token, err := b.Authority.NewToken(site, class, uses, life, actor())
				if err != nil {
					return err
				}
				if err := b.Store.AddToken(ctx, token); err != nil {
					return err
				}
				_, err = fmt.Fprintln(p.out, text.Reveal())
				return err
			})
		},
	}
	f := create.Flags()
	f.StringVar(&site, "site", identity.DefaultSite, "site its sources stand in")
	f.StringVar(&class, "class", "", "label of its sources; agent and scanner admit that kind only")
	f.IntVar(&uses, "uses", identity.DefaultUses, "how many sources it admits")
	f.StringVar(&ttl, "ttl", "7d", "how long it is valid")
	list := &cobra.Command{
		Use:   "list",
		Short: "List enrolment tokens",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return p.with(c, p.listTokens) },
	}
	revoke := &cobra.Command{
		Use:   "revoke ID",
		Short: "End an enrolment token; what it admitted stays",
		Args:  oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				return b.Store.RevokeToken(ctx, tokenID(args[0]), actor(), p.now())
			})
		},
	}
	c.AddCommand(create, list, revoke)
	return c
}

// tokenID takes an id or a whole token: people paste what they have.
func tokenID(text string) string {
	if parts := strings.Split(text, "_"); len(parts) > 1 {
		return parts[1]
	}
	return text
}

func (p *program) listTokens(ctx context.Context, b *collector.Base) error {
	tokens, err := b.Store.Tokens(ctx)
	if err != nil {
		return err
	}
	if len(tokens) == 0 {
		_, err := fmt.Fprintln(p.out, "no enrolment tokens; token create makes one")
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSITE\tCLASS\tUSED\tEXPIRES\tCREATED BY\tSTATE")
	for _, t := range tokens {
		state := t.Problem(p.now())
		if state == "" {
			state = "valid"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d/%d\t%s\t%s\t%s\n", t.ID, t.Site, dash(t.Class), t.Used, t.Uses, t.ExpiresAt.Format(time.RFC3339), t.CreatedBy, state)
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (p *program) sources() *cobra.Command {
	c := &cobra.Command{Use: "source", Short: "Enrolled agents and scanners", Args: noArgs}
	var reason string
	revoke := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a source's right to report, within a few seconds",
		Args:  oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				return b.Store.RevokeSource(ctx, args[0], actor(), reason, p.now())
			})
		},
	}
	revoke.Flags().StringVar(&reason, "reason", "", "why, for the audit")
	unflag := &cobra.Command{
		Use:   "unflag ID",
		Short: "Take back what was noted on a source, such as a key on two machines",
		Args:  oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				return b.Store.UnflagSource(ctx, args[0], actor(), p.now())
			})
		},
	}
	c.AddCommand(revoke, unflag)
	return c
}

func (p *program) persons() *cobra.Command {
	c := &cobra.Command{Use: "person", Short: "Persons' tokens, for the command line, scripts and signing in", Args: noArgs}
	var name, role, ttl string
	create := &cobra.Command{
		Use:   "create",
		Short: "Make a person's token and print it alone; it is shown once",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			as, err := identity.ParseRole(role)
			if err != nil {
				return err
			}
			life, err := parseTTL(ttl)
			if err != nil {
				return err
			}
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				text, access, err := identity.NewAccess(name, as, life, p.now())
				if err != nil {
					return err
				}
				if err := b.Store.AddAccess(ctx, access, actor()); err != nil {
					return err
				}
				_, err = fmt.Fprintln(p.out, text.Reveal())
				return err
			})
		},
	}
	f := create.Flags()
	f.StringVar(&name, "name", "", "whose token it is")
	f.StringVar(&role, "role", "reader", "reader or administrator")
	f.StringVar(&ttl, "ttl", "90d", "how long it is valid; 0 for no end")
	list := &cobra.Command{
		Use:   "list",
		Short: "List persons' tokens",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return p.with(c, p.listPersons) },
	}
	revoke := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a person's token and its sessions",
		Args:  oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				return b.Store.RevokeAccess(ctx, args[0], actor(), p.now())
			})
		},
	}
	c.AddCommand(create, list, revoke)
	return c
}

func (p *program) listPersons(ctx context.Context, b *collector.Base) error {
	people, err := b.Store.People(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tROLE\tCREATED\tEXPIRES\tSTATE")
	for _, x := range people {
		expires, state := "never", "valid"
		if !x.ExpiresAt.IsZero() {
			expires = x.ExpiresAt.Format(time.RFC3339)
			if !p.now().Before(x.ExpiresAt) {
				state = "expired"
			}
		}
		if !x.RevokedAt.IsZero() {
			state = "revoked"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, x.Person, x.Role, x.CreatedAt.Format(time.RFC3339), expires, state)
	}
	return w.Flush()
}

func (p *program) restored() *cobra.Command {
	return &cobra.Command{
		Use:   "restored",
		Short: "Say that the inventory was restored from a backup; before the collector starts on it",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				return b.Store.ForgetContacts(ctx, actor(), p.now())
			})
		},
	}
}

func (p *program) ca() *cobra.Command {
	c := &cobra.Command{Use: "ca", Short: "The collector's certificate authority", Args: noArgs}
	c.AddCommand(&cobra.Command{
		Use:   "roll",
		Short: "Put the next root into use and make a new next one; restart the collector after it",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				if err := b.Authority.Roll(); err != nil {
					return err
				}
				if err := b.Store.Audit(ctx, p.now(), actor(), "authority rolled", "ca:"+b.Authority.Fingerprint(), ""); err != nil {
					return err
				}
				_, err := fmt.Fprintln(p.out, "rolled: restart the collector; enrolment tokens made before no longer work")
				return err
			})
		},
	})
	return c
}
