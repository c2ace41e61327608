package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

func (a *app) scanTemplate() *cobra.Command {
	show := &cobra.Command{
		Use: "show NAME", Short: "Show a template with all that it says, as JSON", Args: args(1, 1, "the name of one template"),
		RunE: func(c *cobra.Command, args []string) error {
			x, err := a.template(c.Context(), args[0])
			if err != nil {
				return err
			}
			return output.JSON(a.out, toJSON(x))
		},
	}
	all := &cobra.Command{
		Use: "list", Short: "List templates", Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := a.templates(c.Context())
			if err != nil {
				return err
			}
			return a.showTemplates(list)
		},
	}
	remove := a.remove("template", "Delete a template that no schedule uses", func(ctx context.Context, client inventoryClient, name string) error {
		_, err := client.DeleteScanTemplate(ctx, &musterv1.DeleteScanTemplateRequest{Name: name})
		return err
	})
	return group(&cobra.Command{Use: "template", Short: "Keep sweeps that are started by name"}, a.templateCreate(), show, all, a.templateEdit(), remove)
}

func (a *app) templateCreate() *cobra.Command {
	var flags scanFlags
	c := &cobra.Command{
		Use: "create NAME [TARGET...]", Short: "Make a template", Args: args(1, -1, "a name and targets"),
		Example: `  muster scan template create office 10.1.0.0/16 --exclude 10.1.9.0/24 --credential office --site berlin`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.putTemplate(c.Context(), &musterv1.PutScanTemplateRequest{Create: true, Template: &musterv1.ScanTemplate{
				Name: args[0], Targets: args[1:], Site: flags.site, Exclude: flags.exclude, Rate: flags.rate, Options: flags.done()}})
		},
	}
	flags.add(c.Flags())
	return c
}

func (a *app) templateEdit() *cobra.Command {
	var flags scanFlags
	c := &cobra.Command{
		Use: "edit NAME [TARGET...]", Short: "Change a template: targets when some are given, and what flags say",
		Args: args(1, -1, "a name, and targets to replace those it has"),
		RunE: func(c *cobra.Command, args []string) error {
			x, err := a.template(c.Context(), args[0])
			if err != nil {
				return err
			}
			if len(args) > 1 {
				x.Targets = args[1:]
			}
			flags.change(c.Flags(), x)
			return a.putTemplate(c.Context(), &musterv1.PutScanTemplateRequest{Edit: true, Template: x})
		},
	}
	flags.add(c.Flags())
	return c
}

// change takes the flags that were given over into a template.
func (s *scanFlags) change(f *pflag.FlagSet, x *musterv1.ScanTemplate) {
	to, from := x.GetOptions(), s.done()
	if to == nil {
		to = &musterv1.ScanOptions{}
		x.Options = to
	}
	for name, take := range map[string]func(){
		"site":       func() { x.Site = s.site },
		"exclude":    func() { x.Exclude = s.exclude },
		"rate":       func() { x.Rate = s.rate },
		"large":      func() { to.Large = from.GetLarge() },
		"ports":      func() { to.Ports = from.GetPorts() },
		"fragile":    func() { to.Fragile = from.GetFragile() },
		"services":   func() { to.NoServices = from.GetNoServices() },
		"no-search":  func() { to.NoSearch = from.GetNoSearch() },
		"no-dns":     func() { to.NoNames = from.GetNoNames() },
		"no-snmp":    func() { to.NoSnmp = from.GetNoSnmp() },
		"credential": func() { to.Credentials = from.GetCredentials() },
		"listen":     func() { to.Listen = from.GetListen() },
		"interface":  func() { to.Interfaces = from.GetInterfaces() },
	} {
		if f.Changed(name) {
			take()
		}
	}
}

func (a *app) putTemplate(ctx context.Context, req *musterv1.PutScanTemplateRequest) error {
	var res *musterv1.PutScanTemplateResponse
	err := a.call(ctx, func(ctx context.Context, client inventoryClient) (err error) {
		res, err = client.PutScanTemplate(ctx, req)
		return err
	})
	if err != nil {
		return err
	}
	return a.showTemplates([]*musterv1.ScanTemplate{res.GetTemplate()})
}

func (a *app) templates(ctx context.Context) (list []*musterv1.ScanTemplate, err error) {
	err = a.call(ctx, func(ctx context.Context, client inventoryClient) error {
		res, err := client.ListScanTemplates(ctx, &musterv1.ListScanTemplatesRequest{})
		list = res.GetTemplates()
		return err
	})
	return list, err
}

