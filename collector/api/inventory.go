package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/vault"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// Inventory implements InventoryService: what persons ask and order.
type Inventory struct {
	query  *query.Inventory
	store  *store.Store
	vault  *vault.Vault
	forget func()
	log    *slog.Logger
	now    func() time.Time
	// rehearsing is held by the one rehearsal that may run: it looks at everything.
	rehearsing sync.Mutex
}

// NewInventory makes the service. forget is called after a source was revoked, so that
// what is remembered of its credentials ends at once.
func NewInventory(st *store.Store, v *vault.Vault, forget func(), log *slog.Logger, now func() time.Time) *Inventory {
	return &Inventory{query: query.New(st, now), store: st, vault: v, forget: forget, log: log, now: now}
}

// personError is what a person is told about err.
func (s *Inventory) personError(ctx context.Context, what string, err error) error {
	switch {
	case store.Unavailable(err):
		s.log.WarnContext(ctx, "store unavailable", "call", what, "caller", identity.CallerOf(ctx).String(), "error", err)
		err = inventory.Errorf(inventory.CodeUnavailable, "the inventory is busy: try again later")
	case inventory.CodeOf(err) == inventory.CodeInternal && ctx.Err() == nil:
		s.log.ErrorContext(ctx, "call failed", "call", what, "caller", identity.CallerOf(ctx).String(), "error", err)
	}
	return wire.ConnectError(err)
}

// when reads an optional time of a request.
func when(name string, t *timestamppb.Timestamp) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if t.CheckValid() != nil || t.AsTime().Year() < 1970 {
		return time.Time{}, connect.NewError(connect.CodeInvalidArgument, name+": not a time after 1970")
	}
	return t.AsTime(), nil
}

// whenOf reads the time that a request looks from.
func whenOf(req interface {
	GetAsOf() *timestamppb.Timestamp
	GetKnownOn() *timestamppb.Timestamp
}) (query.When, error) {
	asOf, err := when("as_of", req.GetAsOf())
	if err != nil {
		return query.When{}, err
	}
	known, err := when("known_on", req.GetKnownOn())
	return query.When{AsOf: asOf, KnownOn: known}, err
}

// ListAssets lists the assets that match a filter.
func (s *Inventory) ListAssets(ctx context.Context, req *musterv1.ListAssetsRequest) (*musterv1.ListAssetsResponse, error) {
	at, err := whenOf(req)
	if err != nil {
		return nil, err
	}
	page, err := s.query.Assets(ctx, query.AssetQuery{Filter: req.GetFilter(), When: at, Sort: req.GetSort(),
		Limit: int(req.GetLimit()), Cursor: req.GetCursor()})
	if err != nil {
		return nil, s.personError(ctx, "list assets", err)
	}
	res := &musterv1.ListAssetsResponse{NextCursor: page.Next, Total: page.Total, Assets: make([]*musterv1.Asset, len(page.Assets))}
	for i := range page.Assets {
		res.Assets[i] = assetToProto(&page.Assets[i])
	}
	return res, nil
}

// GetAsset is everything about one asset.
func (s *Inventory) GetAsset(ctx context.Context, req *musterv1.GetAssetRequest) (*musterv1.GetAssetResponse, error) {
	at, err := whenOf(req)
	if err != nil {
		return nil, err
	}
	d, err := s.query.Asset(ctx, req.GetId(), at)
	if err != nil {
		return nil, s.personError(ctx, "get asset", err)
	}
	return detailToProto(&d), nil
}

// Why explains how an asset came to be one.
func (s *Inventory) Why(ctx context.Context, req *musterv1.WhyRequest) (*musterv1.WhyResponse, error) {
	e, err := s.query.Why(ctx, req.GetId(), req.GetOther())
	if err != nil {
		return nil, s.personError(ctx, "explain asset", err)
	}
	return explanationToProto(&e), nil
}

