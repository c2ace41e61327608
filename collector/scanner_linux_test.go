package collector_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/scanner"
)

// alone is a host with four addresses in 10.99.0.0/24, and nobody else behind the rest of it.
var alone = testkit.Network{
	Hosts: []string{"one", "void"},
	Setup: `
		one: ip link add eth0 type veth peer name eth0 netns {void}
		one: ip addr add 10.98.0.1/30 dev eth0
		one: ip link set eth0 up
		void: sysctl -qw net.ipv4.ip_forward=0
		void: ip addr add 10.98.0.2/30 dev eth0
		void: ip link set eth0 up
		one: ip route add 10.99.0.0/16 via 10.98.0.2
		one: ip addr add 10.99.0.5/32 dev lo
		one: ip addr add 10.99.0.77/32 dev lo
		one: ip addr add 10.99.0.133/32 dev lo
		one: ip addr add 10.99.0.201/32 dev lo
	`,
}

// realScanner is a scanner as it stands in a site: enrolled, with a folder of its own.
type realScanner struct {
	id   string
	log  *testkit.Log
	line *line
	stop func()
}

// line is a scanner's connection, which can be cut.
type line struct {
	*wire.Client
	cut chan struct{}
}

var errCut = errors.New("the line is cut")

func (l *line) isCut() bool {
	select {
	case <-l.cut:
		return true
	default:
		return false
	}
}

func (l *line) FetchJob(ctx context.Context, wait time.Duration, key []byte) (*wire.Job, error) {
	if l.isCut() {
		return nil, errCut
	}
	return l.Client.FetchJob(ctx, wait, key)
}

func (l *line) UpdateJob(ctx context.Context, u wire.JobUpdate) (inventory.ScanOrder, error) {
	if l.isCut() {
		return "", errCut
	}
	return l.Client.UpdateJob(ctx, u)
}

func (r *rig) scanner() *realScanner { return r.scannerWith(scanner.Config{NoNames: true, Part: 64}) }

func (r *rig) scannerWith(cfg scanner.Config) *realScanner {
	r.t.Helper()
	dir := filepath.Join(r.t.TempDir(), "state")
	id, err := wire.Enroll(r.t.Context(), wire.EnrollConfig{StateDir: dir, Collector: r.url, Token: inventory.Secret(r.token("hq", "", 1, time.Hour)), Kind: inventory.KindScanner})
	if err != nil {
		r.t.Fatal(err)
	}
	client, err := wire.Open(dir, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	s := &realScanner{id: id.ID, log: &testkit.Log{}, line: &line{client, make(chan struct{})}}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	box, err := wire.OpenOutbox(wire.OutboxConfig{StateDir: dir, Source: id.ID, Now: time.Now, Log: log})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	cfg.Log = log
	w := scanner.Worker{Config: cfg, Collector: s.line, Outbox: box}
	go func() { done <- w.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("scanner: %v", err)
		}
		_ = box.Close()
		client.Close()
	})
	r.t.Cleanup(s.stop)
	return s
}

// kill ends a scanner as a power cut does: nobody hears of it.
func (s *realScanner) kill() {
	close(s.line.cut)
	s.stop()
}

func (r *rig) order(req *musterv1.CreateScanRequest) string {
	r.t.Helper()
	res, err := r.people().CreateScan(r.t.Context(), req)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.GetJob().GetId()
}

// await polls a scan until it is as wanted.
func (r *rig) await(id, what string, ok func(*musterv1.ScanJob) bool) *musterv1.ScanJob {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(90 * time.Second)
	for {
		j := r.scan(id)
		if ok(j) {
			return j
		}
		select {
		case <-tick.C:
		case <-end:
			r.t.Fatalf("waited for %s in vain: %v", what, j)
		}
	}
}

func in(state string) func(*musterv1.ScanJob) bool {
	return func(j *musterv1.ScanJob) bool { return j.GetState() == state }
}

// mute is an SNMP agent that hears and never answers.
type mute struct {
	mu    sync.Mutex
	heard bytes.Buffer
	last  time.Time
	count int
}

