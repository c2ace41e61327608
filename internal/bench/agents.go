package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/pause"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// agent is one simulated agent with what it has to report.
type agent struct {
	n        int
	id       string
	line     *line
	seq      int64
	nonce    []byte
	sections []inventory.Section
	software inventory.SoftwareList
	acked    int64
}

// enrol enrols agents, shared out among the collectors.
func enrol(ctx context.Context, o options, list []*collector, token string) ([]*agent, error) {
	agents, known := make([]*agent, o.agents), &certificates{}
	err := each(ctx, o.workers, o.agents, func(ctx context.Context, i int) error {
		state := filepath.Join(o.dir, "agents", fmt.Sprint(i))
		var id wire.Identity
		for backoff := (wire.Backoff{}); ; {
			var err error
			id, err = wire.Enroll(ctx, wire.EnrollConfig{StateDir: state, Collector: list[i%len(list)].url, Token: inventory.Secret(token),
				Kind: inventory.KindAgent, Hostname: fmt.Sprintf("host%06d", i), Version: "bench"})
			if err == nil {
				break
			}
			if inventory.CodeOf(err) != inventory.CodeUnavailable {
				return err
			}
			if err := pause.For(ctx, backoff.Next(err)); err != nil {
				return err
			}
		}
		l, err := newLine(i, state, id.Collector, known)
		if err != nil {
			return err
		}
		a := &agent{n: i, id: id.ID, line: l}
		a.machine()
		a.install(o.packages)
		agents[i] = a
		return nil
	})
	return agents, err
}

// each runs fn for 0 to n-1, some at a time, until one fails.
func each(ctx context.Context, workers, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := fn(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// machine makes what does not change of an agent's machine.
func (a *agent) machine() {
	n := a.n
	serial := fmt.Sprintf("7XK%06d", n)
	section := func(b inventory.Body) {
		a.sections = append(a.sections, inventory.Section{Name: b.Section(), Status: inventory.StatusOK, Hash: wire.HashSection(b), Body: b})
	}
	section(&inventory.Device{Name: fmt.Sprintf("host%06d", n), Domain: "corp.example", Vendor: "Dell Inc.", Model: "Latitude 5440", Serial: serial, User: fmt.Sprintf("user%d", n),
		Identifiers: []inventory.Identifier{
			{Type: inventory.IDSerial, Value: serial, Scope: "Dell Inc.", Part: inventory.PartSystem},
			{Type: inventory.IDSMBIOS, Value: fmt.Sprintf("4c4c4544-0042-3010-8053-%012x", 0xb20000000000+n)},
			{Type: inventory.IDMachine, Value: fmt.Sprintf("5da840c64282ad99e0130ddf%08x", n)}}})
	section(&inventory.OS{Family: "linux", Name: "Debian GNU/Linux", Version: "12", Kernel: "6.1.0-31-amd64"})
	section(inventory.Interfaces{{Name: "eth0", MAC: fmt.Sprintf("00:14:22:%02x:%02x:%02x", n>>16&255, n>>8&255, n&255), Type: inventory.IfEthernet, Up: true,
		Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 8)}}})
	section(inventory.Disks{{Name: "nvme0n1", Serial: fmt.Sprintf("S5GXNF0R%06d", n), Model: "Samsung SSD 980", Bus: "nvme", Bytes: 1 << 39}})
}

// The estate's packages: most hosts have what is popular, few have the rest. titles is
// how many there are; two in three places of a host's list are drawn from the first few
// hundred, the others follow Zipf's law.
const (
	titles = 20_000
	base   = 320
)

// install draws a host's packages.
func (a *agent) install(packages int) {
	r := rand.New(rand.NewPCG(uint64(a.n), 7))
	have := make(map[int]bool, packages)
	for k := 0; len(have) < packages*6/10 && k < base; k++ {
		if r.IntN(100) < 95 {
			have[k] = true
		}
	}
	for len(have) < packages {
		have[base+int(math.Exp(r.Float64()*math.Log(titles-base)))-1] = true // 1/k, cut off
	}
	a.software = a.software[:0]
	for k := range have {
		a.software = append(a.software, title(k, r.IntN(20) == 0))
	}
	a.listSoftware()
}

