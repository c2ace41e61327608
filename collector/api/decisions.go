package api

import (
	"context"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// Words of pins.
const (
	pinSame      = "same"
	pinDifferent = "different"
)

// reason checks what somebody says for the record: whoever reads it later needs it.
func reason(why string) error {
	switch {
	case strings.TrimSpace(why) == "":
		return connect.NewError(connect.CodeInvalidArgument, "why: a reason is needed, for whoever asks later")
	case len(why) > inventory.MaxText:
		return connect.Errorf(connect.CodeInvalidArgument, "why: %d bytes, at most %d allowed", len(why), inventory.MaxText)
	}
	return nil
}

// number reads an id such as p3, with or without its letter.
func number(what, letter, id string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(strings.ToLower(id), letter), 10, 64)
	if err != nil || n <= 0 {
		return 0, connect.Errorf(connect.CodeInvalidArgument, "%s %.40q: want a letter %s and a number, like %s3", what, id, letter, letter)
	}
	return n, nil
}

// AddPin enters that two things are one, or two.
func (s *Inventory) AddPin(ctx context.Context, req *musterv1.AddPinRequest) (*musterv1.AddPinResponse, error) {
	if err := reason(req.GetWhy()); err != nil {
		return nil, err
	}
	if k := req.GetKind(); k != pinSame && k != pinDifferent {
		return nil, connect.Errorf(connect.CodeInvalidArgument, "kind %.40q: same or different is wanted", k)
	}
	a, err := store.ParseRef(req.GetA())
	if err != nil {
		return nil, s.personError(ctx, "add pin", err)
	}
	b, err := store.ParseRef(req.GetB())
	if err != nil {
		return nil, s.personError(ctx, "add pin", err)
	}
	who := identity.CallerOf(ctx).String()
	pin, events, err := s.store.AddPin(ctx, a, b, store.Pin{Same: req.GetKind() == pinSame, Why: req.GetWhy(), Who: who}, s.now())
	if err != nil {
		return nil, s.personError(ctx, "add pin", err)
	}
	s.log.InfoContext(ctx, "pin entered", "pin", pin.Name(), "a", pin.A, "b", pin.B, "same", pin.Same, "caller", who, "events", len(events))
	return &musterv1.AddPinResponse{Pin: pinToProto(pin), Events: eventsToProto(events)}, nil
}

// RemovePin ends a pin.
func (s *Inventory) RemovePin(ctx context.Context, req *musterv1.RemovePinRequest) (*musterv1.RemovePinResponse, error) {
	if err := reason(req.GetWhy()); err != nil {
		return nil, err
	}
	id, err := number("pin", "p", req.GetId())
	if err != nil {
		return nil, err
	}
	who := identity.CallerOf(ctx).String()
	events, err := s.store.RemovePin(ctx, id, who, req.GetWhy(), s.now())
	if err != nil {
		return nil, s.personError(ctx, "remove pin", err)
	}
	s.log.InfoContext(ctx, "pin ended", "pin", req.GetId(), "caller", who, "events", len(events))
	return &musterv1.RemovePinResponse{Events: eventsToProto(events)}, nil
}

// ListPins lists people's words.
func (s *Inventory) ListPins(ctx context.Context, req *musterv1.ListPinsRequest) (*musterv1.ListPinsResponse, error) {
	pins, err := s.store.Pins(ctx, req.GetAll())
	if err != nil {
		return nil, s.personError(ctx, "list pins", err)
	}
	return &musterv1.ListPinsResponse{Pins: pinsToProto(pins)}, nil
}

// Undo takes a merge or a split back.
func (s *Inventory) Undo(ctx context.Context, req *musterv1.UndoRequest) (*musterv1.UndoResponse, error) {
	if err := reason(req.GetWhy()); err != nil {
		return nil, err
	}
	id, err := number("event", "e", req.GetEvent())
	if err != nil {
		return nil, err
	}
	who := identity.CallerOf(ctx).String()
	pins, events, err := s.store.Undo(ctx, id, who, req.GetWhy(), s.now())
	if err != nil {
		return nil, s.personError(ctx, "undo", err)
	}
	s.log.InfoContext(ctx, "event taken back", "event", req.GetEvent(), "caller", who, "events", len(events))
	return &musterv1.UndoResponse{Pins: pinsToProto(pins), Events: eventsToProto(events)}, nil
}

// most is how many merges and splits a rehearsal lists of each.
const most = 1000

// Rehearse shows what rules would merge or split, and puts them in force when asked to.
func (s *Inventory) Rehearse(ctx context.Context, req *musterv1.RehearseRequest) (*musterv1.RehearseResponse, error) {
	if req.GetCommit() {
		if err := reason(req.GetWhy()); err != nil {
			return nil, err
		}
	}
	rules, err := reconcile.ParseRules([]byte(req.GetRules()))
	if err != nil {
		return nil, s.personError(ctx, "rehearse", err)
	}
	if !s.rehearsing.TryLock() {
		return nil, connect.NewError(connect.CodeUnavailable, "another rehearsal is running: try again when it is done")
	}
	defer s.rehearsing.Unlock()
	plan, err := s.store.Rehearse(ctx, rules)
	if err != nil {
		return nil, s.personError(ctx, "rehearse", err)
	}
	res := &musterv1.RehearseResponse{Records: int64(plan.Records), AssetsBefore: int64(plan.Before), AssetsAfter: int64(plan.After),
		Merges: int64(len(plan.Merges)), Splits: int64(len(plan.Splits)), Moved: int64(len(plan.Moved))}
	res.List = append(regroupingsToProto("merge", plan.Merges), regroupingsToProto("split", plan.Splits)...)
	if !req.GetCommit() {
		return res, nil
	}
	who := identity.CallerOf(ctx).String()
	set, err := s.store.CommitRules(ctx, req.GetRules(), who, req.GetWhy(), s.now())
	if err != nil {
		return nil, s.personError(ctx, "commit rules", err)
	}
	s.log.InfoContext(ctx, "rules put in force", "rules", set.ID, "caller", who, "merges", len(plan.Merges), "splits", len(plan.Splits))
	// What the caller does not wait for, the collector finishes by itself.
	if _, err := s.store.ApplyRules(context.WithoutCancel(ctx), s.now); err != nil {
		return nil, s.personError(ctx, "apply rules", err)
	}
	res.Committed = true
	return res, nil
}

