package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/inventory"
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

func (a *app) scan() *cobra.Command {
	return group(&cobra.Command{Use: "scan", Short: "Order sweeps of networks and follow them"}, a.scanStart(), a.scanList(), a.scanCancel())
}

func (a *app) scanStart() *cobra.Command {
	req := &musterv1.CreateScanRequest{}
	var wait bool
	c := &cobra.Command{
		Use: "start TARGET...", Short: "Order a sweep of addresses, networks, ranges or names",
		Args: args(1, -1, "at least one address, network, range or name"),
		RunE: func(c *cobra.Command, args []string) error {
			req.Targets = args
			var res *musterv1.CreateScanResponse
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.CreateScan(ctx, req)
				return err
			})
			if err != nil {
				return err
			}
			job := res.GetJob()
			if wait {
				if job, err = a.follow(c.Context(), job.GetId()); err != nil {
					return err
				}
			}
			if output.Format(a.format) == output.FormatJSON {
				return output.JSON(a.out, toJSON(job))
			}
			return list(a, []*musterv1.ScanJob{job}, a.scanColumns(), "")
		},
	}
	c.Flags().StringVar(&req.Site, "site", "", "site whose scanner is to do it; not needed when only one has a scanner")
	c.Flags().StringSliceVar(&req.Exclude, "exclude", nil, "addresses or networks to leave out")
	c.Flags().Int32Var(&req.Rate, "rate", 0, "packets a second; 0 for the scanner's default")
	c.Flags().BoolVar(&wait, "wait", false, "show progress and wait for the end")
	return c
}

// follow waits for a job's end and shows its progress.
func (a *app) follow(ctx context.Context, id string) (*musterv1.ScanJob, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := ""
	for {
		jobs, err := a.scans(ctx)
		if err != nil {
			return nil, err
		}
		var job *musterv1.ScanJob
		for _, j := range jobs {
			if j.GetId() == id {
				job = j
			}
		}
		if job == nil {
			return nil, inventory.Errorf(inventory.CodeNotFound, "scan %s is no longer listed", id)
		}
		if text := words(job.GetState(), progress(job), job.GetMessage()); text != last {
			last = text
			_, _ = fmt.Fprintln(a.errs, output.Clean(text))
		}
		switch job.GetState() {
		case "done":
			return job, nil
		case "failed", "cancelled":
			return nil, inventory.Errorf(inventory.CodeConflict, "scan %s %s: %s", id, job.GetState(), job.GetMessage())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (a *app) scans(ctx context.Context) (jobs []*musterv1.ScanJob, err error) {
	err = a.call(ctx, func(ctx context.Context, client musterv1connect.InventoryServiceClient) error {
		res, err := client.ListScans(ctx, &musterv1.ListScansRequest{})
		jobs = res.GetJobs()
		return err
	})
	return jobs, err
}

func (a *app) scanList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List sweeps, newest first",
		Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			jobs, err := a.scans(c.Context())
			if err != nil {
				return err
			}
			return list(a, jobs, a.scanColumns(), "no scans yet: order one with muster scan start 192.0.2.0/24")
		},
	}
}

func (a *app) scanColumns() []column[*musterv1.ScanJob] {
	type m = *musterv1.ScanJob
	return []column[m]{
		idCol("id", "id", m.GetId), col("state", "state", m.GetState), col("site", "site", m.GetSite),
		col("targets", "targets", func(x m) string { return strings.Join(x.GetTargets(), " ") }),
		{Column: output.Column{Title: "progress"}, see: progress},
		hidden("probed", func(x m) string { return number(x.GetProbed()) }), hidden("planned", func(x m) string { return number(x.GetPlanned()) }),
		numCol("found", "found", m.GetFound), ageCol(a, "ordered", "created_at", m.GetCreatedAt), col("by", "created_by", m.GetCreatedBy),
		col("message", "message", m.GetMessage),
	}
}

func progress(x *musterv1.ScanJob) string {
	if x.GetPlanned() == 0 {
		return ""
	}
	return fmt.Sprintf("%d%% of %d", min(100, 100*x.GetProbed()/x.GetPlanned()), x.GetPlanned())
}

func (a *app) scanCancel() *cobra.Command {
	return &cobra.Command{
		Use: "cancel ID", Short: "Stop a sweep",
		Args: args(1, 1, "one scan id (see muster scan list)"),
		RunE: func(c *cobra.Command, args []string) error {
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) error {
				_, err := client.CancelScan(ctx, &musterv1.CancelScanRequest{Id: args[0]})
				return err
			})
			if err != nil {
				return err
			}
			return a.done(map[string]string{"id": args[0], "state": "cancelled"}, "scan "+args[0]+" is cancelled")
		},
	}
}
