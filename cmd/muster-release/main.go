// Command muster-release makes and maintains a repository from which agents upgrade
// themselves: a folder for any web server.
//
// It reads flags and hands the rest to internal/publish.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/publish"
)

var version = "dev" // set by the linker

const (
	exitFailed  = 1
	exitInvalid = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, time.Now)) }

func run(args []string, out, errs io.Writer, now func() time.Time) int {
	root := command(now)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.Execute()
	if err == nil {
		return 0
	}
	fmt.Fprintf(errs, "muster-release: %v\n", err)
	if inventory.CodeOf(err) != inventory.CodeInternal {
		return exitInvalid
	}
	return exitFailed
}

func command(now func() time.Time) *cobra.Command {
	repo := &publish.Repository{Lives: publish.DefaultLives, Now: now}
	root := &cobra.Command{
		Use: "muster-release", Short: "Publish releases of muster-agent for upgrades", Version: version,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if repo.RootKeys == "" {
				repo.RootKeys = repo.Keys
			}
			return nil
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&repo.Dir, "repo", "", "folder of the repository")
	flags.StringVar(&repo.Keys, "keys", "", "folder of the keys for targets, snapshot and timestamp")
	flags.StringVar(&repo.RootKeys, "root-keys", "", "folder of the root keys, kept offline (default: that of --keys)")
	flags.DurationVar(&repo.Lives.Root, "root-life", repo.Lives.Root, "how long a root is good for")
	flags.DurationVar(&repo.Lives.Targets, "targets-life", repo.Lives.Targets, "how long the list of releases is good for")
	flags.DurationVar(&repo.Lives.Snapshot, "snapshot-life", repo.Lives.Snapshot, "how long a snapshot is good for")
	flags.DurationVar(&repo.Lives.Timestamp, "timestamp-life", repo.Lives.Timestamp, "within what time a refresh has to follow")
	for _, name := range []string{"repo", "keys"} {
		_ = root.MarkPersistentFlagRequired(name) // it exists
	}
	root.AddCommand(initCommand(repo), addCommand(repo), removeCommand(repo), rotateCommand(repo), listCommand(repo),
		&cobra.Command{
			Use: "refresh", Short: "Say that the present state is still the newest; daily, by a timer", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return repo.Refresh() },
		},
		&cobra.Command{
			Use: "renew", Short: "Prolong the root's life; needs the root keys", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return repo.Renew() },
		})
	return root
}

func initCommand(repo *publish.Repository) *cobra.Command {
	keys, threshold := 1, 1
	c := &cobra.Command{
		Use: "init", Short: "Make keys and an empty repository", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := repo.Init(keys, threshold); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "Agents trust %s/metadata/1.root.json: install it with them.\nTake the root keys out of %s and keep them offline.\n", repo.Dir, repo.RootKeys)
			return err
		},
	}
	c.Flags().IntVar(&keys, "root-key-count", keys, "root keys to make")
	c.Flags().IntVar(&threshold, "root-threshold", threshold, "root keys that have to sign")
	return c
}

func addCommand(repo *publish.Repository) *cobra.Command {
	var channel, number string
	c := &cobra.Command{
		Use: "add PROGRAM...", Short: "Publish builds of one version, each for the system it was built for", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, programs []string) error {
			v, err := release.ParseVersion(number)
			if err != nil {
				return err
			}
			for _, program := range programs {
				goos, goarch, err := publish.Identify(program)
				if err != nil {
					return err
				}
				rel := release.Release{Version: v.String(), Channel: channel, OS: goos, Arch: goarch}
				if err := repo.Add(rel, program); err != nil {
					return err
				}
				if _, err := fmt.Fprintln(c.OutOrStdout(), rel.Path()); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&channel, "channel", "stable", "channel to publish in")
	c.Flags().StringVar(&number, "release", "", "version that the programs were built with, MAJOR.MINOR.PATCH")
	_ = c.MarkFlagRequired("release") // it exists
	return c
}

func removeCommand(repo *publish.Repository) *cobra.Command {
	var channel string
	c := &cobra.Command{
		Use: "remove VERSION", Short: "Withdraw a version; agents that run it go on", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return repo.Remove(channel, strings.TrimPrefix(args[0], "v"))
		},
	}
	c.Flags().StringVar(&channel, "channel", "stable", "channel to withdraw it from")
	return c
}

func rotateCommand(repo *publish.Repository) *cobra.Command {
	return &cobra.Command{
		Use: "rotate root|targets|snapshot|timestamp", Short: "Replace the keys of a role; needs the root keys", Args: cobra.ExactArgs(1),
		ValidArgs: []string{"root", "targets", "snapshot", "timestamp"},
		RunE:      func(_ *cobra.Command, args []string) error { return repo.Rotate(args[0]) },
	}
}

func listCommand(repo *publish.Repository) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the releases, and until when the metadata is good", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			paths, expires, err := repo.List()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
				state := ""
				if repo.Now().After(expires[role]) {
					state = "EXPIRED"
				}
				fmt.Fprintf(w, "%s\tgood until %s\t%s\n", role, expires[role].Format(time.RFC3339), state)
			}
			for _, path := range paths {
				fmt.Fprintf(w, "%s\n", path)
			}
			return w.Flush()
		},
	}
}
