package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

func (a *app) where() *cobra.Command {
	var t times
	var history, ports bool
	var since string
	c := &cobra.Command{
		Use: "where HOST|IP|MAC|ASSET [PORT]", Short: "Say which switch port something is plugged into, or who is on a port",
		Long: `Say which switch port or access point something is at, since when, by what evidence,
and which other ports have it too. With a PORT, or --ports: who is on the ports of a switch.

  muster where lap7
  muster where 00:1a:2b:3c:4d:5e --history --since 2026-03-01
  muster where sw1 Gi0/3
  muster where sw1 --ports

How places are inferred is in docs/topology.md.`,
		Args: args(1, 2, "a host name, address or asset id, and at most one port"),
		RunE: func(c *cobra.Command, args []string) error {
			at, err := a.when(&t)
			if err != nil {
				return err
			}
			if len(args) == 2 || ports {
				if history {
					return inventory.Errorf(inventory.CodeInvalid, "--history is for one thing, not for ports")
				}
				return a.listPorts(c.Context(), args[0], strings.Join(args[1:], ""), at)
			}
			from, err := a.timeFlag("since", since)
			if err != nil {
				return err
			}
			var res *musterv1.WhereResponse
			err = a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.Where(ctx, &musterv1.WhereRequest{What: args[0], AsOf: at.asOf, KnownOn: at.knownOn, History: history, Since: from})
				return err
			})
			if err != nil {
				return err
			}
			if history {
				return list(a, res.GetStays(), a.placeColumns(), "no switch that is read has seen it")
			}
			return a.showPlaces(args[0], res)
		},
	}
	t.flags(c, "where it was at this TIME")
	c.Flags().BoolVar(&history, "history", false, "all places in order")
	c.Flags().StringVar(&since, "since", "", "with --history: stays that lasted until this TIME or longer")
	c.Flags().BoolVar(&ports, "ports", false, "of a switch: all its ports")
	return c
}

func refName(r *musterv1.AssetRef) string {
	if r.GetName() == "" {
		return r.GetId()
	}
	return r.GetName()
}

func refNames(list []*musterv1.AssetRef) string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = refName(r)
	}
	return strings.Join(names, " ")
}

func (a *app) placeColumns() []column[*musterv1.Place] {
	type m = *musterv1.Place
	return []column[m]{
		idCol("mac", "mac", m.GetMac), col("switch", "switch_name", func(x m) string { return refName(x.GetBridge()) }),
		hidden("switch", func(x m) string { return x.GetBridge().GetId() }), portCol("port", "port", m.GetPort, m.GetMembers),
		col("description", "description", m.GetDescription), col("vlan", "vlan", func(x m) string { return positive(x.GetVlan()) }),
		col("behind", "beyond", func(x m) string { return refNames(x.GetBeyond()) }), col("via", "via", m.GetVia),
		{Column: output.Column{Title: "since", Keep: true}, key: "since", see: func(x m) string { return local(x.GetSince()) }, cell: func(x m) string { return stamp(x.GetSince()) }},
		{Column: output.Column{Title: "until", Keep: true}, key: "confirmed", see: func(x m) string {
			if x.GetPresent() {
				return "now (" + local(x.GetConfirmed()) + ")"
			}
			return local(x.GetConfirmed())
		}, cell: func(x m) string { return stamp(x.GetConfirmed()) }},
		hidden("present", func(x m) string { return fmt.Sprint(x.GetPresent()) }), hidden("members", func(x m) string { return strings.Join(x.GetMembers(), " ") }),
	}
}

// showPlaces writes the places of a thing for a person to read.
func (a *app) showPlaces(what string, res *musterv1.WhereResponse) error {
	switch output.Format(a.format) {
	case output.FormatJSON:
		return output.JSON(a.out, toJSON(res))
	case output.FormatCSV:
		return list(a, res.GetPlaces(), a.placeColumns(), "")
	case output.FormatTable:
	}
	if len(res.GetPlaces()) == 0 {
		_, err := fmt.Fprintf(a.out, "%s: no switch that is read has seen it\n", output.Clean(what))
		return err
	}
	var b strings.Builder
	for _, p := range res.GetPlaces() {
		a.showPlace(&b, res.GetAsset(), p)
	}
	_, err := io.WriteString(a.out, b.String())
	return err
}

