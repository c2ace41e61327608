package identity

import (
	"context"

	"github.com/muster-itam/muster/internal/inventory"
)

// Accept is a set of the sorts of callers a route takes.
type Accept uint8

// The sorts of callers. A route that takes Anyone asks for no credentials; it still
// learns of none. Combine the others with |.
const (
	Nobody Accept = 0
	Anyone Accept = 1 << iota
	Agent
	Scanner
	Person
)

// Kind says what a caller is.
type Kind string

// The kinds of callers.
const (
	KindNone    Kind = "none"
	KindAgent   Kind = Kind(inventory.KindAgent)
	KindScanner Kind = Kind(inventory.KindScanner)
	KindPerson  Kind = "person"
)

// Caller is who sent a request, as proven.
type Caller struct {
	Kind Kind
	// ID is the source's uuid or the person's name.
	ID string
	// Site is the source's; empty for a person.
	Site string
	// Role is the person's; NoRole for a source.
	Role Role
	// Access is the id of the token or session that the person used.
	Access string
	// Serial is that of the certificate the source used.
	Serial string
	// Fresh says that it was not used before.
	Fresh bool
	// Remote is the peer's address; no header has a say in it.
	Remote string
}

// Source is the caller as inventory names it.
func (c Caller) Source() inventory.Source {
	return inventory.Source{Kind: inventory.SourceKind(c.Kind), ID: c.ID, Site: c.Site}
}

// String names the caller for logs and the audit.
func (c Caller) String() string {
	if c.Kind == KindNone || c.Kind == "" {
		return "none"
	}
	return string(c.Kind) + ":" + c.ID
}

type callerKey struct{}

// WithCaller gives ctx its caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// RemoteOf is the address the request came from.
func RemoteOf(ctx context.Context) string { return CallerOf(ctx).Remote }

// CallerOf is the caller of the request that ctx belongs to; of kind KindNone without one.
func CallerOf(ctx context.Context) Caller {
	if c, ok := ctx.Value(callerKey{}).(Caller); ok {
		return c
	}
	return Caller{Kind: KindNone}
}
