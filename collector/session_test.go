package collector_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/server"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// signInRoutes are what a web page needs of identity.
func signInRoutes(env collector.Env) error {
	open, page := server.Open(), server.Page()
	env.Routes.Allow(map[string]server.Policy{"POST /test/in": open, "POST /test/out": page})
	env.Routes.Handle("POST /test/in", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, err := env.Auth.SignIn(r, inventory.Secret(r.FormValue("token")))
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.SetCookie(w, cookie)
	}))
	env.Routes.Handle("POST /test/out", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, err := env.Auth.SignOut(r.Context())
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		http.SetCookie(w, cookie)
	}))
	return nil
}

// openSession trades a token for a session's cookie, by signInRoutes.
func (r *rig) openSession(token string) (cookie string, status int) {
	r.t.Helper()
	got := r.post(r.client(), "/test/in", "application/x-www-form-urlencoded", strings.NewReader("token="+token))
	cookie, _, _ = strings.Cut(got.header.Get("Set-Cookie"), ";")
	return cookie, got.status
}

// listWith asks a person's question with a cookie.
func (r *rig) listWith(cookie string, more ...string) int {
	r.t.Helper()
	return r.post(r.client(), musterv1connect.InventoryServiceListSourcesProcedure, "application/json", strings.NewReader("{}"), append(more, "Cookie", cookie)...).status
}

// A session opens what its token does, to the same site only, and ends with the token,
// with signing out and with time.
func TestSessions(t *testing.T) {
	r := startWith(t, t.TempDir(), &clock{now: time.Now()}, signInRoutes)
	text, access, err := identity.NewAccess("ann", identity.Reader, 30*24*time.Hour, r.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Store.AddAccess(t.Context(), access, "test"); err != nil {
		t.Fatal(err)
	}
	signIn, list := r.openSession, r.listWith
	cookie, status := signIn(text.Reveal())
	if status != http.StatusOK || !strings.HasPrefix(cookie, "__Host-") {
		t.Fatalf("signed in with %d %q", status, cookie)
	}
	if strings.Contains(cookie, text.Reveal()) {
		t.Error("the token is in the cookie")
	}
	for name, c := range map[string]struct{ got, want int }{
		"own page":         {list(cookie, "Sec-Fetch-Site", "same-origin"), http.StatusOK},
		"another site":     {list(cookie, "Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		"a sibling site":   {list(cookie, "Sec-Fetch-Site", "same-site"), http.StatusForbidden},
		"another origin":   {list(cookie, "Origin", "https://evil.example"), http.StatusForbidden},
		"a changed cookie": {list(cookie + "x"), http.StatusUnauthorized},
		"token as cookie":  {list(identity.SessionCookie + "=" + text.Reveal()), http.StatusUnauthorized},
		"cookie as token":  {list("", "Authorization", "Bearer "+strings.TrimPrefix(cookie, identity.SessionCookie+"=")), http.StatusUnauthorized},
		"a higher role":    {r.post(r.client(), musterv1connect.InventoryServiceRevokeSourceProcedure, "application/json", strings.NewReader("{}"), "Cookie", cookie).status, http.StatusForbidden},
		"a source's route": {r.post(r.client(), musterv1connect.IngestServiceReportProcedure, "application/proto", nil, "Cookie", cookie).status, http.StatusForbidden},
		"nothing at all":   {list("a=b"), http.StatusUnauthorized},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", name, c.got, c.want)
		}
	}
	if got := r.post(r.client(), "/test/out", "", nil, "Cookie", cookie); got.status != http.StatusOK || list(cookie) != http.StatusUnauthorized {
		t.Errorf("after signing out: %d, then %d", got.status, list(cookie))
	}
	cookie, _ = signIn(text.Reveal())
	r.clock.Add(identity.SessionLife + time.Minute)
	if got := list(cookie); got != http.StatusUnauthorized {
		t.Errorf("a session after its time: %d", got)
	}
	cookie, _ = signIn(text.Reveal())
	if err := r.Store.RevokeAccess(t.Context(), access.ID, "test", r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if got := list(cookie); got != http.StatusUnauthorized {
		t.Errorf("a session of a revoked token: %d", got)
	}
	// A10: guesses are slowed down and answered alike.
	bodies := map[string]bool{}
	for range 60 {
		got := r.post(r.client(), musterv1connect.InventoryServiceListSourcesProcedure, "application/json", strings.NewReader("{}"), "Authorization", "Bearer mta_1_2")
		bodies[got.body] = true
		if got.status == http.StatusTooManyRequests {
			if got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			break
		}
	}
	if len(bodies) != 2 {
		t.Errorf("guesses are answered with %v", bodies)
	}
}
