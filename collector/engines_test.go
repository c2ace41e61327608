package collector_test

import (
	"crypto/x509"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// What an identity goes through, on each engine: enrolment, reports, a copied key,
// renewal, a scan, a session, flags and the end.
func TestIdentityOnEachEngine(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		r := startOn(t, dsn, t.TempDir(), &clock{now: time.Now()}, signInRoutes)
		agent, scanner := r.enrol(inventory.KindAgent, "a"), r.enrol(inventory.KindScanner, "a")
		r.mustReport(agent, musterv1.Outcome_OUTCOME_ACCEPTED, observation(1, "host"))
		r.mustReport(agent, musterv1.Outcome_OUTCOME_DUPLICATE, observation(1, "host"))
		bad := observation(2, "a\x00b")
		r.mustReport(agent, musterv1.Outcome_OUTCOME_QUARANTINED, bad)
		for _, c := range [][2]string{{"1", ""}, {"2", "1"}, {"3", "2"}, {"x", "other"}} {
			if _, err := r.report(agent, &musterv1.ReportRequest{Nonce: []byte(c[0]), PreviousNonce: []byte(c[1]), Version: "1.2"}); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.source(agent.id); !slices.Equal(got.GetFlags(), []string{identity.FlagCopiedKey}) || got.GetSite() != "a" || got.GetRecords() != 1 {
			t.Errorf("the agent is %v", got)
		}
		if err := r.Store.UnflagSource(t.Context(), agent.id, "test", r.clock.Now()); err != nil {
			t.Fatal(err)
		}
		key := newKey(t)
		res, err := musterv1connect.NewEnrolmentServiceClient(r.rpc(agent.client)).Renew(t.Context(), &musterv1.RenewRequest{Csr: csrFor(t, key, x509.CertificateRequest{})})
		if err != nil {
			t.Fatal(err)
		}
		renewed := r.sourceOf(res, key)
		r.mustReport(renewed, musterv1.Outcome_OUTCOME_ACCEPTED, observation(3, "host"))
		r.clock.Add(6 * time.Second)
		if got := r.call(agent.client, musterv1connect.IngestServiceReportProcedure, &musterv1.ReportRequest{}); got.status != http.StatusUnauthorized {
			t.Errorf("the replaced certificate: %d", got.status)
		}
		job, err := r.people().CreateScan(t.Context(), &musterv1.CreateScanRequest{Targets: []string{"192.0.2.0/24"}, Site: "a"})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.fetch(scanner, 0); got.GetId() != job.GetJob().GetId() {
			t.Errorf("handed out %v", got)
		}
		if stop := r.update(scanner, &musterv1.UpdateJobRequest{Id: job.GetJob().GetId(), State: "done", Found: 3}); stop {
			t.Error("told to stop")
		}
		if got := r.scan(job.GetJob().GetId()); got.GetState() != "done" || got.GetFound() != 3 {
			t.Errorf("the scan is %v", got)
		}
		if cookie, status := r.openSession(r.admin()); status != http.StatusOK || r.listWith(cookie) != http.StatusOK {
			t.Errorf("signed in with %d, then %d", status, r.listWith(cookie))
		}
		if _, err := r.people().RevokeSource(t.Context(), &musterv1.RevokeSourceRequest{Id: renewed.id}); err != nil {
			t.Fatal(err)
		}
		if got := r.call(renewed.client, musterv1connect.IngestServiceReportProcedure, &musterv1.ReportRequest{}); got.status != http.StatusUnauthorized {
			t.Errorf("revoked by a person, at once: %d", got.status)
		}
		tokens, err := r.Store.Tokens(t.Context())
		if err != nil || len(tokens) != 2 || tokens[0].Used != 1 {
			t.Errorf("tokens: %+v, %v", tokens, err)
		}
	})
}
