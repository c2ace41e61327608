package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Source is the identity of an agent or a scanner as kept.
type Source struct {
	ID       string // uuid
	Kind     inventory.SourceKind
	Site     string
	Class    string
	Hostname string // as it said when it enrolled
	Version  string
	Token    string // id of the token it enrolled with

	EnrolledAt time.Time
	RevokedAt  time.Time
}

// SourceStore keeps sources and their certificates.
type SourceStore interface {
	// SourceBySerial finds a certificate and whose it is; CodeNotFound otherwise.
	SourceBySerial(ctx context.Context, serial string) (Source, Certificate, error)
	// UseCertificate records the first use of a certificate, which ends the source's older ones.
	UseCertificate(ctx context.Context, id, serial string, at time.Time) error
	// FlagSource notes on a source what a person should look at; noting it again changes nothing.
	FlagSource(ctx context.Context, id, flag string, at time.Time) error
}

// Demand is what a route wants of its callers.
type Demand struct {
	Accept Accept
	// Role is the least role of a person.
	Role Role
	// Expired also takes a source's certificate that ended less than RenewGrace ago.
	Expired bool
	// Contact says that the handler notes the source's contact, and with it the first use of
	// its certificate (Caller.Fresh).
	Contact bool
}

// cacheLife bounds how long a revocation takes to be felt.
const cacheLife = 5 * time.Second

// maxCached bounds the memory of the cache.
const maxCached = 50_000

// Authenticator finds out who sent a request.
type Authenticator struct {
	sources SourceStore
	persons PersonStore
	now     func() time.Time
	origin  *http.CrossOriginProtection
	guesses *throttle

	mu    sync.Mutex
	cache map[string]cached
}

type cached struct {
	src  Source
	cert Certificate
	at   time.Time
}

// NewAuthenticator makes an Authenticator.
func NewAuthenticator(sources SourceStore, persons PersonStore, now func() time.Time) *Authenticator {
	return &Authenticator{
		sources: sources, persons: persons, now: now,
		origin:  http.NewCrossOriginProtection(),
		guesses: newThrottle(20, 3*time.Second, now),
		cache:   map[string]cached{},
	}
}

// ThrottledError tells a caller that failed too often when to come back.
type ThrottledError struct{ After time.Duration }

func (e *ThrottledError) Error() string { return "too many failed attempts from this address" }

// Caller is who sent r, or an error: CodeUnauthenticated without credentials that count
// here, CodeForbidden with good ones of the wrong sort. It looks at the TLS peer, the
// Authorization header and the session cookie, and at nothing that a proxy may add.
func (a *Authenticator) Caller(r *http.Request, want Demand) (Caller, error) {
	if want.Accept&Anyone != 0 {
		return Caller{Kind: KindNone, Remote: r.RemoteAddr}, nil
	}
	peer := r.TLS != nil && len(r.TLS.PeerCertificates) > 0
	bearer, isBearer := bearerOf(r)
	cookie, _ := r.Cookie(SessionCookie)
	takesSources := want.Accept&(Agent|Scanner) != 0
	takesPersons := want.Accept&Person != 0
	switch {
	case takesSources && peer:
		return a.source(r, want)
	case takesPersons && isBearer:
		return a.person(r, personPrefix, bearer, want)
	case takesPersons && cookie != nil:
		if err := a.origin.Check(r); err != nil {
			return Caller{}, inventory.Errorf(inventory.CodeForbidden, "a request from another web site")
		}
		return a.person(r, cookiePrefix, cookie.Value, want)
	case peer || isBearer || cookie != nil:
		return Caller{}, inventory.Errorf(inventory.CodeForbidden, "this route does not take such credentials")
	}
	return Caller{}, inventory.Errorf(inventory.CodeUnauthenticated, "this route needs credentials")
}

