package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := make(slots, 1)
		if err := s.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var r *refusal
		if err := s.take(t.Context()); !errors.As(err, &r) || r.status != http.StatusServiceUnavailable || r.after == 0 {
			t.Errorf("a full class answers %v", err)
		}
		if waited := time.Since(begun); waited != slotWait {
			t.Errorf("after %v", waited)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.take(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that went away: %v", err)
		}
		go func() {
			time.Sleep(slotWait / 2)
			s.leave()
		}()
		if err := s.take(t.Context()); err != nil {
			t.Errorf("a place that came free: %v", err)
		}
	})
}

func TestReadBody(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("software of some kind, ", 20_000) // 460 KB
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		limit    int64
		want     int // bytes; or
		status   int
		big      bool
	}{
		"plain":             {body: []byte("abc"), limit: 3, want: 3},
		"one byte too much": {body: []byte("abcd"), limit: 3, status: 413},
		"zstd":              {body: z.EncodeAll([]byte(text), nil), encoding: "zstd", limit: 1 << 20, want: len(text), big: true},
		"zstd too much":     {body: z.EncodeAll([]byte(text), nil), encoding: "ZSTD", limit: 1 << 10, status: 413},
		"zstd cut off":      {body: z.EncodeAll([]byte(text), nil)[:20], encoding: "zstd", limit: 1 << 20, status: 400},
		"not gzip":          {body: []byte("abc"), encoding: "gzip", limit: 10, status: 400},
		"identity":          {body: []byte("abc"), encoding: "identity", limit: 10, want: 3},
		"twice":             {body: []byte("abc"), encoding: "zstd, gzip", limit: 10, status: 413},
		"brotli":            {body: []byte("abc"), encoding: "br", limit: 10, status: 415},
		"empty":             {limit: 0, want: 0},
		"none allowed":      {body: []byte("a"), limit: 0, status: 413},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(c.body))
			req.ContentLength = -1
			if len(c.body) == 0 {
				req.Body = http.NoBody
			}
			if c.encoding != "" {
				req.Header.Set("Content-Encoding", c.encoding)
			}
			big := false
			body, err := new(unpackers).readBody(httptest.NewRecorder(), req, c.limit, func(context.Context) error { big = true; return nil })
			if c.status != 0 {
				if got := refusalFor(err); err == nil || got.status != c.status {
					t.Errorf("got %v (%d), want %d", err, got.status, c.status)
				}
				return
			}
			if err != nil || len(body) != c.want || big != c.big {
				t.Errorf("got %d bytes, big %v, %v", len(body), big, err)
			}
		})
	}
}

// FuzzReadBody looks for inputs that get past the limit or end the process.
func FuzzReadBody(f *testing.F) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(z.EncodeAll(make([]byte, 1<<16), nil), "zstd")
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0}, "gzip")
	f.Add([]byte("plain"), "")
	f.Fuzz(func(t *testing.T, in []byte, encoding string) {
		const limit = 1 << 12
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(in))
		req.Header.Set("Content-Encoding", encoding)
		body, err := new(unpackers).readBody(httptest.NewRecorder(), req, limit, func(context.Context) error { return nil })
		if err == nil && len(body) > limit {
			t.Errorf("%d bytes got through", len(body))
		}
		if err != nil && refusalFor(err).status >= 500 {
			t.Errorf("the sender's mistake is called ours: %v", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		text   string
		retry  bool
	}{
		"domain":    {inventory.Errorf(inventory.CodeForbidden, "not you"), 403, `"permission_denied","message":"not you"`, false},
		"internal":  {errors.New("password is hunter2"), 500, `"internal error"`, false},
		"throttled": {&identity.ThrottledError{After: time.Minute}, 429, `"unavailable"`, true},
		"busy":      {busy("later"), 503, `"unavailable","message":"later"`, true},
		"too large": {tooLarge("no"), 413, `"resource_exhausted"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("x"))
			refuse(w, req, refusalFor(c.err))
			text, _ := io.ReadAll(w.Body)
			if w.Code != c.status || !strings.Contains(string(text), c.text) || (w.Header().Get("Retry-After") != "") != c.retry {
				t.Errorf("%d %s, Retry-After %q", w.Code, text, w.Header().Get("Retry-After"))
			}
		})
	}
}

func TestPolicyMistakes(t *testing.T) {
	nothing := http.NotFoundHandler()
	for want, mount := range map[string]func(*Routes){
		"has no policy": func(rs *Routes) { rs.Handle("GET /new", nothing) },
		"mounted twice": func(rs *Routes) { rs.Handle("GET /healthz", nothing); rs.Handle("GET /healthz", nothing) },
		"two policies":  func(rs *Routes) { rs.Allow(map[string]Policy{"GET /healthz": Open()}) },
		"accepts nobody": func(rs *Routes) {
			rs.Allow(map[string]Policy{"GET /x": {Class: ClassPeople}})
			rs.Handle("GET /x", nothing)
		},
		"has no class": func(rs *Routes) {
			p := Open()
			p.Class = ""
			rs.Allow(map[string]Policy{"GET /x": p})
			rs.Handle("GET /x", nothing)
		},
		"lets strangers": func(rs *Routes) {
			p := Open()
			p.MaxBody = 2 << 20
			rs.Allow(map[string]Policy{"GET /x": p})
			rs.Handle("GET /x", nothing)
		},
	} {
		rs := NewRoutes()
		mount(rs)
		if err := rs.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	if err := NewRoutes().check(); err != nil {
		t.Error(err)
	}
}

// A29: figures and profiles are for this machine.
func TestA29_MetricsOnLoopback(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:9480": true, "[::1]:9480": true, "127.9.9.9:0": true, "[::ffff:127.0.0.1]:1": true,
		"0.0.0.0:9480": false, ":9480": false, "[::]:1": false, "192.0.2.1:9480": false, "localhost:9480": false, "": false,
	} {
		if err := Loopback(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
	m := NewMetrics()
	m.Ingest(func() map[string]int64 { return map[string]int64{"accepted": 7} }, func() int { return 3 })
	m.request("/x", 200, time.Second)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.ServeMetrics(ctx, l, slog.New(slog.DiscardHandler)) }()
	for path, want := range map[string]string{
		"/metrics":      `muster_observations_total{outcome="accepted"} 7`,
		"/debug/pprof/": "goroutine",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
