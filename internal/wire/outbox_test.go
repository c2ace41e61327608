package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
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
	dir := c.Enrolled(t)
	client, b := open(t, dir), openOutbox(t, dir)
	if d := deliver(t, b, client, machine("13")); d.Sent != 1 || d.Lost != 0 {
		t.Errorf("delivery %+v", d)
	}
	wantSent(t, c, "1: os disks")
	deliver(t, b, client, machine("13"))
	wantSent(t, c, "2:")
	deliver(t, b, client, machine("14"))
	wantSent(t, c, "3: os")
	if got := c.Section("", inventory.SectionOS).Body.(*inventory.OS).Version; got != "14" {
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
	dir := c.Enrolled(t)
	client, b := open(t, dir), openOutbox(t, dir)
	defer closeOutbox(t, b)
	partial := machine("13")
	partial.Sections[1].Status, partial.Sections[1].Reason = inventory.StatusPartial, "one controller did not answer"
	deliver(t, b, client, partial)
	deliver(t, b, client, machine("13"))
	wantSent(t, c, "1: os disks", "2: disks")
	if got := c.Section("", inventory.SectionDisks).Status; got != inventory.StatusOK {
		t.Errorf("collector believes the list is %s", got)
	}
}

func TestOutboxSendsWhatTheCollectorLost(t *testing.T) {
	c := wiretest.New(t)
	dir := c.Enrolled(t)
	client, b := open(t, dir), openOutbox(t, dir)
	defer closeOutbox(t, b)
	deliver(t, b, client, machine("13"))
	c.Forget()
	c.Requests = nil
	deliver(t, b, client, machine("13"))
	wantSent(t, c, "2:", "3: os disks")
	if c.Section("", inventory.SectionDisks).Body == nil {
		t.Error("the collector still lacks the disks")
	}
}

