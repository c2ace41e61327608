package wire_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/internal/wire/wiretest"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

func openOutbox(t *testing.T, dir string, change ...func(*wire.OutboxConfig)) *wire.Outbox {
	t.Helper()
	cfg := wire.OutboxConfig{StateDir: dir, Source: "4b1d", Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&cfg)
	}
	b, err := wire.OpenOutbox(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func closeOutbox(t *testing.T, b *wire.Outbox) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// machine is an observation with two sections; version is in one of them.
func machine(version string) inventory.Observation {
	return inventory.Observation{SeenAt: time.Unix(1_700_000_000, 0).UTC(), Complete: true, Sections: []inventory.Section{
		{Name: inventory.SectionOS, Status: inventory.StatusOK, Body: &inventory.OS{Name: "Debian", Version: version}},
		{Name: inventory.SectionDisks, Status: inventory.StatusOK, Body: inventory.Disks{{Name: "sda", Serial: "S1"}}},
		{Name: inventory.SectionPCI, Status: inventory.StatusFailed, Reason: "no permission"},
	}}
}

func deliver(t *testing.T, b *wire.Outbox, to wire.Reporter, obs ...inventory.Observation) wire.Delivery {
	t.Helper()
	if err := b.Add(obs...); err != nil {
		t.Fatal(err)
	}
	d, err := b.Flush(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// sent is the observations of the requests so far: one line each, naming the sections with a body.
func sent(c *wiretest.Collector) []string {
	var out []string
	for _, r := range c.Requests {
		for _, o := range r.GetObservations() {
			line := fmt.Sprintf("%s%d:", o.GetNativeKey(), o.GetSeq())
			for _, s := range o.GetSections() {
				if s.GetBody() != nil {
					line += " " + s.GetName()
				}
			}
			out = append(out, line)
		}
	}
	c.Requests = nil
	return out
}

func wantSent(t *testing.T, c *wiretest.Collector, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, sent(c)); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func TestOutboxSendsBodiesOnce(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	client, b := open(t, dir), openOutbox(t, dir)
	if d := deliver(t, b, client, machine("13")); d.Sent != 1 || d.Lost != 0 {
		t.Errorf("delivery %+v", d)
	}
	wantSent(t, c, "1: os disks")
	deliver(t, b, client, machine("13"))
	wantSent(t, c, "2:")
	deliver(t, b, client, machine("14"))
	wantSent(t, c, "3: os")
	if got := section(t, c, "", inventory.SectionOS).Body.(*inventory.OS).Version; got != "14" {
		t.Errorf("collector has version %s", got)
	}
	closeOutbox(t, b)

	b = openOutbox(t, dir) // the knowledge survives, and the counter never goes back
	deliver(t, b, client, machine("14"))
	wantSent(t, c, "4:")
	if state, err := wire.ReadSpool(dir); err != nil || state != (wire.SpoolState{}) {
		t.Errorf("spool %+v, %v", state, err)
	}
	closeOutbox(t, b)
}

func TestOutboxPartialIsNotOK(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	client, b := open(t, dir), openOutbox(t, dir)
	defer closeOutbox(t, b)
	partial := machine("13")
	partial.Sections[1].Status, partial.Sections[1].Reason = inventory.StatusPartial, "one controller did not answer"
	deliver(t, b, client, partial)
	deliver(t, b, client, machine("13"))
	wantSent(t, c, "1: os disks", "2: disks")
	if got := section(t, c, "", inventory.SectionDisks).Status; got != inventory.StatusOK {
		t.Errorf("collector believes the list is %s", got)
	}
}

func TestOutboxSendsWhatTheCollectorLost(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	client, b := open(t, dir), openOutbox(t, dir)
	defer closeOutbox(t, b)
	deliver(t, b, client, machine("13"))
	c.Forget()
	c.Requests = nil
	deliver(t, b, client, machine("13"))
	wantSent(t, c, "2:", "3: os disks")
	if section(t, c, "", inventory.SectionDisks).Body == nil {
		t.Error("the collector still lacks the disks")
	}
}

func TestOutboxDoesNotLoopWhenAskedForEver(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	client, b := open(t, dir), openOutbox(t, dir)
	defer closeOutbox(t, b)
	c.Answer = func(_ *musterv1.ReportRequest, res *musterv1.ReportResponse) (*musterv1.ReportResponse, error) {
		for _, a := range res.Acknowledgements {
			a.NeededSections = []string{"os", "no such section"}
		}
		return res, nil
	}
	deliver(t, b, client, machine("13"))
	wantSent(t, c, "1: os disks", "2: os")
}

func TestOutboxIsLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := openOutbox(t, dir)
	_, err := wire.OpenOutbox(wire.OutboxConfig{StateDir: dir, Source: "4b1d", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if inventory.CodeOf(err) != inventory.CodeConflict {
		t.Errorf("second outbox: %v, want a conflict", err)
	}
	closeOutbox(t, b)
	closeOutbox(t, openOutbox(t, dir))
}

func TestOutboxOfAnotherIdentity(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	b := openOutbox(t, dir, func(cfg *wire.OutboxConfig) { cfg.Source = "someone else" })
	if err := b.Add(machine("13")); err != nil {
		t.Fatal(err)
	}
	closeOutbox(t, b)
	b = openOutbox(t, dir)
	defer closeOutbox(t, b)
	if b.Pending() != 0 {
		t.Error("would send what another identity left")
	}
	deliver(t, b, open(t, dir), machine("13"))
	wantSent(t, c, "1: os disks")
}

func TestOutboxCleansAndRefuses(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	b := openOutbox(t, dir)
	defer closeOutbox(t, b)
	dirty := machine("1\x003\xff")
	dirty.Sections[1].Body = inventory.Disks{{Name: strings.Repeat("ü", inventory.MaxText)}}
	bad := machine("13")
	bad.NativeKey, bad.Sections[0].Status = "bad", "so-so"
	alsoBad := machine("13")
	alsoBad.NativeKey = "\xff"
	err := b.Add(dirty, bad, alsoBad)
	if inventory.CodeOf(err) != inventory.CodeInvalid || !strings.Contains(err.Error(), `"bad"`) || !strings.Contains(err.Error(), `"\xff"`) {
		t.Errorf("add: %v", err)
	}
	if d, err := b.Flush(t.Context(), open(t, dir)); err != nil || d.Sent != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if got := section(t, c, "", inventory.SectionOS).Body.(*inventory.OS).Version; got != "13\uFFFD" {
		t.Errorf("version %q", got)
	}
	if got := section(t, c, "", inventory.SectionDisks).Body.(inventory.Disks)[0].Name; len(got) != inventory.MaxText {
		t.Errorf("name of %d bytes", len(got))
	}
}

func TestOutboxManyThings(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	client, b := open(t, dir), openOutbox(t, dir)
	defer closeOutbox(t, b)
	var all []inventory.Observation
	for i := range 300 {
		o := machine("13")
		o.NativeKey = fmt.Sprintf("device-%d", i)
		all = append(all, o)
	}
	if d := deliver(t, b, client, all...); d.Sent != 300 {
		t.Errorf("delivery %+v", d)
	}
	if len(c.Requests) != 5 {
		t.Errorf("%d requests, want 5 of at most 64", len(c.Requests))
	}
}
