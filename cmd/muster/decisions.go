package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// whyFlag adds the reason that every decision needs.
func whyFlag(c *cobra.Command, why *string) *cobra.Command {
	c.Flags().StringVar(why, "why", "", "the reason, for whoever asks later (needed)")
	return c
}

func (a *app) pin() *cobra.Command {
	req := &musterv1.AddPinRequest{}
	var same, different bool
	c := &cobra.Command{
		Use: "pin A B --same|--different --why TEXT", Short: "Say that two things are one, or two, whatever the evidence says",
		Long: `Say that two things are one asset, or two. It stands above all evidence, holds from
now on and is reversible: muster unpin, or muster undo of what it changed.

A and B are assets (a12) or records (r57; muster asset show lists them). Two ids of what
is one asset now stand for what each was before they were merged.

  muster pin a12 a30 --same --why "one server, its board was replaced"
  muster pin r57 a12 --different --why "the purchase list has a wrong serial number"`,
		Args: args(2, 2, "two assets or records"),
		RunE: func(c *cobra.Command, args []string) error {
			if same == different {
				return inventory.Errorf(inventory.CodeInvalid, "say --same or --different")
			}
			req.A, req.B, req.Kind = args[0], args[1], "different"
			if same {
				req.Kind = "same"
			}
			var res *musterv1.AddPinResponse
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.AddPin(ctx, req)
				return err
			})
			if err != nil {
				return err
			}
			return a.decided([]*musterv1.Pin{res.GetPin()}, res.GetEvents())
		},
	}
	c.Flags().BoolVar(&same, "same", false, "they are one")
	c.Flags().BoolVar(&different, "different", false, "they are two")
	return whyFlag(c, &req.Why)
}

func (a *app) unpin() *cobra.Command {
	req := &musterv1.RemovePinRequest{}
	return whyFlag(&cobra.Command{
		Use: "unpin ID --why TEXT", Short: "End what was said with pin: evidence decides again",
		Args: args(1, 1, "one pin id (see muster pins)"),
		RunE: func(c *cobra.Command, args []string) error {
			req.Id = args[0]
			var res *musterv1.RemovePinResponse
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.RemovePin(ctx, req)
				return err
			})
			if err != nil {
				return err
			}
			return a.decided(nil, res.GetEvents())
		},
	}, &req.Why)
}

func (a *app) undo() *cobra.Command {
	req := &musterv1.UndoRequest{}
	return whyFlag(&cobra.Command{
		Use: "undo EVENT --why TEXT", Short: "Take a merge or a split back",
		Long: `Take a merge or a split back. muster changes shows events with their ids, like e17, in
the section identity.

What evidence brought about is taken back by a pin that holds from now on; what a pin
brought about, by ending that pin. What undo changes is an event itself and can be undone.`,
		Args: args(1, 1, "one event id such as e17"),
		RunE: func(c *cobra.Command, args []string) error {
			req.Event = args[0]
			var res *musterv1.UndoResponse
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.Undo(ctx, req)
				return err
			})
			if err != nil {
				return err
			}
			return a.decided(res.GetPins(), res.GetEvents())
		},
	}, &req.Why)
}

// decided says what a decision changed.
func (a *app) decided(pins []*musterv1.Pin, events []*musterv1.Event) error {
	switch output.Format(a.format) {
	case output.FormatJSON:
		out := &object{}
		out.set("pins", listJSON(pins))
		out.set("events", listJSON(events))
		return output.JSON(a.out, out)
	case output.FormatCSV:
		return list(a, events, eventColumns(), "")
	case output.FormatTable:
	}
	var b strings.Builder
	for _, p := range pins {
		fmt.Fprintf(&b, "%s: %s\n", p.GetId(), saying(p))
	}
	for _, e := range events {
		fmt.Fprintf(&b, "%s: %s\n", e.GetId(), eventText(e))
	}
	if len(events) == 0 {
		b.WriteString("no asset changed by it now\n")
	}
	_, err := io.WriteString(a.out, cleanLines(b.String()))
	return err
}

