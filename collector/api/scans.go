package api

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// CreateScan orders a sweep from the scanners of a site, or what a template says. Without
// a site it is the only one that has a scanner.
func (s *Inventory) CreateScan(ctx context.Context, req *musterv1.CreateScanRequest) (*musterv1.CreateScanResponse, error) {
	job, err := s.createScan(ctx, req)
	if err != nil {
		return nil, s.personError(ctx, "create scan", err)
	}
	s.log.InfoContext(ctx, "scan ordered", "scan", job.ID, "site", job.Site, "caller", identity.CallerOf(ctx).String())
	return &musterv1.CreateScanResponse{Job: ScanJobToProto(job)}, nil
}

func (s *Inventory) createScan(ctx context.Context, req *musterv1.CreateScanRequest) (store.ScanJob, error) {
	job := store.ScanJob{Template: req.GetTemplate(), Windows: req.GetWindows(), CreatedBy: identity.CallerOf(ctx).ID}
	if job.Template == "" {
		job.ScanSpec = store.ScanSpec{Site: req.GetSite(), Targets: req.GetTargets(), Exclude: req.GetExclude(), Rate: int(req.GetRate()), Options: wire.ScanOptions(req.GetOptions())}
	} else {
		if len(req.GetTargets())+len(req.GetExclude()) > 0 || req.GetRate() != 0 || req.GetSite() != "" || req.GetOptions() != nil {
			return job, inventory.Errorf(inventory.CodeInvalid, "template: it says targets, site, rate and options; none can be given beside it")
		}
		template, err := s.store.ScanTemplate(ctx, job.Template)
		if err != nil {
			return job, err
		}
		job.ScanSpec = template.ScanSpec
	}
	if err := s.checkSpec(ctx, &job.ScanSpec); err != nil {
		return job, err
	}
	return s.store.CreateScan(ctx, job, s.now())
}

// checkSpec refuses what nobody should scan, and finds the site.
func (s *Inventory) checkSpec(ctx context.Context, spec *store.ScanSpec) (err error) {
	if err := spec.Validate(); err != nil {
		return err
	}
	for _, t := range spec.Targets {
		if err := tooWide(t); err != nil {
			return err
		}
	}
	spec.Site, err = s.scanSite(ctx, spec.Site)
	return err
}

// scanSite is the site whose scanners can do a job.
func (s *Inventory) scanSite(ctx context.Context, site string) (string, error) {
	sources, err := s.query.Sources(ctx)
	if err != nil {
		return "", err
	}
	var sites []string
	for _, x := range sources {
		if x.Kind == string(inventory.KindScanner) && !x.Revoked && !x.EnrolledAt.IsZero() && !slices.Contains(sites, x.Site) {
			sites = append(sites, x.Site)
		}
	}
	slices.Sort(sites)
	switch {
	case len(sites) == 0:
		return "", inventory.Errorf(inventory.CodeConflict, "no scanner is enrolled: enrol one first, with muster-scanner enroll")
	case site == "" && len(sites) == 1:
		return sites[0], nil
	case site == "":
		return "", inventory.Errorf(inventory.CodeInvalid, "site: several have scanners, name one of %s", strings.Join(sites, ", "))
	case !slices.Contains(sites, site):
		return "", inventory.Errorf(inventory.CodeInvalid, "site %.80q has no scanner; these have: %s", site, strings.Join(sites, ", "))
	}
	return site, nil
}

// Widest networks that can be asked for: 10.0.0.0/8 is the largest private one, /32 what a provider gets.
const (
	widest4 = 8
	widest6 = 32
)

// tooWide refuses sweeps of half the Internet. What a target means otherwise is the
// scanner's business, and its own deny list stands.
func tooWide(target string) error {
	refused := inventory.Errorf(inventory.CodeForbidden, "target %.80q: wider than /%d (IPv6: /%d) is not scanned", target, widest4, widest6)
	if net, err := netip.ParsePrefix(target); err == nil {
		if net.Bits() < widest(net.Addr()) {
			return refused
		}
		return nil
	}
	// 10.0.0.1-50 stays within one network, and nonsense is for the scanner to refuse.
	first, last, _ := strings.Cut(target, "-")
	from, ferr := netip.ParseAddr(first)
	to, terr := netip.ParseAddr(last)
	if ferr == nil && terr == nil && from.Is4() == to.Is4() {
		if net, err := from.Prefix(widest(from)); err != nil || !net.Contains(to) {
			return refused
		}
	}
	return nil
}

func widest(a netip.Addr) int {
	if a.Is4() {
		return widest4
	}
	return widest6
}

// ListScans lists the newest jobs.
func (s *Inventory) ListScans(ctx context.Context, _ *musterv1.ListScansRequest) (*musterv1.ListScansResponse, error) {
	jobs, err := s.store.Scans(ctx)
	if err != nil {
		return nil, s.personError(ctx, "list scans", err)
	}
	res := &musterv1.ListScansResponse{}
	for _, j := range jobs {
		res.Jobs = append(res.Jobs, ScanJobToProto(j))
	}
	return res, nil
}

// GetScan is one job, of whatever age.
func (s *Inventory) GetScan(ctx context.Context, req *musterv1.GetScanRequest) (*musterv1.GetScanResponse, error) {
	job, err := s.store.Scan(ctx, req.GetId())
	if err != nil {
		return nil, s.personError(ctx, "get scan", err)
	}
	return &musterv1.GetScanResponse{Job: ScanJobToProto(job)}, nil
}

// CancelScan ends a job that is not over.
func (s *Inventory) CancelScan(ctx context.Context, req *musterv1.CancelScanRequest) (*musterv1.CancelScanResponse, error) {
	if err := s.store.CancelScan(ctx, req.GetId(), identity.CallerOf(ctx).ID, s.now()); err != nil {
		return nil, s.personError(ctx, "cancel scan", err)
	}
	return &musterv1.CancelScanResponse{}, nil
}

// PauseScan lets a scan wait until it is resumed.
func (s *Inventory) PauseScan(ctx context.Context, req *musterv1.PauseScanRequest) (*musterv1.PauseScanResponse, error) {
	if err := s.store.PauseScan(ctx, req.GetId(), identity.CallerOf(ctx).ID, s.now()); err != nil {
		return nil, s.personError(ctx, "pause scan", err)
	}
	return &musterv1.PauseScanResponse{}, nil
}

// ResumeScan lets a paused scan go on where it was.
func (s *Inventory) ResumeScan(ctx context.Context, req *musterv1.ResumeScanRequest) (*musterv1.ResumeScanResponse, error) {
	if err := s.store.ResumeScan(ctx, req.GetId(), identity.CallerOf(ctx).ID, s.now()); err != nil {
		return nil, s.personError(ctx, "resume scan", err)
	}
	return &musterv1.ResumeScanResponse{}, nil
}
