package software

import (
	"context"
	"time"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on macOS. root is "/", or a directory with a copy of one.
func Sources(root string) []source.Source {
	list := []source.Source{
		{Name: "apps", Read: orReport(in(root, macApps))},
		{Name: "apps-users", Category: source.CategoryUserSoftware, Read: in(root, macUserApps)},
		{Name: "receipts", Read: in(root, macReceipts)},
		{Name: "updates", Read: in(root, macUpdates)},
		{Name: "extensions", Read: in(root, macExtensions)},
		{Name: "homebrew", Read: in(root, brew)},
		{Name: "swid", Read: in(root, swid("Library/Application Support/*/swidtag", "Library/Application Support/regid.*",
			"Applications/*.app/Contents", "Applications/*.app/Contents/Resources", "usr/local/share/swidtag"))},
	}
	for i := range list {
		list[i].Section, list[i].Timeout = inventory.SectionSoftware, 2*time.Minute
	}
	return append(list, placeSources(root, darwinPlaces())...)
}

// orReport asks system_profiler, which takes long, when the folders cannot be read.
func orReport(look read) read {
	return func(ctx context.Context) (inventory.Body, error) {
		body, problem := look(ctx)
		if body != nil || ctx.Err() != nil {
			return body, problem
		}
		b, err := source.Run(ctx, source.Command{
			Path: "/usr/sbin/system_profiler", Args: []string{"-xml", "SPApplicationsDataType"}, Timeout: 100 * time.Second, Limit: 64 << 20,
		})
		if err != nil {
			return nil, problem
		}
		report, err := profiler.Parse(b)
		if err != nil || report.Without("SPApplicationsDataType") != nil {
			return nil, problem
		}
		return ReportedApps(report, false), source.Partial("as system_profiler sees them: %v", problem)
	}
}