func TestOutboxDoesNotLoopWhenAskedForEver(t *testing.T) {
	c := wiretest.New(t)
	dir := c.Enrolled(t)
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

// offline cannot be reached.
type offline struct{ err error }

func (o offline) Report(context.Context, wire.Report) (wire.Receipt, error) {
	return wire.Receipt{}, o.err
}

var errOffline = inventory.Errorf(inventory.CodeUnavailable, "no route")

func TestOutboxKeepsWhatCannotBeSent(t *testing.T) {
	c := wiretest.New(t)
	dir := c.Enrolled(t)
	client, b := open(t, dir), openOutbox(t, dir)
	for _, version := range []string{"13", "14", "14"} {
		if err := b.Add(machine(version)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Flush(t.Context(), offline{errOffline}); !errors.Is(err, errOffline) {
			t.Fatalf("flush: %v", err)
		}
	}
	if b.Pending() != 3 {
		t.Errorf("%d waiting, want 3", b.Pending())
	}
	closeOutbox(t, b)
	b = openOutbox(t, dir)
	defer closeOutbox(t, b)
	if state, err := wire.ReadSpool(dir); err != nil || state.Records != 3 || state.Bytes == 0 {
		t.Errorf("spool %+v, %v", state, err)
	}
	if d, err := b.Flush(t.Context(), client); err != nil || d.Sent != 3 {
		t.Fatalf("%+v, %v", d, err)
	}
	wantSent(t, c, "1: os disks", "2: os", "3:")
	deliver(t, b, client, machine("14"))
	wantSent(t, c, "4:")
}

// lostAnswer delivers, but the answer gets lost.
type lostAnswer struct{ wire.Reporter }

func (l lostAnswer) Report(ctx context.Context, r wire.Report) (wire.Receipt, error) {
	if _, err := l.Reporter.Report(ctx, r); err != nil {
		return wire.Receipt{}, err
	}
	return wire.Receipt{}, errOffline
}

func TestOutboxAfterALostAnswer(t *testing.T) {
	c := wiretest.New(t)
	dir := c.Enrolled(t)
	client, b := open(t, dir), openOutbox(t, dir)
	defer closeOutbox(t, b)
	if err := b.Add(machine("13")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Flush(t.Context(), lostAnswer{client}); err == nil {
		t.Fatal("the answer was not lost")
	}
	if d, err := b.Flush(t.Context(), client); err != nil || d.Sent != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if c.Requests[0].GetObservations()[0].GetSeq() != c.Requests[1].GetObservations()[0].GetSeq() {
		t.Error("sent again under another number")
	}
	if !bytes.Equal(c.Requests[0].GetNonce(), c.Requests[1].GetNonce()) {
		t.Error("a contact that is tried again must keep its nonce")
	}
	deliver(t, b, client, machine("13"))
	if !bytes.Equal(c.Requests[2].GetPreviousNonce(), c.Requests[1].GetNonce()) || bytes.Equal(c.Requests[2].GetNonce(), c.Requests[1].GetNonce()) {
		t.Error("the next contact must have a new nonce and name the last one")
	}
}

// A virtual machine put back to a snapshot uses numbers that the collector has seen.
func TestOutboxPutBackToASnapshot(t *testing.T) {
	for _, elapsed := range []time.Duration{0, 10 * 365 * 24 * time.Hour} { // with the clock right, and years behind
		t.Run(elapsed.String(), func(t *testing.T) {
			c := wiretest.New(t)
			dir := c.Enrolled(t)
			clock := func(cfg *wire.OutboxConfig) { cfg.Now = func() time.Time { return time.Now().Add(-elapsed) } }
			client, b := open(t, dir), openOutbox(t, dir, func(cfg *wire.OutboxConfig) {
				cfg.Now = func() time.Time { return time.Now().Add(elapsed) } // began years ahead
			})
			deliver(t, b, client, machine("13"))
			closeOutbox(t, b)
			snapshot := snapshotOf(t, filepath.Join(dir, "spool"))
			b = openOutbox(t, dir)
			deliver(t, b, client, machine("14"))
			deliver(t, b, client, machine("15"))
			closeOutbox(t, b)

			if elapsed > 0 {
				snapshot = nil // and the counter is lost altogether
			}
			restore(t, filepath.Join(dir, "spool"), snapshot)
			c.Requests = nil
			b = openOutbox(t, dir, clock)
			defer closeOutbox(t, b)
			deliver(t, b, client, machine("16"))
			if got := c.Section("", inventory.SectionOS).Body.(*inventory.OS).Version; got != "16" {
				t.Errorf("collector has version %s, want 16", got)
			}
			deliver(t, b, client, machine("17"))
			if got := c.Section("", inventory.SectionOS).Body.(*inventory.OS).Version; got != "17" {
				t.Errorf("collector has version %s, want 17", got)
			}
		})
	}
}

func snapshotOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		files[e.Name()] = []byte(readFile(t, filepath.Join(dir, e.Name())))
	}
	return files
}

func restore(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOutboxRefusedAsAWhole(t *testing.T) {
	c := wiretest.New(t)
	dir := c.Enrolled(t)
	client, b := open(t, dir), openOutbox(t, dir)
	defer closeOutbox(t, b)
	c.Answer = func(req *musterv1.ReportRequest, res *musterv1.ReportResponse) (*musterv1.ReportResponse, error) {
		for _, o := range req.GetObservations() {
			if o.GetNativeKey() == "bad" {
				return nil, wire.ConnectError(inventory.Errorf(inventory.CodeTooLarge, "software: 2000000 items"))
			}
		}
		return res, nil
	}
	var all []inventory.Observation
	for _, key := range []string{"a", "b", "bad", "c", "d"} {
		o := machine("1")
		o.NativeKey = key
		all = append(all, o)
	}
	d := deliver(t, b, client, all...)
	if d.Sent != 4 || d.Lost != 1 || !strings.Contains(d.Problem, "2000000 items") {
		t.Errorf("delivery %+v", d)
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		if c.Section(key, inventory.SectionOS).Body == nil {
			t.Errorf("%s did not arrive", key)
		}
	}
	if b.Pending() != 0 {
		t.Errorf("%d still waiting", b.Pending())
	}
}

func TestOutboxQuarantinedIsSentInFullNextTime(t *testing.T) {
	c := wiretest.New(t)
	dir := c.Enrolled(t)
	client, b := open(t, dir), openOutbox(t, dir)
	defer closeOutbox(t, b)
	c.Answer = func(_ *musterv1.ReportRequest, res *musterv1.ReportResponse) (*musterv1.ReportResponse, error) {
		res.Acknowledgements[0].Outcome, res.Acknowledgements[0].Reason = musterv1.Outcome_OUTCOME_QUARANTINED, "odd serial"
		return res, nil
	}
	if d := deliver(t, b, client, machine("13")); d.Lost != 1 || d.Problem != "quarantined: odd serial" {
		t.Errorf("delivery %+v", d)
	}
	c.Answer = nil
	deliver(t, b, client, machine("13"))
	wantSent(t, c, "1: os disks", "2: os disks")
}

func TestOutboxCap(t *testing.T) {
	c := wiretest.New(t)
	dir := c.Enrolled(t)
	b := openOutbox(t, dir, func(cfg *wire.OutboxConfig) { cfg.Limit = 64 << 10 })
	defer closeOutbox(t, b)
	noise := rand.NewChaCha8([32]byte{})
	for range 40 {
		o := machine("13")
		list := make(inventory.SoftwareList, 8)
		for i := range list {
			random := make([]byte, 512)
			if _, err := noise.Read(random); err != nil {
				t.Fatal(err)
			}
			list[i] = inventory.Software{Source: "deb", Name: fmt.Sprintf("%x", random)}
		}
		o.Sections = append(o.Sections, inventory.Section{Name: inventory.SectionSoftware, Status: inventory.StatusOK, Body: list})
		if err := b.Add(o); err != nil {
			t.Fatal(err)
		}
		if state, err := wire.ReadSpool(dir); err != nil || state.Bytes > 64<<10 || state.Records == 0 {
			t.Fatalf("spool %+v, %v", state, err)
		}
	}
	if _, err := b.Flush(t.Context(), open(t, dir)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []inventory.SectionName{inventory.SectionOS, inventory.SectionDisks, inventory.SectionSoftware} {
		if c.Section("", name).Body == nil {
			t.Errorf("the collector has no %s", name)
		}
	}
}

func TestOutboxOnAFullDisk(t *testing.T) {
	c := wiretest.New(t)
	dir := c.Enrolled(t)
	client, b := open(t, dir), openOutbox(t, dir)
	deliver(t, b, client, machine("13"))
	// A folder that is gone fails every write, for root too.
	if err := os.Rename(filepath.Join(dir, "spool"), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"14", "15"} {
		if d := deliver(t, b, client, machine(version)); d.Sent != 1 {
			t.Errorf("delivery %+v", d)
		}
	}
	if got := c.Section("", inventory.SectionOS).Body.(*inventory.OS).Version; got != "15" {
		t.Errorf("collector has version %s", got)
	}
	if err := os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "spool")); err != nil {
		t.Fatal(err)
	}
	closeOutbox(t, b)
	b = openOutbox(t, dir)
	defer closeOutbox(t, b)
	if d := deliver(t, b, client, machine("16")); d.Sent != 1 || c.Section("", inventory.SectionOS).Body.(*inventory.OS).Version != "16" {
		t.Errorf("after the disk was freed: %+v", d)
	}
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
	dir := c.Enrolled(t)
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
	dir := c.Enrolled(t)
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
	if got := c.Section("", inventory.SectionOS).Body.(*inventory.OS).Version; got != "13\uFFFD" {
		t.Errorf("version %q", got)
	}
	if got := c.Section("", inventory.SectionDisks).Body.(inventory.Disks)[0].Name; len(got) != inventory.MaxText {
		t.Errorf("name of %d bytes", len(got))
	}
}

func TestOutboxManyThings(t *testing.T) {
	c := wiretest.New(t)
	dir := c.Enrolled(t)
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

// failing fails a number of times, then hands on.
type failing struct {
	wire.Reporter
	errs  []error
	times []time.Time
}

func (f *failing) Report(_ context.Context, r wire.Report) (wire.Receipt, error) {
	f.times = append(f.times, time.Now())
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return wire.Receipt{}, err
	}
	receipt := wire.Receipt{NextReport: time.Minute}
	for range r.Observations {
		receipt.Acks = append(receipt.Acks, wire.Ack{Outcome: wire.OutcomeAccepted})
	}
	return receipt, nil
}

func TestDeliverWaits(t *testing.T) {
	refused := inventory.Errorf(inventory.CodeUnauthenticated, "who are you")
	synctest.Test(t, func(t *testing.T) {
		b := openOutbox(t, filepath.Join(t.TempDir(), "state"))
		defer closeOutbox(t, b)
		if err := b.Add(machine("13")); err != nil {
			t.Fatal(err)
		}
		f := &failing{errs: []error{errOffline, errOffline, refused, refused, refused}}
		d, err := b.Deliver(t.Context(), f)
		if err != nil || d.Sent != 1 || d.NextReport != time.Minute {
			t.Fatalf("%+v, %v", d, err)
		}
		limits := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
		for i, limit := range limits {
			if got := f.times[i+1].Sub(f.times[i]); got < time.Second || got > limit {
				t.Errorf("wait %d was %v, want 1 s to %v", i+1, got, limit)
			}
		}
		if got := f.times[5].Sub(f.times[4]); got < time.Hour || got > 70*time.Minute {
			t.Errorf("after three refusals: %v, want an hour or so", got)
		}
	})
}

func TestDeliverEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openOutbox(t, filepath.Join(t.TempDir(), "state"))
		defer closeOutbox(t, b)
		if err := b.Add(machine("13")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := b.Deliver(ctx, offline{errOffline})
		if !errors.Is(err, errOffline) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

func TestBackoffGrowsToAnHour(t *testing.T) {
	var b wire.Backoff
	for range 200 {
		if d := b.Next(errOffline); d < time.Second || d > time.Hour {
			t.Fatalf("waits %v", d)
		}
	}
	b.Reset()
	if d := b.Next(errOffline); d > 2*time.Second {
		t.Errorf("after a success: %v", d)
	}
}
