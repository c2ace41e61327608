package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// formatDot is Graphviz's language, for the topology alone.
const formatDot = "dot"

func (a *app) topology() *cobra.Command {
	var t times
	var site, around string
	var depth int32
	c := &cobra.Command{
		Use: "topology", Short: "Show the cables between switches",
		Long: `Show the cables between switches, as a table, as JSON or for Graphviz:

  muster topology --site berlin -o dot | dot -Tsvg > berlin.svg
  muster topology --around sw1 --depth 2

With --around the stations are shown too.`,
		Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			at, err := a.when(&t)
			if err != nil {
				return err
			}
			if depth != 0 && around == "" {
				return inventory.Errorf(inventory.CodeInvalid, "--depth goes with --around")
			}
			var res *musterv1.TopologyResponse
			err = a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.Topology(ctx, &musterv1.TopologyRequest{Site: site, Around: around, Depth: depth, AsOf: at.asOf, KnownOn: at.knownOn})
				return err
			})
			if err != nil {
				return err
			}
			switch a.format {
			case formatDot:
				_, err := io.WriteString(a.out, dot(res))
				return err
			case string(output.FormatJSON):
				return output.JSON(a.out, toJSON(res))
			}
			return list(a, res.GetLinks(), linkColumns(res.GetNodes()), "no cables are known: switches are read by SNMP scans")
		},
	}
	t.flags(c, "the cables at this TIME")
	c.Flags().StringVar(&site, "site", "", "of this site")
	c.Flags().StringVar(&around, "around", "", "only near this host, address or asset")
	c.Flags().Int32Var(&depth, "depth", 0, "with --around: how many switches away")
	c.Annotations = map[string]string{formatDot: "true"}
	return c
}

func linkColumns(nodes []*musterv1.TopologyNode) []column[*musterv1.TopologyLink] {
	type m = *musterv1.TopologyLink
	names := map[string]string{}
	for _, n := range nodes {
		names[n.GetId()] = n.GetName()
	}
	name := func(id, other string) string {
		switch {
		case names[id] != "":
			return names[id]
		case id != "":
			return id
		}
		return other
	}
	return []column[m]{
		col("switch", "a_name", func(x m) string { return name(x.GetA(), "") }), hidden("a", m.GetA), portCol("port", "a_port", m.GetAPort, m.GetAMembers),
		col("to", "b_name", func(x m) string { return name(x.GetB(), x.GetBName()) }), hidden("b", m.GetB), portCol("its port", "b_port", m.GetBPort, m.GetBMembers),
		col("via", "via", func(x m) string { return strings.Join(x.GetVia(), " ") }), col("known by", "known_by", known),
		hidden("since", func(x m) string { return stamp(x.GetSince()) }), hidden("confirmed", func(x m) string { return stamp(x.GetConfirmed()) }),
		hidden("a_members", func(x m) string { return strings.Join(x.GetAMembers(), " ") }), hidden("b_members", func(x m) string { return strings.Join(x.GetBMembers(), " ") }),
	}
}

// portCol shows the members of a bundle to which cables lead, with the bundle beside them; files
// have the bundle.
func portCol[M proto.Message](title, key string, port func(M) string, members func(M) []string) column[M] {
	return column[M]{Column: output.Column{Title: title}, key: key, cell: port, see: func(x M) string { return portText(port(x), members(x)) }}
}

func portText(port string, members []string) string {
	if len(members) == 0 {
		return port
	}
	return strings.Join(members, " ") + " (" + port + ")"
}

// known says how sure a link is.
func known(l *musterv1.TopologyLink) string {
	switch {
	case l.GetStation():
		return "station"
	case l.GetInferred():
		return "inferred"
	case l.GetBoth():
		return "both ends"
	}
	return "one end"
}

// dot is a topology in Graphviz's language (https://graphviz.org/doc/info/lang.html).
// Nodes are named by ids; all that comes from outside stands in labels.
func dot(res *musterv1.TopologyResponse) string {
	var b strings.Builder
	b.WriteString("graph topology {\n  node [shape=box];\n")
	for _, n := range res.GetNodes() {
		label := []string{n.GetName()}
		if n.GetName() == "" {
			label[0] = n.GetId()
		}
		if n.GetClass() != "" {
			label = append(label, n.GetClass())
		}
		_, _ = fmt.Fprintf(&b, "  %s [label=%s];\n", dotText(n.GetId()), dotText(label...))
	}
	for i, l := range res.GetLinks() {
		far := l.GetB()
		if far == "" {
			far = fmt.Sprintf("unknown%d", i+1)
			_, _ = fmt.Fprintf(&b, "  %s [label=%s, style=dashed];\n", dotText(far), dotText(l.GetBName()))
		}
		style := "solid"
		if l.GetInferred() {
			style = "dashed"
		}
		_, _ = fmt.Fprintf(&b, "  %s -- %s [taillabel=%s, headlabel=%s, label=%s, style=%s];\n", dotText(l.GetA()), dotText(far), dotText(portText(l.GetAPort(), l.GetAMembers())), dotText(portText(l.GetBPort(), l.GetBMembers())),
			dotText(strings.Join(l.GetVia(), " ")), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// dotText is a quoted string of lines. Graphviz reads escapes such as \N in labels, so each
// backslash is doubled; what drives a terminal becomes visible first.
func dotText(lines ...string) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteString(`\n`)
		}
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(output.Clean(l)))
	}
	return `"` + b.String() + `"`
}
