package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

type inventoryClient = musterv1connect.InventoryServiceClient

func (a *app) scan() *cobra.Command {
	return group(&cobra.Command{Use: "scan", Short: "Order sweeps of networks and follow them"},
		a.scanCreate(), a.scanStart(), a.scanList(), a.scanShow(), a.scanWatch(), a.scanPause(), a.scanResume(), a.scanStop(),
		a.scanTemplate(), a.scanSchedule())
}

// scanFlags are how a sweep is made, for one that is ordered and for a template.
type scanFlags struct {
	site     string
	exclude  []string
	rate     int32
	options  *musterv1.ScanOptions
	listen   time.Duration
	services bool
}

func (s *scanFlags) add(f *pflag.FlagSet) {
	s.options = &musterv1.ScanOptions{}
	f.StringVar(&s.site, "site", "", "site whose scanner is to do it; not needed when only one has a scanner")
	f.StringSliceVar(&s.exclude, "exclude", nil, "addresses or networks to leave out")
	f.Int32Var(&s.rate, "rate", 0, "packets a second; 0 for the scanner's default")
	f.BoolVar(&s.options.Large, "large", false, "allow more than 65,536 addresses")
	f.StringSliceVar(&s.options.Ports, "ports", nil, "ports to ask: default, numbers, ranges, udp/NUMBER, modbus, bacnet")
	f.StringSliceVar(&s.options.Fragile, "fragile", nil, "what gets only the gentlest probes, beside the scanner's own list: addresses, beginnings of hardware addresses (00:0e:8c), type=TYPE")
	f.BoolVar(&s.services, "services", true, "ask the ports of what is found who they are")
	f.BoolVar(&s.options.NoSearch, "no-search", false, "do not ask devices to announce themselves")
	f.BoolVar(&s.options.NoNames, "no-dns", false, "do not look up host names")
	f.BoolVar(&s.options.NoSnmp, "no-snmp", false, "read nothing by SNMP")
	f.StringSliceVar(&s.options.Credentials, "credential", nil, "credential sets to use, by name (see muster credential list)")
	f.DurationVar(&s.listen, "listen", 0, "only listen, for so long; there are no targets then")
	f.StringSliceVar(&s.options.Interfaces, "interface", nil, "with --listen: on these interfaces alone")
}

// done is what the flags said.
func (s *scanFlags) done() *musterv1.ScanOptions {
	s.options.NoServices = !s.services
	if s.listen != 0 {
		s.options.Listen = durationpb.New(s.listen)
	}
	return s.options
}

func (a *app) scanCreate() *cobra.Command {
	var flags scanFlags
	var windows []string
	var wait bool
	c := &cobra.Command{
		Use: "create [TARGET...]", Short: "Order a sweep of addresses, networks, ranges or names",
		Example: `  muster scan create 192.0.2.0/24 --exclude 192.0.2.9 --credential office --wait
  muster scan create 10.0.0.0/16 --window "Mon-Fri 20:00-06:00 Europe/Berlin"
  muster scan create --listen 30m`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.order(c.Context(), &musterv1.CreateScanRequest{Targets: args, Exclude: flags.exclude, Site: flags.site, Rate: flags.rate,
				Options: flags.done(), Windows: windows}, wait)
		},
	}
	flags.add(c.Flags())
	c.Flags().StringArrayVar(&windows, "window", nil, `run only then, like "Mon-Fri 20:00-06:00 Europe/Berlin" (repeatable)`)
	c.Flags().BoolVar(&wait, "wait", false, "show progress and wait for the end")
	return c
}

