package collector_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

func (r *rig) people() musterv1connect.InventoryServiceClient {
	c := r.client()
	c.Transport = bearer{r.admin(), c.Transport}
	return musterv1connect.NewInventoryServiceClient(r.rpc(c))
}

type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(req)
}

func (r *rig) source(id string) *musterv1.SourceState {
	r.t.Helper()
	res, err := r.people().ListSources(r.t.Context(), &musterv1.ListSourcesRequest{})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range res.GetSources() {
		if s.GetId() == id {
			return s
		}
	}
	r.t.Fatalf("no source %s", id)
	return nil
}

func (r *rig) mustReport(s source, want musterv1.Outcome, list ...*musterv1.Observation) {
	r.t.Helper()
	res, err := r.report(s, &musterv1.ReportRequest{Observations: list})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, ack := range res.GetAcknowledgements() {
		if ack.GetOutcome() != want {
			r.t.Errorf("seq %d is %v (%s), want %v", ack.GetSeq(), ack.GetOutcome(), ack.GetReason(), want)
		}
	}
}

// A3: hardware ids open nothing: who enrols with a victim's is another source, and the
// victim's record stays what the victim says.
func TestA03_EnrolWithVictimsHardware(t *testing.T) {
	r := start(t)
	victim := r.enrol(inventory.KindAgent, "a")
	r.mustReport(victim, musterv1.Outcome_OUTCOME_ACCEPTED, observation(1, "victim"))
	thief := r.enrol(inventory.KindAgent, "a")
	if thief.id == victim.id {
		t.Fatal("the thief got the victim's id")
	}
	r.clock.Add(time.Minute)
	r.mustReport(thief, musterv1.Outcome_OUTCOME_ACCEPTED, observation(1, "thief"))
	if got := r.source(victim.id); len(got.GetFlags()) > 0 {
		t.Errorf("an agent that another replaced is flagged: %v", got.GetFlags())
	}
	r.mustReport(victim, musterv1.Outcome_OUTCOME_ACCEPTED, observation(2, "victim"))
	for _, s := range []source{victim, thief} {
		if got := r.source(s.id); got.GetRevoked() || got.GetRecords() != 1 || !slices.Contains(got.GetFlags(), "possible duplicate") {
			t.Errorf("source %s: %v", s.id, got)
		}
	}
	if got := r.rows(`select value from fact where section = 'device' and key = 'name' and to_obs is null order by 1`); !slices.Equal(got, []string{`"thief"`, `"victim"`}) {
		t.Errorf("names on record: %v", got)
	}
}

// A8: reports are replayed and come late; what was accepted does not go back.
func TestA08_ReplayedReports(t *testing.T) {
	r := start(t)
	agent := r.enrol(inventory.KindAgent, "a")
	first, third := observation(1, "old-name"), observation(3, "new-name")
	r.mustReport(agent, musterv1.Outcome_OUTCOME_ACCEPTED, first)
	r.mustReport(agent, musterv1.Outcome_OUTCOME_ACCEPTED, third)
	r.mustReport(agent, musterv1.Outcome_OUTCOME_DUPLICATE, first)
	r.mustReport(agent, musterv1.Outcome_OUTCOME_DUPLICATE, third)
	r.mustReport(agent, musterv1.Outcome_OUTCOME_STALE, observation(2, "old-name"))
	earlier := observation(9, "old-name")
	earlier.Epoch = 0
	r.mustReport(agent, musterv1.Outcome_OUTCOME_QUARANTINED, earlier)
	res, err := r.people().ListAssets(t.Context(), &musterv1.ListAssetsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.GetAssets()) != 1 || res.GetAssets()[0].GetName() != "new-name" {
		t.Errorf("assets: %v", res.GetAssets())
	}
}

