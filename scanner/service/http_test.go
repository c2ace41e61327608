package service_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/service"
)

// A page is followed and its icon is read on the very same server only.
func TestRedirects(t *testing.T) {
	for _, c := range []struct {
		name  string
		pages map[string]string // path to a location or, with <, a page
		asked []string
		want  facts
	}{
		{"to a page with an icon", map[string]string{"/": "/login?x=1", "/login": `<title>Log in</title><LINK REL="shortcut icon" HREF="i/a.png">`, "/i/a.png": "<hello"},
			[]string{"/", "/login?x=1", "/i/a.png"},
			facts{"http.status": "200", "http.title": "Log in", "http.favicon": strconv.Itoa(int(service.IconHash([]byte("<hello"))))}},
		{"to this server by its address", map[string]string{"/": "http://{host}/b", "/b": "<title>B</title>"},
			[]string{"/", "/b", "/favicon.ico"}, facts{"http.status": "200", "http.title": "B"}},
		{"to another host", map[string]string{"/": "http://198.51.100.9/x"},
			[]string{"/", "/favicon.ico"}, facts{"http.status": "302", "http.location": "http://198.51.100.9/x"}},
		{"to another port", map[string]string{"/": "http://127.0.0.1:1/x"},
			[]string{"/", "/favicon.ico"}, facts{"http.status": "302", "http.location": "http://127.0.0.1:1/x"}},
		{"in circles", map[string]string{"/": "/"},
			[]string{"/", "/", "/", "/favicon.ico"}, facts{"http.status": "302", "http.location": "/"}},
		{"an icon elsewhere", map[string]string{"/": `<link rel=icon href=//198.51.100.9/i.png>`},
			[]string{"/"}, facts{"http.status": "200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			var asked []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, r.RequestURI)
				w.Header()["Date"] = nil
				text, ok := c.pages[r.URL.Path]
				switch {
				case !ok:
					w.WriteHeader(http.StatusNotFound)
				case strings.HasPrefix(text, "<"):
					_, _ = w.Write([]byte(text))
				default:
					w.Header().Set("Location", strings.ReplaceAll(text, "{host}", r.Host))
					w.WriteHeader(http.StatusFound)
				}
			}))
			defer s.Close()
			a := (&service.Prober{}).Ask(t.Context(), 80, netip.MustParseAddrPort(s.Listener.Addr().String()))
			if d := cmp.Diff(c.want, a.Facts); d != "" {
				t.Error(d)
			}
			mu.Lock()
			defer mu.Unlock()
			if d := cmp.Diff(c.asked, asked); d != "" {
				t.Error(d)
			}
		})
	}
}
