// Package collector is the server: it wires identity, ingest, store and the API behind one
// listener, starts them and stops them in order.
//
// It owns the configuration's meaning and the data directory's layout. It refuses to read
// flags, environment or files of configuration itself: cmd/muster-collector does, and
// end-to-end tests call Run as that does.
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/muster-itam/muster/collector/api"
	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/server"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/vault"
)

// Deps is what a collector is given beside its configuration.
type Deps struct {
	Log *slog.Logger
	Now func() time.Time
	// Ready is called once the listener answers, with its address.
	Ready func(address string)
	// Mount adds routes beside the collector's own; nil for none.
	Mount func(Env) error
}

// Env is what routes are made of.
type Env struct {
	Store  *store.Store
	Vault  *vault.Vault
	Auth   *identity.Authenticator
	Routes *server.Routes
	Log    *slog.Logger
	Now    func() time.Time
}

// Run is a collector's life: it returns when ctx ends and everything has stopped, or
// with the reason it could not start or go on.
func Run(ctx context.Context, config Config, deps Deps) (err error) {
	if err := config.Validate(); err != nil {
		return err
	}
	base, err := Open(ctx, config, deps.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	if err := base.firstAdministrator(ctx, config.DataDir); err != nil {
		return err
	}
	if left := base.Authority.Until().Sub(deps.Now()); left < 365*24*time.Hour {
		deps.Log.Warn("the certificate authority ends soon: roll it", "until", base.Authority.Until())
	}
	m := &machine{config: config, deps: deps, base: base, stopping: make(chan struct{})}
	m.ingester = ingest.New(ingest.Config{}, base.Store, deps.Log, deps.Now)
	if err := m.build(); err != nil {
		return err
	}
	return m.run(ctx)
}

// machine is a running collector's parts.
type machine struct {
	config   Config
	deps     Deps
	base     *Base
	ingester *ingest.Ingester
	metrics  *server.Metrics
	server   *server.Server
	stopping chan struct{} // closed when requests that wait should end
}

// build makes the server with all its routes.
func (m *machine) build() error {
	log, now, st := m.deps.Log, m.deps.Now, m.base.Store
	m.metrics = server.NewMetrics()
	m.metrics.Ingest(m.ingester.Counts, m.ingester.Queued)
	auth := identity.NewAuthenticator(st, st, now)
	routes := server.NewRoutes()
	routes.Handle("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	}))
	routes.Handle("GET /readyz", http.HandlerFunc(m.readyz))
	routes.Mount(api.SourceServices(
		api.NewEnrolment(identity.NewEnroller(m.base.Authority, st, log, now), log),
		api.NewReports(m.ingester, m.config.ReportInterval, log, now),
		api.NewScanJobs(st, m.base.Vault, m.stopping, log, now)))
	env := Env{Store: st, Vault: m.base.Vault, Auth: auth, Routes: routes, Log: log, Now: now}
	if err := mountPeople(env); err != nil {
		return err
	}
	if m.deps.Mount != nil {
		if err := m.deps.Mount(env); err != nil {
			return err
		}
	}
	names := m.config.Names
	if host, _, err := net.SplitHostPort(m.config.Listen); err == nil && host != "" {
		names = append([]string{host}, names...)
	}
	cert, err := m.base.Authority.NewServerCertificate(names)
	if err != nil {
		return err
	}
	m.server, err = server.New(server.Config{
		TLS: m.base.Authority.TLS(cert), MaxConnections: m.config.MaxConnections, SignIn: signInPage,
	}, routes, auth, m.metrics, log)
	return err
}

// readyz says whether the inventory answers.
func (m *machine) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := m.base.Store.Ready(ctx); err != nil {
		m.deps.Log.WarnContext(ctx, "inventory does not answer", "error", err)
		http.Error(w, "the inventory does not answer", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// run serves until ctx ends, then stops in order: no new connections, waiting requests
// sent home, running ones finished, what was queued committed.
func (m *machine) run(ctx context.Context) error {
	log := m.deps.Log
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", m.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	// The parts outlive ctx: they end when the requests that need them have.
	parts, stopParts := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stopParts()
	if err := m.serveMetrics(parts, &running); err != nil {
		_ = listener.Close()
		return err
	}
	running.Go(func() { m.ingester.Run(parts) })
	running.Go(func() { m.keepUp(parts) })
	running.Go(func() { m.startScans(parts) })
	failed := make(chan error, 1)
	running.Go(func() { failed <- m.server.Serve(listener) })

	address := listener.Addr().String()
	log.Info("ready", "address", address, "data_dir", m.config.DataDir)
	if m.deps.Ready != nil {
		m.deps.Ready(address)
	}
	select {
	case <-ctx.Done():
	case err := <-failed:
		return err
	}
	log.Info("stopping")
	close(m.stopping)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.config.StopTimeout)
	defer cancel()
	if err := m.server.Shutdown(grace); err != nil {
		log.Warn("requests were cut off", "error", err)
	}
	return nil
}

// serveMetrics starts the loopback listener for figures and profiles.
func (m *machine) serveMetrics(ctx context.Context, running *sync.WaitGroup) error {
	if m.config.MetricsListen == "off" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", m.config.MetricsListen)
	if errors.Is(err, syscall.EADDRINUSE) && m.config.MetricsListen == DefaultMetricsListen {
		m.deps.Log.Warn("no metrics: their default address is taken", "address", m.config.MetricsListen)
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	m.deps.Log.Info("metrics", "address", l.Addr().String())
	running.Go(func() {
		if err := m.metrics.ServeMetrics(ctx, l, m.deps.Log); err != nil {
			m.deps.Log.Error("metrics ended", "error", err)
		}
	})
	return nil
}
