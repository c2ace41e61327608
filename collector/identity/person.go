package identity

import (
	"context"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Role is what a person may do; each role may do what the ones before it may.
type Role int

// The roles.
const (
	NoRole Role = iota
	Reader
	Administrator
)

// ParseRole reads a role's name.
func ParseRole(name string) (Role, error) {
	switch name {
	case "reader":
		return Reader, nil
	case "administrator", "admin":
		return Administrator, nil
	}
	return NoRole, inventory.Errorf(inventory.CodeInvalid, "role %q: reader and administrator are the roles", name)
}

func (r Role) String() string {
	switch r {
	case Reader:
		return "reader"
	case Administrator:
		return "administrator"
	case NoRole:
	}
	return "none"
}

// Access is a person's token, or the session that was opened with one, as kept:
// mta_<id>_<secret> in a header, mtc_<id>_<secret> in a cookie.
type Access struct {
	ID     string
	Hash   []byte
	Person string
	Role   Role
	// Token is the id of the token a session was opened with; a session ends with it. Empty for a token.
	Token     string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time
}

func (x *Access) valid(now time.Time) bool {
	return x.RevokedAt.IsZero() && (x.ExpiresAt.IsZero() || now.Before(x.ExpiresAt))
}

// PersonStore keeps persons' tokens and sessions.
type PersonStore interface {
	// Access finds a token or session that was not deleted, and for a session one whose
	// token still stands; CodeNotFound otherwise.
	Access(ctx context.Context, id string) (Access, error)
	AddAccess(ctx context.Context, x Access, by string) error
	RevokeAccess(ctx context.Context, id, by string, at time.Time) error
}

// SessionLife is how long a web session lasts.
const SessionLife = 12 * time.Hour

// SessionCookie is the name of the web session's cookie. The prefix makes browsers keep
// it to this host and to HTTPS (RFC 6265bis §4.1.3.2).
const SessionCookie = "__Host-muster"

// NewAccess makes a person's token. The text is shown once. A ttl of 0 means no end.
func NewAccess(person string, role Role, ttl time.Duration, now time.Time) (inventory.Secret, Access, error) {
	if person == "" || len(person) > 100 || strings.ContainsFunc(person, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", Access{}, inventory.Errorf(inventory.CodeInvalid, "name: 1 to 100 printable characters are allowed")
	}
	return newAccess(personPrefix, Access{Person: person, Role: role}, ttl, now)
}

func newAccess(prefix string, x Access, ttl time.Duration, now time.Time) (inventory.Secret, Access, error) {
	id, secret, err := newSecret()
	if err != nil {
		return "", Access{}, err
	}
	x.ID, x.Hash, x.CreatedAt = prefix+id, hashSecret(secret), now
	if ttl > 0 {
		x.ExpiresAt = now.Add(ttl)
	}
	return inventory.Secret(prefix + "_" + id + "_" + secret), x, nil
}

// AccessOf is the Access that a token's text stands for, as NewAccess made it: for a
// token that is in a file while the store does not know it yet.
func AccessOf(text inventory.Secret, person string, role Role, now time.Time) (Access, error) {
	id, secret := splitToken(personPrefix, text.Reveal())
	if len(secret) < 52 {
		return Access{}, inventory.Errorf(inventory.CodeInvalid, "not an administrator token")
	}
	return Access{ID: personPrefix + id, Hash: hashSecret(secret), Person: person, Role: role, CreatedAt: now}, nil
}