// A9: two machines with one key show within two contacts of each, and lost answers do not look so.
func TestA09_CopiedKey(t *testing.T) {
	r := start(t)
	agent := r.enrol(inventory.KindAgent, "a")
	contact := func(nonce, previous string) bool {
		t.Helper()
		res, err := r.report(agent, &musterv1.ReportRequest{Nonce: []byte(nonce), PreviousNonce: []byte(previous)})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetRekey()
	}
	// An honest source: answers get lost, contacts are repeated, with the same nonce and with a new one.
	for i, c := range [][2]string{{"1", ""}, {"1", ""}, {"2", "1"}, {"3", "2"}, {"3", "2"}, {"3b", "2"}, {"4", "3b"}} {
		if contact(c[0], c[1]) {
			t.Fatalf("contact %d of an honest source shows a copied key", i)
		}
	}
	if got := r.source(agent.id); len(got.GetFlags()) > 0 {
		t.Fatalf("flags of an honest source: %v", got.GetFlags())
	}
	if err := r.Store.ForgetContacts(t.Context(), "test", r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if contact("4b", "lost with the backup") || contact("4", "4b") {
		t.Fatal("a restored inventory makes an honest source look copied")
	}
	// The disk is copied here: both know 4.
	seen := 0
	for i, c := range [][2]string{{"a5", "4"}, {"b5", "4"}, {"a6", "a5"}, {"b6", "b5"}} {
		if contact(c[0], c[1]) {
			seen++
		}
		if i >= 2 && seen == 0 {
			t.Error("two contacts of each and nobody noticed")
		}
	}
	if got := r.source(agent.id); !slices.Contains(got.GetFlags(), identity.FlagCopiedKey) {
		t.Errorf("flags: %v", got.GetFlags())
	}
}

// A13: SQL in every text that a source can send is text.
func TestA13_SQLMetacharacters(t *testing.T) {
	r := start(t)
	const evil = `'; drop table asset; -- " $1 ?1 %s \ {"x":[1]}`
	agent := r.enrol(inventory.KindAgent, "a")
	o := observation(1, evil)
	d := o.Sections[0].GetDevice()
	d.Domain, d.Vendor, d.Model, d.Serial, d.AssetTag, d.Location, d.User = evil, evil, evil, evil, evil, evil, evil
	for _, kind := range []string{"serial", "smbios_uuid", "machine_id", "mac", evil} {
		d.Identifiers = append(d.Identifiers, &musterv1.Identifier{Type: kind, Value: evil, Scope: evil, Part: evil, Quality: evil})
	}
	o.Sections = append(o.Sections,
		&musterv1.Section{Name: "software", Status: musterv1.Status_STATUS_OK, Body: &musterv1.Section_Software{Software: &musterv1.SoftwareList{
			Items: []*musterv1.Software{{Source: evil, Name: evil, Version: evil, Arch: evil, Publisher: evil, Installed: evil, Path: evil, Purl: evil}},
		}}},
		&musterv1.Section{Name: "disks", Status: musterv1.Status_STATUS_PARTIAL, Reason: evil, Body: &musterv1.Section_Disks{Disks: &musterv1.Disks{
			Items: []*musterv1.Disk{{Name: evil, Model: evil, Serial: evil, Wwn: evil}},
		}}},
		&musterv1.Section{Name: "neighbours", Status: musterv1.Status_STATUS_OK, Body: &musterv1.Section_Neighbours{Neighbours: &musterv1.Neighbours{
			Items: []*musterv1.Neighbour{{Protocol: evil, LocalPort: evil, ChassisId: evil, RemotePort: evil, RemoteName: evil}},
		}}},
	)
	res, err := r.report(agent, &musterv1.ReportRequest{Version: evil, Observations: []*musterv1.Observation{o}})
	if err != nil || res.GetAcknowledgements()[0].GetOutcome() != musterv1.Outcome_OUTCOME_ACCEPTED {
		t.Fatalf("%v, %v", res, err)
	}
	list, err := r.people().ListAssets(t.Context(), &musterv1.ListAssetsRequest{})
	if err != nil || len(list.GetAssets()) != 1 {
		t.Fatalf("assets: %v, %v", list, err)
	}
	got, err := r.people().GetAsset(t.Context(), &musterv1.GetAssetRequest{Id: list.GetAssets()[0].GetId()})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetAsset().GetModel() != evil || len(got.GetSoftware()) != 1 || got.GetSoftware()[0].GetName() != evil || got.GetDisks()[0].GetModel() != evil {
		t.Errorf("kept as %v", got)
	}
	titles, err := r.people().ListSoftware(t.Context(), &musterv1.ListSoftwareRequest{Name: "drop table"})
	if err != nil || len(titles.GetTitles()) != 1 || titles.GetTitles()[0].GetVersion() != evil {
		t.Errorf("software: %v, %v", titles, err)
	}
	// Also in what the collector itself keeps: host names, tokens, reasons.
	key := newKey(t)
	if _, err := musterv1connect.NewEnrolmentServiceClient(r.rpc(r.client())).Enroll(t.Context(), &musterv1.EnrollRequest{
		Token: r.token("a", "", 1, time.Hour), Csr: csrFor(t, key, x509.CertificateRequest{}), Kind: "agent", Hostname: evil, Version: evil,
	}); err != nil {
		t.Error(err)
	}
	if _, err := r.people().RevokeSource(t.Context(), &musterv1.RevokeSourceRequest{Id: agent.id, Reason: evil}); err != nil {
		t.Error(err)
	}
	if _, err := r.people().RevokeSource(t.Context(), &musterv1.RevokeSourceRequest{Id: evil, Reason: evil}); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("revoke nobody: %v", err)
	}
	if got := r.post(r.client(), musterv1connect.InventoryServiceListAssetsProcedure, "application/json", strings.NewReader("{}"), "Authorization", "Bearer mta_"+evil); got.status != http.StatusUnauthorized {
		t.Errorf("SQL as token: %d", got.status)
	}
	if got := r.source(agent.id); !got.GetRevoked() {
		t.Errorf("afterwards: %v", got)
	}
}

