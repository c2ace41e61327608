package scanner

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/announce"
	"github.com/muster-itam/muster/scanner/ether"
)

// ListenJob is where and for how long to listen.
type ListenJob struct {
	Interfaces []string // none means all
	For        time.Duration
}

// maxHeard bounds the addresses that listening takes down: anybody can make up more.
const maxHeard = 1 << 16

// Listen hears who speaks on links of this host, and sends nothing at all. When ctx ends
// before the time is over, the result is what was heard until then.
func (s *Scanner) Listen(ctx context.Context, job ListenJob) (*Result, error) {
	host, err := ThisHost()
	if err != nil {
		return nil, err
	}
	links, err := listenOn(host, job.Interfaces)
	if err != nil {
		return nil, err
	}
	if host.Raw != nil {
		return nil, inventory.Errorf(inventory.CodeForbidden, "listen on %s: %w", links[0].Interface.Name, host.Raw)
	}
	r := &run{Scanner: s, plan: &Plan{Names: map[string]string{}, host: host, deny: s.cfg.Deny}, book: newBook(s.cfg.Now)}
	r.book.most, r.book.listening = maxHeard, true
	res := &Result{Started: s.cfg.Now().UTC()}
	stop := r.report(ctx)
	lctx, cancel := context.WithTimeout(ctx, job.For)
	defer cancel()
	phase := r.begin(PhaseListen, uint64(job.For/time.Second))
	var wg sync.WaitGroup
	for _, l := range links {
		for _, p := range l.Prefixes {
			if r.listed(p.Addr()) {
				r.book.see(sighting{addr: p.Addr(), mac: l.MAC, link: l.Interface.Name, source: viaSelf})
			}
		}
		wg.Go(func() { r.fail(ctx, "listen on "+l.Interface.Name, r.listen(lctx, l)) })
	}
	wg.Go(func() { countSeconds(lctx, phase) })
	wg.Wait()
	stations := r.attach(append(r.book.stations(), r.selfOn(links)...))
	for _, st := range stations {
		st.reason = inventory.UnknownListened
	}
	res.Devices = r.merge(stations)
	r.heardNeighbours(res.Devices)
	nameByAnnouncement(res.Devices)
	stop()
	if left := r.book.leftOut(); left != "" {
		r.note("%s", left)
	}
	res.Finished = s.cfg.Now().UTC()
	res.Complete = ctx.Err() == nil && !r.failed
	res.Notes = r.notes
	return res, nil
}

func countSeconds(ctx context.Context, phase *phaseState) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			phase.probed.Add(1)
		}
	}
}

// listenOn are the links with the given names, or all.
func listenOn(host Host, names []string) ([]*Link, error) {
	var out []*Link
	var have []string
	for i := range host.Links {
		l := &host.Links[i]
		have = append(have, l.Interface.Name)
		if len(names) == 0 || slices.Contains(names, l.Interface.Name) {
			out = append(out, l)
		}
	}
	for _, n := range names {
		if !slices.Contains(have, n) {
			return nil, inventory.Errorf(inventory.CodeInvalid, "interface %q is no Ethernet interface of this host that is up; those are: %s", n, strings.Join(have, ", "))
		}
	}
	if len(out) == 0 {
		return nil, inventory.Errorf(inventory.CodeUnavailable, "this host has no Ethernet interface that is up")
	}
	return out, nil
}

// listen hears one link until ctx ends.
func (r *run) listen(ctx context.Context, l *Link) error {
	sock, err := ether.Open(&l.Interface, ether.TypeAll, announce.Filter())
	if err != nil {
		return err
	}
	if err := sock.Hear(&l.Interface, announce.Groups()); err != nil {
		_ = sock.Close()
		return err
	}
	ear := r.ear(l)
	received := make(chan error, 1)
	go func() { received <- sock.Receive(ear.Hear) }()
	select {
	case <-ctx.Done():
		err = sock.Close()
		if rerr := <-received; err == nil {
			err = rerr
		}
	case err = <-received:
		_ = sock.Close()
	}
	if n := sock.Dropped(); n > 0 {
		r.note("%s: %d frames were lost, some devices may be missing", l.Interface.Name, n)
	}
	return err
}

func (r *run) ear(l *Link) *announce.Ear {
	numbered := len(l.covers(32)) > 0
	var own []ether.MAC // of all links: two of them may lead to the same network
	for i := range r.plan.host.Links {
		own = append(own, r.plan.host.Links[i].MAC)
	}
	return &announce.Ear{
		Own: own, Book: r.heard.link(l.Interface.Name), Unnumbered: !numbered,
		OnLink: func(a netip.Addr) bool {
			return r.listed(a) && (l.on(a) || a.IsLinkLocalUnicast() || !numbered && r.book.has(a))
		},
		Seen: func(a netip.Addr, mac ether.MAC, via string) {
			if r.listed(a) {
				r.book.see(sighting{addr: a, mac: mac, link: l.Interface.Name, source: via})
			}
		},
	}
}

// listed tells whether the scanner's own lists let an address be reported.
func (r *run) listed(a netip.Addr) bool {
	return !r.cfg.Deny.Contains(a) && (len(r.cfg.Allow) == 0 || r.cfg.Allow.Contains(a) || a.IsLinkLocalUnicast())
}

// selfOn is this host on the links, with or without addresses, for what is at the other end of
// their cables.
func (r *run) selfOn(links []*Link) []*station {
	var out []*station
	for _, l := range links {
		out = append(out, &station{link: l.Interface.Name, mac: l.MAC, self: true, seenAt: r.cfg.Now()})
	}
	return out
}