func (a *app) showPlace(b *strings.Builder, asset *musterv1.AssetRef, p *musterv1.Place) {
	line := func(title, text string) {
		if text = output.Clean(text); text != "" {
			_, _ = fmt.Fprintf(b, "%-13s %s\n", title, text)
		}
	}
	line("Station", words(asset.GetId(), asset.GetName(), p.GetMac()))
	at := words(refName(p.GetBridge()), portText(p.GetPort(), p.GetMembers()))
	if p.GetVia() == "wireless" {
		line("Wireless", at)
	} else {
		line("Switch port", at)
	}
	line("Behind", refNames(p.GetBeyond()))
	line("Description", p.GetDescription())
	if p.GetSpeedMbps() > 0 {
		line("Speed", fmt.Sprintf("%d Mbit/s", p.GetSpeedMbps()))
	}
	line("VLAN", positive(p.GetVlan()))
	line("PoE", p.GetPoe())
	line("Since", local(p.GetSince()))
	state := "still there"
	if !p.GetPresent() {
		state = "not seen since"
	}
	line("Confirmed", local(p.GetConfirmed())+" ("+ago(a.now(), p.GetConfirmed())+", "+state+")")
	line("Evidence", evidence(p))
	losers := p.GetLosers()
	for _, l := range losers[:min(len(losers), shownLosers)] {
		line("Seen also at", words(refName(l.GetBridge()), l.GetPort())+": "+l.GetWhy())
	}
	if n := len(losers) - shownLosers; n > 0 {
		line("", fmt.Sprintf("and at %d more ports; -o json has them all", n))
	}
}

// shownLosers is how many ports that lead to a thing a person reads: all bridges have a switch's address.
const shownLosers = 8

// evidence says by what a place is known.
func evidence(p *musterv1.Place) string {
	switch p.GetVia() {
	case "bridge":
		text := "bridge table"
		if n := p.GetStations(); n > 1 && len(p.GetBeyond()) == 0 {
			text += fmt.Sprintf(", %d hardware addresses on the port: a telephone, an unmanaged switch or virtual machines", n)
		}
		return text
	case "wireless":
		return "list of wireless clients"
	}
	return strings.ToUpper(p.GetVia())
}

func (a *app) listPorts(ctx context.Context, what, port string, at when) error {
	var res *musterv1.ListPortsResponse
	err := a.call(ctx, func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
		res, err = client.ListPorts(ctx, &musterv1.ListPortsRequest{What: what, Port: port, AsOf: at.asOf, KnownOn: at.knownOn})
		return err
	})
	if err != nil {
		return err
	}
	return list(a, res.GetPorts(), portColumns(), "it tells of no ports")
}

func portColumns() []column[*musterv1.SwitchPort] {
	type m = *musterv1.SwitchPort
	state := func(x m) string {
		switch {
		case x.GetDisabled():
			return "disabled"
		case x.GetUp():
			return "up"
		}
		return "down"
	}
	return []column[m]{
		idCol("port", "port", m.GetName), col("description", "description", m.GetDescription), col("state", "state", state),
		numCol("Mbit/s", "speed_mbps", m.GetSpeedMbps), col("vlan", "vlan", func(x m) string { return positive(x.GetVlan()) }),
		hidden("tagged", m.GetTagged), col("poe", "poe", m.GetPoe), hidden("members", func(x m) string { return strings.Join(x.GetMembers(), " ") }),
		col("leads to", "leads_to", func(x m) string { return refNames(x.GetLeadsTo()) }),
		col("stations", "stations", func(x m) string {
			var names []string
			for _, s := range x.GetStations() {
				names = append(names, stationName(s))
			}
			return strings.Join(names, " ")
		}),
		hidden("passing", func(x m) string { return number(int64(x.GetPassing())) }),
	}
}

func stationName(s *musterv1.Station) string {
	if name := refName(s.GetAsset()); name != "" {
		return name
	}
	return s.GetMac()
}

func (a *app) path() *cobra.Command {
	var t times
	c := &cobra.Command{
		Use: "path A B", Short: "Show the way between two things, port by port",
		Long: `Show the way of frames between two things through switches, and through routers where the
two are in different networks. Where knowledge ends it says so. A and B are host names, IP
or hardware addresses, or asset ids.`,
		Args: args(2, 2, "two host names, addresses or asset ids"),
		RunE: func(c *cobra.Command, args []string) error {
			at, err := a.when(&t)
			if err != nil {
				return err
			}
			var res *musterv1.PathResponse
			err = a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.Path(ctx, &musterv1.PathRequest{From: args[0], To: args[1], AsOf: at.asOf, KnownOn: at.knownOn})
				return err
			})
			if err != nil {
				return err
			}
			type m = *musterv1.PathStep
			return list(a, res.GetSteps(), []column[m]{
				idCol("asset", "asset", func(x m) string { return x.GetAsset().GetId() }),
				col("name", "name", func(x m) string {
					if x.GetGap() != "" {
						return "? " + x.GetGap()
					}
					return x.GetAsset().GetName()
				}),
				col("layer", "layer", func(x m) string { return positive(x.GetLayer()) }), portCol("in", "in_port", m.GetInPort, m.GetInMembers), portCol("out", "out_port", m.GetOutPort, m.GetOutMembers),
				col("via", "via", m.GetVia), hidden("gap", m.GetGap),
				hidden("in_members", func(x m) string { return strings.Join(x.GetInMembers(), " ") }), hidden("out_members", func(x m) string { return strings.Join(x.GetOutMembers(), " ") }),
			}, "")
		},
	}
	t.flags(c, "the way at this TIME")
	return c
}