func listenMute(t *testing.T, address string) *mute {
	t.Helper()
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(t.Context(), "udp", address)
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2000)
		for {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.heard.Write(b[:n])
			m.last, m.count = time.Now(), m.count+1
			m.mu.Unlock()
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return m
}

func (m *mute) state() (heard string, last time.Time, count int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard.String(), m.last, m.count
}

// awaitMore waits until the agent was asked again.
func (m *mute) awaitMore(t *testing.T) {
	t.Helper()
	_, _, before := m.state()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(30 * time.Second)
	for {
		if _, _, now := m.state(); now > before {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("the device is not asked by SNMP")
		}
	}
}

const snmpSecret = "Tr0ub4dor-community"

// setCredentials keeps as many communities as it takes to be busy with one device for a while.
func (r *rig) setCredentials(name string, sites, targets []string) {
	r.t.Helper()
	var b strings.Builder
	b.WriteString("credentials:\n")
	for range 25 {
		b.WriteString("  - {community: " + snmpSecret + "}\n")
	}
	if _, err := r.people().SetCredential(r.t.Context(), &musterv1.SetCredentialRequest{Name: name, Kind: "snmp", Sites: sites, Targets: targets, Secret: []byte(b.String())}); err != nil {
		r.t.Fatal(err)
	}
}

// Stop and pause take effect while a device is asked by SNMP; a job outside its window rests,
// and one that is resumed goes on. What scanners log in with is nowhere to be read.
func TestOrdersReachScanner(t *testing.T) {
	testkit.InNetwork(t, alone, func(t *testing.T) {
		r := startWith(t, t.TempDir(), &clock{now: time.Now()}, nil)
		device := listenMute(t, "10.99.0.5:161")
		foreign := listenMute(t, "10.99.0.77:161")
		s := r.scanner()
		r.setCredentials("office", []string{"hq"}, []string{"10.99.0.0/26"})
		r.setCredentials("lab", []string{"lab"}, nil)
		ask := &musterv1.CreateScanRequest{Targets: []string{"10.99.0.5", "10.99.0.77"}, Options: &musterv1.ScanOptions{Credentials: []string{"office", "lab"}}}
		next := &musterv1.CreateScanRequest{Targets: []string{"10.99.0.133"}}

		id := r.order(ask)
		device.awaitMore(t)
		if heard, _, _ := device.state(); !strings.Contains(heard, snmpSecret) {
			t.Error("the device was not asked with the collector's credential")
		}
		// The order of events: stopped, silent, and the next job.
		after := r.order(next)
		began := time.Now()
		if _, err := r.people().CancelScan(t.Context(), &musterv1.CancelScanRequest{Id: id}); err != nil {
			t.Fatal(err)
		}
		r.await(after, "the next job", func(j *musterv1.ScanJob) bool { return j.GetState() != "queued" })
		took := time.Since(began)
		t.Logf("stopped within %v", took)
		if took > 5*time.Second {
			t.Errorf("stopping took %v", took)
		}
		_, last, count := device.state()
		r.await(after, "its end", in("done"))
		if _, still, now := device.state(); now != count || still != last {
			t.Errorf("asked %d more times after it was stopped", now-count)
		}

		id = r.order(ask)
		device.awaitMore(t)
		began = time.Now()
		if _, err := r.people().PauseScan(t.Context(), &musterv1.PauseScanRequest{Id: id}); err != nil {
			t.Fatal(err)
		}
		r.await(id, "the pause", in("paused"))
		t.Logf("paused within %v", time.Since(began))
		_, _, count = device.state()
		after = r.order(next)
		r.await(after, "another job meanwhile", in("done"))
		if _, _, now := device.state(); now != count {
			t.Errorf("asked %d more times while it was paused", now-count)
		}
		if _, err := r.people().ResumeScan(t.Context(), &musterv1.ResumeScanRequest{Id: id}); err != nil {
			t.Fatal(err)
		}
		device.awaitMore(t)

		// A scanner that is stopped gives the job back at once.
		s.stop()
		r.await(id, "the job to come back", in("queued"))
		if _, err := r.people().CancelScan(t.Context(), &musterv1.CancelScanRequest{Id: id}); err != nil {
			t.Fatal(err)
		}

		s = r.scanner()
		hour := func(d time.Duration) string { return r.clock.Now().UTC().Add(d).Format("15:04") }
		ask.Windows = []string{hour(-time.Hour) + "-" + hour(time.Hour)}
		id = r.order(ask)
		device.awaitMore(t)
		r.clock.Add(2 * time.Hour)
		j := r.await(id, "the window's end", in("queued"))
		if j.GetNotBefore() == nil || !strings.Contains(j.GetMessage(), "outside its windows") {
			t.Errorf("waits as %v", j)
		}
		_, _, count = device.state()
		r.await(r.order(next), "another job meanwhile", in("done"))
		if _, _, now := device.state(); now != count {
			t.Errorf("asked %d more times outside of the window", now-count)
		}
		r.clock.Add(22 * time.Hour)
		device.awaitMore(t)

		if _, _, n := foreign.state(); n != 0 {
			t.Errorf("a device outside the credential's targets was asked %d times", n)
		}
		r.noSecret(snmpSecret, s.log.String())
	})
}