// GetRules is the rules in force.
func (s *Inventory) GetRules(ctx context.Context, _ *musterv1.GetRulesRequest) (*musterv1.GetRulesResponse, error) {
	set, err := s.store.RulesInForce(ctx)
	if err != nil {
		return nil, s.personError(ctx, "get rules", err)
	}
	return &musterv1.GetRulesResponse{Rules: set.Text, Why: set.Why, Who: set.Who, At: stamp(set.At)}, nil
}

// ListReviews lists what somebody should look at.
func (s *Inventory) ListReviews(ctx context.Context, req *musterv1.ListReviewsRequest) (*musterv1.ListReviewsResponse, error) {
	list, next, err := s.query.Reviews(ctx, req.GetAll(), query.Page{Limit: int(req.GetLimit()), Cursor: req.GetCursor()})
	if err != nil {
		return nil, s.personError(ctx, "list reviews", err)
	}
	res := &musterv1.ListReviewsResponse{NextCursor: next}
	for _, r := range list {
		p := &musterv1.Review{Id: r.Name(), Kind: string(r.Kind), Detail: r.Detail, At: stamp(r.At), DoneAt: stamp(r.DoneAt), DoneBy: r.DoneBy, DoneWhy: r.DoneWhy}
		for _, id := range r.Records {
			p.Records = append(p.Records, query.RecordID(id))
		}
		for _, id := range r.Assets {
			p.Assets = append(p.Assets, id.String())
		}
		res.Reviews = append(res.Reviews, p)
	}
	return res, nil
}

// FinishReview takes something out of the queue.
func (s *Inventory) FinishReview(ctx context.Context, req *musterv1.FinishReviewRequest) (*musterv1.FinishReviewResponse, error) {
	if err := reason(req.GetWhy()); err != nil {
		return nil, err
	}
	id, err := number("review", "q", req.GetId())
	if err != nil {
		return nil, err
	}
	if err := s.store.ReviewDone(ctx, id, identity.CallerOf(ctx).String(), req.GetWhy(), s.now()); err != nil {
		return nil, s.personError(ctx, "finish review", err)
	}
	return &musterv1.FinishReviewResponse{}, nil
}

func pinsToProto(list []store.Pin) []*musterv1.Pin {
	out := make([]*musterv1.Pin, len(list))
	for i, p := range list {
		out[i] = pinToProto(p)
	}
	return out
}

func pinToProto(p store.Pin) *musterv1.Pin {
	out := &musterv1.Pin{Id: p.Name(), Kind: pinDifferent, A: p.A, B: p.B, Why: p.Why, Who: p.Who, At: stamp(p.At),
		EndedAt: stamp(p.EndedAt), EndedBy: p.EndedBy, EndedWhy: p.EndedWhy}
	if p.Same {
		out.Kind = pinSame
	}
	if p.Event != 0 {
		out.Event = "e" + strconv.FormatInt(p.Event, 10)
	}
	return out
}

func eventsToProto(list []store.Event) []*musterv1.Event {
	out := make([]*musterv1.Event, len(list))
	for i, e := range list {
		out[i] = &musterv1.Event{Id: "e" + strconv.FormatInt(e.ID, 10), At: stamp(e.At), Kind: string(e.Kind), From: e.From.String(), To: e.To.String()}
		for _, r := range e.Records {
			out[i].Records = append(out[i].Records, query.RecordID(r))
		}
	}
	return out
}

func regroupingsToProto(kind string, list []store.Regrouping) []*musterv1.Regrouping {
	ref := func(r store.AssetRef) *musterv1.AssetRef { return &musterv1.AssetRef{Id: r.ID.String(), Name: r.Name} }
	var out []*musterv1.Regrouping
	for _, g := range list[:min(len(list), most)] {
		p := &musterv1.Regrouping{Kind: kind, Asset: ref(g.Asset)}
		for _, o := range g.Others {
			p.Others = append(p.Others, ref(o))
		}
		out = append(out, p)
	}
	return out
}

// compareToProto adds what an explanation says of two assets.
func compareToProto(res *musterv1.WhyResponse, e *query.Explanation) {
	res.Pins = pinsToProto(e.Pins)
	if e.Other == nil {
		return
	}
	res.Other = assetToProto(&e.Other.Asset)
	for _, v := range e.Shared {
		res.Shared = append(res.Shared, &musterv1.SharedValue{Type: string(v.Key.Type), Value: v.Key.Value, Scope: v.Key.Scope, Tier: v.Tier,
			Reason: v.Reason, Records: []string{query.RecordID(v.A), query.RecordID(v.B)}})
	}
	for _, v := range e.Vetoes {
		res.Vetoes = append(res.Vetoes, &musterv1.Veto{Records: []string{query.RecordID(v.A), query.RecordID(v.B)}, Reason: v.Reason})
	}
}
