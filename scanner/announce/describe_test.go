package announce_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/announce"
)

// What a hostile host can do with the one request that it gets.
func TestDescribe(t *testing.T) {
	var stolen atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Add(1) }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/good.xml", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, description) })
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/missing", http.NotFound)
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "<root><device>")
		for r.Context().Err() == nil {
			if _, err := fmt.Fprint(w, strings.Repeat("<a>x</a>", 1000)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<root><device><modelName>", strings.Repeat("x", 10<<20), "</modelName></device></root>")
	})
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!DOCTYPE r [<!ENTITY a SYSTEM "`+other.URL+`">]><root>&a;</root>`)
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 100<<10))
		fmt.Fprint(w, description)
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	loopback := addr("127.0.0.1")
	s, err := announce.Describe(t.Context(), srv.URL+"/good.xml", loopback)
	if err != nil || len(s.Facts) != 6 {
		t.Errorf("good: %v %v", said(s), err)
	}
	for path, want := range map[string]string{
		"/redirect": "answered 302", "/missing": "answered 404", "/endless": "parts", "/long": "ends within", "/bomb": "document type",
		"/headers": "header", "/slow": "deadline",
	} {
		s, err := announce.Describe(t.Context(), srv.URL+path, loopback)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), want) {
			t.Errorf("%s: %v, want an error about %q", path, err, want)
		}
		if d := cmp.Diff(announce.Speech{}, s); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
	if _, err := announce.Describe(t.Context(), srv.URL+"/good.xml", addr("127.0.0.2")); err == nil || !strings.Contains(err.Error(), "not on 127.0.0.2") {
		t.Errorf("on another host: %v", err)
	}
	if n := stolen.Load(); n > 0 {
		t.Errorf("another host was called %d times", n)
	}
}
