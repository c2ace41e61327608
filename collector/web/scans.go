package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Orders are what persons with the right can order on pages; *store.Store takes them.
type Orders interface {
	PauseScan(ctx context.Context, id, by string, now time.Time) error
	ResumeScan(ctx context.Context, id, by string, now time.Time) error
	CancelScan(ctx context.Context, id, by string, now time.Time) error
	StartTemplate(ctx context.Context, name, by string, now time.Time) (store.ScanJob, error)
}

// shownScans is how many scans that are over are on the page.
const shownScans = 50

type scansPage struct {
	frame
	MayOrder  bool
	Jobs      []store.ScanJob // that are not over
	Over      []store.ScanJob
	Templates []store.ScanTemplate
	Schedules []store.ScanSchedule
}

func (s *Site) scans(r *http.Request) (content, error) {
	p := &scansPage{frame: frame{Title: "Scans", Nav: "scans"}, MayOrder: identity.CallerOf(r.Context()).Role >= identity.Administrator}
	jobs, err := s.query.Scans(r.Context())
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		switch {
		case !j.State.Over():
			p.Jobs = append(p.Jobs, j)
			p.Refresh = p.Refresh || j.State == store.ScanRunning
		case len(p.Over) < shownScans:
			p.Over = append(p.Over, j)
		}
	}
	if p.Templates, err = s.query.ScanTemplates(r.Context()); err != nil {
		return nil, err
	}
	p.Schedules, err = s.query.ScanSchedules(r.Context())
	return p, err
}

// orderScan takes one of the buttons beside a scan, which has an id, or a template, which has a name.
func (s *Site) orderScan(w http.ResponseWriter, r *http.Request) {
	if err := s.origin.Check(r); err != nil {
		s.failed(w, r, inventory.Errorf(inventory.CodeForbidden, "This request came from another web site."))
		return
	}
	order, ok := map[string]func(context.Context, string, string, time.Time) error{
		"pause": s.orders.PauseScan, "resume": s.orders.ResumeScan, "stop": s.orders.CancelScan,
		"start": func(ctx context.Context, template, by string, now time.Time) error {
			_, err := s.orders.StartTemplate(ctx, template, by, now)
			return err
		},
	}[r.PathValue("order")]
	if !ok {
		s.failed(w, r, inventory.Errorf(inventory.CodeNotFound, "There is no such order."))
		return
	}
	if err := order(r.Context(), r.PathValue("id"), identity.CallerOf(r.Context()).ID, s.now()); err != nil {
		s.failed(w, r, err)
		return
	}
	protect(w.Header())
	http.Redirect(w, r, "/scans", http.StatusSeeOther)
}

// scanWhat is what a scan is of.
func scanWhat(spec store.ScanSpec) string {
	if spec.Options.Listen > 0 {
		return "listen for " + spec.Options.Listen.String()
	}
	return strings.Join(spec.Targets, " ")
}

// took is how long a scan lasted from its first packet to its end, pauses included.
func took(j store.ScanJob) string {
	if j.StartedAt.IsZero() || j.FinishedAt.Before(j.StartedAt) {
		return ""
	}
	return j.FinishedAt.Sub(j.StartedAt).Round(time.Second).String()
}

// maxFoundRanges bounds the filter of what a scan found.
const maxFoundRanges = 20

// scanFound is the filter for what a scan met: where it was and since it began, which a later scan of
// the same adds to.
func scanFound(j store.ScanJob) string {
	q := "source=scanner site=" + quote(j.Site) + " last_seen>=" + j.StartedAt.UTC().Format("2006-01-02T15:04")
	if len(j.Done) == 0 || len(j.Done) > maxFoundRanges {
		return q
	}
	ranges := make([]string, len(j.Done))
	for i, r := range j.Done {
		ranges[i] = "address:" + r.String()
	}
	return q + " (" + strings.Join(ranges, " or ") + ")"
}

// percent is how far a job is, from 0 to 100.
func percent(j store.ScanJob) int64 {
	if j.Planned == 0 {
		return 0
	}
	return min(100, 100*j.Probed/j.Planned)
}

type unidentifiedPage struct {
	frame
	query.UnidentifiedList
	Reason string
}

func (s *Site) unidentified(r *http.Request) (content, error) {
	p := &unidentifiedPage{frame: frame{Title: "Not identified", Nav: "unidentified"}, Reason: strings.TrimSpace(r.FormValue("reason"))}
	var err error
	p.UnidentifiedList, err = s.query.Unidentified(r.Context(), p.Reason, perPage)
	if err != nil && belongs(err) {
		p.Error, p.status, err = err.Error(), http.StatusBadRequest, nil
	}
	return p, err
}
