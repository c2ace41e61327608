package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/collector"
)

func (p *program) credentials() *cobra.Command {
	c := &cobra.Command{Use: "credentials", Short: "The keys of the credentials in the inventory", Args: noArgs}
	var drop bool
	rekey := &cobra.Command{
		Use:   "rekey",
		Short: "Encrypt all credentials by a new key",
		Long: `Puts a new key first in the file of keys (credential_keys) and encrypts all credentials by it.
All are, or none. The former keys stay there for older backups, until --drop-former. Collectors
that run go on without a restart; of several, copy the file to the others at once.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.with(c, func(ctx context.Context, b *collector.Base) error {
				n, err := b.Rekey(ctx, actor(), drop)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.out, "%d credentials are encrypted by a new key\n", n)
				return err
			})
		},
	}
	rekey.Flags().BoolVar(&drop, "drop-former", false, "forget the former keys: backups made before cannot be used for credentials")
	c.AddCommand(rekey)
	return c
}