func saying(p *musterv1.Pin) string {
	if p.GetKind() == "same" {
		return p.GetA() + " and " + p.GetB() + " are one"
	}
	return p.GetA() + " and " + p.GetB() + " are two"
}

// eventText is an event in words.
func eventText(e *musterv1.Event) string {
	records := strings.Join(e.GetRecords(), " ")
	switch e.GetKind() {
	case "merged":
		return fmt.Sprintf("%s became part of %s (%s)", e.GetFrom(), e.GetTo(), records)
	case "split":
		return fmt.Sprintf("%s came out of %s (%s)", e.GetTo(), e.GetFrom(), records)
	}
	return fmt.Sprintf("%s went from %s to %s", records, e.GetFrom(), e.GetTo())
}

func eventColumns() []column[*musterv1.Event] {
	type m = *musterv1.Event
	return []column[m]{
		idCol("event", "id", m.GetId), col("kind", "kind", m.GetKind), idCol("from", "from", m.GetFrom), idCol("to", "to", m.GetTo),
		col("records", "records", func(x m) string { return strings.Join(x.GetRecords(), " ") }),
	}
}

func (a *app) pins() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "pins", Short: "List what people said about which things are one",
		Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			var res *musterv1.ListPinsResponse
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.ListPins(ctx, &musterv1.ListPinsRequest{All: all})
				return err
			})
			if err != nil {
				return err
			}
			type m = *musterv1.Pin
			return list(a, res.GetPins(), []column[m]{
				idCol("pin", "id", m.GetId), idCol("a", "a", m.GetA), idCol("b", "b", m.GetB), col("are", "kind", m.GetKind),
				col("why", "why", m.GetWhy), col("who", "who", m.GetWho), ageCol(a, "said", "at", m.GetAt), hidden("event", m.GetEvent),
				col("ended", "ended_why", func(x m) string {
					if x.GetEndedAt() == nil {
						return ""
					}
					return words("by", x.GetEndedBy()+":", x.GetEndedWhy())
				}), hidden("ended_at", func(x m) string { return stamp(x.GetEndedAt()) }),
			}, "no pins: evidence alone decides")
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also those that ended")
	return c
}

func (a *app) rehearse() *cobra.Command {
	req := &musterv1.RehearseRequest{}
	var file string
	c := &cobra.Command{
		Use: "rehearse --rules FILE [--commit --why TEXT]", Short: "Show which assets rules of your own would merge or split",
		Long: `Show which assets would merge or split if the rules in FILE took the place of those in
force (muster rules prints them). Nothing changes unless --commit is given. The rules
are described in docs/review.md; an empty file takes all of them back.`,
		Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return inventory.Errorf(inventory.CodeInvalid, "--rules: a file is needed, - for standard input")
			}
			text, err := readRules(file, c.InOrStdin())
			if err != nil {
				return err
			}
			req.Rules = text
			var res *musterv1.RehearseResponse
			err = a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.Rehearse(ctx, req)
				return err
			})
			if err != nil {
				return err
			}
			return a.rehearsed(res)
		},
	}
	c.Flags().StringVar(&file, "rules", "", "file with the rules (YAML), - for standard input")
	c.Flags().BoolVar(&req.Commit, "commit", false, "put the rules in force")
	return whyFlag(c, &req.Why)
}

// maxRules is what the collector takes.
const maxRules = 256 << 10

func readRules(file string, stdin io.Reader) (string, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", inventory.Errorf(inventory.CodeInvalid, "rules: %s", plain(err))
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxRules+1))
	if err == nil && len(b) > maxRules {
		err = errors.New("larger than 256 KiB")
	}
	if err != nil {
		return "", inventory.Errorf(inventory.CodeInvalid, "rules: %s", plain(err))
	}
	return string(b), nil
}

