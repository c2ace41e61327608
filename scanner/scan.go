package scanner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Config is how a scanner works. The zero value scans without credentials.
type Config struct {
	// Allow, when not empty, is all that may be scanned; Deny never is, whoever asks.
	Allow, Deny Set
	Credentials []snmp.Credential
	// Fragile are the devices that get only the gentlest probes; see ParseFragile.
	Fragile Fragile
	// Recog are a site's own fingerprints; nil for none.
	Recog *identify.Recog
	// Worked remembers which credential a device accepted; nil for nothing.
	Worked *Worked
	// Services are the ports that are asked of each device; none by default.
	Services service.Ports
	// NoNames leaves out reverse DNS, NoSearch asking devices to announce themselves.
	NoNames, NoSearch bool
	// TCP is how the silent are tried.
	TCP TCPWay
	// Part is how many routed addresses of a collector's job are done at a time, a power of two;
	// 0 for what the rate allows in some seconds.
	Part int
	// Resolver looks names up; nil means the system's name servers.
	Resolver *net.Resolver
	// Progress is called from time to time, by one goroutine; nil for never.
	Progress func(Progress)
	Log      *slog.Logger     // nil means none
	Now      func() time.Time // nil means time.Now
}

// Scanner makes scans, one after the other or at the same time.
type Scanner struct {
	cfg    Config
	rules  *identify.Rules
	tables *snmp.Tables
	makers *makers

	serviceRules *identify.ServiceRules
}

// New loads the built-in rules and tables.
func New(cfg Config) (*Scanner, error) {
	rules, err := identify.Builtin()
	if err != nil {
		return nil, err
	}
	serviceRules, err := identify.BuiltinServices()
	if err != nil {
		return nil, err
	}
	serviceRules.Recog = cfg.Recog
	tables, err := snmp.BuiltinTables()
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Resolver == nil {
		cfg.Resolver = &net.Resolver{PreferGo: true}
	}
	return &Scanner{cfg: cfg, rules: rules, tables: tables, serviceRules: serviceRules, makers: loadMakers()}, nil
}

// Plan works out what a job comes to, without sending anything but questions for host names.
func (s *Scanner) Plan(ctx context.Context, job Job) (*Plan, error) {
	host, err := ThisHost()
	if err != nil {
		return nil, err
	}
	exclude, err := ParseExclusions(job.Exclude)
	if err != nil {
		return nil, err
	}
	targets, err := ParseTargets(ctx, job.Targets, func(ctx context.Context, name string) ([]netip.Addr, error) {
		return s.cfg.Resolver.LookupNetIP(ctx, "ip", name)
	})
	if err != nil {
		return nil, err
	}
	plan, err := newPlan(targets, job, host, s.cfg.Allow, NewSet(append(exclude, s.cfg.Deny...)...))
	if err != nil {
		return nil, err
	}
	plan.Search = !s.cfg.NoSearch
	plan.SYN, err = s.cfg.TCP.syn(host.SYN)
	return plan, err
}

// TCPWay is how hosts are tried by TCP that gave no sign yet.
type TCPWay string

// The ways; the zero value is TCPAuto: by SYN where this process may, else by connection.
const (
	TCPAuto    TCPWay = "auto"
	TCPSYN     TCPWay = "syn"
	TCPConnect TCPWay = "connect"
)

// syn tells whether to send SYNs of our own; right says why that cannot be done.
func (w TCPWay) syn(right error) (bool, error) {
	switch w {
	case "", TCPAuto:
		return right == nil, nil
	case TCPSYN:
		if right != nil {
			return false, inventory.Errorf(inventory.CodeForbidden, "TCP by %s: %w", w, right)
		}
		return true, nil
	case TCPConnect:
		return false, nil
	}
	return false, inventory.Errorf(inventory.CodeInvalid, "TCP by %q: must be %s, %s or %s", string(w), TCPAuto, TCPSYN, TCPConnect)
}

// run is one scan under way.
type run struct {
	*Scanner
	plan *Plan
	book *book
	pace *pacer
	// heard is what devices announced.
	heard hearsay
	// before is what earlier parts of the same job found.
	before *memory

	phase  atomic.Pointer[phaseState]
	mu     sync.Mutex
	notes  []string
	failed bool
	doubt  Set // where who was not seen may be there all the same
}

type phaseState struct {
	name    Phase
	planned uint64
	probed  atomic.Uint64
	started time.Time
}

// Run scans. When ctx ends it stops within a second and answers with what was found so
// far; its only other error is a plan that cannot be run at all.
func (s *Scanner) Run(ctx context.Context, plan *Plan) (*Result, error) {
	return s.runPart(ctx, plan, &memory{})
}

func (s *Scanner) runPart(ctx context.Context, plan *Plan, before *memory) (*Result, error) {
	r := &run{Scanner: s, plan: plan, before: before, book: newBook(s.cfg.Now), pace: newPacer(plan.Rate, SystemClock())}
	res := &Result{Started: s.cfg.Now().UTC()}
	stop := r.report(ctx)
	r.self()
	r.discover(ctx)
	if ctx.Err() == nil && plan.Search {
		r.search(ctx)
	}
	before.drop(r.book)
	stations := r.attach(r.book.stations())
	if ctx.Err() == nil {
		stations = r.readAll(ctx, stations)
	}
	res.Devices = r.managed(r.merge(stations))
	if ctx.Err() == nil {
		r.services(ctx, res.Devices)
		res.Devices = r.dropTarpits(res.Devices)
	}
	if ctx.Err() == nil && !s.cfg.NoNames {
		r.names(ctx, res.Devices)
	}
	nameByAnnouncement(res.Devices)
	stop()
	if left := r.book.leftOut(); left != "" {
		r.note("%s", left)
		r.doubted(r.plan.Allowed.family(128))
	}
	before.add(res.Devices)
	res.Finished = s.cfg.Now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	res.Complete = ctx.Err() == nil && !r.failed
	if ctx.Err() == nil {
		res.Swept = r.swept(res)
	}
	res.Notes = append(append(res.Notes, plan.Notes...), r.notes...)
	return res, nil
}