func (a *app) scanStart() *cobra.Command {
	var flags scanFlags
	var windows []string
	var wait bool
	c := &cobra.Command{
		Use: "start TEMPLATE | TARGET...", Short: "Start a template, or a sweep of targets",
		Long: "Start what a template says. Targets are swept as by create, with its flags.",
		Args: args(1, -1, "a template, or at least one address, network, range or name"),
		RunE: func(c *cobra.Command, args []string) error {
			req := &musterv1.CreateScanRequest{Targets: args, Exclude: flags.exclude, Site: flags.site, Rate: flags.rate, Options: flags.done(), Windows: windows}
			if len(args) == 1 && !isTarget(args[0]) {
				list, err := a.templates(c.Context())
				if err != nil {
					return err
				}
				if slices.ContainsFunc(list, func(t *musterv1.ScanTemplate) bool { return t.GetName() == args[0] }) {
					if given := templateSays(c.Flags()); given != "" {
						return inventory.Errorf(inventory.CodeInvalid, "--%s: the template says that; see muster scan template edit", given)
					}
					req = &musterv1.CreateScanRequest{Template: args[0], Windows: windows}
				}
			}
			return a.order(c.Context(), req, wait)
		},
	}
	flags.add(c.Flags())
	c.Flags().StringArrayVar(&windows, "window", nil, `run only then, like "Mon-Fri 20:00-06:00 Europe/Berlin" (repeatable)`)
	c.Flags().BoolVar(&wait, "wait", false, "show progress and wait for the end")
	return c
}

// isTarget tells addresses, networks and ranges from names.
func isTarget(text string) bool {
	first, _, _ := strings.Cut(text, "-")
	_, aerr := netip.ParseAddr(first)
	_, perr := netip.ParsePrefix(text)
	return aerr == nil || perr == nil
}

// templateSays is a given flag whose word is in a template already; "" for none.
func templateSays(f *pflag.FlagSet) (given string) {
	own := (&cobra.Command{}).Flags()
	new(scanFlags).add(own)
	f.Visit(func(x *pflag.Flag) {
		if own.Lookup(x.Name) != nil {
			given = x.Name
		}
	})
	return given
}

func (a *app) order(ctx context.Context, req *musterv1.CreateScanRequest, wait bool) error {
	var res *musterv1.CreateScanResponse
	err := a.call(ctx, func(ctx context.Context, client inventoryClient) (err error) {
		res, err = client.CreateScan(ctx, req)
		return err
	})
	if err != nil {
		return err
	}
	job := res.GetJob()
	if wait {
		if job, err = a.follow(ctx, job.GetId()); err != nil {
			return err
		}
	}
	return a.oneScan(job)
}

func (a *app) oneScan(job *musterv1.ScanJob) error {
	if output.Format(a.format) == output.FormatJSON {
		return output.JSON(a.out, toJSON(job))
	}
	return list(a, []*musterv1.ScanJob{job}, a.scanColumns(), "")
}

// patience is how long a collector that answered before may be away while a job is followed.
const patience = 10 * time.Minute

