package service

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// page is an answer of HTTP (RFC 9112), read leniently: what embedded servers send is often
// not quite it.
type page struct {
	status int
	head   map[string]string // by name in lower case, the first of each
	body   []byte
}

// maxHeaders is how many header lines are looked at.
const maxHeaders = 100

var statusLine = regexp.MustCompile(`^HTTP/\d(?:\.\d)? +(\d{3})\b`)

func parsePage(b []byte) (page, bool) {
	m := statusLine.FindSubmatch(b)
	if m == nil {
		return page{}, false
	}
	p := page{head: map[string]string{}}
	p.status, _ = strconv.Atoi(string(m[1])) // three digits
	_, rest, _ := bytes.Cut(b, []byte("\n"))
	for n := 0; len(rest) > 0; n++ {
		var row []byte
		row, rest, _ = bytes.Cut(rest, []byte("\n"))
		row = bytes.TrimRight(row, "\r")
		if len(row) == 0 {
			break
		}
		name, value, ok := bytes.Cut(row, []byte(":"))
		if key := strings.ToLower(string(bytes.TrimSpace(name))); ok && n < maxHeaders && p.head[key] == "" {
			p.head[key] = string(bytes.TrimSpace(value[:min(len(value), maxHead)]))
		}
	}
	p.body = rest
	if strings.EqualFold(p.head["transfer-encoding"], "chunked") {
		p.body, _ = io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(rest))) // what came before a fault counts
	}
	return p, true
}

// wholePage makes what tells whether a growing text is an answer with all of its body. The headers
// are parsed once, when they are there.
func wholePage() func([]byte) bool {
	var body int // where it begins; 0 while that is not known
	var done func(body []byte) bool
	return func(b []byte) bool {
		if body == 0 {
			end := bytes.Index(b, []byte("\r\n\r\n"))
			if end < 0 {
				return false
			}
			body = end + 4
			done = bodyEnd(b[:body])
		}
		return done(b[body:])
	}
}

// bodyEnd tells, by an answer's headers, whether a body is complete.
func bodyEnd(headers []byte) func(body []byte) bool {
	p, ok := parsePage(headers)
	if !ok {
		return func([]byte) bool { return true }
	}
	if strings.EqualFold(p.head["transfer-encoding"], "chunked") {
		return func(body []byte) bool {
			return bytes.HasSuffix(body, []byte("\r\n0\r\n\r\n")) || bytes.Equal(body, []byte("0\r\n\r\n"))
		}
	}
	n, err := strconv.Atoi(p.head["content-length"])
	return func(body []byte) bool { return err == nil && len(body) >= n }
}

var (
	realmOf = regexp.MustCompile(`(?i)\brealm="([^"]*)"`)
	iconRel = regexp.MustCompile(`(?i)\brel=["']?(?:shortcut )?icon\b`)
	hrefOf  = regexp.MustCompile(`(?i)\bhref=["']?([^"'\s>]+)`)
)

// Limits of what is looked at in a page.
const (
	maxTag   = 1000 // bytes of a tag, and of a title
	maxLinks = 32
	maxHead  = 4096 // bytes of one header
)

// tag is the text of the first tag of this name, given as "<name" in lower case, without its
// end, and what follows it.
func tag(body []byte, name string) (text, rest []byte) {
	at := foldIndex(body, name)
	if at < 0 {
		return nil, nil
	}
	body = body[at:]
	end := bytes.IndexByte(body[:min(len(body), maxTag)], '>')
	if end < 0 {
		return nil, body[len(name):]
	}
	return body[:end], body[end+1:]
}

// foldIndex is where part, in lower case ASCII, is first in b in any case.
func foldIndex(b []byte, part string) int {
	for i := 0; ; i++ {
		n := bytes.IndexByte(b[i:], part[0])
		if n < 0 || i+n+len(part) > len(b) {
			return -1
		}
		if i += n; strings.EqualFold(string(b[i:i+len(part)]), part) {
			return i
		}
	}
}

func (p page) title() string {
	start, rest := tag(p.body, "<title")
	if start == nil {
		return ""
	}
	rest = rest[:min(len(rest), maxTag)]
	if end := foldIndex(rest, "</title"); end >= 0 {
		return html.UnescapeString(string(rest[:end]))
	}
	return ""
}

// icon is where the page says that its icon is; ok tells whether it says so.
func (p page) icon() (ref string, ok bool) {
	rest := p.body
	for range maxLinks {
		var link []byte
		if link, rest = tag(rest, "<link"); rest == nil {
			break
		}
		if iconRel.Match(link) {
			if m := hrefOf.FindSubmatch(link); m != nil {
				return string(m[1]), true
			}
		}
	}
	return "", false
}

