package collector_test

import (
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

var update = flag.Bool("update-contract", false, "write testdata/contract anew: only for a new version beside the old ones")

// install enrols a state folder as an agent does.
func (r *rig) install(force bool, dir string) string {
	r.t.Helper()
	_, err := wire.Enroll(r.t.Context(), wire.EnrollConfig{
		StateDir: dir, Collector: r.url, Token: inventory.Secret(r.token("hq", "", 1, time.Hour)),
		Kind: inventory.KindAgent, Hostname: "host", Version: "test", Force: force,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// send reports once from a state folder.
func (r *rig) send(dir, name string) (wire.Delivery, error) {
	r.t.Helper()
	client, err := wire.Open(dir, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	outbox, err := wire.OpenOutbox(wire.OutboxConfig{StateDir: dir, Source: client.Identity().ID, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = outbox.Close() }()
	if time.Now().After(client.Identity().RenewAt()) {
		if err := client.Renew(r.t.Context()); err != nil {
			return wire.Delivery{}, err
		}
	}
	err = outbox.Add(inventory.Observation{SeenAt: time.Now(), Complete: true, Sections: []inventory.Section{
		{Name: inventory.SectionDevice, Status: inventory.StatusOK, Body: &inventory.Device{Name: name}},
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	return outbox.Flush(r.t.Context(), client)
}

// A laptop that comes back after 90 days finds that the authority was rolled and its own
// certificate expired two months ago, and reports without a hand on it. (An hour is missing:
// until then the server certificate of the day it enrolled is good.)
func TestF23_AgentAwayFor90DaysWhileTheAuthorityRolled(t *testing.T) {
	away := 90*24*time.Hour - time.Hour
	data, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	then := startWith(t, data, &clock{now: time.Now().Add(-away)}, nil)
	then.install(false, state)
	if err := then.Authority.Roll(); err != nil {
		t.Fatal(err)
	}
	then.stop()
	now := startWith(t, data, &clock{now: time.Now()}, nil)
	if then.Authority.Fingerprint() != now.Authority.Fingerprint() {
		t.Fatal("the second collector does not use the rolled authority")
	}
	move(t, state, then.url, now.url)
	before, err := wire.LoadIdentity(state)
	if err != nil || time.Since(before.NotAfter) < 59*24*time.Hour {
		t.Fatalf("certificate until %v, %v", before.NotAfter, err)
	}
	if d, err := now.send(state, "laptop"); err != nil || d.Sent != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	after, err := wire.LoadIdentity(state)
	if err != nil || after.ID != before.ID || !after.NotAfter.After(time.Now().Add(29*24*time.Hour)) {
		t.Errorf("identity %+v, %v", after, err)
	}
	// And it trusts the present authority and the next from now on.
	ca, err := os.ReadFile(filepath.Join(state, "ca.pem"))
	if err != nil || string(ca) != string(now.Authority.PEM()) {
		t.Errorf("trusts %s, %v", ca, err)
	}
}

// move changes the address of a collector, whose port is another one at each start.
func move(t *testing.T, state, from, to string) {
	t.Helper()
	path := filepath.Join(state, "identity.json")
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), from) {
		t.Fatalf("%v in %s", err, text)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A disk is copied with the agent on it: both copies are told within two contacts, and once
// the copy enrols anew there are two honest agents.
func TestA09_CopiedStateFolder(t *testing.T) {
	r := start(t)
	original := r.install(false, filepath.Join(t.TempDir(), "state"))
	if _, err := r.send(original, "web1"); err != nil {
		t.Fatal(err)
	}
	duplicate := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(duplicate, os.DirFS(original)); err != nil {
		t.Fatal(err)
	}
	for path, perm := range map[string]os.FileMode{"": 0o700, "spool": 0o700, "key.pem": 0o600} {
		if err := os.Chmod(filepath.Join(duplicate, path), perm); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	for range 2 {
		for _, dir := range []string{original, duplicate} {
			d, err := r.send(dir, "web1")
			if err != nil {
				t.Fatal(err)
			}
			if d.Rekey {
				told++
			}
		}
	}
	if told == 0 {
		t.Error("nobody was told within two contacts of each")
	}
	id, err := wire.LoadIdentity(original)
	if err != nil {
		t.Fatal(err)
	}
	r.install(true, duplicate)
	other, err := wire.LoadIdentity(duplicate)
	if err != nil || other.ID == id.ID {
		t.Fatalf("the copy enrolled anew is %s, %v", other.ID, err)
	}
	for range 2 {
		for _, dir := range []string{duplicate, original} {
			if d, err := r.send(dir, filepath.Base(dir)); err != nil || (d.Rekey && dir == duplicate) {
				t.Errorf("after a new enrolment: %+v, %v", d, err)
			}
		}
	}
	if flags := r.source(other.ID).GetFlags(); len(flags) > 0 {
		t.Errorf("flags of the copy: %v", flags)
	}
}

// contractReport has something of everything that an agent sends.
func contractReport() *musterv1.ReportRequest {
	ok := musterv1.Status_STATUS_OK
	return &musterv1.ReportRequest{
		Version: "1.0.0", Nonce: []byte("0123456789abcdef"),
		Observations: []*musterv1.Observation{{
			Epoch: 1767225600000, Seq: 1, SeenAt: &timestamppb.Timestamp{Seconds: 1767225600}, Complete: true, Digest: []byte("digest"),
			Sections: []*musterv1.Section{
				{Name: "device", Status: ok, Hash: []byte("h1"), Took: &durationpb.Duration{Nanos: 5}, Body: &musterv1.Section_Device{Device: &musterv1.Device{
					Name: "golden", Vendor: "Dell Inc.", Serial: "SN-12345-A",
					Identifiers: []*musterv1.Identifier{{Type: "serial", Value: "SN-12345-A", Scope: "Dell Inc.", Part: "system", Quality: "burned_in"}},
				}}},
				{Name: "os", Status: ok, Hash: []byte("h2"), Body: &musterv1.Section_Os{Os: &musterv1.OS{Family: "linux", Name: "Debian GNU/Linux", Version: "12"}}},
				{Name: "interfaces", Status: ok, Hash: []byte("h3"), Body: &musterv1.Section_Interfaces{Interfaces: &musterv1.Interfaces{Items: []*musterv1.Interface{
					{Name: "eth0", Mac: "00:00:5e:00:53:01", Addresses: []string{"192.0.2.7/24"}, Up: true},
				}}}},
				{Name: "software", Status: musterv1.Status_STATUS_PARTIAL, Reason: "rpm: unreadable", Hash: []byte("h4"), Body: &musterv1.Section_Software{
					Software: &musterv1.SoftwareList{Items: []*musterv1.Software{
						{Source: "deb", Name: "bash", Version: "5.2+1", Arch: "amd64", Purl: "pkg:deb/debian/bash@5.2%2B1?arch=amd64"},
						{Source: "deb", Name: "curl", Version: "8.1+2", Arch: "amd64", PurlPattern: "pkg:deb/debian/{name}@{version}?arch={arch}"},
					}}}},
				{Name: "memory", Status: musterv1.Status_STATUS_UNSUPPORTED, Reason: "switched off on this host"},
			},
		}},
	}
}

// A report's bytes as each version of the contract had them are taken for ever: agents are
// updated last.
func TestF27_AgentsOfEarlierVersions(t *testing.T) {
	if *update {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(contractReport())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/contract/v1.report", b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/contract/*.report")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, body := range map[string][]byte{"as it was": b, "one version ahead": ahead(t, b)} {
			t.Run(filepath.Base(file)+" "+name, func(t *testing.T) {
				r := start(t)
				answer := r.post(r.enrol(inventory.KindAgent, "hq").client, "/muster.v1.IngestService/Report", "application/proto", strings.NewReader(string(body)))
				var res musterv1.ReportResponse
				if err := proto.Unmarshal([]byte(answer.body), &res); err != nil || answer.status != 200 {
					t.Fatalf("status %d, %v", answer.status, err)
				}
				if got := res.GetAcknowledgements()[0].GetOutcome(); got != musterv1.Outcome_OUTCOME_ACCEPTED {
					t.Fatalf("%v: %s", got, res.GetAcknowledgements()[0].GetReason())
				}
				r.kept(t)
			})
		}
	}
}

// kept says whether the inventory has what the report of the contract says.
func (r *rig) kept(t *testing.T) {
	t.Helper()
	list, err := r.people().ListAssets(t.Context(), &musterv1.ListAssetsRequest{})
	if err != nil || len(list.GetAssets()) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	a, err := r.people().GetAsset(t.Context(), &musterv1.GetAssetRequest{Id: list.GetAssets()[0].GetId()})
	if err != nil {
		t.Fatal(err)
	}
	var purls []string
	for _, s := range a.GetSoftware() {
		purls = append(purls, s.GetPurl())
	}
	got := a.GetAsset().GetName() + " " + a.GetOs().GetName() + " " + a.GetInterfaces()[0].GetMac() + " " + strings.Join(purls, " ")
	want := "golden Debian GNU/Linux 00:00:5e:00:53:01 pkg:deb/debian/bash@5.2%2B1?arch=amd64 pkg:deb/debian/curl@8.1%2B2?arch=amd64"
	if got != want {
		t.Errorf("the inventory has %s\nwant %s", got, want)
	}
}

// ahead is a report as the next version may send it: with fields that nobody knows in every
// message, and a section of a new kind.
func ahead(t *testing.T, report []byte) []byte {
	t.Helper()
	var req musterv1.ReportRequest
	if err := proto.Unmarshal(report, &req); err != nil {
		t.Fatal(err)
	}
	unknown := protowire.AppendTag(nil, 900, protowire.BytesType)
	unknown = protowire.AppendString(unknown, "of a later version")
	unknown = protowire.AppendTag(unknown, 901, protowire.VarintType)
	unknown = protowire.AppendVarint(unknown, 7)
	add := func(m proto.Message) { m.ProtoReflect().SetUnknown(unknown) }
	add(&req)
	for _, o := range req.GetObservations() {
		add(o)
		for _, s := range o.GetSections() {
			add(s)
			if d := s.GetDevice(); d != nil {
				add(d)
				add(d.GetIdentifiers()[0])
			}
			for _, i := range s.GetSoftware().GetItems() {
				add(i)
			}
		}
		horoscopes := &musterv1.Section{Name: "horoscopes", Status: musterv1.Status_STATUS_OK, Hash: []byte("h9")}
		add(horoscopes) // its body is such a field
		o.Sections = append(o.Sections, horoscopes)
	}
	b, err := proto.Marshal(&req)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