// noSecret looks for a secret in all that a person can read, in logs and in the inventory's files.
func (r *rig) noSecret(secret string, more ...string) {
	r.t.Helper()
	p, ctx := r.people(), r.t.Context()
	look := func(what, text string) {
		r.t.Helper()
		if strings.Contains(text, secret) {
			r.t.Errorf("%s tells the secret", what)
		}
	}
	told := func(m proto.Message, err error) {
		r.t.Helper()
		if err != nil {
			r.t.Error(err)
			return
		}
		text, err := protojson.Marshal(m)
		if err != nil {
			r.t.Error(err)
		}
		look(string(m.ProtoReflect().Descriptor().Name()), string(text))
	}
	scans, err := p.ListScans(ctx, &musterv1.ListScansRequest{})
	told(scans, err)
	for _, j := range scans.GetJobs() {
		if len(j.GetSealed()) > 0 {
			r.t.Error("a person is given sealed credentials")
		}
	}
	credentials, err := p.ListCredentials(ctx, &musterv1.ListCredentialsRequest{})
	told(credentials, err)
	if len(credentials.GetCredentials()) != 2 || credentials.GetCredentials()[1].GetLastUsed() == nil || credentials.GetCredentials()[0].GetLastUsed() != nil {
		r.t.Errorf("credentials are %v: lab was never given out, office was", credentials)
	}
	templates, err := p.ListScanTemplates(ctx, &musterv1.ListScanTemplatesRequest{})
	told(templates, err)
	assets, err := p.ListAssets(ctx, &musterv1.ListAssetsRequest{})
	told(assets, err)
	for _, a := range assets.GetAssets() {
		asset, err := p.GetAsset(ctx, &musterv1.GetAssetRequest{Id: a.GetId()})
		told(asset, err)
	}
	unknown, err := p.ListUnidentified(ctx, &musterv1.ListUnidentifiedRequest{})
	told(unknown, err)
	if !strings.Contains(strings.Join(r.rows(`select action from audit`), "\n"), "credentials handed out") {
		r.t.Error("the audit does not say who got credentials")
	}
	for _, path := range []string{"/scans", "/unidentified", "/sources"} {
		look(path, r.browser().get(path).body)
	}
	look("the collector's log", r.log.String())
	look("a scanner's log", strings.Join(more, ""))
	files, err := filepath.Glob(filepath.Join(r.dir, "*"))
	if err != nil || len(files) < 4 {
		r.t.Errorf("files %v, %v", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			r.t.Error(err)
		}
		look(filepath.Base(name), string(text))
	}
}