// A renewal's answer may be lost: the old certificate counts until the new one is used,
// and only then shows that somebody has a copy.
func TestRenewal(t *testing.T) {
	r := start(t)
	old := r.enrol(inventory.KindAgent, "a")
	renew := func(with source) source {
		t.Helper()
		key := newKey(t)
		res, err := musterv1connect.NewEnrolmentServiceClient(r.rpc(with.client)).Renew(t.Context(), &musterv1.RenewRequest{
			Csr: csrFor(t, key, x509.CertificateRequest{}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if res.GetId() != with.id || res.GetSite() != "a" || len(res.GetAuthorities()) < 2 {
			t.Fatalf("renewed as %s in %s with %d authorities", res.GetId(), res.GetSite(), len(res.GetAuthorities()))
		}
		return r.sourceOf(res, key)
	}
	status := func(s source) int {
		return r.call(s.client, musterv1connect.IngestServiceReportProcedure, &musterv1.ReportRequest{}).status
	}
	lost := renew(old)
	if got := status(old); got != http.StatusOK {
		t.Fatalf("the old certificate after a lost answer: %d", got)
	}
	fresh := renew(old)
	if got := status(lost); got != http.StatusUnauthorized {
		t.Errorf("the certificate whose answer was lost: %d, want 401", got)
	}
	if got := status(fresh); got != http.StatusOK {
		t.Fatalf("the new certificate: %d", got)
	}
	if got := r.source(fresh.id); len(got.GetFlags()) > 0 {
		t.Errorf("flags of an honest source: %v", got.GetFlags())
	}
	r.clock.Add(6 * time.Second)
	if got := status(old); got != http.StatusUnauthorized {
		t.Errorf("the old certificate once the new one was used: %d, want 401", got)
	}
	if got := r.source(fresh.id); !slices.Contains(got.GetFlags(), identity.FlagOldKey) {
		t.Errorf("flags: %v", got.GetFlags())
	}
}

// The authority rolls: sources that enrolled before go on, and get their next
// certificate from the new root.
func TestAuthorityRolls(t *testing.T) {
	dir, ck := t.TempDir(), &clock{now: time.Now()}
	r := startWith(t, dir, ck, nil)
	agent := r.enrol(inventory.KindAgent, "a")
	trusted := r.Authority.Pool() // what it was given
	r.stop()
	if err := r.Authority.Roll(); err != nil {
		t.Fatal(err)
	}
	r = startWith(t, dir, ck, nil)
	agent.client = r.client(agent.cert)
	agent.client.Transport.(*http.Transport).TLSClientConfig.RootCAs = trusted
	if got := r.call(agent.client, musterv1connect.IngestServiceReportProcedure, &musterv1.ReportRequest{}); got.status != http.StatusOK {
		t.Fatalf("report after the roll: %d %s", got.status, got.body)
	}
	key := newKey(t)
	res, err := musterv1connect.NewEnrolmentServiceClient(r.rpc(agent.client)).Renew(t.Context(), &musterv1.RenewRequest{Csr: csrFor(t, key, x509.CertificateRequest{})})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(res.GetAuthorities()); n != 3 {
		t.Errorf("%d authorities, want the present, the next and the former one", n)
	}
	next := r.sourceOf(res, key)
	if got := r.call(next.client, musterv1connect.IngestServiceReportProcedure, &musterv1.ReportRequest{}); got.status != http.StatusOK {
		t.Errorf("report with the renewed certificate: %d %s", got.status, got.body)
	}
}

// A stop answers what runs, sends waiting scanners home and loses nothing it acknowledged.
func TestStopFinishesWhatRuns(t *testing.T) {
	dir, ck := t.TempDir(), &clock{now: time.Now()}
	r := startWith(t, dir, ck, nil)
	scanner := r.enrol(inventory.KindScanner, "a")
	agents := make([]source, 8)
	for i := range agents {
		agents[i] = r.enrol(inventory.KindAgent, "a")
	}
	var acked [8]int64
	var all sync.WaitGroup
	all.Go(func() {
		// Home at once, without a job: the stop does not wait a minute for it.
		_, _ = musterv1connect.NewScanJobServiceClient(r.rpc(scanner.client)).FetchJob(t.Context(), &musterv1.FetchJobRequest{Wait: durationOf(time.Minute)})
	})
	started := make(chan struct{}, len(agents))
	for i, agent := range agents {
		all.Go(func() {
			for seq := int64(1); ; seq++ {
				res, err := r.report(agent, &musterv1.ReportRequest{Observations: []*musterv1.Observation{observation(seq, fmt.Sprintf("h%d-%d", i, seq))}})
				if err != nil {
					return
				}
				if res.GetAcknowledgements()[0].GetOutcome() == musterv1.Outcome_OUTCOME_ACCEPTED {
					acked[i] = seq
				}
				if seq == 3 {
					started <- struct{}{}
				}
			}
		})
	}
	for range agents {
		<-started
	}
	begun := time.Now()
	r.stop()
	all.Wait()
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("the stop took %v", took)
	}
	r = startWith(t, dir, ck, nil)
	for i, agent := range agents {
		agent.client = r.client(agent.cert)
		o := proto.CloneOf(observation(acked[i], fmt.Sprintf("h%d-%d", i, acked[i])))
		r.mustReport(agent, musterv1.Outcome_OUTCOME_DUPLICATE, o)
	}
}
