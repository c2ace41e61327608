package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
)

// Config is what the listener needs to know.
type Config struct {
	TLS *tls.Config
	// MaxConnections is how many connections are open at once; 0 means 8192.
	MaxConnections int
	// SignIn is the page browsers without a session are sent to; "" for none.
	SignIn string
	// Headers are set on every answer.
	Headers map[string]string
}

// Server answers on one listener.
type Server struct {
	http    *http.Server
	config  Config
	auth    *identity.Authenticator
	metrics *Metrics
	log     *slog.Logger
	classes map[Class]slots
	big     slots // places for big bodies, over all classes
	unpack  unpackers
	door    *door
}

// New makes the server for routes; a route without a policy is an error.
func New(config Config, routes *Routes, auth *identity.Authenticator, metrics *Metrics, log *slog.Logger) (*Server, error) {
	if err := routes.check(); err != nil {
		return nil, fmt.Errorf("policy table: %w", err)
	}
	if config.MaxConnections == 0 {
		config.MaxConnections = 8192
	}
	s := &Server{
		config: config, auth: auth, metrics: metrics, log: log,
		classes: classSlots(), big: make(slots, 2*runtime.GOMAXPROCS(0)),
		door: newDoor(config.MaxConnections, func(why string) { metrics.refused.WithLabelValues("connection", why).Inc() }),
	}
	mux := http.NewServeMux()
	for pattern, r := range routes.routes {
		mux.Handle(pattern, s.guard(pattern, routes.policies[pattern], r))
	}
	s.http = &http.Server{
		Handler:           s.outer(mux),
		TLSConfig:         config.TLS,
		ConnContext:       withGuest,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second, // each body sets its own by its pace
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // handshakes of strangers
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          32,
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			SendPingTimeout:               30 * time.Second,
			PingTimeout:                   10 * time.Second,
			WriteByteTimeout:              30 * time.Second,
		},
	}
	return s, nil
}

// Serve answers on l until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.ServeTLS(s.door.listener(l), "", "")
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// Shutdown accepts nothing more and waits for running requests until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
		return fmt.Errorf("stop listener: %w", err)
	}
	return nil
}

// outer is what happens to every request: an id, a log line, and its panics caught.
func (s *Server) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newRequestID()
		out := &answer{ResponseWriter: w}
		out.Header().Set("X-Request-Id", id)
		out.Header().Set("X-Content-Type-Options", "nosniff")
		for k, v := range s.config.Headers {
			out.Header().Set(k, v)
		}
		if s.door.crowded() {
			out.Header().Set("Connection", "close")
		}
		start := time.Now()
		_ = http.NewResponseController(w).SetWriteDeadline(start.Add(writeTime)) // the last request's may be over
		seen := &seen{route: "none", caller: "none"}
		r = r.WithContext(context.WithValue(r.Context(), seenKey{}, seen))
		defer answered(r.Context())
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				s.log.ErrorContext(r.Context(), "panic in a handler", "request_id", id, "route", seen.route, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				s.metrics.panics.Inc()
				if out.status == 0 {
					refuse(out, r, refusal{status: http.StatusInternalServerError, code: "internal", message: "internal error, request " + id})
				}
			}
			took := time.Since(start)
			s.metrics.request(seen.route, out.status, took)
			level := slog.LevelDebug
			if out.status >= 500 {
				level = slog.LevelWarn
			}
			s.log.Log(r.Context(), level, "request", "request_id", id, "route", seen.route, "status", out.status,
				"caller", seen.caller, "remote", r.RemoteAddr, "took_ms", took.Milliseconds())
		}()
		next.ServeHTTP(out, r)
	})
}

// seen is what the log line learns on the way.
type seen struct{ route, caller string }

type seenKey struct{}

func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	return hex.EncodeToString(b[:])
}

// answer remembers the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 || a.status < 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush is for handlers that look for an http.Flusher.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// guard lets only what the policy allows reach the route's handler.
func (s *Server) guard(pattern string, policy Policy, to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note, _ := r.Context().Value(seenKey{}).(*seen)
		if note != nil {
			note.route = pattern
		}
		caller, err := s.auth.Caller(r, policy.Demand)
		if err != nil {
			s.unknown(w, r, policy, err)
			return
		}
		if note != nil {
			note.caller = caller.String()
		}
		reports(r.Context(), policy.Class == ClassIngest)
		leave, body, err := s.admit(w, r, policy)
		defer leave()
		if err == nil && to.check != nil {
			err = to.check(body)
		}
		if err != nil {
			s.metrics.refused.WithLabelValues(string(policy.Class), "bounds").Inc()
			s.problem(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeout(identity.WithCaller(r.Context(), caller), policy.write())
		defer cancel()
		r = r.WithContext(ctx)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if len(body) == 0 {
			r.Body = http.NoBody
		}
		r.Header.Del("Content-Encoding")
		to.handler.ServeHTTP(w, r)
	})
}

// unknown answers a caller that the policy does not take.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request, policy Policy, err error) {
	s.metrics.refused.WithLabelValues(string(policy.Class), "identity").Inc()
	if policy.Page && s.config.SignIn != "" && r.Method == http.MethodGet && inventory.CodeOf(err) == inventory.CodeUnauthenticated {
		http.Redirect(w, r, s.config.SignIn, http.StatusSeeOther)
		return
	}
	s.problem(w, r, err)
}

// problem answers with an error; one without a code is ours, and logged.
func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	ref := refusalFor(err)
	if ref.status == http.StatusInternalServerError {
		s.log.ErrorContext(r.Context(), "request failed", "request_id", w.Header().Get("X-Request-Id"), "error", err)
	}
	refuse(w, r, ref)
}

// admit gets the request its place and its body. Strangers send theirs before they get a
// place: a place costs them something. leave gives the places back.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, policy Policy) (leave func(), body []byte, err error) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(bodyTime(policy.MaxBody) + slotWait + policy.write() + writeTime))
	var held []slots
	leave = func() {
		for _, h := range held {
			h.leave()
		}
	}
	take := func(from slots, ctx context.Context) error {
		err := from.take(ctx)
		if err == nil {
			held = append(held, from)
		}
		return err
	}
	if policy.Proto && !isProto(r.Header.Get("Content-Type")) {
		return leave, nil, &refusal{status: http.StatusUnsupportedMediaType, code: "unimplemented", message: "this route takes application/proto"}
	}
	class, stranger := s.classes[policy.Class], policy.Accept&identity.Anyone != 0
	if !stranger {
		if err := take(class, r.Context()); err != nil {
			return leave, nil, err
		}
	}
	body, err = s.unpack.readBody(w, r, policy.MaxBody, func(ctx context.Context) error { return take(s.big, ctx) })
	if err == nil && stranger {
		err = take(class, r.Context())
	}
	return leave, body, err
}

// bodyTime is how long a body of that size may take to come.
func bodyTime(size int64) time.Duration { return bodyGrace + time.Duration(size/minRate)*time.Second }

func isProto(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "application/proto")
}