func (a *app) rehearsed(res *musterv1.RehearseResponse) error {
	type m = *musterv1.Regrouping
	name := func(r *musterv1.AssetRef) string { return words(r.GetId(), r.GetName()) }
	columns := []column[m]{
		col("change", "kind", m.GetKind), idCol("asset", "asset", func(x m) string { return name(x.GetAsset()) }),
		col("with", "others", func(x m) string {
			var out []string
			for _, o := range x.GetOthers() {
				out = append(out, name(o))
			}
			return strings.Join(out, ", ")
		}),
	}
	switch output.Format(a.format) {
	case output.FormatJSON:
		return output.JSON(a.out, toJSON(res))
	case output.FormatCSV:
		return list(a, res.GetList(), columns, "")
	case output.FormatTable:
	}
	word := map[bool]string{true: "became", false: "would become"}[res.GetCommitted()]
	if _, err := fmt.Fprintf(a.out, "%d assets %s %d: %d merges, %d splits; %d of %d records move\n",
		res.GetAssetsBefore(), word, res.GetAssetsAfter(), res.GetMerges(), res.GetSplits(), res.GetMoved(), res.GetRecords()); err != nil {
		return err
	}
	if len(res.GetList()) > 0 {
		if err := table(a, res.GetList(), columns); err != nil {
			return err
		}
	}
	text := "nothing was changed: --commit puts the rules in force"
	if res.GetCommitted() {
		text = "the rules are in force"
	}
	_, err := fmt.Fprintln(a.out, text)
	return err
}

func (a *app) rules() *cobra.Command {
	return &cobra.Command{
		Use: "rules", Short: "Print the rules in force, as rehearse takes them",
		Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			var res *musterv1.GetRulesResponse
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.GetRules(ctx, &musterv1.GetRulesRequest{})
				return err
			})
			if err != nil {
				return err
			}
			if output.Format(a.format) == output.FormatJSON {
				return output.JSON(a.out, toJSON(res))
			}
			if strings.TrimSpace(res.GetRules()) == "" {
				_, err := fmt.Fprintln(a.out, "# no rules of your own")
				return err
			}
			_, err = fmt.Fprintf(a.out, "# by %s on %s: %s\n%s", output.Clean(res.GetWho()), local(res.GetAt()), output.Clean(res.GetWhy()), cleanLines(res.GetRules()))
			return err
		},
	}
}

// cleanLines is a text of several lines without what would move a terminal's cursor.
func cleanLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(output.Clean(line), " ") + "\n")
	}
	return b.String()
}

func (a *app) review() *cobra.Command {
	var all bool
	var limit int
	c := &cobra.Command{
		Use: "review", Short: "List what somebody should look at, oldest first",
		Args: args(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			reviews, err := pages(limit, func(n int32, cursor string) ([]*musterv1.Review, string, error) {
				var res *musterv1.ListReviewsResponse
				err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
					res, err = client.ListReviews(ctx, &musterv1.ListReviewsRequest{All: all, Limit: n, Cursor: cursor})
					return err
				})
				return res.GetReviews(), res.GetNextCursor(), err
			})
			if err != nil {
				return err
			}
			type m = *musterv1.Review
			return list(a, reviews, []column[m]{
				idCol("id", "id", m.GetId), col("kind", "kind", func(x m) string { return strings.ReplaceAll(x.GetKind(), "_", " ") }),
				idCol("assets", "assets", func(x m) string { return strings.Join(x.GetAssets(), " ") }),
				idCol("records", "records", func(x m) string { return strings.Join(x.GetRecords(), " ") }),
				col("what", "detail", m.GetDetail), ageCol(a, "since", "at", m.GetAt),
				col("done", "done_why", func(x m) string {
					if x.GetDoneAt() == nil {
						return ""
					}
					return words("by", x.GetDoneBy()+":", x.GetDoneWhy())
				}),
			}, "nothing to look at")
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also what is done")
	c.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 for all")
	req := &musterv1.FinishReviewRequest{}
	done := whyFlag(&cobra.Command{
		Use: "done ID --why TEXT", Short: "Take something out of the queue: it was looked at",
		Args: args(1, 1, "one id such as q3"),
		RunE: func(c *cobra.Command, args []string) error {
			req.Id = args[0]
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) error {
				_, err := client.FinishReview(ctx, req)
				return err
			})
			if err != nil {
				return err
			}
			return a.done(map[string]string{"id": args[0], "state": "done"}, args[0]+" is done")
		},
	}, &req.Why)
	c.AddCommand(done)
	return c
}