// fail notes that a probe could not do its work. The end of the scan is no failure.
func (r *run) fail(ctx context.Context, what string, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	r.cfg.Log.Warn("probe failed", "probe", what, "error", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	r.notes = append(r.notes, fmt.Sprintf("%s: %v", what, err))
}

// doubted keeps in mind where silence shows nothing.
func (r *run) doubted(where Set) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubt = NewSet(append(r.doubt, where...)...)
}

func (r *run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *run) begin(name Phase, planned uint64) *phaseState {
	p := &phaseState{name: name, planned: planned, started: r.cfg.Now()}
	r.phase.Store(p)
	return p
}

const reportEvery = 200 * time.Millisecond

// report calls Progress until the function it returns is called.
func (r *run) report(ctx context.Context) (stop func()) {
	if r.cfg.Progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(reportEvery)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if p := r.phase.Load(); p != nil {
					r.cfg.Progress(r.progress(p))
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (r *run) progress(p *phaseState) Progress {
	out := Progress{Phase: p.name, Probed: p.probed.Load(), Planned: p.planned, Found: r.book.len()}
	if took := r.cfg.Now().Sub(p.started); out.Probed > 0 && out.Planned > out.Probed && took > time.Second {
		left := float64(out.Planned-out.Probed) / float64(out.Probed) * float64(took)
		out.Left = time.Duration(left).Round(time.Second)
	}
	return out
}

// readParallel is how many devices are read at the same time, each by one question after the
// other; most wait for a host that has no agent.
const readParallel = 256

// readAll reads the stations by SNMP, then those that the first ones' ARP tables show.
func (r *run) readAll(ctx context.Context, stations []*station) []*station {
	prober := &snmp.Prober{Credentials: r.cfg.Credentials, Extra: r.rules.Wanted, Tables: r.tables, Wait: r.pace.wait, Now: r.cfg.Now}
	gentle := Gently(prober, r.pace.clock)
	choose := func(st *station) *snmp.Prober {
		if r.fragileStation(st) != "" {
			return gentle
		}
		return prober
	}
	r.read(ctx, choose, stations)
	learnt := r.learn(stations)
	r.read(ctx, choose, learnt)
	return append(stations, learnt...)
}

func (r *run) read(ctx context.Context, prober func(*station) *snmp.Prober, stations []*station) {
	phase := r.begin(PhaseSNMP, uint64(len(stations)))
	each(readParallel, stations, func(st *station) {
		if ctx.Err() != nil {
			return
		}
		r.readStation(ctx, prober(st), st)
		phase.probed.Add(1)
	})
}

// each does something with every item, so many at a time, and waits for the last one.
func each[T any](parallel int, items []T, do func(T)) {
	work := make(chan T)
	var wg sync.WaitGroup
	for range min(parallel, len(items)) {
		wg.Go(func() {
			for item := range work {
				do(item)
			}
		})
	}
	for _, item := range items {
		work <- item
	}
	close(work)
	wg.Wait()
}

func (r *run) readStation(ctx context.Context, prober *snmp.Prober, st *station) {
	switch {
	case st.self:
		st.reason = "this is the scanning host"
		return
	case virtualMAC(st.mac) != "":
		st.reason = "a shared address is not asked: its holder is"
		return
	case len(r.cfg.Credentials) == 0:
		st.reason = inventory.UnknownNoCredentials
		return
	}
	st.reason = inventory.UnknownNotMeant
	worked := r.cfg.Worked.name(st)
	for _, a := range st.asks(r.allowed) {
		if !prober.Applies(a) || ctx.Err() != nil {
			continue
		}
		facts, err := prober.ReadFirst(ctx, a, worked)
		if ctx.Err() == nil {
			r.cfg.Worked.keep(st, facts)
		}
		if err == nil {
			st.facts, st.reason = facts, ""
			return
		}
		switch {
		case errors.Is(err, snmp.ErrRefused):
			st.reason = inventory.UnknownRefused
		case errors.Is(err, snmp.ErrNoAnswer):
			st.reason = inventory.UnknownNoSNMP
		case errors.Is(err, snmp.ErrUnusable):
			st.reason = errors.Unwrap(err).Error() // without the address: reasons are counted
		default:
			st.reason = err.Error()
		}
	}
}

// allowed tells whether a credential may go to a: a target, or an IPv6 host on a link that
// is being swept.
func (r *run) allowed(a netip.Addr) bool {
	if r.plan.deny.Contains(a) {
		return false
	}
	if r.plan.Allowed.Contains(a) {
		return true
	}
	if !a.Is6() {
		return false
	}
	for i := range r.plan.Links {
		if r.plan.Links[i].Link.on(a) {
			return true
		}
	}
	return false
}
