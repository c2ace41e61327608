package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

func optionsToProto(o *inventory.ScanOptions) *musterv1.ScanOptions {
	return &musterv1.ScanOptions{
		Large: o.Large, Ports: o.Ports, Fragile: o.Fragile, NoServices: o.NoServices, NoSearch: o.NoSearch, NoNames: o.NoNames,
		NoSnmp: o.NoSNMP, Listen: span(o.Listen), Interfaces: o.Interfaces, Credentials: o.Credentials,
	}
}

func span(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

func templateToProto(x *store.ScanTemplate) *musterv1.ScanTemplate {
	return &musterv1.ScanTemplate{
		Name: x.Name, Site: x.Site, Targets: x.Targets, Exclude: x.Exclude, Rate: int32(x.Rate), //nolint:gosec // at most a million
		Options: optionsToProto(&x.Options), ChangedAt: stamp(x.ChangedAt), ChangedBy: x.ChangedBy,
	}
}

// PutScanTemplate makes or replaces a template.
func (s *Inventory) PutScanTemplate(ctx context.Context, req *musterv1.PutScanTemplateRequest) (*musterv1.PutScanTemplateResponse, error) {
	p := req.GetTemplate()
	x := store.ScanTemplate{Name: p.GetName(), ScanSpec: store.ScanSpec{Site: p.GetSite(), Targets: p.GetTargets(), Exclude: p.GetExclude(),
		Rate: int(p.GetRate()), Options: wire.ScanOptions(p.GetOptions())}}
	err := s.checkSpec(ctx, &x.ScanSpec)
	if err == nil {
		x, err = s.store.PutScanTemplate(ctx, x, store.Put{Create: req.GetCreate(), Edit: req.GetEdit()}, identity.CallerOf(ctx).ID, s.now())
	}
	if err != nil {
		return nil, s.personError(ctx, "put scan template", err)
	}
	return &musterv1.PutScanTemplateResponse{Template: templateToProto(&x)}, nil
}

// ListScanTemplates lists all templates.
func (s *Inventory) ListScanTemplates(ctx context.Context, _ *musterv1.ListScanTemplatesRequest) (*musterv1.ListScanTemplatesResponse, error) {
	list, err := s.store.ScanTemplates(ctx)
	if err != nil {
		return nil, s.personError(ctx, "list scan templates", err)
	}
	res := &musterv1.ListScanTemplatesResponse{}
	for i := range list {
		res.Templates = append(res.Templates, templateToProto(&list[i]))
	}
	return res, nil
}

// DeleteScanTemplate forgets a template that no schedule uses.
func (s *Inventory) DeleteScanTemplate(ctx context.Context, req *musterv1.DeleteScanTemplateRequest) (*musterv1.DeleteScanTemplateResponse, error) {
	if err := s.store.DeleteScanTemplate(ctx, req.GetName(), identity.CallerOf(ctx).ID, s.now()); err != nil {
		return nil, s.personError(ctx, "delete scan template", err)
	}
	return &musterv1.DeleteScanTemplateResponse{}, nil
}

func scheduleToProto(x *store.ScanSchedule) *musterv1.ScanSchedule {
	p := &musterv1.ScanSchedule{
		Name: x.Name, Template: x.Template, Times: x.Times, Zone: x.Zone, Windows: x.Windows, Disabled: x.Disabled,
		LastAt: stamp(x.LastAt), LastScan: x.LastScan, Note: x.Note, ChangedAt: stamp(x.ChangedAt), ChangedBy: x.ChangedBy,
	}
	if !x.Disabled {
		p.NextAt = stamp(x.NextAt)
	}
	return p
}

// PutScanSchedule makes or replaces a schedule.
func (s *Inventory) PutScanSchedule(ctx context.Context, req *musterv1.PutScanScheduleRequest) (*musterv1.PutScanScheduleResponse, error) {
	p := req.GetSchedule()
	x, err := s.store.PutScanSchedule(ctx, store.ScanSchedule{Name: p.GetName(), Template: p.GetTemplate(), Times: p.GetTimes(), Zone: p.GetZone(),
		Windows: p.GetWindows(), Disabled: p.GetDisabled()}, identity.CallerOf(ctx).ID, s.now())
	if err != nil {
		return nil, s.personError(ctx, "put scan schedule", err)
	}
	return &musterv1.PutScanScheduleResponse{Schedule: scheduleToProto(&x)}, nil
}

// ListScanSchedules lists all schedules.
func (s *Inventory) ListScanSchedules(ctx context.Context, _ *musterv1.ListScanSchedulesRequest) (*musterv1.ListScanSchedulesResponse, error) {
	list, err := s.store.ScanSchedules(ctx)
	if err != nil {
		return nil, s.personError(ctx, "list scan schedules", err)
	}
	res := &musterv1.ListScanSchedulesResponse{}
	for i := range list {
		res.Schedules = append(res.Schedules, scheduleToProto(&list[i]))
	}
	return res, nil
}

// DeleteScanSchedule forgets a schedule.
func (s *Inventory) DeleteScanSchedule(ctx context.Context, req *musterv1.DeleteScanScheduleRequest) (*musterv1.DeleteScanScheduleResponse, error) {
	if err := s.store.DeleteScanSchedule(ctx, req.GetName(), identity.CallerOf(ctx).ID, s.now()); err != nil {
		return nil, s.personError(ctx, "delete scan schedule", err)
	}
	return &musterv1.DeleteScanScheduleResponse{}, nil
}
