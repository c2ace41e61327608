package api

import (
	"context"
	"time"

	"github.com/muster-itam/muster/collector/identity"
)

// ContactStore keeps the chain of each source's contacts.
type ContactStore interface {
	// Contacts adds contacts in one transaction and says which of them show a copied key.
	Contacts(ctx context.Context, at time.Time, ids []string, contacts []identity.Contact) ([]bool, error)
}

// contacts commits the contacts that come in while a commit runs together in the next
// one: a crowd of sources then costs few transactions, and a lone one does not wait.
type contacts struct {
	store ContactStore
	now   func() time.Time
	turn  chan struct{}        // held by the one who commits
	queue chan *contactWaiting // those who wait for a commit
}

type contactWaiting struct {
	id      string
	contact identity.Contact
	done    chan struct{}
	copied  bool
	err     error
}

const (
	maxContactGroup = 256
	contactTimeout  = 15 * time.Second
)

func newContacts(store ContactStore, now func() time.Time) *contacts {
	return &contacts{store: store, now: now, turn: make(chan struct{}, 1), queue: make(chan *contactWaiting, maxContactGroup)}
}

// note adds a source's contact and says whether it shows a copied key, once that is durable.
func (c *contacts) note(ctx context.Context, id string, contact identity.Contact) (bool, error) {
	me := &contactWaiting{id: id, contact: contact, done: make(chan struct{})}
	select {
	case c.queue <- me:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	for {
		select {
		case <-me.done:
			return me.copied, me.err
		case <-ctx.Done():
			return false, ctx.Err()
		case c.turn <- struct{}{}:
			c.commit(ctx)
			<-c.turn
		}
	}
}

// commit writes what waits.
func (c *contacts) commit(ctx context.Context) {
	var group []*contactWaiting
	for len(group) < maxContactGroup {
		select {
		case w := <-c.queue:
			group = append(group, w)
			continue
		default:
		}
		break
	}
	if len(group) == 0 {
		return
	}
	ids, marks := make([]string, len(group)), make([]identity.Contact, len(group))
	for i, w := range group {
		ids[i], marks[i] = w.id, w.contact
	}
	// It is not this caller's alone: its going away must not fail the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), contactTimeout)
	defer cancel()
	copied, err := c.store.Contacts(ctx, c.now(), ids, marks)
	for i, w := range group {
		if w.err = err; err == nil {
			w.copied = copied[i]
		}
		close(w.done)
	}
}
