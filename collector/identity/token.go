package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Tokens are text made for copying: a prefix that secret scanners can know, an id to look
// up and to talk about, and 256 random bits. The store keeps the SHA-256 of the secret: a
// slow password hash guards guessable secrets, and these cannot be guessed, so it would
// only hand an attacker a way to burn our processor.
const (
	enrolPrefix  = "mst"
	personPrefix = "mta"
	cookiePrefix = "mtc"

	maxToken = 256
)

var lower32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newSecret makes a token's id and secret. Neither contains an underscore.
func newSecret() (id, secret string, err error) {
	b := make([]byte, 6+32)
	if _, err := rand.Read(b); err != nil {
		return "", "", fmt.Errorf("make token: %w", err)
	}
	return hex.EncodeToString(b[:6]), lower32.EncodeToString(b[6:]), nil
}

func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// splitToken takes a token apart without judging it: what is no token has an id that
// nothing has, so that it takes the same way and time as a wrong one.
func splitToken(prefix, text string) (id, secret string) {
	if len(text) > maxToken {
		text = ""
	}
	parts := strings.Split(strings.TrimSpace(text), "_")
	if len(parts) < 3 || parts[0] != prefix {
		return "-", ""
	}
	return parts[1], parts[2]
}

// sameHash compares in constant time.
func sameHash(secret string, hash []byte) bool {
	return subtle.ConstantTimeCompare(hashSecret(secret), hash) == 1
}

// Token is an enrolment token as kept: mst_<id>_<secret>_<fingerprint of the root in use>.
type Token struct {
	ID   string
	Hash []byte
	Site string
	// Class is a label that its sources get. The classes agent and scanner restrict the
	// token to that kind of source.
	Class     string
	Uses      int // how often it may be used
	Used      int
	CreatedAt time.Time
	CreatedBy string
	ExpiresAt time.Time
	RevokedAt time.Time
}

// Defaults and bounds of enrolment tokens.
const (
	DefaultUses = 100
	MaxUses     = 1_000_000
	DefaultTTL  = 7 * 24 * time.Hour
	MaxTTL      = 366 * 24 * time.Hour
)

var className = regexp.MustCompile(`^[a-z0-9][a-z0-9 ._-]{0,62}$`)

// NewToken makes an enrolment token from the site, class, uses and life asked for. The
// text is shown once; the Token is what to keep.
func (a *Authority) NewToken(site, class string, uses int, ttl time.Duration, by string) (inventory.Secret, Token, error) {
	site, err := CheckSite(site)
	switch {
	case err != nil:
		return "", Token{}, err
	case class != "" && !className.MatchString(class):
		return "", Token{}, inventory.Errorf(inventory.CodeInvalid, "class %q: a class is up to 63 lower-case letters, digits, dots, dashes, underscores and spaces", class)
	case uses < 1 || uses > MaxUses:
		return "", Token{}, inventory.Errorf(inventory.CodeInvalid, "uses: %d given, 1 to %d allowed", uses, MaxUses)
	case ttl < time.Minute || ttl > MaxTTL:
		return "", Token{}, inventory.Errorf(inventory.CodeInvalid, "ttl: %v given, 1m to %v allowed", ttl, MaxTTL)
	}
	id, secret, err := newSecret()
	if err != nil {
		return "", Token{}, err
	}
	now := a.now()
	text := strings.Join([]string{enrolPrefix, id, secret, a.Fingerprint()}, "_")
	return inventory.Secret(text), Token{
		ID: id, Hash: hashSecret(secret), Site: site, Class: class, Uses: uses,
		CreatedAt: now, CreatedBy: by, ExpiresAt: now.Add(ttl),
	}, nil
}

// allows says whether the token may enrol a source of that kind.
func (t *Token) allows(kind inventory.SourceKind) bool {
	return !validKind(inventory.SourceKind(t.Class)) || t.Class == string(kind)
}

// Problem says why the token cannot be used at now; "" when it can.
func (t *Token) Problem(now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked"
	case !now.Before(t.ExpiresAt):
		return "expired"
	case t.Used >= t.Uses:
		return "used up"
	}
	return ""
}