// ListSoftware lists installed titles.
func (s *Inventory) ListSoftware(ctx context.Context, req *musterv1.ListSoftwareRequest) (*musterv1.ListSoftwareResponse, error) {
	at, err := whenOf(req)
	if err != nil {
		return nil, err
	}
	page, err := s.query.Software(ctx, req.GetName(), at, query.Page{Limit: int(req.GetLimit()), Cursor: req.GetCursor()})
	if err != nil {
		return nil, s.personError(ctx, "list software", err)
	}
	res := &musterv1.ListSoftwareResponse{NextCursor: page.Next, Total: page.Total}
	for _, t := range page.Titles {
		p := &musterv1.SoftwareTitle{Name: t.Name, Version: t.Version, Source: t.Source, Publisher: t.Publ, Arch: t.Arch, Installs: t.Installs,
			Kind: string(t.Kind), Edition: t.Edition}
		for _, id := range t.Assets {
			p.Assets = append(p.Assets, id.String())
		}
		res.Titles = append(res.Titles, p)
	}
	return res, nil
}

// ListChanges lists differences between reports, newest first.
func (s *Inventory) ListChanges(ctx context.Context, req *musterv1.ListChangesRequest) (*musterv1.ListChangesResponse, error) {
	since, err := when("since", req.GetSince())
	if err != nil {
		return nil, err
	}
	until, err := when("until", req.GetUntil())
	if err != nil {
		return nil, err
	}
	known, err := when("known_on", req.GetKnownOn())
	if err != nil {
		return nil, err
	}
	changes, next, err := s.query.Changes(ctx, query.ChangeQuery{Asset: req.GetAsset(), Since: since, Until: until, KnownOn: known,
		Page: query.Page{Limit: int(req.GetLimit()), Cursor: req.GetCursor()}})
	if err != nil {
		return nil, s.personError(ctx, "list changes", err)
	}
	res := &musterv1.ListChangesResponse{NextCursor: next}
	for _, c := range changes {
		res.Changes = append(res.Changes, &musterv1.Change{At: stamp(c.At), Asset: c.Asset.String(), AssetName: c.AssetName,
			Section: c.Section, Kind: c.Kind, Item: c.Item, Before: c.Before, After: c.After, Source: c.Source,
			Text: query.Describe(c)})
	}
	return res, nil
}

// ListSources lists all sources with their state.
func (s *Inventory) ListSources(ctx context.Context, _ *musterv1.ListSourcesRequest) (*musterv1.ListSourcesResponse, error) {
	sources, err := s.query.Sources(ctx)
	if err != nil {
		return nil, s.personError(ctx, "list sources", err)
	}
	res := &musterv1.ListSourcesResponse{}
	for _, x := range sources {
		res.Sources = append(res.Sources, &musterv1.SourceState{Id: x.Name, Kind: x.Kind, Site: x.Site, Hostname: x.Hostname, Version: x.Version,
			EnrolledAt: stamp(x.EnrolledAt), LastContact: stamp(x.LastContact), CertificateUntil: stamp(x.CertificateEnd),
			Revoked: x.Revoked, Flags: x.Flags, Observations: x.Observations, Records: x.Records, ClockSkew: durationpb.New(x.Skew)})
	}
	return res, nil
}

// RevokeSource ends a source's right to report, at once.
func (s *Inventory) RevokeSource(ctx context.Context, req *musterv1.RevokeSourceRequest) (*musterv1.RevokeSourceResponse, error) {
	if len(req.GetReason()) > inventory.MaxText {
		return nil, connect.Errorf(connect.CodeInvalidArgument, "reason: %d bytes, at most %d allowed", len(req.GetReason()), inventory.MaxText)
	}
	if err := s.store.RevokeSource(ctx, req.GetId(), identity.CallerOf(ctx).String(), req.GetReason(), s.now()); err != nil {
		return nil, s.personError(ctx, "revoke source", err)
	}
	s.forget()
	s.log.InfoContext(ctx, "source revoked", "source", req.GetId(), "caller", identity.CallerOf(ctx).String())
	return &musterv1.RevokeSourceResponse{}, nil
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
