package wire_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

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

func TestF14_DeliverWaits(t *testing.T) {
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

// Who is turned away at the door does not stay away for long.
func TestBackoffOfTheTurnedAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	client := connect.NewClient(connecthttp.NewTransport(http.DefaultClient, "https://"+l.Addr().String()))
	_, err = musterv1connect.NewIngestServiceClient(client).Report(t.Context(), &musterv1.ReportRequest{})
	refused := wire.FromConnect(err)
	if refused == nil {
		t.Fatal("a listener that closes connections was taken for a collector")
	}
	var away, offline wire.Backoff
	longest := time.Duration(0)
	for range 500 {
		if d := away.Next(refused); d > 2*time.Minute {
			t.Fatalf("%v: waits %v", refused, d)
		}
		longest = max(longest, offline.Next(errOffline))
	}
	if longest < 10*time.Minute {
		t.Errorf("who gets no connection at all waits at most %v", longest)
	}
}
