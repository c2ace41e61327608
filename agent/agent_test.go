package agent_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/internal/wire/wiretest"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

func enrolled(t *testing.T, c *wiretest.Collector) (stateDir string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if _, err := wire.Enroll(t.Context(), wire.EnrollConfig{
		StateDir: dir, Collector: c.URL, Token: c.Token(), Kind: inventory.KindAgent, Hostname: "host", Version: "test",
	}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// section is what the collector has of a section; its body is nil when it has none.
func section(t *testing.T, c *wiretest.Collector, nativeKey string, name inventory.SectionName) inventory.Section {
	t.Helper()
	p := c.Section(nativeKey, string(name))
	if p == nil {
		return inventory.Section{}
	}
	o, err := wire.FromProto(&musterv1.Observation{Sections: []*musterv1.Section{p}})
	if err != nil {
		t.Fatal(err)
	}
	return o.Sections[0]
}

func machine() []source.Source {
	return []source.Source{
		gives(inventory.SectionDevice, "identity", &inventory.Device{Name: "web1"}, nil),
		gives(inventory.SectionSoftware, "dpkg", inventory.SoftwareList{{Source: "deb", Name: "bash"}}, nil),
	}
}

func openAgent(t *testing.T, dir string, now func() time.Time) *agent.Agent {
	t.Helper()
	a, err := agent.Open(agent.Config{}, dir, "1.2.3", machine(), now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func closeAgent(t *testing.T, a *agent.Agent) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestReport(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	before, err := agent.ReadStatus(dir, "1.2.3", time.Now())
	if err != nil || !before.Enrolled || before.Last != nil {
		t.Errorf("before the first report: %+v, %v", before, err)
	}
	a := openAgent(t, dir, time.Now)
	defer closeAgent(t, a)
	last, err := a.Report(t.Context())
	if err != nil || last.Outcome != agent.OutcomeAccepted {
		t.Fatalf("%+v, %v", last, err)
	}
	device, _ := section(t, c, "", inventory.SectionDevice).Body.(*inventory.Device)
	if device == nil || device.Name != "web1" || device.Identifiers[0].Value != "4b1d" {
		t.Errorf("collector has %+v", device)
	}
	after, err := agent.ReadStatus(dir, "1.2.3", time.Now())
	if err != nil || after.Last == nil || after.Last.Outcome != agent.OutcomeAccepted || after.Last.AcceptedAt.IsZero() ||
		after.Spool.Records != 0 || after.Certificate.Expired {
		t.Fatalf("after it: %+v, %v", after, err)
	}
	if s := after.Last.Sections[1]; s.Name != inventory.SectionSoftware || s.Items != 1 || s.Status != inventory.StatusOK || s.Sources[0].Source != "dpkg" {
		t.Errorf("section %+v", s)
	}
}

// pageOf answers everything with a status.
func pageOf(status int) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
}

func TestReportWithoutCollector(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	a := openAgent(t, dir, time.Now)
	defer closeAgent(t, a)
	c.Lock()
	c.Wrap = pageOf(http.StatusServiceUnavailable)
	c.Unlock()
	last, err := a.Report(t.Context())
	if inventory.CodeOf(err) != inventory.CodeUnavailable || last.Outcome != agent.OutcomeWaiting {
		t.Errorf("%+v, %v", last, err)
	}
	if s, err := agent.ReadStatus(dir, "", time.Now()); err != nil || s.Spool.Records != 1 || s.Last.Error == "" || s.Last.Outcome != agent.OutcomeWaiting {
		t.Errorf("status %+v, %v", s, err)
	}
	c.Lock()
	c.Wrap = nil
	c.Unlock()
	if _, err := a.Report(t.Context()); err != nil {
		t.Fatal(err)
	}
	observations := 0
	for _, r := range c.Requests {
		observations += len(r.GetObservations())
	}
	if observations != 2 {
		t.Errorf("%d observations arrived, want the one that waited and the new one", observations)
	}
}

func TestReportNotTaken(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	c.Answer = func(_ *musterv1.ReportRequest, res *musterv1.ReportResponse) (*musterv1.ReportResponse, error) {
		res.Acknowledgements[0].Outcome, res.Acknowledgements[0].Reason = musterv1.Outcome_OUTCOME_QUARANTINED, "2000000 items"
		res.Rekey = true
		return res, nil
	}
	a := openAgent(t, dir, time.Now)
	defer closeAgent(t, a)
	last, err := a.Report(t.Context())
	if err == nil || last.Outcome != agent.OutcomeRefused || last.Error != "quarantined: 2000000 items" || !last.Rekey {
		t.Errorf("%+v, %v", last, err)
	}
}

func TestReportRenewsTheCertificate(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	for day, want := range map[int]int{0: 0, 19: 0, 21: 1} {
		c.Renewals = 0
		a := openAgent(t, dir, func() time.Time { return time.Now().Add(time.Duration(day) * 24 * time.Hour) })
		if _, err := a.Report(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.Renewals != want {
			t.Errorf("on day %d: %d renewals, want %d", day, c.Renewals, want)
		}
		closeAgent(t, a)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := agent.Open(agent.Config{}, t.TempDir(), "", nil, time.Now, quiet); inventory.CodeOf(err) != inventory.CodeNotFound {
		t.Errorf("not enrolled: %v", err)
	}
	dir := enrolled(t, wiretest.New(t))
	defer closeAgent(t, openAgent(t, dir, time.Now))
	if _, err := agent.Open(agent.Config{}, dir, "", nil, time.Now, quiet); inventory.CodeOf(err) != inventory.CodeConflict {
		t.Errorf("second agent: %v", err)
	}
	if s, err := agent.ReadStatus(t.TempDir(), "1", time.Now()); err != nil || s.Enrolled || s.Last != nil {
		t.Errorf("status without identity: %+v, %v", s, err)
	}
}
