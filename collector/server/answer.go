package server

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// refusal is an answer given before a handler was reached. It has the form of a Connect
// error (JSON with code and message), which its clients and people can both read.
type refusal struct {
	status  int
	code    string // Connect's
	message string
	after   time.Duration // Retry-After
}

// refusalFor is how err is told to the caller.
func refusalFor(err error) refusal {
	var slow *identity.ThrottledError
	if errors.As(err, &slow) {
		// "unavailable" and not "resource_exhausted": clients come back after the one and give up at the other.
		return refusal{http.StatusTooManyRequests, "unavailable", slow.Error(), slow.After}
	}
	var r *refusal
	if errors.As(err, &r) {
		return *r
	}
	code := inventory.CodeOf(err)
	status := wire.HTTPStatus(code)
	var domain *inventory.Error
	if !errors.As(err, &domain) || code == inventory.CodeInternal {
		return refusal{status: status, code: "internal", message: "internal error"}
	}
	return refusal{status: status, code: connectName(code), message: domain.Message}
}

func (r *refusal) Error() string { return r.message }

// connectName is the code's name in Connect's error format.
func connectName(code inventory.Code) string {
	switch code {
	case inventory.CodeInvalid:
		return "invalid_argument"
	case inventory.CodeNotFound:
		return "not_found"
	case inventory.CodeConflict:
		return "already_exists"
	case inventory.CodeUnauthenticated:
		return "unauthenticated"
	case inventory.CodeForbidden:
		return "permission_denied"
	case inventory.CodeTooLarge:
		return "resource_exhausted"
	case inventory.CodeUnavailable:
		return "unavailable"
	case inventory.CodeInternal:
	}
	return "internal"
}

func tooLarge(message string) error {
	return &refusal{status: http.StatusRequestEntityTooLarge, code: "resource_exhausted", message: message}
}

func busy(message string) error {
	return &refusal{status: http.StatusServiceUnavailable, code: "unavailable", message: message, after: 5 * time.Second}
}

// refuse answers without a handler. What is left of the body is not waited for.
func refuse(w http.ResponseWriter, r *http.Request, ref refusal) {
	if r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
		if r.ProtoMajor < 2 {
			w.Header().Set("Connection", "close")
		}
	}
	h := w.Header()
	if ref.after > 0 || ref.status == http.StatusServiceUnavailable {
		// Spread what comes back, or it comes back all at once.
		seconds := 1 + int(ref.after/time.Second)
		h.Set("Retry-After", strconv.Itoa(seconds+rand.IntN(seconds+4)))
	}
	if ref.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	body, err := json.Marshal(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{ref.code, ref.message})
	if err != nil {
		body = []byte(`{"code":"internal"}`)
	}
	w.WriteHeader(ref.status)
	_, _ = w.Write(body)
}
