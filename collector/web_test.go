package collector_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/muster-itam/muster/collector/identity"
)

// browser is a person's, signed in.
type browser struct {
	*rig
	cookie string
}

func (r *rig) signIn(token string, headers ...string) reply {
	return r.post(r.client(), "/sign-in", "application/x-www-form-urlencoded", strings.NewReader(url.Values{"token": {token}}.Encode()), headers...)
}

func (r *rig) browser() browser {
	r.t.Helper()
	got := r.signIn(r.admin())
	cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/" || cookie == "" {
		r.t.Fatalf("sign-in: %d %q", got.status, got.header.Get("Set-Cookie"))
	}
	return browser{r, cookie}
}

func (b browser) get(path string) reply {
	b.t.Helper()
	return b.do(b.client(), http.MethodGet, path, "", nil, "Cookie", b.cookie)
}

func TestWebSignIn(t *testing.T) {
	r := start(t)
	for _, path := range []string{"/", "/assets/a1", "/software", "/changes", "/sources"} {
		if got := r.do(r.client(), http.MethodGet, path, "", nil); got.status != http.StatusSeeOther || got.header.Get("Location") != "/sign-in" {
			t.Errorf("%s without session: %d", path, got.status)
		}
	}
	if got := r.do(r.client(), http.MethodGet, "/sign-in", "", nil); got.status != http.StatusOK || !strings.Contains(got.body, `type="password"`) {
		t.Errorf("sign-in page: %d", got.status)
	}
	wrong := r.signIn("mta_0123456789ab_" + strings.Repeat("a", 52))
	if wrong.status != http.StatusUnauthorized || !strings.Contains(wrong.body, "not valid here") || wrong.header.Get("Set-Cookie") != "" {
		t.Errorf("wrong token: %d", wrong.status)
	}
	if got := r.signIn(""); got.status != http.StatusUnauthorized || got.body != wrong.body {
		t.Errorf("no token: %d, answered otherwise than a wrong one", got.status)
	}
	if got := r.signIn(r.admin(), "Sec-Fetch-Site", "cross-site"); got.status != http.StatusForbidden || got.header.Get("Set-Cookie") != "" {
		t.Errorf("sign-in by another site: %d", got.status)
	}
	b := r.browser()
	if got := b.get("/"); got.status != http.StatusOK || !strings.Contains(got.body, "No assets yet") {
		t.Errorf("empty inventory: %d", got.status)
	}
	if got := r.post(r.client(), "/sign-out", "", nil, "Cookie", b.cookie, "Sec-Fetch-Site", "cross-site"); got.status != http.StatusForbidden {
		t.Errorf("sign-out by another site: %d", got.status)
	}
	if got := r.post(r.client(), "/sign-out", "", nil, "Cookie", b.cookie); got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Set-Cookie"), identity.SessionCookie+"=;") {
		t.Errorf("sign-out: %d %q", got.status, got.header.Get("Set-Cookie"))
	}
	if got := b.get("/"); got.status != http.StatusSeeOther {
		t.Errorf("after signing out: %d", got.status)
	}
	for range 60 {
		if got := r.signIn("mta_1_2"); got.status == http.StatusTooManyRequests {
			if got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "Too many attempts") {
				t.Errorf("throttled with %q", got.body)
			}
			return
		}
	}
	t.Error("guessing is never slowed down")
}