// A scanner dies in the middle; another goes on where it was, and scans nothing twice. What
// is then gone is missing once a sweep of all of it was complete, and not before.
func TestScannerDies(t *testing.T) {
	testkit.InNetwork(t, alone, func(t *testing.T) {
		r := start(t)
		first := r.scanner()
		ask := &musterv1.CreateScanRequest{Targets: []string{"10.99.0.0/24"}, Rate: 20000, Options: &musterv1.ScanOptions{NoServices: true}}
		id := r.order(ask)
		r.await(id, "the first part", func(j *musterv1.ScanJob) bool { return len(j.GetDone()) > 0 })
		first.kill()
		j := r.scan(id)
		if j.GetState() != "running" || j.GetScanner() != first.id {
			t.Fatalf("killed while it is %v", j)
		}
		t.Logf("killed with %v done, %d of %d", j.GetDone(), j.GetProbed(), j.GetPlanned())
		second := r.scanner()
		r.clock.Add(3 * time.Minute) // the lease
		j = r.await(id, "the second scanner to finish", in("done"))
		if j.GetScanner() != second.id || strings.Join(j.GetDone(), " ") != "10.99.0.1-10.99.0.254" {
			t.Errorf("done as %v", j)
		}
		seen := r.rows(`select r.native_key from record r join source s on s.id = r.source_id where s.name = '` + second.id + `' order by 1`)
		if len(seen) == 0 || len(seen) > 3 || seen[0] == "address:10.99.0.5" {
			t.Errorf("the second scanner saw %v, the first part was done", seen)
		}
		missing := func() string {
			t.Helper()
			res, err := r.people().ListAssets(t.Context(), &musterv1.ListAssetsRequest{Filter: "missing:yes"})
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, a := range res.GetAssets() {
				out = append(out, a.GetAddresses()...)
			}
			return strings.Join(out, " ")
		}
		if got := missing(); got != "" {
			t.Errorf("missing before anything is gone: %s", got)
		}
		for _, gone := range []string{"10.99.0.5/32", "10.99.0.201/32"} {
			if out, err := exec.CommandContext(t.Context(), "ip", "addr", "del", gone, "dev", "lo").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		r.clock.Add(5 * time.Minute)
		// A sweep that is stopped before it comes to one of them says nothing of that one.
		id = r.order(ask)
		r.await(id, "the first part", func(j *musterv1.ScanJob) bool { return len(j.GetDone()) > 0 })
		if _, err := r.people().CancelScan(t.Context(), &musterv1.CancelScanRequest{Id: id}); err != nil {
			t.Fatal(err)
		}
		if got := missing(); got != "10.99.0.5" {
			t.Errorf("after a sweep of the first quarter %q is missing", got)
		}
		r.clock.Add(5 * time.Minute)
		r.await(r.order(ask), "a whole sweep", in("done"))
		if got := missing(); got != "10.99.0.5 10.99.0.201" {
			t.Errorf("after a whole sweep %q is missing", got)
		}
		twice, err := r.people().ListAssets(t.Context(), &musterv1.ListAssetsRequest{Filter: "missed>=2"})
		if err != nil || idsOf(twice.GetAssets()) == "" || twice.GetTotal() != 1 {
			t.Errorf("missed twice: %v, %v", twice, err)
		}
		d, err := r.people().GetAsset(t.Context(), &musterv1.GetAssetRequest{Id: twice.GetAssets()[0].GetId()})
		if err != nil || d.GetMissedSweeps() != 2 || d.GetMissedAt() == nil {
			t.Errorf("shown as missed by %d, %v", d.GetMissedSweeps(), err)
		}
		unknown, err := r.people().ListUnidentified(t.Context(), &musterv1.ListUnidentifiedRequest{})
		if err != nil || unknown.GetTotal() != 4 || len(unknown.GetReasons()) != 1 || unknown.GetReasons()[0].GetReason() != inventory.UnknownNoCredentials || unknown.GetReasons()[0].GetHelp() == "" {
			t.Errorf("not identified: %v, %v", unknown, err)
		}
	})
}
