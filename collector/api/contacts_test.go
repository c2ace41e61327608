package api_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/api"
	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// slowContacts counts transactions and says that the sources with odd numbers have copied keys.
type slowContacts struct {
	mu     sync.Mutex
	groups int
	seen   map[string]int
	gate   chan struct{}
	err    error
}

func (s *slowContacts) Contacts(_ context.Context, _ time.Time, ids []string, _ []identity.Contact) ([]bool, error) {
	<-s.gate
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups++
	copied := make([]bool, len(ids))
	for i, id := range ids {
		s.seen[id]++
		n, err := strconv.Atoi(id)
		copied[i] = err == nil && n%2 == 1
	}
	return copied, s.err
}

type noIngester struct{}

func (noIngester) Submit(context.Context, []inventory.Observation) ([]ingest.Ack, error) {
	return nil, nil
}

func (noIngester) Quarantine(context.Context, inventory.Source, int64, int64, []byte, string) error {
	return nil
}

func TestContactsShareTransactions(t *testing.T) {
	store := &slowContacts{seen: map[string]int{}, gate: make(chan struct{})}
	service := api.NewReports(noIngester{}, store, time.Hour, slog.New(slog.DiscardHandler), time.Now)
	const sources = 100
	var all sync.WaitGroup
	for i := range sources {
		all.Go(func() {
			ctx := identity.WithCaller(t.Context(), identity.Caller{Kind: identity.KindAgent, ID: strconv.Itoa(i)})
			res, err := service.Report(ctx, &musterv1.ReportRequest{Nonce: []byte("n")})
			if err != nil || res.GetRekey() != (i%2 == 1) {
				t.Errorf("source %d: %v, %v", i, res, err)
			}
		})
	}
	close(store.gate)
	all.Wait()
	if len(store.seen) != sources || store.groups > sources {
		t.Errorf("%d sources noted in %d transactions", len(store.seen), store.groups)
	}
	for id, n := range store.seen {
		if n != 1 {
			t.Errorf("source %s was noted %d times", id, n)
		}
	}
	store.err = errors.New("disk on fire")
	if _, err := service.Report(identity.WithCaller(t.Context(), identity.Caller{ID: "1"}), &musterv1.ReportRequest{}); err == nil {
		t.Error("a contact that was not kept is answered as if it were")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := service.Report(ctx, &musterv1.ReportRequest{Nonce: make([]byte, 65)}); err == nil {
		t.Error("a huge nonce is taken")
	}
}
