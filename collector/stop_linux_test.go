package collector_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/service"
)

// hanging is a scanner with hosts far away that answer an echo and drop all else, without a word.
var hanging = testkit.Network{
	Hosts: []string{"one", "far"},
	Setup: `
		one: sysctl -qw net.ipv6.conf.all.disable_ipv6=1
		far: sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=0 net.ipv4.icmp_ratelimit=0
		one: ip link add eth0 address 02:00:00:00:00:01 type veth peer name eth0 address 02:00:00:00:00:02 netns {far}
		one: ip addr add 10.98.0.1/30 dev eth0
		one: ip link set eth0 up
		far: ip addr add 10.98.0.2/30 dev eth0
		far: ip link set eth0 up
		one: ip neigh add 10.98.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent
		far: ip neigh add 10.98.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
		one: ip route add 10.99.0.0/16 via 10.98.0.2
		far: ip route add local 10.99.0.0/26 dev lo
		far: ip rule add pref 10 lookup local
		far: ip rule del pref 0
		far: ip rule add pref 1 ipproto tcp blackhole
		far: ip rule add pref 2 ipproto udp blackhole
	`,
}

// sending is what leaves an interface, looked at every few milliseconds.
type sending struct {
	mu    sync.Mutex
	count string // of packets
	last  time.Time
}

// watchSending counts what the interface sends until the test is over.
func watchSending(t *testing.T, name string) *sending {
	t.Helper()
	s := &sending{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for t.Context().Err() == nil {
			<-tick.C
			text, err := os.ReadFile("/sys/class/net/" + name + "/statistics/tx_packets")
			if err != nil {
				t.Errorf("count packets: %v", err)
				return
			}
			s.mu.Lock()
			if s.count != string(text) {
				s.count, s.last = string(text), time.Now()
			}
			s.mu.Unlock()
		}
	}()
	t.Cleanup(func() { <-done })
	return s
}

func (s *sending) state() (count string, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.last
}

// until waits for what is wanted.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(90 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// flood has agents report until the function it returns is called.
func (r *rig) flood(agents int) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	for range agents {
		s := r.enrol(inventory.KindAgent, "hq")
		wg.Go(func() {
			for seq := int64(1); ctx.Err() == nil; seq++ {
				if _, err := r.report(s, &musterv1.ReportRequest{Observations: []*musterv1.Observation{observation(seq, s.id+strconv.FormatInt(seq, 10))}}); err != nil {
					r.t.Errorf("report: %v", err)
					return
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

// From the order to the last packet, at the worst moment of each phase that sends. The figures are
// printed (go test -v -run StopsSending); what decides is that nothing is sent once the job is left.
func TestStopsSending(t *testing.T) {
	testkit.InNetwork(t, hanging, func(t *testing.T) {
		r := start(t)
		r.setCredentials("office", []string{"hq"}, []string{"10.99.0.0/26"})
		s := r.scannerWith(scanner.Config{NoNames: true, NoSearch: true, Services: service.Default()})
		wire := watchSending(t, "eth0")
		hosts, ports := []string{"10.99.0.1-62"}, &musterv1.ScanOptions{Ports: []string{"10000-10200"}}
		for _, c := range []struct {
			name, phase string
			busy        int // agents that report all the time
			ask         *musterv1.CreateScanRequest
		}{
			{"sweep, paced", "sweep", 0, &musterv1.CreateScanRequest{Targets: []string{"10.99.128.0/20"}, Rate: 1000}},
			{"sweep, connects that hang", "silent addresses", 0, &musterv1.CreateScanRequest{Targets: []string{"10.99.128.0/24"}, Rate: 250}},
			{"SNMP that is not answered", "snmp", 0, &musterv1.CreateScanRequest{Targets: hosts, Options: &musterv1.ScanOptions{Credentials: []string{"office"}}}},
			{"services, connects that hang", "services", 0, &musterv1.CreateScanRequest{Targets: hosts, Options: ports}},
			{"the same, the collector busy", "services", 16, &musterv1.CreateScanRequest{Targets: hosts, Options: ports}},
		} {
			quiet := r.flood(c.busy)
			id := r.order(c.ask)
			give := func(order, left string, give func() error) {
				t.Helper()
				r.await(id, c.phase, func(j *musterv1.ScanJob) bool { return j.GetMessage() == c.phase })
				until(t, "packets", func() bool { _, last := wire.state(); return time.Since(last) < 20*time.Millisecond }) // no wait for answers
				began := time.Now()
				if err := give(); err != nil {
					t.Fatal(err)
				}
				until(t, left, func() bool { return strings.Contains(s.log.String(), fmt.Sprintf("msg=%q job=%s", left, id)) })
				took := time.Since(began)
				count, last := wire.state()
				t.Logf("%-30s %-6s last packet after %4d ms, job left after %4d ms", c.name, order, max(0, last.Sub(began)).Milliseconds(), took.Milliseconds())
				r.await(id, order, func(j *musterv1.ScanJob) bool { return j.GetState() == "paused" || j.GetState() == "cancelled" })
				if now, _ := wire.state(); now != count {
					t.Errorf("%s: packets go out after the scanner let go of the job", c.name)
				}
			}
			give("pause", "job given back", func() error {
				_, err := r.people().PauseScan(t.Context(), &musterv1.PauseScanRequest{Id: id})
				return err
			})
			began := time.Now()
			if _, err := r.people().ResumeScan(t.Context(), &musterv1.ResumeScanRequest{Id: id}); err != nil {
				t.Fatal(err)
			}
			until(t, "the first packet", func() bool { _, last := wire.state(); return last.After(began) })
			t.Logf("%-30s resume first packet after %4d ms", c.name, time.Since(began).Milliseconds())
			give("stop", "job left", func() error {
				_, err := r.people().CancelScan(t.Context(), &musterv1.CancelScanRequest{Id: id})
				return err
			})
			quiet()
		}
	})
}
