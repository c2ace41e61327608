package collector_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// Scans are for everyone to see and for administrators to pause, resume and stop.
func TestWebScans(t *testing.T) {
	r := start(t)
	newEstate(r)
	scanner := r.enrol(inventory.KindScanner, "berlin")
	spec := store.ScanSpec{Site: "berlin", Targets: []string{"192.0.2.0/24"}, Options: inventory.ScanOptions{Credentials: []string{"office"}}}
	if _, err := r.Store.PutScanTemplate(t.Context(), store.ScanTemplate{Name: "office", ScanSpec: spec}, store.Put{}, "ann", r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Store.PutScanSchedule(t.Context(), store.ScanSchedule{Name: "nightly", Template: "office", Times: "0 20 * * 1-5", Zone: "Europe/Berlin",
		Windows: []string{"Mon-Fri 20:00-06:00 Europe/Berlin"}}, "ann", r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	met := &musterv1.Observation{Epoch: 1, Seq: 1, NativeKey: "mac:00:1a:a1:00:00:09", SeenAt: timestamppb.New(r.clock.Now()), Sections: []*musterv1.Section{
		{Name: "device", Status: musterv1.Status_STATUS_PARTIAL, Reason: "seen from outside only: no answer to SNMP; no service answered", Hash: []byte("1"),
			Body: &musterv1.Section_Device{Device: &musterv1.Device{Name: "mystery", Identifiers: []*musterv1.Identifier{{Type: "mac", Value: "00:1a:a1:00:00:09", Quality: "seen"}}}}}}}
	var ids []string
	for range 3 {
		job, err := r.Store.CreateScan(t.Context(), store.ScanJob{ScanSpec: spec, CreatedBy: "ann"}, r.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		r.clock.Add(time.Second)
		ids = append(ids, job.ID)
	}
	r.fetch(scanner, 0)
	r.update(scanner, &musterv1.UpdateJobRequest{Id: ids[0], State: "done", Found: 7, Message: "7 devices with 9 addresses",
		Swept: []*musterv1.SweptRange{{First: "192.0.2.0", Last: "192.0.2.255", Complete: true}}})
	r.fetch(scanner, 0)
	r.update(scanner, &musterv1.UpdateJobRequest{Id: ids[1], State: "running", Probed: 100, Planned: 254, Found: 3, Left: durationOf(90 * time.Second)})
	if res, err := r.report(scanner, &musterv1.ReportRequest{Observations: []*musterv1.Observation{met}}); err != nil || res.GetAcknowledgements()[0].GetReason() != "" {
		t.Fatalf("%v, %v", res, err)
	}
	b := r.browser()
	page := b.get("/scans")
	for _, want := range []string{"39%", "1m30s", "/scans/" + ids[1] + "/pause", "/scans/" + ids[2] + "/stop", "7 devices with 9 addresses", "nightly", "0 20 * * 1-5",
		"Mon-Fri 20:00-06:00 Europe/Berlin", `http-equiv="refresh"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	checkPage(t, page)
	order := func(cookie, id, what string, headers ...string) int {
		t.Helper()
		return r.post(r.client(), "/scans/"+id+"/"+what, "", nil, append([]string{"Cookie", cookie}, headers...)...).status
	}
	if got := order(b.cookie, ids[1], "pause", "Sec-Fetch-Site", "cross-site"); got != http.StatusForbidden {
		t.Errorf("ordered by another site: %d", got)
	}
	for _, c := range []struct {
		id, what string
		want     int
		state    string
	}{
		{ids[1], "pause", http.StatusSeeOther, "running"}, {ids[2], "pause", http.StatusSeeOther, "paused"}, {ids[2], "resume", http.StatusSeeOther, "queued"},
		{"nowhere", "start", http.StatusNotFound, ""},
		{ids[2], "stop", http.StatusSeeOther, "cancelled"}, {ids[2], "stop", http.StatusNotFound, "cancelled"}, {ids[1], "eject", http.StatusNotFound, "running"},
	} {
		if got := order(b.cookie, c.id, c.what); got != c.want || c.state != "" && r.scan(c.id).GetState() != c.state {
			t.Errorf("%s: %d, and it is not %s then", c.what, got, c.state)
		}
	}
	if got := b.get("/scans").body; !strings.Contains(got, "pausing") || !strings.Contains(got, "/scans/"+ids[1]+"/resume") {
		t.Error("the page does not say that a scan is about to pause")
	}
	// A template is started by its button, and what a scan met is behind its number.
	if got := order(b.cookie, "office", "start", "Sec-Fetch-Site", "cross-site"); got != http.StatusForbidden {
		t.Errorf("started by another site: %d", got)
	}
	if got := order(b.cookie, "office", "start"); got != http.StatusSeeOther {
		t.Errorf("start: %d", got)
	}
	if jobs, err := r.Store.Scans(t.Context()); err != nil || len(jobs) != 4 || jobs[0].Template != "office" || jobs[0].Site != "berlin" || jobs[0].CreatedBy != "admin" {
		t.Errorf("started %+v, %v", jobs, err)
	}
	links := regexp.MustCompile(`<a href="(/\?q=source[^"]+)"`).FindAllStringSubmatch(b.get("/scans").body, -1)
	for i, want := range []string{"mystery", "No assets match"} { // seen since then; nothing in the range that was swept
		if len(links) != 2 {
			t.Fatalf("links to what was found: %v", links)
		}
		if got := b.get(html.UnescapeString(links[i][1])); got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d, without %q", links[i][1], got.status, want)
		}
	}
	text, access, err := identity.NewAccess("rea", identity.Reader, time.Hour, r.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Store.AddAccess(t.Context(), access, "test"); err != nil {
		t.Fatal(err)
	}
	cookie, _, _ := strings.Cut(r.signIn(text.Reveal()).header.Get("Set-Cookie"), ";")
	if got := (browser{r, cookie}).get("/scans"); got.status != http.StatusOK || strings.Contains(got.body, "<button>Stop") || strings.Contains(got.body, "<button>Start") {
		t.Errorf("a reader sees %d, and buttons", got.status)
	}
	for id, what := range map[string]string{ids[1]: "stop", "office": "start"} {
		if got := order(cookie, id, what); got != http.StatusForbidden {
			t.Errorf("a reader's order: %d", got)
		}
	}
	for path, want := range map[string]string{"/unidentified": "mystery", "/unidentified?reason=no+service": "or put an agent on it", "/unidentified?reason=nothing": "Everything that scans met", "/unidentified?reason=" + strings.Repeat("x", 300): "at most 200"} {
		got := b.get(path)
		if !strings.Contains(got.body, want) {
			t.Errorf("%.40s does not show %q", path, want)
		}
		checkPage(t, got)
	}
}