func bearerOf(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

func (a *Authenticator) source(r *http.Request, want Demand) (Caller, error) {
	ctx, leaf := r.Context(), r.TLS.PeerCertificates[0]
	src, cert, err := a.lookup(ctx, serialOf(leaf))
	if inventory.CodeOf(err) == inventory.CodeNotFound {
		return Caller{}, refused("unknown to this collector")
	}
	if err != nil {
		return Caller{}, fmt.Errorf("look up client certificate: %w", err)
	}
	if err := a.check(leaf, src, cert, want.Expired); err != nil {
		if errors.Is(err, errReplaced) {
			// Whoever shows it has a copy or was restored from one: a person should know.
			if err := a.sources.FlagSource(ctx, src.ID, FlagOldKey, a.now()); err != nil {
				return Caller{}, fmt.Errorf("flag source: %w", err)
			}
		}
		return Caller{}, err
	}
	fresh := cert.UsedAt.IsZero()
	if fresh && !want.Contact {
		if err := a.sources.UseCertificate(ctx, src.ID, cert.Serial, a.now()); err != nil {
			return Caller{}, fmt.Errorf("note use of certificate: %w", err)
		}
		a.Forget()
	}
	c := Caller{Kind: Kind(src.Kind), ID: src.ID, Site: src.Site, Serial: cert.Serial, Fresh: fresh, Remote: r.RemoteAddr}
	if (src.Kind == inventory.KindAgent && want.Accept&Agent == 0) || (src.Kind == inventory.KindScanner && want.Accept&Scanner == 0) {
		return Caller{}, inventory.Errorf(inventory.CodeForbidden, "this route is not for a source of kind %s", src.Kind)
	}
	return c, nil
}

// Flags a person should look at.
const (
	FlagCopiedKey = "key on two machines"
	FlagOldKey    = "a replaced key was used"
)

var errReplaced = refused("replaced by a newer one: enrol again")

func refused(why string) error {
	return inventory.Errorf(inventory.CodeUnauthenticated, "client certificate: %s", why)
}

// check compares the certificate with what was issued and with the clock.
func (a *Authenticator) check(leaf *x509.Certificate, src Source, cert Certificate, expired bool) error {
	named, ok := sourceOf(leaf)
	key, isKey := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || !isKey || named.ID != src.ID || named.Kind != src.Kind || named.Site != src.Site {
		return refused("it does not name the source it was issued to")
	}
	hash, err := KeyHash(key)
	if err != nil || subtle.ConstantTimeCompare(hash, cert.Key) != 1 {
		return refused("its key is not the one it was issued for")
	}
	now := a.now()
	end := leaf.NotAfter
	if expired {
		end = end.Add(RenewGrace)
	}
	switch {
	case !src.RevokedAt.IsZero():
		return refused("revoked")
	case !cert.EndedAt.IsZero():
		return errReplaced
	case !now.Before(end):
		return refused("expired")
	case now.Before(leaf.NotBefore.Add(-24 * time.Hour)):
		return refused("not valid yet")
	}
	return nil
}

func (a *Authenticator) lookup(ctx context.Context, serial string) (Source, Certificate, error) {
	now := a.now()
	a.mu.Lock()
	hit, ok := a.cache[serial]
	a.mu.Unlock()
	if age := now.Sub(hit.at); ok && age >= 0 && age < cacheLife {
		return hit.src, hit.cert, nil
	}
	src, cert, err := a.sources.SourceBySerial(ctx, serial)
	if err != nil {
		return src, cert, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.cache) >= maxCached {
		clear(a.cache)
	}
	a.cache[serial] = cached{src: src, cert: cert, at: now}
	return src, cert, nil
}

// Forget empties the cache: after a revocation or a renewal in this process.
func (a *Authenticator) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.cache)
}

func (a *Authenticator) person(r *http.Request, prefix, text string, want Demand) (Caller, error) {
	if wait := a.guesses.wait(r.RemoteAddr); wait > 0 {
		return Caller{}, &ThrottledError{After: wait}
	}
	x, err := a.access(r.Context(), prefix, text)
	if inventory.CodeOf(err) == inventory.CodeUnauthenticated {
		a.guesses.fail(r.RemoteAddr)
	}
	if err != nil {
		return Caller{}, err
	}
	if x.Role < want.Role {
		return Caller{}, inventory.Errorf(inventory.CodeForbidden, "this needs the role %s", want.Role)
	}
	return Caller{Kind: KindPerson, ID: x.Person, Role: x.Role, Access: x.ID, Remote: r.RemoteAddr}, nil
}

// access does the same work for every text that is not good.
func (a *Authenticator) access(ctx context.Context, prefix, text string) (Access, error) {
	id, secret := splitToken(prefix, text)
	x, err := a.persons.Access(ctx, prefix+id)
	if err != nil && inventory.CodeOf(err) != inventory.CodeNotFound {
		return Access{}, fmt.Errorf("look up token: %w", err)
	}
	if same := sameHash(secret, x.Hash); !same || err != nil || !x.valid(a.now()) {
		return Access{}, inventory.Errorf(inventory.CodeUnauthenticated, "the token is not valid")
	}
	return x, nil
}

// SignIn trades a person's token for a session cookie. Wrong tokens all get the same
// answer, and an address that sends many has to wait (ThrottledError).
func (a *Authenticator) SignIn(r *http.Request, token inventory.Secret) (*http.Cookie, error) {
	caller, err := a.person(r, personPrefix, token.Reveal(), Demand{Role: Reader})
	if err != nil {
		return nil, err
	}
	text, x, err := newAccess(cookiePrefix, Access{Person: caller.ID, Role: caller.Role, Token: caller.Access}, SessionLife, a.now())
	if err != nil {
		return nil, err
	}
	if err := a.persons.AddAccess(r.Context(), x, caller.String()); err != nil {
		return nil, fmt.Errorf("keep session: %w", err)
	}
	// Lax: a link in a mail opens the page one is signed in to; posts are checked for their origin.
	return &http.Cookie{
		Name: SessionCookie, Value: text.Reveal(), Path: "/", MaxAge: int(SessionLife / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}, nil
}

// SignOut ends the caller's session and gives the cookie that clears the browser's. A
// caller who came with a token keeps it.
func (a *Authenticator) SignOut(ctx context.Context) (*http.Cookie, error) {
	if c := CallerOf(ctx); strings.HasPrefix(c.Access, cookiePrefix) {
		if err := a.persons.RevokeAccess(ctx, c.Access, c.String(), a.now()); err != nil {
			return nil, fmt.Errorf("end session: %w", err)
		}
	}
	return &http.Cookie{Name: SessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}, nil
}
