// Package web is the inventory's web page: sign-in, lists and one asset, rendered on the
// server, without scripts.
//
// It owns how answers look in a browser and the headers that keep them harmless there:
// what assets report about themselves comes from outside. It refuses to decide who may
// see it (collector/server did) or what a question means (collector/query does).
// collector mounts it.
package web

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
	"github.com/muster-itam/muster/internal/wire"
)

//go:embed templates/*.html static/*
var files embed.FS

// SignInPage is where browsers without a session are to be sent.
const SignInPage = "/sign-in"

// Sessions signs persons in and out; *identity.Authenticator does.
type Sessions interface {
	SignIn(r *http.Request, token inventory.Secret) (*http.Cookie, error)
	SignOut(ctx context.Context) (*http.Cookie, error)
}

// Site is the web page.
type Site struct {
	query    *query.Inventory
	orders   Orders
	sessions Sessions
	log      *slog.Logger
	now      func() time.Time
	origin   *http.CrossOriginProtection
	pages    map[string]*template.Template
	style    string // of the style sheet, changes with its content
}

// New makes the site.
func New(q *query.Inventory, orders Orders, sessions Sessions, log *slog.Logger, now func() time.Time) (*Site, error) {
	s := &Site{query: q, orders: orders, sessions: sessions, log: log, now: now, origin: http.NewCrossOriginProtection(), pages: map[string]*template.Template{}}
	css, err := files.ReadFile("static/style.css")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(css)
	s.style = "/static/style.css?v=" + hex.EncodeToString(sum[:6])
	for _, name := range []string{"assets", "asset", "software", "changes", "sources", "topology", "scans", "unidentified", "signin", "error"} {
		t, err := template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		s.pages[name] = t
	}
	return s, nil
}

// Route is one route of the site with who may use it.
type Route struct {
	Pattern string
	// Open routes are for anyone; the others for persons who are signed in.
	Open bool
	// Order routes change something: for administrators alone.
	Order   bool
	Handler http.Handler
}

// Routes are all routes of the site.
func (s *Site) Routes() []Route {
	static, err := fs.Sub(files, "static")
	if err != nil {
		static = files // "static" is a valid path: it is embedded above
	}
	return []Route{
		{Pattern: "GET /{$}", Handler: s.page("assets", s.assets)},
		{Pattern: "GET /assets/{id}", Handler: s.page("asset", s.asset)},
		{Pattern: "GET /software", Handler: s.page("software", s.software)},
		{Pattern: "GET /changes", Handler: s.page("changes", s.changes)},
		{Pattern: "GET /topology", Handler: s.page("topology", s.topology)},
		{Pattern: "GET /sources", Handler: s.page("sources", s.sources)},
		{Pattern: "GET /scans", Handler: s.page("scans", s.scans)},
		{Pattern: "POST /scans/{id}/{order}", Order: true, Handler: http.HandlerFunc(s.orderScan)},
		{Pattern: "GET /unidentified", Handler: s.page("unidentified", s.unidentified)},
		{Pattern: "GET " + SignInPage, Open: true, Handler: s.page("signin", func(*http.Request) (content, error) { return &signIn{}, nil })},
		{Pattern: "POST " + SignInPage, Open: true, Handler: http.HandlerFunc(s.signIn)},
		{Pattern: "POST /sign-out", Handler: http.HandlerFunc(s.signOut)},
		{Pattern: "GET /static/", Open: true, Handler: http.StripPrefix("/static/", cached(http.FileServerFS(static)))},
	}
}

// cached lets browsers keep static files: their addresses change with their content.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") || r.URL.Path == "" {
			http.NotFound(w, r) // no listings
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=86400")
		next.ServeHTTP(w, r)
	})
}

// content is what one page shows; every page embeds frame.
type content interface{ base() *frame }

// frame is what all pages have.
type frame struct {
	Title  string
	Person string
	Style  string
	Nav    string // which entry of the navigation this is
	Now    time.Time
	Error  string // what was wrong with the question, shown beside it
	// Refresh has the browser ask again: something on the page is under way.
	Refresh bool
	status  int
}

func (f *frame) base() *frame { return f }

// page serves a page. An error that has no place on the page itself gets the error page.
func (s *Site) page(name string, show func(*http.Request) (content, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := show(r)
		if err != nil {
			s.failed(w, r, err)
			return
		}
		s.render(w, r, name, c)
	})
}

// failure is the error page.
type failure struct {
	frame
	Code    int
	Request string
}

func (s *Site) failed(w http.ResponseWriter, r *http.Request, err error) {
	status := wire.HTTPStatus(inventory.CodeOf(err))
	f := &failure{frame: frame{Title: http.StatusText(status), Error: err.Error(), status: status}, Code: status, Request: w.Header().Get("X-Request-Id")}
	if status == http.StatusInternalServerError {
		s.log.ErrorContext(r.Context(), "page failed", "request_id", f.Request, "path", r.URL.Path, "error", err)
		f.Error = "Something went wrong here. The collector's log has the details."
	}
	s.render(w, r, "error", f)
}

func (s *Site) render(w http.ResponseWriter, r *http.Request, name string, c content) {
	f := c.base()
	f.Style, f.Now = s.style, s.now()
	if caller := identity.CallerOf(r.Context()); caller.Kind == identity.KindPerson {
		f.Person = caller.ID
	}
	var b strings.Builder
	if err := s.pages[name].Execute(&b, c); err != nil {
		s.log.ErrorContext(r.Context(), "page failed", "request_id", w.Header().Get("X-Request-Id"), "page", name, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	protect(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	if f.status != 0 {
		w.WriteHeader(f.status)
	}
	// The template escaped the markup. Marks that reverse or hide text are left: nothing
	// on our pages needs them, so they all become visible here.
	_, _ = w.Write([]byte(output.CleanLines(b.String())))
}

// protect sets the headers of every page.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// signIn is the sign-in page.
type signIn struct{ frame }

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	if err := s.origin.Check(r); err != nil {
		s.failed(w, r, inventory.Errorf(inventory.CodeForbidden, "This request came from another web site."))
		return
	}
	if err := r.ParseForm(); err != nil {
		s.failed(w, r, inventory.Errorf(inventory.CodeInvalid, "The form could not be read."))
		return
	}
	cookie, err := s.sessions.SignIn(r, inventory.Secret(strings.TrimSpace(r.PostForm.Get("token"))))
	var slow *identity.ThrottledError
	switch {
	case err == nil:
		http.SetCookie(w, cookie)
		protect(w.Header())
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case errors.As(err, &slow):
		w.Header().Set("Retry-After", fmt.Sprint(1+int(slow.After.Seconds())))
		s.render(w, r, "signin", &signIn{frame{Error: "Too many attempts. Please wait a little.", status: http.StatusTooManyRequests}})
	case inventory.CodeOf(err) == inventory.CodeUnauthenticated:
		s.render(w, r, "signin", &signIn{frame{Error: "This token is not valid here.", status: http.StatusUnauthorized}})
	default:
		s.failed(w, r, err)
	}
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	cookie, err := s.sessions.SignOut(r.Context())
	if err != nil && inventory.CodeOf(err) != inventory.CodeNotFound { // not found: ended already
		s.failed(w, r, err)
		return
	}
	if cookie != nil {
		http.SetCookie(w, cookie)
	}
	protect(w.Header())
	http.Redirect(w, r, SignInPage, http.StatusSeeOther)
}
