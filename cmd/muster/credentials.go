package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/scanner/snmp"
)

func (a *app) credential() *cobra.Command {
	all := &cobra.Command{
		Use: "list", Short: "List names and scopes; what is secret is never shown", Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			var res *musterv1.ListCredentialsResponse
			err := a.call(c.Context(), func(ctx context.Context, client inventoryClient) (err error) {
				res, err = client.ListCredentials(ctx, &musterv1.ListCredentialsRequest{})
				return err
			})
			if err != nil {
				return err
			}
			return a.showCredentials(res.GetCredentials())
		},
	}
	remove := a.remove("credential", "Delete a credential set", func(ctx context.Context, client inventoryClient, name string) error {
		_, err := client.DeleteCredential(ctx, &musterv1.DeleteCredentialRequest{Name: name})
		return err
	})
	return group(&cobra.Command{Use: "credential", Short: "Keep what scanners log in with"}, a.credentialSet(), all, remove)
}

func (a *app) credentialSet() *cobra.Command {
	req := &musterv1.SetCredentialRequest{}
	var file string
	c := &cobra.Command{
		Use: "set NAME", Short: "Set a credential set from a file or standard input, and replace one of that name",
		Long: `Set a credential set. Its content is the YAML that muster-scanner --snmp-config takes; it comes
from a file or standard input, never from the command line, which others can see. The
collector keeps it encrypted and hands it to scanners of the sites it is for, one job at a
time. No command shows it again.`,
		Example: `  muster credential set office --site berlin --target 10.1.0.0/16 --file snmp.yml`,
		Args:    args(1, 1, "a name"),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			req.Name = args[0]
			if req.Secret, err = a.secret(file); err != nil {
				return err
			}
			if _, err := snmp.ParseCredentials(bytes.NewReader(req.GetSecret())); err != nil {
				return err
			}
			var res *musterv1.SetCredentialResponse
			err = a.call(c.Context(), func(ctx context.Context, client inventoryClient) (err error) {
				res, err = client.SetCredential(ctx, req)
				return err
			})
			if err != nil {
				return err
			}
			return a.showCredentials([]*musterv1.Credential{res.GetCredential()})
		},
	}
	f := c.Flags()
	f.StringVar(&file, "file", "", "file with the YAML, - for standard input")
	f.StringVar(&req.Kind, "kind", "snmp", "what it is for")
	f.StringSliceVar(&req.Sites, "site", nil, "sites whose scanners may have it; all without")
	f.StringSliceVar(&req.Targets, "target", nil, "addresses and prefixes that it may be sent to; all without")
	return c
}

// secret reads what is never a flag.
func (a *app) secret(file string) ([]byte, error) {
	from := a.in
	switch file {
	case "":
		return nil, inventory.Errorf(inventory.CodeInvalid, "--file is needed: a file, or - for standard input")
	case "-":
	default:
		f, err := os.Open(file)
		if err != nil {
			return nil, inventory.Errorf(inventory.CodeInvalid, "credential file: %s", plain(err))
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, wire.MaxCredential+1))
	if err != nil {
		return nil, fmt.Errorf("read credential: %w", err)
	}
	if len(text) > wire.MaxCredential {
		return nil, inventory.Errorf(inventory.CodeTooLarge, "credential: more than %d bytes", wire.MaxCredential)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "credential: nothing in it")
	}
	return text, nil
}

func (a *app) showCredentials(items []*musterv1.Credential) error {
	type m = *musterv1.Credential
	every := func(items []string) string {
		if len(items) == 0 {
			return "all"
		}
		return strings.Join(items, " ")
	}
	return list(a, items, []column[m]{
		idCol("name", "name", m.GetName), col("kind", "kind", m.GetKind),
		col("sites", "sites", func(x m) string { return every(x.GetSites()) }),
		col("targets", "targets", func(x m) string { return every(x.GetTargets()) }),
		ageCol(a, "changed", "changed_at", m.GetChangedAt), col("by", "changed_by", m.GetChangedBy),
		ageCol(a, "last used", "last_used", m.GetLastUsed),
	}, "no credentials yet: set some with muster credential set")
}

func (a *app) unidentified() *cobra.Command {
	req := &musterv1.ListUnidentifiedRequest{}
	var counts bool
	c := &cobra.Command{
		Use: "unidentified [REASON]", Short: "List what scans met and could not name, why, and what would help",
		Args: args(0, 1, "a part of a reason"),
		RunE: func(c *cobra.Command, args []string) error {
			req.Reason = strings.Join(args, "")
			var res *musterv1.ListUnidentifiedResponse
			err := a.call(c.Context(), func(ctx context.Context, client inventoryClient) (err error) {
				res, err = client.ListUnidentified(ctx, req)
				return err
			})
			if err != nil {
				return err
			}
			return a.showUnidentified(res, counts)
		},
	}
	c.Flags().Int32Var(&req.Limit, "limit", 1000, "at most so many, up to 10000")
	c.Flags().BoolVar(&counts, "count", false, "only how many there are for each reason")
	return c
}

func (a *app) showUnidentified(res *musterv1.ListUnidentifiedResponse, counts bool) error {
	type (
		m = *musterv1.Unidentified
		r = *musterv1.ReasonCount
	)
	reasons := []column[r]{numCol("count", "count", r.GetCount), col("reason", "reason", r.GetReason), col("what helps", "help", r.GetHelp)}
	if output.Format(a.format) == output.FormatJSON {
		return output.JSON(a.out, toJSON(res))
	}
	if counts {
		return list(a, res.GetReasons(), reasons, "everything that scans met is identified")
	}
	err := list(a, res.GetList(), []column[m]{
		idCol("id", "asset", m.GetAsset), col("name", "name", m.GetName), col("site", "site", m.GetSite),
		{Column: output.Column{Title: "addresses"}, key: "addresses", see: func(x m) string { return more(x.GetAddresses()) },
			cell: func(x m) string { return strings.Join(x.GetAddresses(), " ") }},
		{Column: output.Column{Title: "macs"}, key: "macs", see: func(x m) string { return more(x.GetMacs()) },
			cell: func(x m) string { return strings.Join(x.GetMacs(), " ") }},
		col("unknown", "unknown", func(x m) string { return strings.Join(x.GetUnknown(), " ") }),
		col("reason", "reason", m.GetReason), hidden("help", m.GetHelp), ageCol(a, "last seen", "last_seen", m.GetLastSeen),
	}, "everything that scans met is identified")
	if err != nil || len(res.GetList()) == 0 || output.Format(a.format) != output.FormatTable {
		return err
	}
	return section(a, "Reasons", res.GetReasons(), reasons...)
}
