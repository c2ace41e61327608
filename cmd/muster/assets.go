package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/output"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

func (a *app) assets() *cobra.Command {
	var sort string
	var t times
	var limit int
	c := &cobra.Command{
		Use: "assets [FILTER]", Short: "List the assets that match a filter",
		Long: `List the assets that match a filter, all without one. Several arguments are one filter.

  muster assets web                         "web" in a name, serial, model, user, address ...
  muster assets class:server 'memory>32GiB' not os:windows
  muster assets address:10.77.1.0/24 'last_seen>30d'
  muster assets 'software:"openssl<3.0.11"'
  muster assets --as-of 2026-05-01 site:berlin

The filter language is described in docs/filter.md.`,
		RunE: func(c *cobra.Command, args []string) error {
			at, err := a.when(&t)
			if err != nil {
				return err
			}
			filter := strings.Join(args, " ")
			found, total, err := a.findAssets(c.Context(), filter, sort, at, limit)
			if err != nil {
				return err
			}
			empty := "no assets match"
			switch {
			case filter == "" && at != when{}:
				empty = "no assets were known then"
			case filter == "":
				empty = "no assets yet: enrol the first agent with muster-agent enroll"
			}
			if err := list(a, found, a.assetColumns(), empty); err != nil {
				return err
			}
			if output.Format(a.format) == output.FormatTable && total > int64(len(found)) {
				_, _ = fmt.Fprintf(a.errs, "%d of %d assets shown\n", len(found), total)
			}
			return nil
		},
	}
	t.flags(c, "the state that was true at this TIME")
	c.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 for all")
	c.Flags().StringVar(&sort, "sort", "", "id, name, class, vendor, model, serial, os, address, site, user, memory, disk, first_seen, last_seen; -name for the other way round")
	return c
}

func (a *app) findAssets(ctx context.Context, filter, sort string, at when, limit int) (found []*musterv1.Asset, total int64, err error) {
	found, err = pages(limit, func(n int32, cursor string) ([]*musterv1.Asset, string, error) {
		var res *musterv1.ListAssetsResponse
		err := a.call(ctx, func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
			res, err = client.ListAssets(ctx, &musterv1.ListAssetsRequest{Filter: filter, Limit: n, Cursor: cursor, AsOf: at.asOf, KnownOn: at.knownOn, Sort: sort})
			return err
		})
		total = res.GetTotal()
		return res.GetAssets(), res.GetNextCursor(), err
	})
	return found, total, err
}

func (a *app) assetColumns() []column[*musterv1.Asset] {
	type m = *musterv1.Asset
	joined := func(get func(m) []string) func(m) string {
		return func(x m) string { return strings.Join(get(x), " ") }
	}
	see := func(title string, text func(m) string) column[m] {
		return column[m]{Column: output.Column{Title: title}, see: text}
	}
	return []column[m]{
		idCol("id", "id", m.GetId),
		col("name", "name", m.GetName),
		col("class", "class", m.GetClass),
		see("addresses", func(x m) string { return more(x.GetAddresses()) }),
		see("system", func(x m) string { return words(x.GetOs(), x.GetOsVersion()) }),
		see("hardware", func(x m) string { return words(x.GetVendor(), x.GetModel()) }),
		col("serial", "serial", m.GetSerial),
		hidden("addresses", joined(m.GetAddresses)),
		hidden("macs", joined(m.GetMacs)),
		hidden("vendor", m.GetVendor),
		hidden("model", m.GetModel),
		hidden("os", m.GetOs),
		hidden("os_version", m.GetOsVersion),
		hidden("cpu", m.GetCpu),
		hidden("memory_bytes", func(x m) string { return number(x.GetMemoryBytes()) }),
		hidden("disk_bytes", func(x m) string { return number(x.GetDiskBytes()) }),
		hidden("user", m.GetUser),
		hidden("domain", m.GetDomain),
		hidden("site", m.GetSite),
		hidden("machine_id", m.GetMachineId),
		col("sources", "sources", joined(m.GetSources)),
		hidden("first_seen", func(x m) string { return stamp(x.GetFirstSeen()) }),
		ageCol(a, "last seen", "last_seen", m.GetLastSeen),
	}
}