func (a *app) template(ctx context.Context, name string) (*musterv1.ScanTemplate, error) {
	all, err := a.templates(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(x *musterv1.ScanTemplate) bool { return x.GetName() == name })
	if i < 0 {
		return nil, inventory.Errorf(inventory.CodeNotFound, "no template %.80q", name)
	}
	return all[i], nil
}

func (a *app) showTemplates(items []*musterv1.ScanTemplate) error {
	type m = *musterv1.ScanTemplate
	return list(a, items, []column[m]{
		idCol("name", "name", m.GetName), col("site", "site", m.GetSite),
		col("targets", "targets", func(x m) string {
			return scanTargets(&musterv1.ScanJob{Targets: x.GetTargets(), Options: x.GetOptions()})
		}),
		col("exclude", "exclude", func(x m) string { return strings.Join(x.GetExclude(), " ") }),
		numCol("rate", "rate", func(x m) int64 { return int64(x.GetRate()) }),
		col("credentials", "credentials", func(x m) string { return strings.Join(x.GetOptions().GetCredentials(), " ") }),
		ageCol(a, "changed", "changed_at", m.GetChangedAt), col("by", "changed_by", m.GetChangedBy),
	}, "no templates yet: make one with muster scan template create")
}

func (a *app) scanSchedule() *cobra.Command {
	x := &musterv1.ScanSchedule{}
	set := &cobra.Command{
		Use: "set NAME TEMPLATE TIMES", Short: "Run a template again and again", Args: args(3, 3, `a name, a template and times like "every 6h" or "30 2 * * 1-5"`),
		Long: `Run a template again and again. TIMES is "every DURATION" (1m or more; 6h, 7d), or a cron
expression of five fields: minute, hour, day, month, weekday. Outside its windows a scan
waits, and goes on where it was in the next one. A scan that is not over when the next is
due lets that one drop out; what was missed is made up for once.`,
		Example: `  muster scan schedule set nightly office "0 20 * * 1-5" --zone Europe/Berlin --window "Mon-Fri 20:00-06:00 Europe/Berlin"`,
		RunE: func(c *cobra.Command, args []string) error {
			x.Name, x.Template, x.Times = args[0], args[1], args[2]
			var res *musterv1.PutScanScheduleResponse
			err := a.call(c.Context(), func(ctx context.Context, client inventoryClient) (err error) {
				res, err = client.PutScanSchedule(ctx, &musterv1.PutScanScheduleRequest{Schedule: x})
				return err
			})
			if err != nil {
				return err
			}
			return a.showSchedules([]*musterv1.ScanSchedule{res.GetSchedule()})
		},
	}
	set.Flags().StringVar(&x.Zone, "zone", "", "time zone of a cron expression, like Europe/Berlin; UTC without")
	set.Flags().StringArrayVar(&x.Windows, "window", nil, `run only then, like "Mon-Fri 20:00-06:00 Europe/Berlin" (repeatable)`)
	set.Flags().BoolVar(&x.Disabled, "disabled", false, "start nothing for now")
	all := &cobra.Command{
		Use: "list", Short: "List schedules with their next time", Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			var res *musterv1.ListScanSchedulesResponse
			err := a.call(c.Context(), func(ctx context.Context, client inventoryClient) (err error) {
				res, err = client.ListScanSchedules(ctx, &musterv1.ListScanSchedulesRequest{})
				return err
			})
			if err != nil {
				return err
			}
			return a.showSchedules(res.GetSchedules())
		},
	}
	remove := a.remove("schedule", "Delete a schedule; scans that it started go on", func(ctx context.Context, client inventoryClient, name string) error {
		_, err := client.DeleteScanSchedule(ctx, &musterv1.DeleteScanScheduleRequest{Name: name})
		return err
	})
	return group(&cobra.Command{Use: "schedule", Short: "Run templates at set times"}, set, all, remove)
}

func (a *app) showSchedules(items []*musterv1.ScanSchedule) error {
	type m = *musterv1.ScanSchedule
	return list(a, items, []column[m]{
		idCol("name", "name", m.GetName), col("template", "template", m.GetTemplate), col("times", "times", m.GetTimes), col("zone", "zone", m.GetZone),
		col("windows", "windows", func(x m) string { return strings.Join(x.GetWindows(), ", ") }),
		{Column: output.Column{Title: "next", Keep: true}, key: "next_at", cell: func(x m) string { return stamp(x.GetNextAt()) },
			see: func(x m) string {
				if x.GetDisabled() {
					return "disabled"
				}
				return local(x.GetNextAt())
			}},
		ageCol(a, "last", "last_at", m.GetLastAt), col("last scan", "last_scan", m.GetLastScan), col("note", "note", m.GetNote),
	}, "no schedules yet: make one with muster scan schedule set")
}