// follow waits for a job's end and shows its progress. A restart of the collector is waited out.
func (a *app) follow(ctx context.Context, id string) (*musterv1.ScanJob, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := ""
	var heard time.Time
	for {
		job, err := a.scanOf(ctx, id)
		away := inventory.CodeOf(err) == inventory.CodeUnavailable && a.now().Sub(heard) < patience
		if err != nil && !away {
			return nil, err
		}
		if !away {
			heard = a.now()
		}
		text := followed(job)
		if away {
			text = "the collector does not answer, waiting: " + err.Error()
		}
		if text != last {
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

// followed is what there is to say of a job under way.
func followed(job *musterv1.ScanJob) string {
	left := ""
	if d := job.GetLeft().AsDuration(); d > 0 {
		left = "about " + d.Round(time.Second).String() + " left"
	}
	return words(scanState(job), progress(job), left, job.GetMessage())
}

func (a *app) scanOf(ctx context.Context, id string) (job *musterv1.ScanJob, err error) {
	err = a.call(ctx, func(ctx context.Context, client inventoryClient) error {
		res, err := client.GetScan(ctx, &musterv1.GetScanRequest{Id: id})
		job = res.GetJob()
		return err
	})
	return job, err
}

func (a *app) scans(ctx context.Context) (jobs []*musterv1.ScanJob, err error) {
	err = a.call(ctx, func(ctx context.Context, client inventoryClient) error {
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
			return list(a, jobs, a.scanColumns(), "no scans yet: order one with muster scan create 192.0.2.0/24")
		},
	}
}

func (a *app) scanShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a sweep with all that was asked for, as JSON",
		Args: args(1, 1, "one scan id (see muster scan list)"),
		RunE: func(c *cobra.Command, args []string) error {
			job, err := a.scanOf(c.Context(), args[0])
			if err != nil {
				return err
			}
			return output.JSON(a.out, toJSON(job))
		},
	}
}

func (a *app) scanWatch() *cobra.Command {
	return &cobra.Command{
		Use: "watch ID", Short: "Follow a sweep to its end, with progress and time left",
		Args: args(1, 1, "one scan id (see muster scan list)"),
		RunE: func(c *cobra.Command, args []string) error {
			job, err := a.follow(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.oneScan(job)
		},
	}
}

// scanState is the state in a word or two.
func scanState(x *musterv1.ScanJob) string {
	if x.GetState() == "running" && x.GetWanted() == "pause" {
		return "pausing"
	}
	return x.GetState()
}

func (a *app) scanColumns() []column[*musterv1.ScanJob] {
	type m = *musterv1.ScanJob
	return []column[m]{
		idCol("id", "id", m.GetId), col("state", "state", scanState), col("site", "site", m.GetSite),
		col("targets", "targets", scanTargets),
		{Column: output.Column{Title: "progress"}, see: progress},
		hidden("probed", func(x m) string { return number(x.GetProbed()) }), hidden("planned", func(x m) string { return number(x.GetPlanned()) }),
		numCol("found", "found", m.GetFound), ageCol(a, "ordered", "created_at", m.GetCreatedAt), col("by", "created_by", orderedBy),
		col("message", "message", m.GetMessage),
	}
}

func scanTargets(x *musterv1.ScanJob) string {
	if d := x.GetOptions().GetListen().AsDuration(); d > 0 {
		return "listen for " + d.String()
	}
	return strings.Join(x.GetTargets(), " ")
}

// orderedBy is the schedule that a scan comes from, or who ordered it.
func orderedBy(x *musterv1.ScanJob) string {
	if x.GetSchedule() != "" {
		return "schedule " + x.GetSchedule()
	}
	return x.GetCreatedBy()
}

func progress(x *musterv1.ScanJob) string {
	if x.GetPlanned() == 0 {
		return ""
	}
	return fmt.Sprintf("%d%% of %d", min(100, 100*x.GetProbed()/x.GetPlanned()), x.GetPlanned())
}

// change is a command about one thing: what says of which sort, and state how it is afterwards.
func (a *app) change(c cobra.Command, what, state string, ask func(context.Context, inventoryClient, string) error) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		err := a.call(c.Context(), func(ctx context.Context, client inventoryClient) error { return ask(ctx, client, args[0]) })
		if err != nil {
			return err
		}
		return a.done(map[string]string{"id": args[0], "state": state}, what+" "+args[0]+" is "+state)
	}
	return &c
}

// scanOrder is a command that changes one scan.
func (a *app) scanOrder(use, short, state string, aliases []string, ask func(context.Context, inventoryClient, string) error) *cobra.Command {
	return a.change(cobra.Command{Use: use + " ID", Short: short, Aliases: aliases, Args: args(1, 1, "one scan id (see muster scan list)")}, "scan", state, ask)
}

// remove is a command that deletes one thing with a name.
func (a *app) remove(what, short string, ask func(context.Context, inventoryClient, string) error) *cobra.Command {
	return a.change(cobra.Command{Use: "delete NAME", Short: short, Args: args(1, 1, "the name of one "+what)}, what, "deleted", ask)
}

func (a *app) scanPause() *cobra.Command {
	return a.scanOrder("pause", "Let a sweep wait until it is resumed", "paused", nil, func(ctx context.Context, client inventoryClient, id string) error {
		_, err := client.PauseScan(ctx, &musterv1.PauseScanRequest{Id: id})
		return err
	})
}

func (a *app) scanResume() *cobra.Command {
	return a.scanOrder("resume", "Let a paused sweep go on where it was", "queued", nil, func(ctx context.Context, client inventoryClient, id string) error {
		_, err := client.ResumeScan(ctx, &musterv1.ResumeScanRequest{Id: id})
		return err
	})
}

func (a *app) scanStop() *cobra.Command {
	return a.scanOrder("stop", "Stop a sweep for good", "cancelled", []string{"cancel"}, func(ctx context.Context, client inventoryClient, id string) error {
		_, err := client.CancelScan(ctx, &musterv1.CancelScanRequest{Id: id})
		return err
	})
}