func title(k int, old bool) inventory.Software {
	s := inventory.Software{Source: "deb", Name: fmt.Sprintf("package-%d", k), Version: fmt.Sprintf("1.%d-%d", k%40, 1+k%7), Arch: "amd64", Publisher: "Debian"}
	if old {
		s.Version += "+deb12u1"
	}
	return s
}

// update replaces some packages by their next versions.
func (a *agent) update(packages int) {
	for range packages {
		a.software[rand.IntN(len(a.software))].Version = fmt.Sprintf("2.%d-%d", rand.IntN(30), a.seq)
	}
	a.listSoftware()
}

func (a *agent) listSoftware() {
	s := inventory.Section{Name: inventory.SectionSoftware, Status: inventory.StatusOK, Hash: wire.HashSection(a.software), Body: a.software}
	if last := len(a.sections) - 1; a.sections[last].Name == inventory.SectionSoftware {
		a.sections[last] = s
	} else {
		a.sections = append(a.sections, s)
	}
}

// observation is the next report, with the bodies of the wanted sections; without any it says
// that nothing changed, as an agent does.
func (a *agent) observation(body func(inventory.SectionName) bool) inventory.Observation {
	a.seq++
	o := inventory.Observation{Epoch: 1, Seq: a.seq, SeenAt: time.Now(), Complete: true, Sections: slices.Clone(a.sections)}
	o.Digest = wire.Digest(&o)
	bodies := 0
	for i := range o.Sections {
		if body(o.Sections[i].Name) {
			bodies++
		} else {
			o.Sections[i].Body = nil
		}
	}
	if bodies == 0 {
		o.Sections = nil
	}
	return o
}

// prepared is a report as it goes over the wire, made before its time is taken: the agents'
// work is done by as many processors elsewhere.
type prepared struct {
	request []byte
	seq     int64
	nonce   []byte
}

func (a *agent) prepare(o inventory.Observation) (prepared, error) {
	p := prepared{seq: o.Seq, nonce: fmt.Appendf(nil, "%d.%d", a.n, rand.Uint64())}
	var err error
	p.request, err = a.line.request(&musterv1.ReportRequest{
		Observations: []*musterv1.Observation{wire.ToProto(o)}, Version: "bench", Nonce: p.nonce, PreviousNonce: a.nonce, SentAt: timestamppb.Now(),
	})
	return p, err
}

// prepareAll prepares the next report of each agent.
func prepareAll(ctx context.Context, agents []*agent, next func(*agent) inventory.Observation) ([]prepared, error) {
	out := make([]prepared, len(agents))
	err := each(ctx, runtime.NumCPU(), len(agents), func(_ context.Context, i int) (err error) {
		out[i], err = agents[i].prepare(next(agents[i]))
		return err
	})
	return out, err
}

// report sends a report once.
func (a *agent) report(ctx context.Context, p prepared) (*musterv1.ReportResponse, error) {
	res, err := a.line.report(ctx, p.request)
	if err != nil {
		return nil, err
	}
	a.nonce = p.nonce
	for _, ack := range res.GetAcknowledgements() {
		known := ack.GetOutcome() == musterv1.Outcome_OUTCOME_ACCEPTED || ack.GetOutcome() == musterv1.Outcome_OUTCOME_DUPLICATE
		if !known || len(ack.GetNeededSections()) > 0 || ack.GetSeq() != p.seq {
			return nil, fmt.Errorf("agent %d, report %d: %v", a.n, p.seq, ack)
		}
		a.acked++
	}
	return res, nil
}

// deliver sends a report until it is acknowledged, as patient as an agent is.
func (a *agent) deliver(ctx context.Context, p prepared) (res *musterv1.ReportResponse, busy int, err error) {
	var backoff wire.Backoff
	for {
		res, err = a.report(ctx, p)
		var later *busyError
		if err == nil || !errors.As(err, &later) || ctx.Err() != nil {
			return res, busy, err
		}
		busy++
		wait := backoff.Next(err)
		if later.after > 0 {
			wait = later.after + rand.N(later.after/4+1)
		}
		if pause.For(ctx, wait) != nil {
			return res, busy, errors.Join(err, ctx.Err())
		}
	}
}

func nothing(inventory.SectionName) bool       { return false }
func everything(inventory.SectionName) bool    { return true }
func software(name inventory.SectionName) bool { return name == inventory.SectionSoftware }
