package identity

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/muster-itam/muster/internal/inventory"
)

// EnrolStore keeps tokens and admits sources.
type EnrolStore interface {
	// Token finds an enrolment token; CodeNotFound otherwise.
	Token(ctx context.Context, id string) (Token, error)
	// Enrol takes one use of the token and adds the source with its certificate, in one
	// transaction. CodeUnauthenticated when the token no longer has a use left.
	Enrol(ctx context.Context, src Source, cert Certificate) error
	// Renew adds a certificate to the source and drops those that were never used; an
	// error when the source is revoked by now.
	Renew(ctx context.Context, id string, cert Certificate) error
	// Audit notes who did what.
	Audit(ctx context.Context, at time.Time, actor, action, target, detail string) error
}

// Enroller gives sources their identities.
type Enroller struct {
	authority *Authority
	store     EnrolStore
	log       *slog.Logger
	now       func() time.Time
	failures  *throttle // per remote address
	audited   *throttle // over all addresses: failures cannot be made to fill the disk
}

// NewEnroller makes an Enroller.
func NewEnroller(authority *Authority, store EnrolStore, log *slog.Logger, now func() time.Time) *Enroller {
	return &Enroller{
		authority: authority, store: store, log: log, now: now,
		failures: newThrottle(10, 6*time.Second, now),
		audited:  newThrottle(100, time.Second, now),
	}
}

// Request asks for an identity.
type Request struct {
	Token    inventory.Secret
	CSR      []byte
	Kind     inventory.SourceKind
	Hostname string
	Version  string
}

// errToken is the one answer to every token that is not good.
var errToken = inventory.Errorf(inventory.CodeUnauthenticated, "the enrolment token is not valid")

// Enrol admits a source. What is wrong with a request apart from its token is said first
// and to anyone; what is wrong with a token is told to the audit alone.
func (e *Enroller) Enrol(ctx context.Context, remote string, req Request) (Source, Certificate, error) {
	if wait := e.failures.wait(remote); wait > 0 {
		return Source{}, Certificate{}, &ThrottledError{After: wait}
	}
	if !validKind(req.Kind) {
		return Source{}, Certificate{}, inventory.Errorf(inventory.CodeInvalid, "kind %q: agent and scanner can enrol", clean(string(req.Kind), 20))
	}
	key, err := ParseRequest(req.CSR)
	if err != nil {
		return Source{}, Certificate{}, err
	}
	id, secret := splitToken(enrolPrefix, req.Token.Reveal())
	token, err := e.store.Token(ctx, id)
	if err != nil && inventory.CodeOf(err) != inventory.CodeNotFound {
		return Source{}, Certificate{}, fmt.Errorf("look up enrolment token: %w", err)
	}
	same := sameHash(secret, token.Hash)
	problem := token.Problem(e.now())
	switch {
	case err != nil:
		problem = "unknown"
	case !same:
		problem = "wrong secret"
	case problem == "" && !token.allows(req.Kind):
		problem = "not for kind " + string(req.Kind)
	}
	if problem != "" {
		return Source{}, Certificate{}, e.refuse(ctx, remote, id, problem)
	}
	src := Source{
		ID: uuid.NewString(), Kind: req.Kind, Site: token.Site, Class: token.Class, Token: token.ID,
		Hostname: clean(req.Hostname, 253), Version: clean(req.Version, 64), EnrolledAt: e.now(),
	}
	cert, err := e.authority.issueClient(src, key)
	if err != nil {
		return Source{}, Certificate{}, fmt.Errorf("issue certificate: %w", err)
	}
	switch err := e.store.Enrol(ctx, src, cert); {
	case inventory.CodeOf(err) == inventory.CodeUnauthenticated:
		return Source{}, Certificate{}, e.refuse(ctx, remote, id, "used up")
	case err != nil:
		return Source{}, Certificate{}, fmt.Errorf("enrol source: %w", err)
	}
	e.log.InfoContext(ctx, "source enrolled", "kind", src.Kind, "id", src.ID, "site", src.Site, "token", token.ID, "remote", remote)
	return src, cert, nil
}

func (e *Enroller) refuse(ctx context.Context, remote, token, problem string) error {
	e.failures.fail(remote)
	e.log.WarnContext(ctx, "enrolment refused", "remote", remote, "token", clean(token, 20), "problem", problem)
	if e.audited.wait("") > 0 {
		return errToken
	}
	e.audited.fail("")
	if err := e.store.Audit(ctx, e.now(), "remote:"+network(remote), "enrol refused", "token:"+clean(token, 20), problem); err != nil {
		e.log.ErrorContext(ctx, "refused enrolment not audited", "error", err)
	}
	return errToken
}

// Renew gives the caller, a source proven by its present certificate, one for a new key.
func (e *Enroller) Renew(ctx context.Context, caller Caller, csr []byte) (Certificate, error) {
	key, err := ParseRequest(csr)
	if err != nil {
		return Certificate{}, err
	}
	in := caller.Source()
	cert, err := e.authority.issueClient(Source{ID: in.ID, Kind: in.Kind, Site: in.Site}, key)
	if err != nil {
		return Certificate{}, fmt.Errorf("issue certificate: %w", err)
	}
	if err := e.store.Renew(ctx, in.ID, cert); err != nil {
		return Certificate{}, fmt.Errorf("renew certificate: %w", err)
	}
	e.log.InfoContext(ctx, "certificate renewed", "kind", in.Kind, "id", in.ID, "serial", cert.Serial)
	return cert, nil
}

// Roots are the authorities a source is to trust from now on, DER.
func (e *Enroller) Roots() [][]byte { return e.authority.Roots() }

// clean makes what a stranger says fit to show: no control or direction characters, at most n bytes.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s[:min(len(s), 4*n)])
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