func TestWebPages(t *testing.T) {
	r := start(t)
	e := newEstate(r)
	before := r.clock.Now().Add(time.Second)
	r.clock.Add(time.Hour)
	e.send(r, e.laptop, "", lap1(), packages("openssl 3.0.15-1~deb12u1", "bash 5.2.15-2+b7"))
	b := r.browser()
	for path, want := range map[string]struct {
		status int
		has    []string
	}{
		"/":                {200, []string{"<strong>4</strong> assets", `href="/assets/a1"`, `href="/?sort=name"`, "+1</span>"}},
		"/?q=class:switch": {200, []string{"<strong>1</strong> asset", "sw1", `value="class:switch"`}},
		"/?sort=name":      {200, []string{`href="/?sort=-name"`, "▲"}},
		"/?q=nothing":      {200, []string{"No assets match"}},
		"/?q=nope:1":       {400, []string{"unknown field", `value="nope:1"`, "vendor"}},
		"/?sort=doc":       {400, []string{"unknown key"}},
		"/?cursor=x":       {400, []string{"cursor"}},
		"/?as_of=soon":     {400, []string{"is no time such as"}},
		"/?q=" + url.QueryEscape("software:openssl<3.0.15") + "&as_of=" + url.QueryEscape(before.Format(time.RFC3339)): {200, []string{"lap1", "as of"}},
		"/assets/a1":                     {200, []string{"PF4ABC12", "ThinkPad X13 Gen 5", "DIMM A", "S6XNNE0T123456", "3.0.11-1~deb12u2 → 3.0.15-1~deb12u1", "lldpd.socket: permission denied"}},
		"/assets/a2":                     {200, []string{"the same from scanner", "bc:24:11:0a:0b:0c", `href="/assets/a4"`, "Why this is one asset", "443/tcp", "Connected to"}},
		"/topology":                      {200, []string{"No cables known"}},
		"/topology?around=web1&depth=2":  {200, []string{`value="web1"`, "<strong>1</strong> station", "bc:24:11:0a:0b:0c"}},
		"/topology?around=nobody":        {404, []string{"nothing is known as", `value="nobody"`}},
		"/topology?around=web1&depth=x":  {400, []string{"is no number"}},
		"/topology?around=web1&depth=99": {400, []string{"0 to 32 allowed"}},
		"/assets/a4": {200, []string{"half duplex", "tagged 20-29", "in Trk1", "power delivering, class 4", "<td class=\"num\">10</td><td class=\"text\">office</td>",
			"10.77.1.1", "backup", "wpa3", "fuser kit", "85%", "outlet 3", "71000 mW"}},
		"/assets/a3":              {200, []string{"a3 is a former id"}},
		"/assets/a1?software=ssl": {200, []string{"1 of 2 titles"}},
		"/assets/a1?software=zzz": {200, []string{"No title matches"}},
		"/assets/a1?as_of=" + url.QueryEscape(before.Format(time.RFC3339)): {200, []string{"As it was on", "firefox-esr"}},
		"/assets/a99":          {404, []string{"there is no asset a99"}},
		"/assets/x":            {400, []string{"asset id"}},
		"/software":            {200, []string{"nginx", "<strong>4</strong> titles"}},
		"/software?name=nginx": {200, []string{"<strong>1</strong> title", `href="/?q=software`}},
		"/software?cursor=x":   {400, []string{"cursor"}},
		"/changes":             {200, []string{"appeared", "changed", "lap1"}},
		"/changes?asset=a2":    {200, []string{"web1"}},
		"/changes?asset=a99":   {400, []string{"no asset a99"}},
		"/changes?since=2199":  {200, []string{"Nothing changed"}},
		"/sources":             {200, []string{e.laptop.id, "<strong>4</strong> sources"}},
	} {
		t.Run(path, func(t *testing.T) {
			got := b.get(path)
			if got.status != want.status {
				t.Errorf("status %d, want %d", got.status, want.status)
			}
			for _, s := range want.has {
				if !strings.Contains(got.body, s) {
					t.Errorf("%q is not on the page", s)
				}
			}
			checkPage(t, got)
		})
	}
	// The link from a title finds who has it.
	page := b.get("/software?name=nginx").body
	_, link, _ := strings.Cut(page, `href="/?q=software`)
	link, _, _ = strings.Cut(link, `"`)
	if got := b.get("/?q=software" + strings.ReplaceAll(link, "&amp;", "&")); !strings.Contains(got.body, "<strong>1</strong> asset") {
		t.Errorf("link of a title finds: %d", got.status)
	}
	for path, want := range map[string]int{"/static/style.css": 200, "/static/icon.svg": 200, "/static/": 404, "/static/../web.go": 404, "/static/nope": 404} {
		if got := r.do(r.client(), http.MethodGet, path, "", nil); got.status != want && got.status != http.StatusTemporaryRedirect && got.status != http.StatusMovedPermanently {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
}

// checkPage asserts what holds for every page (A15): the policy forbids scripts and
// framing, nothing from outside became markup, and no character drives or reverses the text.
func checkPage(t *testing.T, got reply) {
	t.Helper()
	policy := got.header.Get("Content-Security-Policy")
	for _, must := range []string{"default-src 'none'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, must) {
			t.Errorf("policy %q lacks %s", policy, must)
		}
	}
	if strings.Contains(policy, "unsafe") || got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.header)
	}
	for _, never := range []string{"<script", "onerror=", " style=", "javascript:", "#ZgotmplZ"} {
		if strings.Contains(strings.ToLower(got.body), strings.ToLower(never)) {
			t.Errorf("page has %s", never)
		}
	}
	for _, c := range got.body {
		if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)) {
			t.Errorf("page has %U", c)
		}
	}
}

// A13, A15: hostile texts are kept as they are and shown harmlessly, also where they come from the address line.
func TestA15_HostileTextOnPages(t *testing.T) {
	r := start(t)
	newEstate(r)
	b := r.browser()
	for _, path := range []string{"/", "/assets/a5", "/software", "/changes", "/changes?asset=a5", "/sources"} {
		got := b.get(path)
		if got.status != http.StatusOK {
			t.Errorf("%s: %d", path, got.status)
		}
		if path != "/sources" && !strings.Contains(got.body, "&lt;script&gt;alert(1)&lt;/script&gt;") {
			t.Errorf("%s does not show the hostile text", path)
		}
		checkPage(t, got)
	}
	q := url.QueryEscape(hostile)
	for _, path := range []string{"/?q=" + q, "/?as_of=" + q, "/?sort=" + q, "/?cursor=" + q, "/assets/" + url.PathEscape(hostile), "/assets/a1?software=" + q,
		"/assets/a1?as_of=" + q, "/software?name=" + q, "/changes?asset=" + q, "/changes?since=" + q} {
		got := b.get(path)
		if got.status != http.StatusOK && got.status != http.StatusBadRequest {
			t.Errorf("%s: %d", path, got.status)
		}
		checkPage(t, got)
	}
	if a := r.named(`machine_id=00000000000000000000000000000bad or name:"drop table"`); a.GetName() != hostile || a.GetSerial() != hostile {
		t.Errorf("kept as %q", a.GetName())
	}
}