func (p page) facts() Facts {
	f := Facts{}
	f.set("http.status", strconv.Itoa(p.status))
	f.set("http.server", p.head["server"])
	f.set("http.powered_by", p.head["x-powered-by"])
	f.set("http.title", p.title())
	if auth := p.head["www-authenticate"]; auth != "" {
		scheme, _, _ := strings.Cut(auth, " ")
		f.set("http.auth", scheme)
		if m := realmOf.FindStringSubmatch(auth); m != nil {
			f.set("http.realm", m[1])
		}
	}
	return f
}

// banner is what a person is shown of a page.
func (f Facts) banner() string {
	out := f["http.status"]
	for _, name := range []string{"http.server", "http.title", "http.realm"} {
		if f[name] != "" {
			out += ", " + f[name]
		}
	}
	return Clean(out, maxBanner)
}

// web asks one server, over TLS or not.
type web struct {
	*line
	secure bool
	tls    Facts
}

var errNoTLS = errors.New("no TLS")

// get sends one request on a connection of its own and reads up to room bytes of the answer.
func (w *web) get(ctx context.Context, method, path string, head, body string, room int) (page, error) {
	c, err := w.dial(ctx)
	if err != nil {
		return page{}, err
	}
	defer c.close()
	c.room = room
	var stream io.ReadWriter = c
	if w.secure {
		c.room += exchangeRoom // certificates
		t, err := shakeHands(ctx, c)
		if err != nil {
			return page{}, fmt.Errorf("%w: %w", errNoTLS, err)
		}
		if w.tls == nil {
			w.tls = tlsFacts(t)
		}
		stream = t
	}
	request := method + " " + path + " HTTP/1.1\r\nHost: " + w.host() +
		"\r\nUser-Agent: muster-scanner\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n" + head + "\r\n" + body
	if _, err := stream.Write([]byte(request)); err != nil {
		return page{}, err
	}
	p, ok := parsePage(collect(bufio.NewReader(stream), room, wholePage()))
	if !ok {
		return page{}, errors.New("no answer of HTTP")
	}
	return p, nil
}

func (w *web) host() string {
	host := w.at.Addr().String()
	if w.at.Addr().Is6() {
		host = "[" + host + "]"
	}
	if w.at.Port() == 80 && !w.secure || w.at.Port() == 443 && w.secure {
		return host
	}
	return net.JoinHostPort(w.at.Addr().String(), strconv.Itoa(int(w.at.Port())))
}

// maxRedirects is how often a page is followed to another on the same server.
const maxRedirects = 2

// front is the server's first page, with those that led there followed.
func (w *web) front(ctx context.Context) (page, *url.URL, error) {
	at := w.root()
	p, err := w.get(ctx, "GET", "/", "", "", exchangeRoom)
	for range maxRedirects {
		next := w.redirect(at, p)
		if next == nil {
			break
		}
		q, gone := w.get(ctx, "GET", next.RequestURI(), "", "", exchangeRoom)
		if gone != nil {
			break // the page that led there is an answer, too
		}
		for _, name := range []string{"server", "www-authenticate"} {
			if q.head[name] == "" {
				q.head[name] = p.head[name]
			}
		}
		p, at = q, next
	}
	return p, at, err
}

// redirect is where p leads on the same server; nil when it does not.
func (w *web) redirect(at *url.URL, p page) *url.URL {
	if p.status < 300 || p.status > 399 || p.head["location"] == "" {
		return nil
	}
	return w.here(at, p.head["location"])
}

// here is the target of a reference on this very server; nil for any other.
func (w *web) here(at *url.URL, ref string) *url.URL {
	to, err := at.Parse(ref)
	if err != nil || to.Opaque != "" {
		return nil
	}
	if to.Host == "" && to.Scheme == "" {
		return to
	}
	scheme, port := "http", "80"
	if w.secure {
		scheme, port = "https", "443"
	}
	if to.Port() != "" {
		port = to.Port()
	}
	if to.Scheme != "" && to.Scheme != scheme || to.Hostname() != w.at.Addr().String() || port != strconv.Itoa(int(w.at.Port())) {
		return nil
	}
	return to
}

func askHTTP(ctx context.Context, l *line) Answer { return (&web{line: l}).answer(ctx, "http") }
func askHTTPS(ctx context.Context, l *line) Answer {
	return (&web{line: l, secure: true}).answer(ctx, "https")
}

func (w *web) answer(ctx context.Context, service string) Answer {
	p, at, err := w.front(ctx)
	switch {
	case err == nil:
	case w.tls != nil:
		return Answer{Service: "tls", Banner: w.tls["tls.subject"], Facts: w.tls}
	default:
		return Answer{}
	}
	f := p.facts()
	if p.head["location"] != "" && p.status/100 == 3 {
		f.set("http.location", p.head["location"])
	}
	maps.Copy(f, w.tls)
	w.icon(ctx, f, at, p)
	if w.secure {
		w.redfish(ctx, f)
	}
	return Answer{Service: service, Banner: f.banner(), Facts: f}
}

// root is where a server is asked first.
func (*web) root() *url.URL { return &url.URL{Path: "/"} }
