package collector_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

func idsOf(list []*musterv1.Asset) string {
	var out []string
	for _, a := range list {
		out = append(out, a.GetId())
	}
	return strings.Join(out, " ")
}

func TestListAssets(t *testing.T) {
	r := start(t)
	e := newEstate(r)
	ask := func(req *musterv1.ListAssetsRequest) *musterv1.ListAssetsResponse {
		t.Helper()
		res, err := r.people().ListAssets(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	for filter, want := range map[string]string{
		"":                          "a1 a2 a4 a5",
		"class:switch":              "a4",
		"source:scanner":            "a2 a4",
		"address:10.77.1.0/24":      "a1 a2 a4",
		"software:nginx":            "a2",
		"software:openssl<3.0.15":   "a1",
		"software:openssl>=3.0.11":  "a1 a2",
		"not software:openssl":      "a4 a5",
		"memory:32GiB":              "a1",
		"bc2411-nothing":            "",
		"bc:24:11:0a:0b:0c":         "a2",
		`"drop table asset"`:        "a5",
		"software:=1+1":             "a5",
		"last_seen<1h site:berlin":  "a1 a2 a4 a5",
		"first_seen<2000":           "",
		"user:ann or serial:sg92jy": "a1 a4",
	} {
		res := ask(&musterv1.ListAssetsRequest{Filter: filter})
		if got := idsOf(res.GetAssets()); got != want || res.GetTotal() != int64(len(res.GetAssets())) || res.GetNextCursor() != "" {
			t.Errorf("%q: %q of %d, next %q; want %q", filter, got, res.GetTotal(), res.GetNextCursor(), want)
		}
	}
	for sort, want := range map[string]string{
		"": "a1 a2 a4 a5", "-id": "a5 a4 a2 a1", "name": "a5 a1 a4 a2", "-name": "a2 a4 a1 a5",
		"address": "a5 a4 a2 a1", "-memory": "a1 a2 a5 a4", "serial": "a2 a5 a1 a4",
	} {
		var got []string
		cursor := ""
		for range 10 { // page by page
			res := ask(&musterv1.ListAssetsRequest{Sort: sort, Limit: 1, Cursor: cursor})
			got = append(got, idsOf(res.GetAssets()))
			if res.GetTotal() != 4 {
				t.Errorf("sort %q: total %d", sort, res.GetTotal())
			}
			if cursor = res.GetNextCursor(); cursor == "" {
				break
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("sort %q: %q, want %q", sort, s, want)
		}
	}
	// What was is answered after it changed.
	before := r.clock.Now()
	r.clock.Add(time.Hour)
	e.send(r, e.laptop, "", lap1(), debian("13"), packages("bash 5.2.37-2"))
	if got := idsOf(ask(&musterv1.ListAssetsRequest{Filter: "software:openssl"}).GetAssets()); got != "a2" {
		t.Errorf("software now: %q", got)
	}
	for filter, want := range map[string]string{"software:openssl": "a1 a2", "version:13": "", "version:12 class:laptop": "a1"} {
		if got := idsOf(ask(&musterv1.ListAssetsRequest{Filter: filter, AsOf: timestamppb.New(before)}).GetAssets()); got != want {
			t.Errorf("%s before: %q, want %q", filter, got, want)
		}
	}
	if got := ask(&musterv1.ListAssetsRequest{AsOf: timestamppb.New(before.Add(-time.Hour))}); got.GetTotal() != 0 {
		t.Errorf("before the first report: %d", got.GetTotal())
	}
}

// A14: sort keys, cursors, limits, filters, ids and times outside what is allowed are refused with a reason.
func TestA14_QuestionsOutOfBounds(t *testing.T) {
	r := start(t)
	newEstate(r)
	p := r.people()
	list := func(req *musterv1.ListAssetsRequest) error { _, err := p.ListAssets(t.Context(), req); return err }
	software := func(req *musterv1.ListSoftwareRequest) error { _, err := p.ListSoftware(t.Context(), req); return err }
	changes := func(req *musterv1.ListChangesRequest) error { _, err := p.ListChanges(t.Context(), req); return err }
	get := func(req *musterv1.GetAssetRequest) error { _, err := p.GetAsset(t.Context(), req); return err }
	scan := func(req *musterv1.CreateScanRequest) error { _, err := p.CreateScan(t.Context(), req); return err }
	page, err := p.ListAssets(t.Context(), &musterv1.ListAssetsRequest{Sort: "name", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	future := timestamppb.New(time.Now().Add(24 * time.Hour))
	for name, c := range map[string]struct {
		err  error
		want connect.Code
		say  string
	}{
		"sort by SQL":          {list(&musterv1.ListAssetsRequest{Sort: "name; drop table asset"}), connect.CodeInvalidArgument, "the keys are"},
		"sort by other field":  {list(&musterv1.ListAssetsRequest{Sort: "doc"}), connect.CodeInvalidArgument, "the keys are"},
		"no such field":        {list(&musterv1.ListAssetsRequest{Filter: "doc:x"}), connect.CodeInvalidArgument, "unknown field"},
		"broken filter":        {list(&musterv1.ListAssetsRequest{Filter: "(name:x"}), connect.CodeInvalidArgument, "character 8"},
		"filter too long":      {list(&musterv1.ListAssetsRequest{Filter: strings.Repeat("x", 5000)}), connect.CodeInvalidArgument, "at most 4096"},
		"cursor is nonsense":   {list(&musterv1.ListAssetsRequest{Cursor: "' or 1=1 --"}), connect.CodeInvalidArgument, "cursor"},
		"cursor is huge":       {list(&musterv1.ListAssetsRequest{Cursor: strings.Repeat("A", 100_000)}), connect.CodeInvalidArgument, "cursor"},
		"cursor of other sort": {list(&musterv1.ListAssetsRequest{Cursor: page.GetNextCursor()}), connect.CodeInvalidArgument, "sorted by"},
		"limit too large":      {list(&musterv1.ListAssetsRequest{Limit: 10_001}), connect.CodeInvalidArgument, "1 to 10000"},
		"limit negative":       {list(&musterv1.ListAssetsRequest{Limit: -1}), connect.CodeInvalidArgument, "1 to 10000"},
		"the future":           {list(&musterv1.ListAssetsRequest{AsOf: future}), connect.CodeInvalidArgument, "future"},
		"no time":              {list(&musterv1.ListAssetsRequest{AsOf: &timestamppb.Timestamp{Seconds: -1 << 62}}), connect.CodeInvalidArgument, "as_of"},
		"software cursor":      {software(&musterv1.ListSoftwareRequest{Cursor: "1 union select"}), connect.CodeInvalidArgument, "cursor"},
		"software cursor < 0":  {software(&musterv1.ListSoftwareRequest{Cursor: "-1"}), connect.CodeInvalidArgument, "cursor"},
		"software limit":       {software(&musterv1.ListSoftwareRequest{Limit: 1 << 30}), connect.CodeInvalidArgument, "limit"},
		"software name":        {software(&musterv1.ListSoftwareRequest{Name: strings.Repeat("x", 1000)}), connect.CodeInvalidArgument, "name"},
		"changes cursor":       {changes(&musterv1.ListChangesRequest{Cursor: "x"}), connect.CodeInvalidArgument, "cursor"},
		"changes asset":        {changes(&musterv1.ListChangesRequest{Asset: "x' or 1"}), connect.CodeInvalidArgument, "asset id"},
		"changes of nobody":    {changes(&musterv1.ListChangesRequest{Asset: "a99"}), connect.CodeNotFound, "no asset a99"},
		"changes backwards":    {changes(&musterv1.ListChangesRequest{Since: future, Until: timestamppb.Now()}), connect.CodeInvalidArgument, "after since"},
		"id is nonsense":       {get(&musterv1.GetAssetRequest{Id: "../../etc"}), connect.CodeInvalidArgument, "asset id"},
		"id is too large":      {get(&musterv1.GetAssetRequest{Id: "a99999999999999999999"}), connect.CodeInvalidArgument, "asset id"},
		"id is unknown":        {get(&musterv1.GetAssetRequest{Id: "a99"}), connect.CodeNotFound, "no asset a99"},
		"id before its time":   {get(&musterv1.GetAssetRequest{Id: "a1", AsOf: timestamppb.New(time.Now().AddDate(-1, 0, 0))}), connect.CodeNotFound, "was not known"},
		"scan of the world":    {scan(&musterv1.CreateScanRequest{Targets: []string{"0.0.0.0/0"}}), connect.CodePermissionDenied, "wider than /8"},
		"scan of a big range":  {scan(&musterv1.CreateScanRequest{Targets: []string{"1.0.0.0-9.0.0.0"}}), connect.CodePermissionDenied, "wider than /8"},
		"scan of IPv6":         {scan(&musterv1.CreateScanRequest{Targets: []string{"2000::/3"}}), connect.CodePermissionDenied, "wider than /8"},
		"scan of nothing":      {scan(&musterv1.CreateScanRequest{}), connect.CodeInvalidArgument, "targets"},
		"scan elsewhere":       {scan(&musterv1.CreateScanRequest{Targets: []string{"192.0.2.1"}, Site: "mars"}), connect.CodeInvalidArgument, "has no scanner"},
	} {
		if connect.CodeOf(c.err) != c.want || !strings.Contains(c.err.Error(), c.say) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	got := r.post(r.client(), musterv1connect.InventoryServiceListAssetsProcedure, "application/json",
		strings.NewReader(`{"sort":"x"}`), "Authorization", "Bearer "+r.admin())
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"invalid_argument"`) {
		t.Errorf("over plain HTTP: %d %s", got.status, got.body)
	}
}

func TestGetAsset(t *testing.T) {
	r := start(t)
	e := newEstate(r)
	a, err := r.people().GetAsset(t.Context(), &musterv1.GetAssetRequest{Id: "A2"})
	if err != nil {
		t.Fatal(err)
	}
	// Lists are one record's, never put together: the agent's interface has a name, the scanner's copy of it is not shown.
	if n := a.GetInterfaces(); len(n) != 1 || n[0].GetName() != "ens18" {
		t.Errorf("interfaces %v", n)
	}
	if diff := cmp.Diff(map[string]string{"hardware": "r2", "os": "r2", "interfaces": "r2", "disks": "r2", "software": "r2", "ports": "r3"}, a.GetFrom()); diff != "" {
		t.Errorf("records of the lists: %s", diff)
	}
	if p := a.GetPorts(); len(p) != 1 || p[0].GetNumber() != 443 {
		t.Errorf("ports %v", p)
	}
	if l := a.GetLinks(); len(l) != 1 || l[0].GetAsset() != "a4" || l[0].GetName() != "sw1" || l[0].GetLocalPort() != "ens18" || l[0].GetRemotePort() != "Trk1" {
		t.Errorf("links %v", l)
	}
	if n := len(a.GetSoftware()); n != 2 {
		t.Errorf("%d titles", n)
	}
	var failed string
	for _, s := range a.GetRecords()[0].GetSections() {
		if s.GetStatus() == musterv1.Status_STATUS_FAILED {
			failed = s.GetName() + ": " + s.GetReason()
		}
	}
	if failed != "neighbours: lldpd.socket: permission denied" {
		t.Errorf("failed sections %q", failed)
	}
	var name *musterv1.Attribute
	for _, at := range a.GetAttributes() {
		if at.GetName() == "name" {
			name = at
		}
	}
	if name.GetValue() != "web1" || name.GetSource() != "agent" || len(name.GetLosers()) != 1 || name.GetLosers()[0].GetSource() != "scanner" {
		t.Errorf("attribute name: %v", name)
	}

	// An id that was given up leads on.
	former, err := r.people().GetAsset(t.Context(), &musterv1.GetAssetRequest{Id: "a3"})
	if err != nil || former.GetAsset().GetId() != "a2" || former.GetAliasOf() != "a3" {
		t.Errorf("former id: %v %v", former.GetAsset().GetId(), err)
	}
	why, err := r.people().Why(t.Context(), &musterv1.WhyRequest{Id: "a2"})
	if err != nil {
		t.Fatal(err)
	}
	if len(why.GetRecords()) != 2 || len(why.GetJoins()) == 0 || !strings.Contains(strings.Join(why.GetText(), "\n"), "bc:24:11:0a:0b:0c") {
		t.Errorf("why: %v %v", why.GetJoins(), why.GetText())
	}

	// As it was before an update, and what the update was.
	before := r.clock.Now()
	r.clock.Add(time.Hour)
	e.send(r, e.laptop, "", lap1(), packages("openssl 3.0.15-1~deb12u1", "bash 5.2.15-2+b7", "jq 1.6-2.1"))
	then, err := r.people().GetAsset(t.Context(), &musterv1.GetAssetRequest{Id: "a1", AsOf: timestamppb.New(before)})
	if err != nil || len(then.GetSoftware()) != 3 || then.GetSoftware()[2].GetVersion() != "3.0.11-1~deb12u2" {
		t.Errorf("before: %v %v", then.GetSoftware(), err)
	}
	changes, err := r.people().ListChanges(t.Context(), &musterv1.ListChangesRequest{Asset: "a1", Since: timestamppb.New(before.Add(time.Minute))})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes.GetChanges() {
		got = append(got, c.GetKind()+" "+c.GetItem()+" "+c.GetText())
	}
	want := []string{"removed firefox-esr:amd64 128.3.1esr-1~deb12u1 → nothing", "added jq:amd64 1.6-2.1", "changed openssl:amd64 3.0.11-1~deb12u2 → 3.0.15-1~deb12u1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes: %s", diff)
	}
	titles, err := r.people().ListSoftware(t.Context(), &musterv1.ListSoftwareRequest{Name: "OPENSSL", Limit: 1})
	if err != nil || titles.GetTotal() != 1 || titles.GetTitles()[0].GetInstalls() != 2 || strings.Join(titles.GetTitles()[0].GetAssets(), " ") != "a1 a2" {
		t.Errorf("software: %v %v", titles, err)
	}
}

func TestSourcesAndScans(t *testing.T) {
	r := start(t)
	p := r.people()
	_, err := p.CreateScan(t.Context(), &musterv1.CreateScanRequest{Targets: []string{"192.0.2.0/24"}})
	if err == nil || !strings.Contains(err.Error(), "no scanner is enrolled") {
		t.Errorf("scan without scanner: %v", err)
	}
	e := newEstate(r)
	job, err := p.CreateScan(t.Context(), &musterv1.CreateScanRequest{Targets: []string{"192.0.2.0/24"}, Rate: 100})
	if err != nil || job.GetJob().GetSite() != "berlin" || job.GetJob().GetCreatedBy() != "admin" {
		t.Fatalf("scan: %v %v", job, err)
	}
	if _, err := p.CancelScan(t.Context(), &musterv1.CancelScanRequest{Id: job.GetJob().GetId()}); err != nil {
		t.Fatal(err)
	}
	jobs, err := p.ListScans(t.Context(), &musterv1.ListScansRequest{})
	if err != nil || len(jobs.GetJobs()) != 1 || jobs.GetJobs()[0].GetState() != "cancelled" {
		t.Errorf("scans: %v %v", jobs, err)
	}
	if _, err := p.RevokeSource(t.Context(), &musterv1.RevokeSourceRequest{Id: e.laptop.id, Reason: "stolen"}); err != nil {
		t.Fatal(err)
	}
	if x := r.source(e.laptop.id); !x.GetRevoked() || x.GetRecords() != 1 || x.GetObservations() != 1 || x.GetHostname() != "host" || x.GetSite() != "berlin" {
		t.Errorf("revoked source: %v", x)
	}
	o := inventory.Observation{Epoch: 1, Seq: 9, SeenAt: r.clock.Now()}
	if _, err := r.report(e.laptop, &musterv1.ReportRequest{Observations: []*musterv1.Observation{wire.ToProto(o)}}); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("a revoked source reports: %v", err)
	}
	if a := r.named("serial:PF4ABC12"); a.GetId() != "a1" {
		t.Errorf("what it reported is %s", a.GetId())
	}
	_, err = p.RevokeSource(t.Context(), &musterv1.RevokeSourceRequest{Id: e.laptop.id})
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("revoked twice: %v", err)
	}
}

// Before two records were found to be one thing they were two assets, and are shown so as of then.
func TestAssetBeforeItWasJoined(t *testing.T) {
	r := start(t)
	agent, scanner := r.enrol(inventory.KindAgent, "berlin"), r.enrol(inventory.KindScanner, "berlin")
	e := &estate{seq: map[string]int64{}}
	e.send(r, agent, "", web1(), debian("12"))
	e.send(r, scanner, "bc:24:11:0a:0b:0c", &inventory.Device{Name: "unknown-box"}, nics("", "bc:24:11:0a:0b:0c", "10.77.1.5/24"))
	before := r.clock.Now().Add(time.Second)
	r.clock.Add(time.Hour)
	e.send(r, agent, "", web1(), debian("12"), nics("ens18", "bc:24:11:0a:0b:0c", "10.77.1.5/24"))
	if a := r.named(""); a.GetId() != "a1" {
		t.Errorf("now: %v", a)
	}
	then, err := r.people().ListAssets(t.Context(), &musterv1.ListAssetsRequest{AsOf: timestamppb.New(before)})
	if err != nil || idsOf(then.GetAssets()) != "a1 a2" {
		t.Fatalf("then: %v %v", then, err)
	}
	for _, want := range then.GetAssets() {
		got, err := r.people().GetAsset(t.Context(), &musterv1.GetAssetRequest{Id: want.GetId(), AsOf: timestamppb.New(before)})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.GetAsset(), protocmp.Transform()); diff != "" || len(got.GetRecords()) != 1 {
			t.Errorf("%s then, in the list and alone: %s, %d records", want.GetId(), diff, len(got.GetRecords()))
		}
	}
}
