package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/internal/wire/wiretest"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// offline cannot be reached.
type offline struct{ err error }

func (o offline) Report(context.Context, wire.Report) (wire.Receipt, error) {
	return wire.Receipt{}, o.err
}

var errOffline = inventory.Errorf(inventory.CodeUnavailable, "no route")

func TestOutboxKeepsWhatCannotBeSent(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
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
	dir := enrolled(t, c)
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
			dir := enrolled(t, c)
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
			if got := section(t, c, "", inventory.SectionOS).Body.(*inventory.OS).Version; got != "16" {
				t.Errorf("collector has version %s, want 16", got)
			}
			deliver(t, b, client, machine("17"))
			if got := section(t, c, "", inventory.SectionOS).Body.(*inventory.OS).Version; got != "17" {
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
	dir := enrolled(t, c)
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
		if section(t, c, key, inventory.SectionOS).Body == nil {
			t.Errorf("%s did not arrive", key)
		}
	}
	if b.Pending() != 0 {
		t.Errorf("%d still waiting", b.Pending())
	}
}

func TestOutboxQuarantinedIsSentInFullNextTime(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
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

func TestF04_SpoolIsCapped(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
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
		if section(t, c, "", name).Body == nil {
			t.Errorf("the collector has no %s", name)
		}
	}
}

func TestF04_OutboxWithoutAPlaceToWrite(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
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
	if got := section(t, c, "", inventory.SectionOS).Body.(*inventory.OS).Version; got != "15" {
		t.Errorf("collector has version %s", got)
	}
	if err := os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "spool")); err != nil {
		t.Fatal(err)
	}
	closeOutbox(t, b)
	b = openOutbox(t, dir)
	defer closeOutbox(t, b)
	if d := deliver(t, b, client, machine("16")); d.Sent != 1 || section(t, c, "", inventory.SectionOS).Body.(*inventory.OS).Version != "16" {
		t.Errorf("after the disk was freed: %+v", d)
	}
}
