package api

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// CreateScan orders a sweep from the scanners of a site. Without a site it is the only
// one that has a scanner.
func (s *Inventory) CreateScan(ctx context.Context, req *musterv1.CreateScanRequest) (*musterv1.CreateScanResponse, error) {
	for _, t := range req.GetTargets() {
		if err := tooWide(t); err != nil {
			return nil, s.personError(ctx, "create scan", err)
		}
	}
	site, err := s.scanSite(ctx, req.GetSite())
	if err != nil {
		return nil, s.personError(ctx, "create scan", err)
	}
	job, err := s.store.CreateScan(ctx, store.ScanJob{Site: site, Targets: req.GetTargets(), Exclude: req.GetExclude(),
		Rate: int(req.GetRate()), CreatedBy: identity.CallerOf(ctx).ID}, s.now())
	if err != nil {
		return nil, s.personError(ctx, "create scan", err)
	}
	s.log.InfoContext(ctx, "scan ordered", "scan", job.ID, "site", site, "caller", identity.CallerOf(ctx).String())
	return &musterv1.CreateScanResponse{Job: ScanJobToProto(job)}, nil
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

// CancelScan ends a job that is not over.
func (s *Inventory) CancelScan(ctx context.Context, req *musterv1.CancelScanRequest) (*musterv1.CancelScanResponse, error) {
	if err := s.store.CancelScan(ctx, req.GetId(), identity.CallerOf(ctx).ID, s.now()); err != nil {
		return nil, s.personError(ctx, "cancel scan", err)
	}
	return &musterv1.CancelScanResponse{}, nil
}
