package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/output"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

func (a *app) sources() *cobra.Command {
	return &cobra.Command{
		Use: "sources", Short: "List agents, scanners and other sources with their state",
		Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			var res *musterv1.ListSourcesResponse
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.ListSources(ctx, &musterv1.ListSourcesRequest{})
				return err
			})
			if err != nil {
				return err
			}
			type m = *musterv1.SourceState
			return list(a, res.GetSources(), []column[m]{
				idCol("id", "id", m.GetId), col("kind", "kind", m.GetKind), col("host", "hostname", m.GetHostname), col("site", "site", m.GetSite),
				col("version", "version", m.GetVersion), ageCol(a, "last contact", "last_contact", m.GetLastContact),
				numCol("records", "records", m.GetRecords), hidden("observations", func(x m) string { return number(x.GetObservations()) }),
				hidden("enrolled_at", func(x m) string { return stamp(x.GetEnrolledAt()) }),
				hidden("certificate_until", func(x m) string { return stamp(x.GetCertificateUntil()) }),
				col("state", "state", a.sourceState),
			}, "no sources yet: make a token with muster-collector token create and enrol the first agent with it")
		},
	}
}

// sourceState says what a person should know of a source.
func (a *app) sourceState(x *musterv1.SourceState) string {
	if x.GetRevoked() {
		return "revoked"
	}
	var out []string
	until := x.GetCertificateUntil()
	if until != nil && until.AsTime().Before(a.now()) {
		out = append(out, "certificate ended "+local(until))
	}
	if d := x.GetClockSkew().AsDuration(); d > time.Minute {
		out = append(out, "clock ahead by "+d.Round(time.Second).String())
	} else if d < -time.Minute {
		out = append(out, "clock behind by "+(-d).Round(time.Second).String())
	}
	out = append(out, x.GetFlags()...)
	if len(out) == 0 {
		return "ok"
	}
	return strings.Join(out, ", ")
}

func (a *app) source() *cobra.Command {
	var reason string
	revoke := &cobra.Command{
		Use: "revoke ID", Short: "End a source's right to report, at once",
		Long: "End a source's right to report, at once. What it reported stays. To report again it has to be enrolled anew.",
		Args: args(1, 1, "one source id (see muster sources)"),
		RunE: func(c *cobra.Command, args []string) error {
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) error {
				_, err := client.RevokeSource(ctx, &musterv1.RevokeSourceRequest{Id: args[0], Reason: reason})
				return err
			})
			if err != nil {
				return err
			}
			return a.done(map[string]string{"id": args[0], "state": "revoked"}, "source "+args[0]+" is revoked")
		},
	}
	revoke.Flags().StringVar(&reason, "reason", "", "why, for the audit")
	return group(&cobra.Command{Use: "source", Short: "Manage a source"}, revoke)
}

// done confirms an order.
func (a *app) done(result map[string]string, text string) error {
	switch output.Format(a.format) {
	case output.FormatJSON:
		return output.JSON(a.out, result)
	case output.FormatCSV:
		return output.CSV(a.out, []string{"id", "state"}, [][]string{{result["id"], result["state"]}})
	case output.FormatTable:
	}
	_, err := fmt.Fprintln(a.out, output.Clean(text))
	return err
}