func (a *app) software() *cobra.Command {
	var t times
	var limit int
	c := &cobra.Command{
		Use: "software [NAME]", Short: "List installed software, by name and version",
		Long: "List the titles that are installed somewhere with the number of assets that have them.\nNAME is a part of the title's name. To see the assets: muster assets 'software:\"NAME<VERSION\"'",
		Args: args(0, 1, "at most one part of a name"),
		RunE: func(c *cobra.Command, args []string) error {
			at, err := a.when(&t)
			if err != nil {
				return err
			}
			name := strings.Join(args, "")
			titles, err := pages(limit, func(n int32, cursor string) ([]*musterv1.SoftwareTitle, string, error) {
				var res *musterv1.ListSoftwareResponse
				err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
					res, err = client.ListSoftware(ctx, &musterv1.ListSoftwareRequest{Name: name, Limit: n, Cursor: cursor, AsOf: at.asOf, KnownOn: at.knownOn})
					return err
				})
				return res.GetTitles(), res.GetNextCursor(), err
			})
			if err != nil {
				return err
			}
			empty := "no software matches"
			if name == "" {
				empty = "no software is known yet: agents report it"
			}
			type m = *musterv1.SoftwareTitle
			return list(a, titles, []column[m]{
				col("name", "name", m.GetName), col("version", "version", m.GetVersion), col("source", "source", m.GetSource),
				col("arch", "arch", m.GetArch), hidden("kind", m.GetKind), hidden("edition", m.GetEdition),
				col("publisher", "publisher", m.GetPublisher), numCol("assets", "installs", m.GetInstalls),
				hidden("assets", func(x m) string { return strings.Join(x.GetAssets(), " ") }),
			}, empty)
		},
	}
	t.flags(c, "what was installed at this TIME")
	c.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 for all")
	return c
}

func (a *app) changes() *cobra.Command {
	var since, until, known string
	var limit int
	c := &cobra.Command{
		Use: "changes [ASSET]", Short: "List what changed, newest first",
		Args: args(0, 1, "at most one asset id"),
		RunE: func(c *cobra.Command, args []string) error {
			from, err := a.timeFlag("since", since)
			if err != nil {
				return err
			}
			to, err := a.timeFlag("until", until)
			if err != nil {
				return err
			}
			on, err := a.timeFlag("known-on", known)
			if err != nil {
				return err
			}
			changes, err := pages(limit, func(n int32, cursor string) ([]*musterv1.Change, string, error) {
				var res *musterv1.ListChangesResponse
				err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
					res, err = client.ListChanges(ctx, &musterv1.ListChangesRequest{Asset: strings.Join(args, ""), Since: from, Until: to, KnownOn: on, Limit: n, Cursor: cursor})
					return err
				})
				return res.GetChanges(), res.GetNextCursor(), err
			})
			if err != nil {
				return err
			}
			type m = *musterv1.Change
			return list(a, changes, []column[m]{
				{Column: output.Column{Title: "time", Keep: true}, key: "at",
					see: func(x m) string { return local(x.GetAt()) }, cell: func(x m) string { return stamp(x.GetAt()) }},
				idCol("asset", "asset", m.GetAsset), col("name", "asset_name", m.GetAssetName), col("section", "section", m.GetSection),
				col("change", "kind", m.GetKind), col("item", "item", m.GetItem), col("difference", "text", m.GetText),
				hidden("before", m.GetBefore), hidden("after", m.GetAfter), col("source", "source", m.GetSource),
			}, "nothing changed since "+since)
		},
	}
	c.Flags().StringVar(&since, "since", "7d", "from this TIME on")
	c.Flags().StringVar(&until, "until", "", "before this TIME")
	c.Flags().StringVar(&known, "known-on", "", "as far as was known at this TIME")
	c.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 for all")
	return c
}
