package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// inventory are the commands about the inventory as a whole; they need no keys.
func (p *program) inventory() []*cobra.Command {
	return []*cobra.Command{p.migrate(), p.backup(), p.restore(), p.stores()}
}

// openStore opens a store, and says what it migrates. One that should be there is not made.
func (p *program) openStore(ctx context.Context, dsn string, exists bool) (*store.Store, error) {
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok && exists {
		if fi, err := os.Stat(file); err != nil {
			return nil, err
		} else if !fi.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no file", file)
		}
	}
	if u, err := url.Parse(dsn); err == nil {
		if _, has := u.User.Password(); has || u.Query().Has("password") {
			fmt.Fprintln(p.err, "a password on the command line or in the environment can be read by others: use PGPASSFILE or ~/.pgpass")
		}
	}
	return store.Open(ctx, dsn, store.Migrated(func(name string) { fmt.Fprintf(p.err, "applied %s\n", name) }))
}

// withStore runs fn on the configured store.
func (p *program) withStore(c *cobra.Command, exists bool, fn func(context.Context, *store.Store) error) (err error) {
	cfg, err := p.config(c)
	if err != nil {
		return err
	}
	if !exists {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return err
		}
	}
	st, err := p.openStore(c.Context(), cfg.DSN(), exists)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return fn(c.Context(), st)
}

// tables prints each table as it is done.
func (p *program) tables() (told func(store.TableSum), flush func() error) {
	w := tabwriter.NewWriter(p.out, 22, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TABLE\tROWS\tCHECK SUM")
	return func(s store.TableSum) { fmt.Fprintf(w, "%s\t%d\t%x\n", s.Table, s.Rows, s.Sum[:8]) }, w.Flush
}

func (p *program) migrate() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the inventory's schema up to date and end; serve does so by itself",
		Long: "Bring the inventory's schema up to date and end. Each step is a transaction: a migration that was\n" +
			"killed goes on where it was. Of several programs that start at once one migrates, the others wait.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withStore(c, false, func(context.Context, *store.Store) error {
				_, err := fmt.Fprintln(p.out, "the schema is up to date")
				return err
			})
		},
	}
}

func (p *program) backup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the inventory to a new file, while the collector runs",
		Long: "Write one state of the inventory to a new file, while collectors go on. The file is an inventory of\n" +
			"its own, whatever the engine: restore takes it, and serve --store sqlite:FILE runs on it.\n" +
			"The keys in the data directory are not in it: keep ca.key with it, as safe.\n" +
			"A large PostgreSQL database is better kept by the server's own means (pg_basebackup and archived WAL).",
		Args: oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withStore(c, true, func(ctx context.Context, st *store.Store) error {
				told, flush := p.tables()
				if err := st.Backup(ctx, args[0], told); err != nil {
					return err
				}
				return flush()
			})
		},
	}
}

func (p *program) restore() *cobra.Command {
	var verify bool
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Take a backup into an empty inventory, before the collector starts on it",
		Long: "Take a backup into an empty inventory, before the collector starts on it, and compare what was written\n" +
			"with the file. The file may be of an older version and is not changed. Sources are not held to what\n" +
			"they said after the backup was made: they send again what is missing.",
		Args: oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withStore(c, false, func(ctx context.Context, st *store.Store) error {
				return p.restoreInto(ctx, st, args[0], verify)
			})
		},
	}
	c.Flags().BoolVar(&verify, "verify", false, "check the file before and the inventory after: the engine's own check, and that nothing refers to what is not there")
	return c
}

func (p *program) restoreInto(ctx context.Context, to *store.Store, file string, verify bool) (err error) {
	// From a copy: opening may migrate, and a backup stays what it is.
	dir, err := os.MkdirTemp(filepath.Dir(file), ".restore")
	if errors.Is(err, os.ErrPermission) {
		dir, err = os.MkdirTemp("", "muster-restore")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	work := filepath.Join(dir, "backup.db")
	if err := copyFile(work, file); err != nil {
		return err
	}
	from, err := p.openStore(ctx, "sqlite:"+work, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if verify {
		if err := sound(ctx, from, file, func(store.TableSum) {}); err != nil {
			return err
		}
	}
	told, flush := p.tables()
	if err := store.Copy(ctx, from, to, told); err != nil {
		return err
	}
	if verify {
		if err := sound(ctx, to, "the inventory", func(store.TableSum) {}); err != nil {
			return err
		}
	}
	if err := to.ForgetContacts(ctx, actor(), p.now()); err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.out, "restored and compared: put ca.key back too, then start the collector")
	return err
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// sound fails when something is wrong with a store.
func sound(ctx context.Context, st *store.Store, what string, told func(store.TableSum)) error {
	problems, err := st.Inspect(ctx, told)
	if err != nil {
		return fmt.Errorf("verify %s: %w", what, err)
	}
	if len(problems) > 0 {
		return inventory.Errorf(inventory.CodeConflict, "%s is damaged: %s", what, strings.Join(problems, "; "))
	}
	return nil
}

func (p *program) stores() *cobra.Command {
	c := &cobra.Command{Use: "store", Short: "Inventories as a whole: move to another engine, check", Args: noArgs}
	c.AddCommand(&cobra.Command{
		Use:   "copy FROM TO",
		Short: "Copy an inventory into an empty one, from SQLite to PostgreSQL or back",
		Long: "Copy an inventory into an empty one, of whatever engine, and compare every row. Stop the collector before:\n" +
			"what it takes after the copy began is not in it.",
		Example: "  muster-collector store copy sqlite:/var/lib/muster/muster.db postgres://muster@db/muster",
		Args:    twoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			from, err := p.openStore(c.Context(), args[0], true)
			if err != nil {
				return err
			}
			defer func() { _ = from.Close() }()
			to, err := p.openStore(c.Context(), args[1], false)
			if err != nil {
				return err
			}
			defer func() { _ = to.Close() }()
			told, flush := p.tables()
			if err := store.Copy(c.Context(), from, to, told); err != nil {
				return err
			}
			if err := flush(); err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.out, "copied and compared")
			return err
		},
	}, &cobra.Command{
		Use:   "verify",
		Short: "Read the whole inventory, and say what is in it and whether it is sound",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withStore(c, true, func(ctx context.Context, st *store.Store) error {
				told, flush := p.tables()
				if err := sound(ctx, st, "the inventory", told); err != nil {
					return errors.Join(flush(), err)
				}
				if err := flush(); err != nil {
					return err
				}
				_, err := fmt.Fprintln(p.out, "sound")
				return err
			})
		},
	})
	return c
}

func twoArgs(c *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(2)(c, args); err != nil {
		return &usageError{err}
	}
	return nil
}
